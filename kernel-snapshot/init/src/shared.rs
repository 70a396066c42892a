//! Directories of the host: one 9P mount that has all of them, each bound to where the container finds it.
//!
//! `cache=mmap` (Linux, Documentation/filesystems/9p.rst): reads and writes go to the host at once, so that both sides see
//! each other's; only what is mapped is kept in pages.

use crate::user::Account;
use crate::{directory, mounts};
use anyhow::{Context, Result};
use channel::{DIRECTORIES_TAG, Directory};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use std::ffi::CString;
use std::os::fd::OwnedFd;

/// Where the mount is while its parts are copied, in the container's own `/dev`;
const HERE: &str = "/dev/.directories";
/// or in init's file system.
const INITS: &str = "/run/directories";
const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Mounts all directories, in this process's root. What nobody owns yet is `account`'s.
pub(crate) fn mount_all(directories: &[Directory], account: &Account) -> Result<()> {
    attach(directories, &copies(directories, (account.uid, account.gid), HERE)?)
}

/// The directories' mounts, for a container that may not mount them itself: its user namespace can have no 9P. `owner` has the
/// machine's ids.
pub(crate) fn lend(directories: &[Directory], owner: (u32, u32)) -> Result<Vec<OwnedFd>> {
    copies(directories, owner, INITS)
}

/// Mounts that are attached nowhere, one for each directory.
fn copies(directories: &[Directory], (user, group): (u32, u32), here: &str) -> Result<Vec<OwnedFd>> {
    if directories.is_empty() {
        return Ok(Vec::new());
    }
    directory::make_all(here)?;
    let options = format!("trans=virtio,version=9p2000.L,cache=mmap,msize={},uname={user}:{group}", 512 << 10);
    let options = CString::new(options).context("options of the 9P mount")?;
    mount(DIRECTORIES_TAG, here, "9p", FLAGS, Some(options.as_c_str())).context("mount the host's directories")?;
    let copy = |(index, directory): (usize, &Directory)| {
        mounts::copy(&format!("{here}/{index}"))
            .with_context(|| format!("find the host's directory {}", directory.path))
    };
    let copies = directories.iter().enumerate().map(copy).collect::<Result<_>>()?;
    unmount(here, UnmountFlags::DETACH).with_context(|| format!("unmount {here}"))?;
    std::fs::remove_dir(here).with_context(|| format!("remove {here}"))?;
    Ok(copies)
}

/// Attaches the directories' mounts, in this process's root.
pub(crate) fn attach(directories: &[Directory], mounts: &[OwnedFd]) -> Result<()> {
    let mut all: Vec<(&Directory, &OwnedFd)> = directories.iter().zip(mounts).collect();
    // A directory inside another one is mounted after it.
    all.sort_by_key(|(directory, _)| &directory.path);
    all.into_iter().try_for_each(|(directory, mount)| {
        bind(directory, mount).with_context(|| format!("mount the host's directory {}", directory.path))
    })
}

fn bind(to: &Directory, mount: &OwnedFd) -> Result<()> {
    directory::make_all(&to.path)?;
    mounts::place(&to.path, mount)?;
    if to.read_only {
        mount_remount(&to.path, MountFlags::BIND | MountFlags::RDONLY | FLAGS, c"")?;
    }
    Ok(())
}
