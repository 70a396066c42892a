//! The EROFS image under a real kernel in QEMU, as a block device and mapped as memory (DAX): every path, inode field,
//! content and attribute as the guest sees them, against the tree.
//!
//! Needs `qemu-system-x86_64` and `musl-gcc`, which are installed, and a kernel with EROFS, virtio-blk and legacy persistent memory.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use super::*;
use kernel_snapshot::packages::{self, Package};
use kernel_snapshot::testing;

const PACKAGES: &[Package] =
    &[Package::command("qemu-system-x86", "qemu-system-x86_64"), Package::command("musl-tools", "musl-gcc")];
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
/// Where the image stands in the guest's memory for DAX.
const PMEM: u64 = 512 << 20;

#[test]
fn a_kernel_sees_the_tree_on_a_block_device() {
    let dax_files = in_guest("/dev/vda", "user_xattr,acl", |image, _| {
        let drive = format!("if=none,id=root,readonly=on,format=raw,file={}", image.display());
        (vec!["-drive".into(), drive, "-device".into(), "virtio-blk-device,drive=root".into()], String::new())
    });
    assert_eq!(dax_files.0, 0);
}

#[test]
fn a_kernel_sees_the_tree_mapped_as_memory() {
    let dax_files = in_guest("/dev/pmem0", "user_xattr,acl,dax=always", |image, size| {
        let loader = format!("loader,file={},addr={PMEM:#x},force-raw=on", image.display());
        (vec!["-device".into(), loader], format!("memmap={}M!{}M", size >> 20, PMEM >> 20))
    });
    assert_eq!(dax_files.0, dax_files.1);
}

/// Boots and compares; `attach` gives QEMU's options and the kernel's for the image of that path and size. Returns how many
/// regular files the guest has mapped as memory, and how many there are.
fn in_guest(device: &str, options: &str, attach: impl FnOnce(&Path, u64) -> (Vec<String>, String)) -> (usize, usize) {
    packages::ensure(PACKAGES, &|line| eprintln!("{line}")).unwrap();
    let vmlinux = testing::vmlinux().unwrap();
    let tree = written::large();
    let (image, written) = written::write(&tree);
    let dir = tempfile::tempdir().unwrap();
    let initrd = dir.path().join("initrd");
    fs::write(&initrd, cpio("init", &lister(dir.path()))).unwrap();
    let (attached, kernel_options) = attach(image.path(), written.size);
    let line = format!("console=ttyS0 quiet panic=-1 reboot=t device={device} options={options} {kernel_options}");
    let output = Command::new("qemu-system-x86_64")
        .args(["-machine", "microvm,acpi=off,rtc=off", "-cpu", "max", "-m", "768", "-nodefaults", "-no-user-config"])
        .args(["-no-reboot", "-display", "none", "-serial", "stdio", "-append", &line, "-kernel"])
        .arg(vmlinux)
        .arg("-initrd")
        .arg(&initrd)
        .args(attached)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let said = String::from_utf8_lossy(&output.stderr);
    let end: Vec<_> = text.lines().rev().take(10).collect();
    let mapped = text.lines().find_map(|line| line.strip_prefix("listed "));
    let mapped = mapped.unwrap_or_else(|| panic!("last lines first: {end:#?} {said}"));
    let listed: Vec<_> = text.lines().filter(|line| line.starts_with("F ")).collect();
    let expected = expected(&tree);
    assert_eq!(listed.len(), expected.len());
    for (listed, expected) in listed.iter().zip(&expected) {
        assert_eq!(listed, expected);
    }
    let files = tree.walk().filter(|&(_, id)| matches!(tree.inode(id).kind, Kind::File(_))).count();
    (mapped.parse().unwrap(), files)
}

fn lister(dir: &Path) -> Vec<u8> {
    fs::write(dir.join("lister.c"), include_str!("lister.c")).unwrap();
    let flags = ["-O2", "-static", "-o", "lister", "lister.c"];
    assert!(Command::new("musl-gcc").args(flags).current_dir(dir).status().unwrap().success());
    fs::read(dir.join("lister")).unwrap()
}

/// An archive for the kernel's initramfs (Documentation/driver-api/early-userspace/buffer-format.rst) with one program.
fn cpio(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, mode, bytes) in [(name, 0o100755, bytes), ("TRAILER!!!", 0, &b""[..])] {
        let fields = [1, mode, 0, 0, 1, 0, bytes.len(), 0, 0, 0, 0, name.len() + 1, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
        archive.extend(name.bytes().chain([0]));
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// What the guest should print.
fn expected(tree: &Tree) -> Vec<String> {
    let mut links = HashMap::new();
    tree.walk().for_each(|(_, id)| *links.entry(id).or_insert(0) += 1);
    tree.walk().map(|(path, id)| line(tree, &path, id, links[&id])).collect()
}

fn line(tree: &Tree, path: &[u8], id: InodeId, names: usize) -> String {
    let Inode { meta, kind } = tree.inode(id);
    let path = String::from_utf8_lossy(path);
    let path = if path == "/" { "" } else { &path };
    let (links, device, size, contents) = match kind {
        Kind::File(content) => (names, 0, content.len(), fnv(&tree.read(content, 1 << 24).unwrap())),
        Kind::Symlink(target) => (names, 0, target.len() as u64, fnv(target)),
        Kind::Directory(_) => (2 + subdirectories(tree, id), 0, 0, FNV_START),
        Kind::CharDevice(device) | Kind::BlockDevice(device) => (names, device.encode(), 0, FNV_START),
        Kind::Fifo => (names, 0, 0, FNV_START),
    };
    // As new_decode_dev in Linux's include/linux/kdev_t.h.
    let (major, minor) = (device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
    let attributes = meta.xattrs.iter().map(|(name, value)| fnv(&[&name[..], b"\0", value].concat()));
    let attributes = attributes.fold(0, u64::wrapping_add);
    let (mode, Mtime { seconds, nanoseconds }) = (kind.format_bits() | meta.mode, meta.mtime);
    let (uid, gid) = (meta.uid, meta.gid);
    let head = format!("F {path} {mode:o} {uid} {gid} {links} {major}:{minor} {size}");
    format!("{head} {seconds}.{nanoseconds:09} {contents:016x} {attributes:016x}")
}

fn subdirectories(tree: &Tree, id: InodeId) -> usize {
    tree.entries(id).filter(|&(_, id)| matches!(tree.inode(id).kind, Kind::Directory(_))).count()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(FNV_START, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
