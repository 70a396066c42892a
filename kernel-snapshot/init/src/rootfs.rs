//! The container's root: its mounts, devices, masked and read-only paths, as runc and Docker make them by default.
//!
//! The process moves into the new root first, so that no symbolic link of the image leads out of it.

use crate::directory;
use crate::etc::GeneratedFiles;
use crate::image::ROOT;
use anyhow::{Context, Result};
use rustix::fs::{CWD, FileType, Mode, makedev};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, mount_remount, unmount,
};
use std::ffi::CStr;

const SECURE: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC).union(MountFlags::NODEV);
const READ_ONLY: MountFlags = SECURE.union(MountFlags::RDONLY);
const DEV: MountFlags = MountFlags::NOSUID.union(MountFlags::STRICTATIME);
const PTS: MountFlags = MountFlags::NOSUID.union(MountFlags::NOEXEC);

/// Source, kind, place, flags and options.
#[rustfmt::skip]
const MOUNTS: [(&str, &str, &str, MountFlags, Option<&CStr>); 7] = [
    ("proc",   "proc",    "/proc",          SECURE,    None),
    ("tmpfs",  "tmpfs",   "/dev",           DEV,       Some(c"mode=755,size=65536k")),
    ("devpts", "devpts",  "/dev/pts",       PTS,       Some(c"newinstance,ptmxmode=0666,mode=0620,gid=5")),
    ("sysfs",  "sysfs",   "/sys",           READ_ONLY, None),
    ("cgroup", "cgroup2", "/sys/fs/cgroup", READ_ONLY, None),
    ("mqueue", "mqueue",  "/dev/mqueue",    SECURE,    None),
    ("shm",    "tmpfs",   "/dev/shm",       SECURE,    Some(c"mode=1777,size=65536k")),
];

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
const LINKS: [(&str, &str); 6] = [
    ("pts/ptmx",        "/dev/ptmx"),
    ("/proc/self/fd",   "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/mounts",    "/etc/mtab"),
];

const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

const READ_ONLY_PATHS: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Makes the overlay this process's root and sets up all that is mounted in it.
pub(crate) fn enter() -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("make mounts private")?;
    let generated = GeneratedFiles::create()?;
    leave_old_root().context("pivot_root")?;
    for (source, kind, target, flags, options) in MOUNTS {
        directory::make_all(target)?;
        mount(source, target, kind, flags, options).with_context(|| format!("mount {kind} on {target}"))?;
    }
    make_devices()?;
    MASKED.into_iter().try_for_each(|path| mask(path).with_context(|| format!("mask {path}")))?;
    READ_ONLY_PATHS
        .into_iter()
        .try_for_each(|path| make_read_only(path).with_context(|| format!("make {path} read-only")))?;
    generated.attach()
}

/// `pivot_root(".", ".")` stacks the old root on the new one, from where it is unmounted: pivot_root(2), NOTES.
fn leave_old_root() -> rustix::io::Result<()> {
    rustix::process::chdir(ROOT)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

fn make_devices() -> Result<()> {
    let mask = rustix::process::umask(Mode::empty());
    for (path, major, minor) in NODES {
        let mode = Mode::from_raw_mode(0o666);
        rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(major, minor))
            .with_context(|| format!("mknod {path}"))?;
    }
    rustix::process::umask(mask);
    for (target, path) in LINKS {
        match rustix::fs::symlink(target, path) {
            // Only /etc can hold such a file already, or be missing: it is the image's.
            Ok(()) | Err(Errno::EXIST | Errno::NOENT | Errno::NOTDIR) => {}
            Err(error) => return Err(error).with_context(|| format!("link {path}")),
        }
    }
    Ok(())
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
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error),
        Ok(()) => mount_remount(path, MountFlags::BIND | READ_ONLY, c""),
    }
}
