//! The image: a read-only file system, and above it an overlay whose writes go to a layer, in memory or on a disk.

use crate::boot::make_directory;
use crate::layer;
use crate::probe::wait_for;
use anyhow::{Context, Result, bail};
use rustix::fs::{Access, Gid, Mode, Uid, access};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::ffi::{CStr, CString};

/// Where init mounts the container's root.
pub(crate) const ROOT: &str = "/run/root";

/// A layer in memory.
pub(crate) const MEMORY: &str = "/run/memory";

const IMAGE: &str = "/run/image";

/// What may hold the image, the preferred first.
#[rustfmt::skip]
const CANDIDATES: [(&str, &str, Option<&CStr>); 5] = [
    ("/dev/pmem0", "erofs",    Some(c"dax=always")),
    ("/dev/vdb",   "erofs",    None),
    ("/dev/vda",   "erofs",    None),
    ("/dev/vda",   "squashfs", None),
    ("/dev/vda",   "ext4",     None),
];

/// Mounts on [`ROOT`] the overlay of the image whose writes go to the directory `layer`.
pub(crate) fn mount_overlay(layer: &str) -> Result<()> {
    let (upper, work) = (format!("{layer}/upper"), format!("{layer}/work"));
    [layer, &work, ROOT].into_iter().try_for_each(make_directory)?;
    make_upper(&upper).context("attributes of the image's root directory")?;
    let options = CString::new(format!("lowerdir={IMAGE},upperdir={upper},workdir={work}"))?;
    mount("overlay", ROOT, "overlay", MountFlags::empty(), Some(options.as_c_str())).context("mount the overlay")
}

/// Takes the overlay away.
pub(crate) fn unmount_overlay() -> Result<()> {
    unmount(ROOT, UnmountFlags::empty()).with_context(|| format!("unmount {ROOT}"))
}

/// Makes the overlay anew whose writes go to memory, without what was written to it.
pub(crate) fn forget_memory() -> Result<()> {
    unmount_overlay()?;
    std::fs::remove_dir_all(MEMORY).with_context(|| format!("remove {MEMORY}"))?;
    mount_overlay(MEMORY)
}

/// Mounts the image.
pub(crate) fn mount_image() -> Result<()> {
    make_directory(IMAGE)?;
    let mounted = wait_for(|| Some(try_candidates()).filter(|tried| tried != &Err(Vec::new())));
    match mounted.context("mount the image: neither /dev/pmem0 nor /dev/vdb nor /dev/vda is there")? {
        Ok(()) => Ok(()),
        Err(refusals) => bail!("mount the image: {}", refusals.join("; ")),
    }
}

/// Tries every candidate; a device that is not there yet refuses nothing, nor does an empty drive.
fn try_candidates() -> Result<(), Vec<String>> {
    let mut refusals = Vec::new();
    let exists = |device: &str| access(device, Access::EXISTS).is_ok() && (device != layer::DISK || layer::has_disk());
    for (device, kind, options) in CANDIDATES.into_iter().filter(|(device, ..)| exists(device)) {
        match mount(device, IMAGE, kind, MountFlags::RDONLY, options) {
            Ok(()) => return Ok(()),
            // A device's name is there before the device is (Linux, block/genhd.c, device_add_disk).
            Err(Errno::NXIO) => {}
            Err(error) => refusals.push(format!("{device} as {kind}: {error}")),
        }
    }
    Err(refusals)
}

/// The root of an overlay has the attributes of its upper directory: a new one gets the image's, and appears with them.
fn make_upper(upper: &str) -> Result<()> {
    if access(upper, Access::EXISTS).is_ok() {
        return Ok(());
    }
    let new = format!("{upper}.new");
    make_directory(&new)?;
    let root = rustix::fs::stat(IMAGE)?;
    rustix::fs::chown(&new, Some(Uid::from_raw(root.st_uid)), Some(Gid::from_raw(root.st_gid)))?;
    rustix::fs::chmod(&new, Mode::from_raw_mode(root.st_mode & 0o7777))?;
    Ok(rustix::fs::rename(&new, upper)?)
}
