//! Mounts that the host asks for, and a root file system that may only be read.

use crate::{directory, etc};
use anyhow::{Context, Result};
use channel::Mount;
use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind, mount_remount, move_mount, open_tree,
};
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// The mounts of the machine's paths that are to be bound, in the list's order.
pub(crate) fn sources(mounts: &[Mount]) -> Result<Vec<OwnedFd>> {
    let bound = mounts.iter().filter(|mount| is_bind(mount));
    let recursive = OpenTreeFlags::AT_RECURSIVE | OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let source = |mount: &Mount| {
        open_tree(CWD, &mount.source, recursive).with_context(|| format!("copy the mount of {}", mount.source))
    };
    bound.map(source).collect()
}

/// Mounts all, with those [sources].
pub(crate) fn attach_all(mounts: &[Mount], sources: Vec<OwnedFd>) -> Result<()> {
    let mut sources = sources.into_iter();
    mounts.iter().try_for_each(|mount| match is_bind(mount).then(|| sources.next()).flatten() {
        Some(source) => bind(mount, &source).with_context(|| format!("bind {} to {}", mount.source, mount.target)),
        None => attach(mount),
    })
}

fn is_bind(mount: &Mount) -> bool {
    flags(mount).contains(MountFlags::BIND)
}

fn bind(to: &Mount, source: &OwnedFd) -> Result<()> {
    directory::make_all(&to.target)?;
    place(&to.target, source)?;
    Ok(narrow(&to.target, flags(to))?)
}

/// Adds flags to a mount. What it keeps from programs stays so.
pub(crate) fn narrow(path: &str, flags: MountFlags) -> rustix::io::Result<()> {
    let kept = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let kept = MountFlags::from_bits_retain(rustix::fs::statvfs(path)?.f_flag.bits() as u32) & kept;
    mount_remount(path, MountFlags::BIND | flags | kept, c"")
}

/// Mounts one, on a directory that is made if it is missing. A file system in memory can be written to until it is [sealed](seal).
pub(crate) fn attach(to: &Mount) -> Result<()> {
    let Mount { source, kind, target, data, .. } = to;
    let found = std::fs::metadata(target).ok();
    directory::make_all(target)?;
    let data = match found.filter(|_| kind == "tmpfs") {
        // As runc has it: it has the mode of the directory that it covers.
        Some(covered) => format!("mode={:04o},{data}", covered.mode() & 0o7777),
        None => data.clone(),
    };
    let later = if kind == "tmpfs" { MountFlags::RDONLY } else { MountFlags::empty() };
    let data = CString::new(data.trim_end_matches(',')).context("options of a mount")?;
    mount(source, target, kind, flags(to).difference(later), data.as_c_str())
        .with_context(|| format!("mount {kind} on {target}"))
}

/// Attaches the mount of a file to a path, where a file is made if there is none.
pub(crate) fn cover(path: &str, mount: &OwnedFd) -> Result<()> {
    if std::fs::metadata(path).is_err() {
        // A dangling link is replaced, as a mount cannot cover it.
        let _ = std::fs::remove_file(path);
        std::fs::File::create(path).with_context(|| format!("create {path}"))?;
    }
    place(path, mount).with_context(|| format!("bind {path}"))
}

/// Attaches a mount to a path.
pub(crate) fn place(path: &str, mount: &OwnedFd) -> rustix::io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    move_mount(mount, c"", CWD, path, flags)
}

/// A mount of what is at a path, attached nowhere yet.
pub(crate) fn copy(path: &str) -> rustix::io::Result<OwnedFd> {
    open_tree(CWD, path, OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC)
}

/// Makes a file system in memory read-only, if it is to be so.
pub(crate) fn seal(mount: &Mount) -> Result<()> {
    if mount.kind != "tmpfs" || !flags(mount).contains(MountFlags::RDONLY) {
        return Ok(());
    }
    let target = &mount.target;
    mount_remount(target, MountFlags::BIND | flags(mount), c"").with_context(|| format!("make {target} read-only"))
}

fn flags(mount: &Mount) -> MountFlags {
    MountFlags::from_bits_retain(mount.flags)
}

/// Lets nobody write to the root file system, nor to files of `/etc` that were `generated`, as in Docker; `volumes` stay as they
/// are.
pub(crate) fn seal_root(volumes: &[String], generated: bool) -> Result<()> {
    for path in volumes {
        mount_bind(path, path).with_context(|| format!("mount the volume {path}"))?;
    }
    if generated {
        etc::seal()?;
    }
    mount_remount("/", MountFlags::BIND | MountFlags::RDONLY, c"").context("make the root file system read-only")
}
