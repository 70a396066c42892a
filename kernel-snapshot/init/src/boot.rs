//! Init's own mounts: `/dev`, `/proc`, `/sys`, `/run` and the cgroup tree.
//!
//! The initial file system cannot be left by `pivot_root(2)`, since it has no parent mount. So the first step is to
//! bind it over itself and to move there; the container can then leave as any process leaves its root.

use crate::syscalls;
use anyhow::{Context, Result};
use channel::Scheduler;
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_bind, mount_move};

/// Control group of the container, as init sees it.
pub(crate) const CONTAINER_CGROUP: &str = "/sys/fs/cgroup/container";

#[rustfmt::skip]
const OWN: [(&str, &str); 4] = [
    ("devtmpfs", "/dev"),
    ("proc",     "/proc"),
    ("sysfs",    "/sys"),
    ("tmpfs",    "/run"),
];

/// Makes this process one that does not take the processor from a program (sched(7), `SCHED_BATCH`): what a program writes line by
/// line wakes init, which then finds many lines, not one. What it forks is scheduled as usual.
pub(crate) fn yield_to_programs() -> Result<()> {
    let policy = libc::SCHED_BATCH.cast_unsigned();
    let batch = Scheduler { policy, flags: libc::SCHED_FLAG_RESET_ON_FORK as u64, ..Scheduler::default() };
    syscalls::set_scheduler(&batch).context("set init's scheduler")
}

/// Makes the root a mount that can be left, then mounts what init itself needs.
pub(crate) fn mount_own() -> Result<()> {
    for (_, target) in OWN {
        make_directory(target)?;
    }
    stack_root().context("bind the initial file system over itself")?;
    for (kind, target) in OWN {
        mount(kind, target, kind, MountFlags::NOSUID, None).with_context(|| format!("mount {kind} on {target}"))?;
    }
    Ok(())
}

/// Mounts the unified cgroup tree and makes the container's group.
pub(crate) fn mount_cgroup() -> Result<()> {
    mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MountFlags::NOSUID, None).context("mount cgroup2")?;
    make_directory(CONTAINER_CGROUP)
}

/// Limits what the container's group may have of a resource; its controller counts for those alone that are limited.
pub(crate) fn limit(resource: &str, most: Option<u64>) -> Result<()> {
    let Some(most) = most else { return Ok(()) };
    control(&format!("{resource}.max"), &most.to_string())
}

/// Writes a file of the container's group; its controller counts from then on.
pub(crate) fn control(file: &str, value: &str) -> Result<()> {
    let controller = file.split('.').next().filter(|&name| name != "cgroup");
    let enable = |name| std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", format!("+{name}"));
    controller
        .map_or(Ok(()), enable)
        .and_then(|()| std::fs::write(format!("{CONTAINER_CGROUP}/{file}"), value))
        .with_context(|| format!("set {file} of the container's control group to {value}"))
}

/// Makes one directory with mode 0755, unless it exists.
pub(crate) fn make_directory(path: &str) -> Result<()> {
    match rustix::fs::mkdir(path, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("mkdir {path}")),
    }
}

fn stack_root() -> rustix::io::Result<()> {
    mount_bind("/", "/run")?;
    rustix::process::chdir("/run")?;
    mount_move(".", "/")?;
    rustix::process::chroot(".")
}
