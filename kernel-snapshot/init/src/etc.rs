//! `/etc/hostname`, `/etc/hosts` and `/etc/resolv.conf`: generated files that are bound over the image's own.

use crate::boot::make_directory;
use crate::{directory, mounts, nodes};
use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountFlags, mount_remount};
use std::fs;
use std::os::fd::OwnedFd;

const HERE: &str = "/run/etc";
const NAMES: [&str; 3] = ["hostname", "hosts", "resolv.conf"];

const HOSTS: &str = "127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// The files, as mounts that are attached nowhere yet.
pub(crate) struct GeneratedFiles([(&'static str, OwnedFd); 3]);

impl GeneratedFiles {
    /// Makes the files in init's own memory file system. They are empty: there is no name server, and [`name_host`]
    /// writes the others.
    pub(crate) fn create() -> Result<GeneratedFiles> {
        make_directory(HERE)?;
        let [first, second, third] = NAMES;
        Ok(GeneratedFiles([create(first)?, create(second)?, create(third)?]))
    }

    /// Binds the files into `/etc` of this process's root, where missing files are made.
    pub(crate) fn attach(self) -> Result<()> {
        directory::make_all("/etc")?;
        nodes::link("/proc/mounts", "/etc/mtab")?;
        self.0.iter().try_for_each(|(name, mount)| mounts::cover(&format!("/etc/{name}"), mount))
    }
}

/// Writes the host name into the container's files.
pub(crate) fn name_host(hostname: &str) -> Result<()> {
    fs::write("/etc/hostname", format!("{hostname}\n")).context("write /etc/hostname")?;
    let own = if hostname.is_empty() { String::new() } else { format!("127.0.1.1\t{hostname}\n") };
    fs::write("/etc/hosts", format!("{HOSTS}{own}")).context("write /etc/hosts")
}

/// Makes the files read-only.
pub(crate) fn seal() -> Result<()> {
    let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID;
    NAMES.iter().try_for_each(|name| {
        mount_remount(format!("/etc/{name}"), flags, c"").with_context(|| format!("make /etc/{name} read-only"))
    })
}

fn create(name: &'static str) -> Result<(&'static str, OwnedFd)> {
    let path = format!("{HERE}/{name}");
    let flags = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::from_raw_mode(0o644)).with_context(|| format!("create {path}"))?;
    Ok((name, mounts::copy(&path).with_context(|| format!("clone the mount of {path}"))?))
}
