//! Directories of the host: one 9P mount that has all of them, each bound to where the container finds it.
//!
//! `cache=mmap` (Linux, Documentation/filesystems/9p.rst): reads and writes go to the host at once, so that both sides see
//! each other's; only what is mapped is kept in pages.

use crate::directory;
use crate::user::Account;
use anyhow::{Context, Result};
use channel::{DIRECTORIES_TAG, Directory};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, mount_remount, unmount};
use std::ffi::CString;

/// Where the mount is while its parts are bound, in the container's own `/dev`.
const HERE: &str = "/dev/.directories";
const FLAGS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Mounts all directories, in this process's root. What nobody owns yet is `account`'s.
pub(crate) fn mount_all(directories: &[Directory], account: &Account) -> Result<()> {
    if directories.is_empty() {
        return Ok(());
    }
    directory::make_all(HERE)?;
    let options =
        format!("trans=virtio,version=9p2000.L,cache=mmap,msize={},uname={}:{}", 512 << 10, account.uid, account.gid);
    let options = CString::new(options).context("options of the 9P mount")?;
    mount(DIRECTORIES_TAG, HERE, "9p", FLAGS, Some(options.as_c_str())).context("mount the host's directories")?;
    let mut all: Vec<(usize, &Directory)> = directories.iter().enumerate().collect();
    // A directory inside another one is mounted after it.
    all.sort_by_key(|(_, directory)| &directory.path);
    all.into_iter().try_for_each(|(index, directory)| {
        bind(index, directory).with_context(|| format!("mount the host's directory {}", directory.path))
    })?;
    unmount(HERE, UnmountFlags::DETACH).with_context(|| format!("unmount {HERE}"))?;
    std::fs::remove_dir(HERE).with_context(|| format!("remove {HERE}"))
}

fn bind(index: usize, to: &Directory) -> Result<()> {
    directory::make_all(&to.path)?;
    mount_bind(format!("{HERE}/{index}"), &to.path)?;
    if to.read_only {
        mount_remount(&to.path, MountFlags::BIND | MountFlags::RDONLY | FLAGS, c"")?;
    }
    Ok(())
}
