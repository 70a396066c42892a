//! The container's written layer on a disk of the host's: what one run writes, the next one finds.
//!
//! A machine waits for its program with an empty drive, and a container whose writes go to memory. A run that keeps what is
//! written puts the disk in; the container is then made anew, above the ext4 on it. Mounting that brings it in order after a run
//! that was killed: its journal is replayed, files that had no name any more are removed.

use crate::probe::wait_for;
use crate::{boot, image, rehearsal};
use anyhow::{Context, Result};
use rustix::mount::{MountFlags, UnmountFlags};
use std::fs;
use std::path::Path;

/// The drive.
pub(crate) const DISK: &str = "/dev/vda";
/// Sectors that the disk has, in the kernel's eyes.
const SIZE: &str = "/sys/block/vda/size";
/// Where init mounts the file system.
const PLACE: &str = "/run/layer";

/// Mounts the overlay whose writes go to the disk, in place of the one whose writes go to memory.
pub(crate) fn mount() -> Result<()> {
    image::unmount_overlay()?;
    mount_disk()?;
    image::mount_overlay(PLACE)
}

/// Unmounts it, after which all that was written is on the disk.
pub(crate) fn unmount() -> Result<()> {
    image::unmount_overlay()?;
    unmount_at(PLACE)
}

/// Uses a file system on the disk as containers will.
pub(crate) fn rehearse() -> Result<()> {
    mount_disk()?;
    rehearsal::files(Path::new(PLACE)).context("rehearse files of the layer")?;
    unmount_at(PLACE)
}

fn mount_disk() -> Result<()> {
    // The kernel learns of the disk by an interrupt, and takes note of it later.
    wait_for(|| has_disk().then_some(()))
        .with_context(|| format!("the layer: expected a disk in {DISK}, found an empty drive"))?;
    boot::make_directory(PLACE)?;
    // What cannot be written any more is not written half.
    rustix::mount::mount(DISK, PLACE, "ext4", MountFlags::empty(), Some(c"errors=remount-ro"))
        .context("the layer's file system cannot be mounted: expected an ext4")
}

/// Whether there is a disk in the drive.
pub(crate) fn has_disk() -> bool {
    fs::read_to_string(SIZE).is_ok_and(|sectors| sectors.trim() != "0")
}

fn unmount_at(place: &str) -> Result<()> {
    rustix::mount::unmount(place, UnmountFlags::empty()).with_context(|| format!("unmount {place}"))
}
