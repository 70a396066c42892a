//! Names: making, listing, linking, renaming, removing.

use super::*;
use std::collections::BTreeSet;
use std::fs;

#[test]
fn directories_are_made_and_removed() {
    let mut client = Client::new();
    client.mkdir(DIR, "d").unwrap();
    assert!(client.path("d").is_dir());
    assert_eq!(client.mkdir(DIR, "d"), Err(Errno::EXIST));
    client.walk(DIR, 5, &["d"]).unwrap();
    assert_eq!(client.attributes(5).unwrap().mode, 0o40_750);
    fs::write(client.path("d/file"), "").unwrap();
    assert_eq!(client.rmdir(DIR, "d"), Err(Errno::NOTEMPTY));
    assert_eq!(client.unlink(DIR, "d"), Err(Errno::ISDIR));
    client.unlink(5, "file").unwrap();
    assert_eq!(client.rmdir(DIR, "file"), Err(Errno::NOENT));
    client.rmdir(DIR, "d").unwrap();
    assert!(!client.path("d").exists());
}

#[test]
fn a_listing_can_be_read_in_pieces_and_again() {
    let mut client = Client::new();
    let names: BTreeSet<String> = (0..100).map(|index| format!("file{index}")).collect();
    names.iter().for_each(|name| fs::write(client.path(name), "").unwrap());
    client.walk(DIR, 5, &[]).unwrap();
    assert_eq!(client.readdir(5, 0, 100), Err(Errno::BADF), "not open");
    client.open(5, 0).unwrap();
    let (mut all, mut offset) = (Vec::new(), 0);
    loop {
        let piece = client.readdir(5, offset, 200).unwrap();
        let Some((_, next)) = piece.last() else { break };
        offset = *next;
        // What is removed while a directory is read moves nothing.
        piece.iter().filter(|(name, _)| name.starts_with("file")).for_each(|(name, _)| {
            client.unlink(DIR, name).unwrap();
        });
        all.extend(piece);
    }
    assert_eq!(all.len(), 102);
    let found: BTreeSet<String> = all.iter().map(|(name, _)| name.clone()).collect();
    assert!(found.is_superset(&names) && found.contains(".") && found.contains(".."));
    let (at, after) = (all[40].1, &all[41..]);
    assert_eq!(client.readdir(5, at, 100_000).unwrap(), after, "seeking back finds the same list");
    assert_eq!(client.readdir(5, u64::MAX, 100_000).unwrap(), []);
    assert_eq!(client.readdir(5, 0, 100_000).unwrap().len(), 2, "the beginning finds what there is now");
    assert_eq!(client.readdir(5, 0, 24).unwrap(), [], "no room for an entry");
}

#[test]
fn links_share_a_file() {
    let mut client = Client::new();
    client.new_file(5, "one");
    client.link(DIR, 5, "two").unwrap();
    client.walk(DIR, 6, &["two"]).unwrap();
    let (one, two) = (client.attributes(5).unwrap(), client.attributes(6).unwrap());
    assert_eq!((one, one.links), (two, 2));
    // rename(2): two names of one file stay as they are.
    client.renameat((DIR, "one"), (DIR, "two")).unwrap();
    assert!(client.path("one").exists() && client.path("two").exists());
    assert_eq!(client.link(DIR, 5, "two"), Err(Errno::EXIST));
}

#[test]
fn symbolic_links_are_text() {
    let mut client = Client::new();
    for (name, target) in [("relative", "a/../b"), ("absolute", "/etc/passwd"), ("out", "../../.."), ("loop", "loop")] {
        client.symlink(DIR, name, target).unwrap();
        assert_eq!(fs::read_link(client.path(name)).unwrap(), Path::new(target));
        client.walk(DIR, 5, &[name]).unwrap();
        assert_eq!(client.readlink(5).unwrap(), target);
        assert_eq!(client.attributes(5).unwrap().mode, 0o120_777);
        client.clunk(5).unwrap();
    }
    assert_eq!(client.readlink(DIR), Err(Errno::INVAL));
    assert_eq!(client.symlink(DIR, "empty", ""), Err(Errno::NOENT));
}

#[test]
fn fids_follow_renames() {
    let mut client = Client::new();
    client.mkdir(DIR, "a").unwrap();
    client.walk(DIR, 5, &["a"]).unwrap();
    client.mkdir(5, "b").unwrap();
    client.walk(5, 6, &["b"]).unwrap();
    fs::create_dir(client.path("ab")).unwrap();
    client.walk(DIR, 7, &["ab"]).unwrap();
    client.renameat((DIR, "a"), (DIR, "c")).unwrap();
    client.mkdir(6, "inner").unwrap();
    client.mkdir(7, "beside").unwrap();
    assert!(client.path("c/b/inner").is_dir() && client.path("ab/beside").is_dir());
    // Trename
    client
        .ask(20, |m| {
            [6, DIR].into_iter().for_each(|fid| m.u32(fid));
            m.string(b"top");
        })
        .unwrap();
    client.mkdir(6, "more").unwrap();
    assert!(client.path("top/more").is_dir());
    assert_eq!(client.renameat((TOP, "0"), (DIR, "x")), Err(Errno::PERM));
    // Tremove clunks, whatever happens.
    assert_eq!(client.ask(122, |m| m.u32(6)), Err(Errno::NOTEMPTY));
    assert!(!client.has(6));
    client.walk(DIR, 8, &["ab", "beside"]).unwrap();
    client.ask(122, |m| m.u32(8)).unwrap();
    assert!(!client.path("ab/beside").exists());
}

/// As a temporary file is used: removed while it is open, and asked for by the fid of its name.
#[test]
fn an_open_file_outlives_its_name() {
    let mut client = Client::new();
    client.new_file(5, "temporary");
    client.walk(DIR, 6, &["temporary"]).unwrap();
    client.unlink(DIR, "temporary").unwrap();
    client.write(5, 0, b"still here").unwrap();
    assert_eq!(client.read(5, 6, 9).unwrap(), b"here");
    assert_eq!(client.attributes(6).unwrap().size, 10);
    fs::write(client.path("temporary"), "another").unwrap();
    assert_eq!(client.attributes(6).unwrap().size, 10, "the file, not what has its name now");
    client.set(5, 8, [0; 3], 3, [0; 4]).unwrap();
    assert_eq!(client.attributes(5).unwrap().size, 3);
    client.clunk(5).unwrap();
    assert_eq!(client.attributes(6).unwrap().size, 7);
}
