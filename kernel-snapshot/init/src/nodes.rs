//! The container's device nodes, and the links beside them.
//!
//! Who is root of a user namespace cannot make nodes that work (user_namespaces(7)). As in runc such a container has the machine's, by
//! a mount on each: init copies the mounts before it forks the container, which attaches them. Nodes that the machine does not have
//! are made for it.

use crate::boot::make_directory;
use crate::{directory, mounts};
use anyhow::{Context, Result};
use channel::{Device, DeviceKind, Namespaces};
use rustix::fs::{CWD, FileType, Gid, Mode, Uid, makedev};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

#[rustfmt::skip]
const NODES: [(&str, u32, u32); 6] = [
    ("/dev/null",    1, 3),
    ("/dev/zero",    1, 5),
    ("/dev/full",    1, 7),
    ("/dev/random",  1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty",     5, 0),
];

#[rustfmt::skip]
const LINKS: [(&str, &str); 5] = [
    ("pts/ptmx",        "/dev/ptmx"),
    ("/proc/self/fd",   "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
];

/// Where init makes nodes for a container.
const HERE: &str = "/run/devices";

/// A node that is lent: where it goes, and its mount.
pub(crate) type Lent = (String, OwnedFd);

/// Nodes for a container with a user namespace; none for others.
pub(crate) fn lend(others: &[Device], namespaces: &Namespaces) -> Result<Vec<Lent>> {
    if namespaces.user.is_none() {
        return Ok(Vec::new());
    }
    let machines = |(path, ..): (&str, u32, u32)| lent(path, path);
    let mut nodes = NODES.into_iter().map(machines).collect::<Result<Vec<_>>>()?;
    make_directory(HERE)?;
    for (index, device) in others.iter().enumerate() {
        let path = format!("{HERE}/{index}");
        let owner = namespaces.outside(device.owner);
        let owner = owner.with_context(|| format!("owner of {}: expected ids that are mapped", device.path))?;
        make_other(&Device { path: path.clone(), owner, ..device.clone() })?;
        nodes.push(lent(&device.path, &path)?);
    }
    Ok(nodes)
}

fn lent(target: &str, path: &str) -> Result<Lent> {
    Ok((target.to_owned(), mounts::copy(path).with_context(|| format!("copy the mount of {path}"))?))
}

/// Makes the nodes that each container has, those that this one has beside, and the links; or attaches what was lent.
pub(crate) fn make(others: &[Device], lent: &[Lent]) -> Result<()> {
    directory::make_all("/dev")?;
    let umask = rustix::process::umask(Mode::empty());
    if lent.is_empty() {
        NODES
            .into_iter()
            .try_for_each(|(path, major, minor)| make_node(path, FileType::CharacterDevice, 0o666, (major, minor)))?;
        others.iter().try_for_each(make_other)?;
    }
    for (path, mount) in lent {
        make_parent(path)?;
        mounts::cover(path, mount)?;
    }
    rustix::process::umask(umask);
    LINKS.into_iter().try_for_each(|(target, path)| link(target, path))
}

fn make_other(Device { kind, path, number, mode, owner: (user, group) }: &Device) -> Result<()> {
    let kind = match kind {
        DeviceKind::Block => FileType::BlockDevice,
        DeviceKind::Character => FileType::CharacterDevice,
    };
    make_node(path, kind, *mode, *number)?;
    rustix::fs::chown(path, Some(Uid::from_raw(*user)), Some(Gid::from_raw(*group)))
        .with_context(|| format!("owner of {path}"))
}

fn make_node(path: &str, kind: FileType, mode: u32, (major, minor): (u32, u32)) -> Result<()> {
    make_parent(path)?;
    let mode = Mode::from_raw_mode(mode & 0o7777);
    match rustix::fs::mknodat(CWD, path, kind, mode, makedev(major, minor)) {
        // The image's own, where no file system is mounted on /dev; or one that the configuration names again.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("mknod {path}")),
    }
}

fn make_parent(path: &str) -> Result<()> {
    match path.rsplit_once('/') {
        Some((parent, _)) if !parent.is_empty() => directory::make_all(parent),
        _ => Ok(()),
    }
}

/// Makes a symbolic link, unless there is a file, or no directory for it, in the image.
pub(crate) fn link(target: &str, path: &str) -> Result<()> {
    match rustix::fs::symlink(target, path) {
        Ok(()) | Err(Errno::EXIST | Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("link {path}")),
    }
}
