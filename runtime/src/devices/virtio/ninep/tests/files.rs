//! Content and attributes.

use super::*;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};

#[test]
fn content_is_the_hosts() {
    let mut client = Client::new();
    client.new_file(5, "file");
    assert_eq!(client.write(5, 2, b"abc"), Ok(3));
    assert_eq!(fs::read(client.path("file")).unwrap(), b"\0\0abc");
    fs::write(client.path("file"), "host").unwrap();
    assert_eq!(client.read(5, 0, 100).unwrap(), b"host");
    assert_eq!(client.read(5, 4, 100).unwrap(), b"");
    assert_eq!(client.read(5, u64::MAX, 100), Err(Errno::INVAL));
    client.ask(50, |m| [5, 0].into_iter().for_each(|value| m.u32(value))).unwrap();
}

#[test]
fn large_transfers_are_cut_to_the_message_size() {
    let mut client = Client::new();
    let content: Vec<u8> = (0..1 << 20).map(|index: u32| (index / 7) as u8).collect();
    fs::write(client.path("file"), &content).unwrap();
    client.walk(DIR, 5, &["file"]).unwrap();
    client.open(5, 0).unwrap();
    let read = client.read(5, 1, u32::MAX).unwrap();
    assert_eq!(read.len(), MAX_MESSAGE as usize - 11);
    assert!(read == content[1..][..read.len()]);
}

#[test]
fn offsets_beyond_4_gib() {
    let mut client = Client::new();
    client.new_file(5, "large");
    let at = (5 << 30) + 3;
    client.write(5, at, b"far").unwrap();
    assert_eq!(client.attributes(5).unwrap().size, at + 3);
    let mut bytes = [0; 3];
    fs::File::open(client.path("large")).unwrap().read_exact_at(&mut bytes, at).unwrap();
    assert_eq!((&bytes, &*client.read(5, at, 9).unwrap()), (b"far", &b"far"[..]));
}

#[test]
fn open_modes_hold() {
    let mut client = Client::new();
    fs::write(client.path("file"), "0123456789").unwrap();
    let opened = |client: &mut Client, fid, flags| {
        client.walk(DIR, fid, &["file"]).unwrap();
        client.open(fid, flags)
    };
    opened(&mut client, 5, 0).unwrap();
    assert_eq!(client.write(5, 0, b"x"), Err(Errno::BADF));
    assert_eq!(client.open(5, 0), Err(Errno::BADF), "open already");
    opened(&mut client, 6, 1).unwrap();
    assert_eq!(client.read(6, 0, 1), Err(Errno::BADF));
    // O_APPEND: at the end, wherever the client thinks that it is.
    opened(&mut client, 7, 0o2001).unwrap();
    client.write(7, 0, b"end").unwrap();
    assert_eq!(fs::read(client.path("file")).unwrap(), b"0123456789end");
    opened(&mut client, 8, 0o1002).unwrap();
    assert_eq!(fs::read(client.path("file")).unwrap(), b"", "O_TRUNC");
    client.walk(DIR, 9, &[]).unwrap();
    assert_eq!(client.open(9, 2), Err(Errno::ISDIR));
    client.open(9, 0).unwrap();
    assert_eq!(client.create(9, "new", 0o102, 0), Err(Errno::BADF), "open already");
    assert!(!client.path("new").exists());
    assert_eq!(client.read(9, 0, 1), Err(Errno::ISDIR));
    assert_eq!(client.readdir(5, 0, 100), Err(Errno::NOTDIR));
}

#[test]
fn creation_is_exclusive_if_asked() {
    let mut client = Client::new();
    fs::write(client.path("file"), "there").unwrap();
    client.walk(DIR, 5, &[]).unwrap();
    assert_eq!(client.create(5, "file", 0o302, 0o600), Err(Errno::EXIST));
    client.create(5, "file", 0o102, 0o600).unwrap();
    assert_eq!(client.create(5, "more", 0o102, 0o600), Err(Errno::BADF), "open already");
    assert_eq!(client.read(5, 0, 9).unwrap(), b"there");
    assert_eq!(client.attributes(5).unwrap().mode, 0o100_755, "the mode is for a new file");
}

#[test]
fn modes_and_owners_are_remembered() {
    let mut client = Client::new();
    fs::write(client.path("old"), "").unwrap();
    client.walk(DIR, 5, &["old"]).unwrap();
    let old = client.attributes(5).unwrap();
    assert_eq!((old.mode, old.uid, old.gid), (0o100_755, 1000, 100), "the container's user");
    client.attach(6, "", 33).unwrap();
    client.walk(6, 7, &["0"]).unwrap();
    client.create(7, "new", 0o102, 0o100_640).unwrap();
    let new = client.attributes(7).unwrap();
    assert_eq!((new.mode, new.uid, new.gid), (0o100_640, 33, 5), "the user who made it");
    fs::write(client.path("late"), "").unwrap();
    client.walk(DIR, 9, &["late"]).unwrap();
    let late = client.attributes(9).unwrap();
    assert_eq!((late.uid, late.gid), (1000, 100), "the container's user, not the last one");
    client.set(5, 1 | 2, [0o4711, 7, 8], 0, [0; 4]).unwrap();
    client.renameat((DIR, "old"), (DIR, "renamed")).unwrap();
    client.walk(DIR, 8, &["renamed"]).unwrap();
    let set = client.attributes(8).unwrap();
    assert_eq!((set.mode, set.uid, set.gid), (0o104_711, 7, 100), "found by identity");
    client.unlink(DIR, "renamed").unwrap();
    assert_eq!(client.server.memory.iter().len(), 1, "forgotten with the file");
}

#[test]
fn sizes_and_times_are_set() {
    let mut client = Client::new();
    fs::write(client.path("file"), "0123456789").unwrap();
    client.walk(DIR, 5, &["file"]).unwrap();
    client.set(5, 8, [0; 3], 4, [0; 4]).unwrap();
    assert_eq!(fs::read(client.path("file")).unwrap(), b"0123");
    client.set(5, 0x1b0, [0; 3], 0, [1_000_000_000, 1, 2_000_000_000, 999_999_999]).unwrap();
    let host = fs::metadata(client.path("file")).unwrap();
    assert_eq!((host.atime(), host.mtime(), host.mtime_nsec()), (1_000_000_000, 2_000_000_000, 999_999_999));
    assert_eq!(client.attributes(5).unwrap().modified, (2_000_000_000, 999_999_999));
    client.set(5, 0x20, [0; 3], 0, [0; 4]).unwrap();
    let now = client.attributes(5).unwrap();
    assert!(now.modified.0 > 1_700_000_000 && now.accessed.0 == 1_000_000_000, "{now:?}");
    client.walk(DIR, 6, &[]).unwrap();
    assert_eq!(client.set(6, 8, [0; 3], 4, [0; 4]), Err(Errno::ISDIR));
}

#[test]
fn what_wasi_does_not_have() {
    let mut client = Client::new();
    client.new_file(5, "file");
    let statfs = client.ask(8, |m| m.u32(5)).unwrap();
    assert_eq!((statfs.len(), &statfs[..4]), (60, &0x0102_1997u32.to_le_bytes()[..]));
    let lock = |m: &mut Vec<u8>, flags: bool| {
        m.u32(5);
        m.u8(1);
        if flags {
            m.u32(1);
        }
        [10, 20].into_iter().for_each(|value| m.u64(value));
        m.u32(77);
        m.string(b"client");
    };
    assert_eq!(client.ask(52, |m| lock(m, true)).unwrap(), [0], "granted");
    assert_eq!(client.ask(54, |m| lock(m, false)).unwrap()[0], 2, "not locked");
    let xattr = client.ask(30, |m| {
        [5, 6].into_iter().for_each(|fid| m.u32(fid));
        m.string(b"user.x");
    });
    assert_eq!(xattr, Err(Errno::OPNOTSUPP));
    assert_eq!(client.named(18, DIR, "pipe", &[0o10_644, 0, 0, 0]), Err(Errno::PERM));
    client.named(18, DIR, "regular", &[0o100_600, 0, 0, 0]).unwrap();
    assert_eq!(fs::read(client.path("regular")).unwrap(), b"");
    client.ask(108, |m| m.u16(1)).unwrap();
}

#[test]
fn a_read_only_directory_is_only_read() {
    let mut client = Client::of(true);
    fs::write(client.path("file"), "text").unwrap();
    client.walk(DIR, 5, &["file"]).unwrap();
    let rofs = Err(Errno::ROFS);
    assert_eq!(client.open(5, 1), rofs);
    assert_eq!(client.open(5, 0o1000), rofs, "O_TRUNC");
    assert_eq!(client.set(5, 8, [0; 3], 0, [0; 4]), rofs);
    assert_eq!(client.mkdir(DIR, "d"), rofs);
    assert_eq!(client.symlink(DIR, "s", "t"), rofs);
    assert_eq!(client.link(DIR, 5, "l"), rofs);
    assert_eq!(client.unlink(DIR, "file"), rofs);
    assert_eq!(client.renameat((DIR, "file"), (DIR, "x")), rofs);
    assert_eq!(client.named(18, DIR, "node", &[0o100_600, 0, 0, 0]), rofs);
    client.walk(DIR, 6, &[]).unwrap();
    assert_eq!(client.create(6, "new", 0o102, 0o600), rofs);
    client.open(5, 0).unwrap();
    assert_eq!(client.read(5, 0, 9).unwrap(), b"text");
    assert_eq!(fs::read_dir(client.host.path()).unwrap().count(), 1);
}
