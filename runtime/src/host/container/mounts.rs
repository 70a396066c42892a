//! Options of mounts, and `--tmpfs PATH[:OPTIONS]`.
//!
//! As in runc (`libcontainer/specconv`, and the table of mount(8)): a word that the kernel has a flag for sets or clears it;
//! any other is the file system's own.

use channel::{Mount, NODEV, NOEXEC, NOSUID, RDONLY, STRICTATIME};

/// `MS_…` of `linux/mount.h`.
const SYNCHRONOUS: u32 = 1 << 4;
const MANDLOCK: u32 = 1 << 6;
const DIRSYNC: u32 = 1 << 7;
const NOATIME: u32 = 1 << 10;
const NODIRATIME: u32 = 1 << 11;
const SILENT: u32 = 1 << 15;
const RELATIME: u32 = 1 << 21;
const LAZYTIME: u32 = 1 << 25;

/// Words for flags: whether they set or clear them.
#[rustfmt::skip]
const FLAGS: [(&str, bool, u32); 26] = [
    ("defaults",      true,  0),
    ("ro",            true,  RDONLY),      ("rw",          false, RDONLY),
    ("nosuid",        true,  NOSUID),      ("suid",        false, NOSUID),
    ("nodev",         true,  NODEV),       ("dev",         false, NODEV),
    ("noexec",        true,  NOEXEC),      ("exec",        false, NOEXEC),
    ("sync",          true,  SYNCHRONOUS), ("async",       false, SYNCHRONOUS),
    ("dirsync",       true,  DIRSYNC),
    ("mand",          true,  MANDLOCK),    ("nomand",      false, MANDLOCK),
    ("silent",        true,  SILENT),      ("loud",        false, SILENT),
    ("noatime",       true,  NOATIME),     ("atime",       false, NOATIME),
    ("nodiratime",    true,  NODIRATIME),  ("diratime",    false, NODIRATIME),
    ("relatime",      true,  RELATIME),    ("norelatime",  false, RELATIME),
    ("strictatime",   true,  STRICTATIME), ("nostrictatime", false, STRICTATIME),
    ("lazytime",      true,  LAZYTIME),    ("nolazytime",  false, LAZYTIME),
];

/// Options of tmpfs(5) that have a value.
const OF_TMPFS: [&str; 6] = ["size", "nr_blocks", "nr_inodes", "mode", "uid", "gid"];

/// What a file system in memory looks like.
pub const TMPFS_EXPECTED: &str = "PATH[:OPTIONS], an absolute path and options of mount(8) or of tmpfs(5) (size, mode, uid, gid, nr_blocks, nr_inodes)";

/// Flags and the file system's own options.
pub fn options<'a>(words: impl IntoIterator<Item = &'a str>) -> (u32, Vec<&'a str>) {
    let (mut flags, mut own) = (0, Vec::new());
    for word in words {
        match FLAGS.iter().find(|(name, ..)| *name == word) {
            Some((_, true, bits)) => flags |= bits,
            Some((_, false, bits)) => flags &= !bits,
            None => own.push(word),
        }
    }
    (flags, own)
}

/// Parses `PATH[:OPTIONS]`: what Docker mounts there, `nosuid,nodev,noexec` unless the options say otherwise.
pub fn tmpfs(text: &str) -> Option<Mount> {
    let (target, words) = text.split_once(':').unwrap_or((text, ""));
    let words = words.split(',').filter(|word| !word.is_empty());
    let (flags, own) = options(["noexec", "nosuid", "nodev"].into_iter().chain(words));
    let known = |word: &&str| word.split_once('=').is_some_and(|(name, _)| OF_TMPFS.contains(&name));
    let place = target.starts_with('/') && target.split('/').any(|part| !part.is_empty());
    let mount =
        Mount { source: "tmpfs".into(), kind: "tmpfs".into(), target: target.into(), flags, data: own.join(",") };
    (place && own.iter().all(known)).then_some(mount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_words_win_and_what_is_no_flag_is_the_file_systems() {
        let words = "nosuid,noexec,mode=755,exec,ro,size=65536k".split(',');
        assert_eq!(options(words), (NOSUID | RDONLY, vec!["mode=755", "size=65536k"]));
    }

    #[test]
    fn file_systems_in_memory_are_dockers() {
        let plain = tmpfs("/run").unwrap();
        assert_eq!((&*plain.target, plain.flags, &*plain.data), ("/run", NOSUID | NODEV | NOEXEC, ""));
        let told = tmpfs("/a:b").is_none() && tmpfs("/a:size").is_none();
        assert!(told && ["", "run", "/", "//", ":ro"].iter().all(|text| tmpfs(text).is_none()));
        let told = tmpfs("/run:rw,exec,size=64m,mode=1770").unwrap();
        assert_eq!((told.flags, &*told.data), (NOSUID | NODEV, "size=64m,mode=1770"));
    }
}
