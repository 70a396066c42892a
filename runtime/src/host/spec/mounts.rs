//! `mounts` of the file: file systems of the guest's own, and directories of the host.

use super::format;
use crate::host::container::mounts::options;
use channel::{BIND, Mount, RDONLY};

/// A directory of the host with a place of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bind {
    /// Its path in the file.
    pub place: String,
    /// The name that the module has for it.
    pub source: String,
    /// Where it is mounted.
    pub target: String,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

/// Kinds of file systems: their names in the file and in the kernel.
#[rustfmt::skip]
const KINDS: [(&str, &str); 7] = [
    ("tmpfs",   "tmpfs"),
    ("proc",    "proc"),
    ("sysfs",   "sysfs"),
    ("devpts",  "devpts"),
    ("mqueue",  "mqueue"),
    ("cgroup",  "cgroup2"),
    ("cgroup2", "cgroup2"),
];
const KINDS_EXPECTED: &str = "tmpfs, proc, sysfs, devpts, mqueue, cgroup, or bind for a directory of the host";

/// What becomes of mounts elsewhere says nothing where there is no elsewhere; the other ways of propagation are refused.
const PRIVATE: [&str; 4] = ["private", "rprivate", "slave", "rslave"];
const SHARED: [&str; 6] = ["shared", "rshared", "unbindable", "runbindable", "tmpcopyup", "idmap"];

/// What a directory of the host can be told: it is `nosuid,nodev` in any case.
const OF_BINDS: [&str; 6] = ["bind", "rbind", "ro", "rw", "nosuid", "nodev"];

/// What a container without a network namespace has in place of a mount, since only who owns that may make one (`runc spec
/// --rootless`): the machine's own.
const SYSFS: &str = "/sys";

/// File systems and directories, each in the file's order.
pub(super) fn split(mounts: &[format::Mount]) -> Result<(Vec<Mount>, Vec<Bind>), String> {
    let (mut own, mut binds) = (Vec::new(), Vec::new());
    for (index, mount) in mounts.iter().enumerate() {
        let place = format!("mounts[{index}]");
        if !mount.destination.starts_with('/') || mount.destination.split('/').all(str::is_empty) {
            return Err(format!(
                "{place}.destination: expected an absolute path that is not /, got {:?}",
                mount.destination
            ));
        }
        if let Some(word) = mount.options.iter().find(|word| SHARED.contains(&word.as_str())) {
            return Err(format!(
                "{place}.options: {word} is not done; expected private or slave, or options of mount(8)"
            ));
        }
        let words = || mount.options.iter().map(String::as_str).filter(|word| !PRIVATE.contains(word));
        let is_bind = mount.kind == "bind" || words().any(|word| word == "bind" || word == "rbind");
        if is_bind && mount.source == SYSFS {
            own.push(machines(&place, mount, words())?);
        } else if is_bind {
            binds.push(bind(place, mount, words())?);
        } else {
            own.push(file_system(&place, mount, words())?);
        }
    }
    Ok((own, binds))
}

fn bind<'a>(place: String, mount: &'a format::Mount, words: impl Iterator<Item = &'a str>) -> Result<Bind, String> {
    let words: Vec<&str> = words.collect();
    if let Some(word) = words.iter().find(|word| !OF_BINDS.contains(word)) {
        return Err(format!("{place}.options: {word} is not done; expected {} for a directory", OF_BINDS.join(", ")));
    }
    let read_only = options(words).0 & RDONLY != 0;
    Ok(Bind { place, source: mount.source.clone(), target: mount.destination.clone(), read_only })
}

fn machines<'a>(place: &str, mount: &format::Mount, words: impl Iterator<Item = &'a str>) -> Result<Mount, String> {
    let (flags, rest) = options(words.filter(|word| !matches!(*word, "bind" | "rbind")));
    if let Some(word) = rest.first() {
        return Err(format!("{place}.options: {word} is not done; expected options of mount(8) for what is bound"));
    }
    let (source, target) = (mount.source.clone(), mount.destination.clone());
    Ok(Mount { source, kind: "none".to_owned(), target, flags: flags | BIND, data: String::new() })
}

fn file_system<'a>(place: &str, mount: &format::Mount, words: impl Iterator<Item = &'a str>) -> Result<Mount, String> {
    let kind = KINDS.iter().find(|(name, _)| *name == mount.kind).map(|(_, kind)| (*kind).to_owned());
    let kind = kind.ok_or_else(|| format!("{place}.type: expected {KINDS_EXPECTED}, got {:?}", mount.kind))?;
    let (flags, data) = options(words);
    Ok(Mount { source: mount.source.clone(), kind, target: mount.destination.clone(), flags, data: data.join(",") })
}
