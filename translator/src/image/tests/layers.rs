//! What layers do to a tree.

use tar::EntryType;

use super::*;

#[test]
fn members_keep_all_that_they_say() {
    let tree = tree(vec![everything()]);
    let program = inode(&tree, "bin/program");
    assert_eq!(program.meta.mode, 0o4755);
    assert_eq!(program.meta.mtime, Mtime { seconds: 1_600_000_000, nanoseconds: 123_456_789 });
    assert_eq!(program.meta.xattrs[&b"user.note"[..]], b"a=b\n");
    assert_eq!(program.meta.xattrs[&b"security.capability"[..]].len(), 20);
    assert_eq!(tree.find("bin/alias").unwrap(), tree.find("bin/program").unwrap());
    assert!(matches!(&inode(&tree, "bin/link").kind, Kind::Symlink(target) if target == b"/bin/program"));
    let owned = &inode(&tree, "owned").meta;
    assert_eq!((owned.uid, owned.gid), (100_000, 4_294_967_294));
    assert!(
        matches!(inode(&tree, "disk").kind, Kind::BlockDevice(device) if device == Device::new(259, 70000).unwrap())
    );
    assert!(matches!(inode(&tree, "fifo").kind, Kind::Fifo));
    let long = format!("{}/{}", "d".repeat(150), "n".repeat(255));
    assert_eq!(contents(&tree, &long), b"long");
    assert_eq!(inode(&tree, &long).meta.mtime, Mtime { seconds: -3, nanoseconds: 500_000_000 });
}

#[test]
fn whiteouts_hide_lower_layers_only() {
    let lower = layer(|l| {
        l.file("a/x", 0o644, b"1")?.file("a/y", 0o644, b"1")?.file("b/x", 0o644, b"1")?.file("c", 0o644, b"1")
    });
    let upper = layer(|l| {
        // The opaque marker comes after a member of its own layer; a whiteout names something new as well.
        l.file("a/new", 0o644, b"2")?.file("a/.wh..wh..opq", 0o644, b"")?.file("a/y", 0o644, b"2")?;
        l.file("b/.wh.x", 0o644, b"")?.file("c", 0o644, b"2")?.file(".wh.c", 0o644, b"")?;
        l.file(".wh.absent", 0o644, b"")?.file("nowhere/.wh.x", 0o644, b"")?.file(".wh..wh.plnk", 0o644, b"")
    });
    let tree = tree(vec![lower, upper]);
    assert_eq!(paths(&tree), "/a /a/new /a/y /b /c");
    assert_eq!(contents(&tree, "a/y"), b"2");
    assert_eq!(contents(&tree, "c"), b"2");
}

#[test]
fn a_directory_that_was_removed_and_made_again_is_empty() {
    let lower = layer(|l| l.file("d/s/old", 0o644, b"1")?.file("d/t", 0o644, b"1"));
    for whiteout_first in [true, false] {
        let upper = layer(|l| {
            if whiteout_first {
                l.file(".wh.d", 0o644, b"")?;
            }
            l.directory("d", 0o700)?.file("d/s/new", 0o644, b"2")?;
            if whiteout_first { Ok(l) } else { l.file(".wh.d", 0o644, b"") }
        });
        let tree = tree(vec![lower.clone(), upper]);
        assert_eq!(paths(&tree), "/d /d/s /d/s/new", "whiteout first: {whiteout_first}");
        assert_eq!(inode(&tree, "d").meta.mode, 0o700);
    }
}

#[test]
fn kinds_replace_each_other() {
    let lower = layer(|l| {
        l.file("a/x", 0o644, b"1")?
            .file("b", 0o644, b"1")?
            .symlink("c", "a")?
            .directory("d", 0o755)?
            .file("d/x", 0o644, b"1")
    });
    let upper = layer(|l| {
        l.file("a", 0o644, b"2")?
            .directory("b", 0o755)?
            .file("b/x", 0o644, b"2")?
            .directory("c", 0o755)?
            .directory("d", 0o700)
    });
    let tree = tree(vec![lower, upper]);
    assert_eq!(paths(&tree), "/a /b /b/x /c /d /d/x");
    assert_eq!(contents(&tree, "a"), b"2");
    assert_eq!(inode(&tree, "d").meta.mode, 0o700);
}

#[test]
fn hard_links_cross_layers_and_survive_their_first_name() {
    let lower = layer(|l| l.file("a", 0o644, b"1")?.file("s", 0o644, b"s"));
    let middle = layer(|l| l.hard_link("b", "/a")?.hard_link("c", "./b")?.symlink("t", "s")?.hard_link("u", "t"));
    let upper = layer(|l| l.file(".wh.a", 0o644, b"")?.file("c", 0o600, b"3"));
    let tree = tree(vec![lower, middle, upper]);
    assert_eq!(paths(&tree), "/b /c /s /t /u");
    assert_eq!(contents(&tree, "b"), b"1");
    assert_eq!(contents(&tree, "c"), b"3");
    assert_eq!(tree.find("t").unwrap(), tree.find("u").unwrap());
}

#[test]
fn links_in_paths_are_followed_within_the_root() {
    let lower = layer(|l| {
        l.directory("usr/bin", 0o755)?
            .symlink("bin", "usr/bin")?
            .symlink("usr/abs", "/usr/bin")?
            .symlink("out", "../../../usr")?
            .symlink("dangling", "made/here")
    });
    let upper = layer(|l| {
        l.file("bin/a", 0o755, b"")?
            .file("usr/abs/b", 0o755, b"")?
            .file("out/bin/c", 0o755, b"")?
            .file("dangling/d", 0o755, b"")?
            .hard_link("e", "bin/a")
    });
    let tree = tree(vec![lower, upper]);
    assert_eq!(
        paths(&tree),
        "/bin /dangling /e /made /made/here /made/here/d /out /usr /usr/abs /usr/bin /usr/bin/a /usr/bin/b /usr/bin/c"
    );
}

#[test]
fn sparse_files_of_every_format() {
    let stored = [[7u8; 512], [9u8; 512]].concat();
    let mut expected = vec![0; 1_000_000];
    expected[4096..4608].fill(7);
    expected[999_488..].fill(9);
    let mut data = b"2\n4096\n512\n999488\n512\n".to_vec();
    data.resize(512, 0);
    data.extend(&stored);
    let pax = layer(|l| {
        l.pax("GNU.sparse.size", b"1000000").pax("GNU.sparse.numblocks", b"2");
        l.pax("GNU.sparse.offset", b"4096").pax("GNU.sparse.numbytes", b"512");
        l.pax("GNU.sparse.offset", b"999488").pax("GNU.sparse.numbytes", b"512").file("v00", 0o644, &stored)?;
        l.pax("GNU.sparse.size", b"1000000")
            .pax("GNU.sparse.map", b"4096,512,999488,512")
            .file("v01", 0o644, &stored)?;
        l.pax("GNU.sparse.major", b"1").pax("GNU.sparse.minor", b"0").pax("GNU.sparse.name", b"v10");
        l.pax("GNU.sparse.realsize", b"1000000").file("GNUSparseFile.1/v10", 0o644, &data)
    });
    let tree = tree(vec![pax, old_gnu_sparse(&stored)]);
    for name in ["v00", "v01", "v10", "old"] {
        assert!(contents(&tree, name) == expected, "{name}");
    }
    assert_eq!(contents(&tree, "after"), b"after");
}

/// An old GNU sparse file `old` with an extension block for its second segment, and a file `after`.
fn old_gnu_sparse(stored: &[u8]) -> Vec<u8> {
    let octal = |field: &mut [u8], value: u64| field[..11].copy_from_slice(format!("{value:011o}").as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_path("old").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_mode(0o644);
    header.set_size(stored.len() as u64);
    let gnu = header.as_gnu_mut().unwrap();
    gnu.set_real_size(1_000_000);
    gnu.isextended = [1];
    octal(&mut gnu.sparse[0].offset, 4096);
    octal(&mut gnu.sparse[0].numbytes, 512);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    let mut extension = tar::GnuExtSparseHeader::new();
    octal(&mut extension.sparse[0].offset, 999_488);
    octal(&mut extension.sparse[0].numbytes, 512);
    let rest = layer(|l| l.file("after", 0o644, b"after"));
    [header.as_bytes(), &extension.as_bytes()[..], stored, &rest].concat()
}
