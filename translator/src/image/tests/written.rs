//! The EROFS image against erofs-utils, and against the tree that it was made from.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::process::Command;

use tempfile::NamedTempFile;

use super::*;
use crate::image::erofs::{ALIGNMENT, BLOCK, ErofsImage};
use kernel_snapshot::packages::{self, Package};
use kernel_snapshot::testing;

/// Writes the tree; checks what must hold of any image.
pub(super) fn write(tree: &Tree) -> (NamedTempFile, ErofsImage) {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"what was there before").unwrap();
    let image = erofs::write(tree, file.as_file_mut()).unwrap();
    assert_eq!(file.as_file().metadata().unwrap().len(), image.size);
    assert_eq!(image.size % ALIGNMENT, 0);
    assert!(image.files.windows(2).all(|pair| pair[0].offset + pair[0].len <= pair[1].offset));
    (file, image)
}

/// Installs the reference where it is missing.
fn erofs_utils() {
    packages::ensure(&[Package::command("erofs-utils", "fsck.erofs")], &|line| eprintln!("{line}")).unwrap();
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    // fsck.erofs 1.5 reports a wrong check sum of the superblock, but does not fail.
    assert!(output.status.success() && !text.contains("<E>"), "{command:?}: {text}");
    text
}

/// A tree with directories of every size around one block, and attributes larger than a block.
pub(super) fn large() -> Tree {
    tree(vec![
        everything(),
        layer(|l| {
            for (dir, count) in [("d1", 100), ("d2", 250), ("d3", 800)] {
                l.directory(dir, 0o755)?;
                for i in 0..count {
                    l.symlink(&format!("{dir}/!{i:05}"), "x")?.file(&format!("{dir}/{}", i * 7919), 0o644, &[1; 3])?;
                }
            }
            for i in 0..200 {
                l.directory(&format!("exact/{}{i:03}", "n".repeat(i)), 0o755)?;
            }
            l.pax("SCHILY.xattr.user.big", &[b'v'; 9000]).pax("SCHILY.xattr.trusted.t", b"1");
            l.file("attributes", 0o644, &[2; 4097])?;
            l.pax("SCHILY.xattr.user.big", &[b'v'; 5000]).directory("attributed", 0o755)?.file(
                "attributed/x",
                0o600,
                b"x",
            )
        }),
    ])
}

#[test]
fn files_are_where_the_map_says() {
    let tree = large();
    let (file, image) = write(&tree);
    for extent in &image.files {
        assert_eq!(extent.offset % BLOCK, 0);
        let mut bytes = vec![0; extent.len as usize];
        file.as_file().read_exact_at(&mut bytes, extent.offset).unwrap();
        assert_eq!(bytes, contents(&tree, extent.path.to_str().unwrap()), "{}", extent.path.display());
    }
    let program = image.files.iter().find(|file| file.path == Path::new("/bin/alias")).unwrap();
    assert_eq!(image.file_at(program.offset + 9999), Some(program));
    assert_eq!(image.file_at(program.offset + 10_000), None);
    assert_eq!(image.file_at(0), None);
}

#[test]
fn same_tree_same_bytes() {
    let bytes = |tree: &Tree| fs::read(write(tree).0.path()).unwrap();
    assert!(bytes(&large()) == bytes(&large()));
}

#[test]
fn an_empty_tree_is_an_image() {
    let (file, image) = write(&Tree::new().unwrap());
    assert_eq!((image.inodes, image.size, image.files.len()), (1, ALIGNMENT, 0));
    erofs_utils();
    run(Command::new("fsck.erofs").arg("--extract").arg(file.path()));
}

#[test]
fn erofs_utils_accept_and_extract_it() {
    erofs_utils();
    let tree = large();
    let (file, _) = write(&tree);
    run(Command::new("fsck.erofs").arg("--extract").arg(file.path()));
    let dumped = run(Command::new("dump.erofs").args(["-s", "--path=/bin/program"]).arg(file.path()));
    assert!(dumped.contains("Links: 2") && dumped.contains("2020-09-13 12:26:40.123456789"), "{dumped}");
    if !rustix::process::geteuid().is_root() {
        testing::skipped("extraction with owners and devices needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    run(Command::new("fsck.erofs").arg(format!("--extract={}", out.display())).arg("--preserve").arg(file.path()));
    for (path, id) in tree.walk() {
        let path = String::from_utf8(path).unwrap();
        compare(&tree, tree.inode(id), &path, &out.join(path.trim_start_matches('/')));
    }
}

/// Compares an inode with the file that was extracted for it.
fn compare(tree: &Tree, inode: &Inode, path: &str, extracted: &Path) {
    let found = fs::symlink_metadata(extracted).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!((found.uid(), found.gid()), (inode.meta.uid, inode.meta.gid), "{path}");
    if !found.is_symlink() {
        // fsck.erofs 1.5 sets the owner after the mode, which clears set-user-ID and set-group-ID.
        let expected = u32::from(inode.kind.format_bits() | inode.meta.mode) & !0o6000;
        assert_eq!(found.mode() & !0o6000, expected, "{path}");
    }
    match &inode.kind {
        Kind::File(content) => assert!(fs::read(extracted).unwrap() == tree.read(content, 1 << 24).unwrap(), "{path}"),
        Kind::Directory(entries) => assert_eq!(fs::read_dir(extracted).unwrap().count(), entries.len(), "{path}"),
        Kind::Symlink(target) => {
            let found = fs::read_link(extracted).unwrap();
            assert_eq!(found.as_os_str().as_encoded_bytes(), target, "{path}");
        }
        Kind::CharDevice(_) => assert!(found.file_type().is_char_device(), "{path}"),
        Kind::BlockDevice(_) => assert!(found.file_type().is_block_device(), "{path}"),
        Kind::Fifo => assert!(found.file_type().is_fifo(), "{path}"),
    }
}
