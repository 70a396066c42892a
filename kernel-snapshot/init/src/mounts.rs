//! Mounts that the host asks for, and a root file system that may only be read.

use crate::{directory, etc};
use anyhow::{Context, Result};
use channel::Mount;
use rustix::mount::{MountFlags, mount, mount_bind, mount_remount};
use std::ffi::CString;
use std::os::unix::fs::MetadataExt;

/// Mounts one, on a directory that is made if it is missing.
pub(crate) fn attach(to: &Mount) -> Result<()> {
    let Mount { source, kind, target, flags, data } = to;
    let found = std::fs::metadata(target).ok();
    directory::make_all(target)?;
    let data = match found.filter(|_| kind == "tmpfs") {
        // As runc has it: a file system in memory has the mode of the directory that it covers.
        Some(covered) => format!("mode={:04o},{data}", covered.mode() & 0o7777),
        None => data.clone(),
    };
    let data = CString::new(data.trim_end_matches(',')).context("options of a mount")?;
    mount(source, target, kind, MountFlags::from_bits_retain(*flags), data.as_c_str())
        .with_context(|| format!("mount {kind} on {target}"))
}

/// Lets nobody write to the root file system, nor to the generated files of `/etc` as in Docker; `volumes` stay as they are.
pub(crate) fn seal_root(volumes: &[String]) -> Result<()> {
    for path in volumes {
        mount_bind(path, path).with_context(|| format!("mount the volume {path}"))?;
    }
    etc::seal()?;
    mount_remount("/", MountFlags::BIND | MountFlags::RDONLY, c"").context("make the root file system read-only")
}
