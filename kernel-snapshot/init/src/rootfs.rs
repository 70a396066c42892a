//! The container's root: its mounts, devices, masked and read-only paths, as runc makes them.
//!
//! The process moves into the new root first, so that no symbolic link of the image leads out of it.

use crate::directory;
use crate::etc::GeneratedFiles;
use crate::image::ROOT;
use crate::mounts;
use anyhow::{Context, Result};
use channel::{Device, DeviceKind, World};
use rustix::fs::{CWD, FileType, Gid, Mode, Uid, makedev};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};

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

/// Makes the overlay this process's root and sets up all that is mounted in it.
pub(crate) fn enter(world: &World) -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("make mounts private")?;
    let generated = world.generated_files.then(GeneratedFiles::create).transpose()?;
    leave_old_root().context("pivot_root")?;
    world.mounts.iter().try_for_each(mounts::attach)?;
    make_devices(&world.devices)?;
    world.mounts.iter().try_for_each(mounts::seal)?;
    let make_read_only = |path: &String| make_read_only(path).with_context(|| format!("make {path} read-only"));
    world.read_only.iter().try_for_each(make_read_only)?;
    world.masked.iter().try_for_each(|path| mask(path).with_context(|| format!("mask {path}")))?;
    generated.map_or(Ok(()), GeneratedFiles::attach)
}

/// `pivot_root(".", ".")` stacks the old root on the new one, from where it is unmounted: pivot_root(2), NOTES.
fn leave_old_root() -> rustix::io::Result<()> {
    rustix::process::chdir(ROOT)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

/// Makes the nodes that each container has, those that this one has beside, and the links.
fn make_devices(others: &[Device]) -> Result<()> {
    directory::make_all("/dev")?;
    let umask = rustix::process::umask(Mode::empty());
    for (path, major, minor) in NODES {
        make_node(path, FileType::CharacterDevice, 0o666, (major, minor))?;
    }
    for Device { kind, path, number, mode, owner: (user, group) } in others {
        let kind = match kind {
            DeviceKind::Block => FileType::BlockDevice,
            DeviceKind::Character => FileType::CharacterDevice,
        };
        make_node(path, kind, *mode, *number)?;
        rustix::fs::chown(path, Some(Uid::from_raw(*user)), Some(Gid::from_raw(*group)))
            .with_context(|| format!("owner of {path}"))?;
    }
    rustix::process::umask(umask);
    LINKS.into_iter().try_for_each(|(target, path)| link(target, path))
}

fn make_node(path: &str, kind: FileType, mode: u32, (major, minor): (u32, u32)) -> Result<()> {
    if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
        directory::make_all(parent)?;
    }
    let mode = Mode::from_raw_mode(mode & 0o7777);
    match rustix::fs::mknodat(CWD, path, kind, mode, makedev(major, minor)) {
        // The image's own, where no file system is mounted on /dev; or one that the configuration names again.
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("mknod {path}")),
    }
}

/// Makes a symbolic link, unless there is a file, or no directory for it, in the image.
pub(crate) fn link(target: &str, path: &str) -> Result<()> {
    match rustix::fs::symlink(target, path) {
        Ok(()) | Err(Errno::EXIST | Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("link {path}")),
    }
}

/// Hides a file behind `/dev/null`, a directory behind an empty one.
fn mask(path: &str) -> rustix::io::Result<()> {
    match rustix::mount::mount_bind("/dev/null", path) {
        Err(Errno::NOENT) => Ok(()),
        Err(Errno::NOTDIR) => mount("tmpfs", path, "tmpfs", MountFlags::RDONLY, None),
        done => done,
    }
}

fn make_read_only(path: &str) -> rustix::io::Result<()> {
    match mount_bind_recursive(path, path) {
        Err(Errno::NOENT) => return Ok(()),
        done => done?,
    }
    // What the file system below keeps from programs stays so.
    let kept = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let flags = MountFlags::from_bits_retain(rustix::fs::statvfs(path)?.f_flag.bits() as u32) & kept;
    mount_remount(path, MountFlags::BIND | MountFlags::RDONLY | flags, c"")
}
