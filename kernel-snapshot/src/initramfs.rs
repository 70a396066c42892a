//! The initramfs: an uncompressed "newc" cpio archive (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).
//!
//! Uncompressed because the kernel's inflate would be a third of all instructions of a boot. The archive depends on
//! its contents alone: owners are root, times are the epoch, inode numbers count from 1. Limit: a member is smaller
//! than 4 GiB, the format's 32-bit lengths (the boot protocol's are no wider).

/// Directories of the initramfs, parents first: mount points that init needs before the image is there.
const DIRECTORIES: [&str; 7] = ["dev", "proc", "sys", "run", "tmp", "mnt", "root"];

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const CHARACTER: u32 = 0o020_000;

/// One archive member. `device` is the number of a device node as (major, minor).
struct Member<'a> {
    path: &'a str,
    mode: u32,
    device: (u32, u32),
    data: &'a [u8],
}

/// An initramfs whose `/init` is `init` (an ELF file or a script), with `/dev/console` (5:1), `/dev/null` (1:3) and
/// empty mount points.
pub fn initramfs(init: &[u8]) -> Vec<u8> {
    initramfs_with(init, &[])
}

/// As [`initramfs`], with further regular `files` as (path without leading `/`, permission bits, contents). Their
/// directories must be among the archive's.
pub fn initramfs_with(init: &[u8], files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let directories = DIRECTORIES.map(|path| Member { path, mode: DIRECTORY | 0o755, device: (0, 0), data: &[] });
    let nodes = [("dev/console", 0o600, (5, 1)), ("dev/null", 0o666, (1, 3))];
    let nodes = nodes.map(|(path, mode, device)| Member { path, mode: CHARACTER | mode, device, data: &[] });
    let init = Member { path: "init", mode: REGULAR | 0o755, device: (0, 0), data: init };
    let files = files.iter().map(|&(path, mode, data)| Member { path, mode: REGULAR | mode, device: (0, 0), data });

    let mut archive = Vec::new();
    let members = directories.into_iter().chain(nodes).chain([init]).chain(files);
    for (inode, member) in (1..).zip(members) {
        append(&mut archive, inode, &member);
    }
    append(&mut archive, 0, &Member { path: "TRAILER!!!", mode: 0, device: (0, 0), data: &[] });
    archive
}

/// Appends header, name and data, each padded to 4 bytes.
fn append(archive: &mut Vec<u8>, inode: u32, member: &Member<'_>) {
    let links = if member.mode & DIRECTORY != 0 { 2 } else { 1 };
    // c_ino, c_mode, c_uid, c_gid, c_nlink, c_mtime, c_filesize, c_maj, c_min, c_rmaj, c_rmin, c_namesize, c_chksum
    let fields = [
        inode,
        member.mode,
        0,
        0,
        links,
        0,
        member.data.len() as u32,
        0,
        0,
        member.device.0,
        member.device.1,
        member.path.len() as u32 + 1,
        0,
    ];
    archive.extend_from_slice(b"070701");
    for field in fields {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(member.path.as_bytes());
    archive.push(0);
    pad(archive);
    archive.extend_from_slice(member.data);
    pad(archive);
}

fn pad(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::initramfs;

    /// Walks the archive by its own length fields, as the kernel does.
    fn members(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < archive.len() {
            assert_eq!(&archive[at..at + 6], b"070701");
            let field = |index: usize| {
                let digits = &archive[at + 6 + index * 8..][..8];
                u32::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
            };
            let name_end = at + 110 + field(11) as usize;
            let name = String::from_utf8(archive[at + 110..name_end - 1].to_vec()).unwrap();
            let data = name_end.next_multiple_of(4);
            let end = data + field(6) as usize;
            found.push((name, field(1), archive[data..end].to_vec()));
            at = end.next_multiple_of(4);
        }
        found
    }

    #[test]
    fn archive_reads_back() {
        let archive = initramfs(b"#!/bin/sh");
        let members = members(&archive);
        assert!(members.contains(&("init".into(), 0o100_755, b"#!/bin/sh".to_vec())));
        assert!(members.contains(&("dev/console".into(), 0o020_600, vec![])));
        assert!(members.contains(&("proc".into(), 0o040_755, vec![])));
        assert_eq!(members.last().unwrap().0, "TRAILER!!!");
    }
}
