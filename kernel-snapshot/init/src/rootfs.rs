//! The container's root: its mounts, devices, masked and read-only paths, as runc makes them.
//!
//! The process moves into the new root first, so that no symbolic link of the image leads out of it. The old one stays below until
//! file systems are mounted: in a user namespace the kernel mounts another proc or sysfs only where a whole one is seen already
//! (user_namespaces(7); Linux, fs/namespace.c, mount_too_revealing).

use crate::boot::CONTAINER_CGROUP;
use crate::etc::GeneratedFiles;
use crate::image::ROOT;
use crate::mounts;
use crate::nodes::{self, Lent};
use anyhow::{Context, Result};
use channel::{BIND, Mount, Namespaces, World};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount,
};

/// Makes the overlay this process's root and sets up all that is mounted in it.
pub(crate) fn enter(world: &World, lent: &[Lent]) -> Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("make mounts private")?;
    let generated = world.generated_files.then(GeneratedFiles::create).transpose()?;
    let file_systems = file_systems(world);
    let sources = mounts::sources(&file_systems)?;
    move_in().context("pivot_root")?;
    mounts::attach_all(&file_systems, sources)?;
    leave_old_root().context("unmount the old root")?;
    nodes::make(&world.devices, lent)?;
    world.mounts.iter().try_for_each(mounts::seal)?;
    world.sysctl.iter().try_for_each(|(path, value)| {
        std::fs::write(format!("/proc/sys/{path}"), value)
            .with_context(|| format!("write {value:?} to /proc/sys/{path}"))
    })?;
    let make_read_only = |path: &String| make_read_only(path).with_context(|| format!("make {path} read-only"));
    world.read_only.iter().try_for_each(make_read_only)?;
    world.masked.iter().try_for_each(|path| mask(path).with_context(|| format!("mask {path}")))?;
    generated.map_or(Ok(()), GeneratedFiles::attach)
}

/// What is mounted. Where a user namespace owns no namespace of control groups, it may not mount those: as in runc (`mountCgroupV2`)
/// it has the container's own group of the machine's.
fn file_systems(world: &World) -> Vec<Mount> {
    let Namespaces { user, cgroup, .. } = &world.namespaces;
    let bound = |mount: &Mount| user.is_some() && !cgroup && mount.kind == "cgroup2";
    let of = |mount: &Mount| match bound(mount) {
        true => Mount { source: CONTAINER_CGROUP.to_owned(), flags: mount.flags | BIND, ..mount.clone() },
        false => mount.clone(),
    };
    world.mounts.iter().map(of).collect()
}

/// `pivot_root(".", ".")` stacks the old root on the new one: pivot_root(2), NOTES.
fn move_in() -> rustix::io::Result<()> {
    // A mount that came with a less privileged namespace is locked in its place, and can be no root.
    mount_bind_recursive(ROOT, ROOT)?;
    rustix::process::chdir(ROOT)?;
    rustix::process::pivot_root(".", ".")
}

/// From the working directory the old root is found, and unmounted.
fn leave_old_root() -> rustix::io::Result<()> {
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
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
    mounts::narrow(path, MountFlags::RDONLY)
}
