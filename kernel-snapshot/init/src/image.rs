//! The image: a read-only file system, and above it an overlay whose writes go to memory.

use crate::boot::make_directory;
use anyhow::{Context, Result, bail};
use rustix::fs::{Access, Gid, Mode, Uid, access};
use rustix::mount::{MountFlags, UnmountFlags, unmount};
use std::ffi::CStr;
use std::time::Duration;

/// Where init mounts the container's root.
pub(crate) const ROOT: &str = "/run/root";

const IMAGE: &str = "/run/image";
const UPPER: &str = "/run/upper";
const WORK: &str = "/run/work";
const LAYERS: &CStr = c"lowerdir=/run/image,upperdir=/run/upper,workdir=/run/work";

/// What may hold the image, the preferred first.
#[rustfmt::skip]
const CANDIDATES: [(&str, &str, Option<&CStr>); 4] = [
    ("/dev/pmem0", "erofs",    Some(c"dax=always")),
    ("/dev/vda",   "erofs",    None),
    ("/dev/vda",   "squashfs", None),
    ("/dev/vda",   "ext4",     None),
];

/// Devices may be probed while init runs; it looks again this often,
const ATTEMPTS: usize = 2000;
/// and waits this long in between.
const PAUSE: Duration = Duration::from_millis(1);

/// Mounts the image.
pub(crate) fn mount() -> Result<()> {
    make_directory(IMAGE)?;
    mount_image()
}

/// Mounts an overlay that has nothing but the image on [`ROOT`].
pub(crate) fn mount_overlay() -> Result<()> {
    for directory in [UPPER, WORK, ROOT] {
        make_directory(directory)?;
    }
    copy_root_attributes().context("attributes of the image's root directory")?;
    rustix::mount::mount("overlay", ROOT, "overlay", MountFlags::empty(), LAYERS).context("mount the overlay")
}

/// Takes the overlay away, and what was written to it.
pub(crate) fn unmount_overlay() -> Result<()> {
    unmount(ROOT, UnmountFlags::empty()).with_context(|| format!("unmount {ROOT}"))?;
    [UPPER, WORK].iter().try_for_each(|path| std::fs::remove_dir_all(path).with_context(|| format!("remove {path}")))
}

fn mount_image() -> Result<()> {
    for _ in 0..ATTEMPTS {
        match try_candidates() {
            Ok(()) => return Ok(()),
            Err(refusals) if refusals.is_empty() => std::thread::sleep(PAUSE),
            Err(refusals) => bail!("mount the image: {}", refusals.join("; ")),
        }
    }
    bail!("mount the image: neither /dev/pmem0 nor /dev/vda exists")
}

/// Tries every candidate; a device that does not exist refuses nothing.
fn try_candidates() -> Result<(), Vec<String>> {
    let mut refusals = Vec::new();
    let present = CANDIDATES.into_iter().filter(|(device, ..)| access(*device, Access::EXISTS).is_ok());
    for (device, kind, options) in present {
        match rustix::mount::mount(device, IMAGE, kind, MountFlags::RDONLY, options) {
            Ok(()) => return Ok(()),
            Err(error) => refusals.push(format!("{device} as {kind}: {error}")),
        }
    }
    Err(refusals)
}

/// The root of an overlay has the attributes of its upper directory: make them the image's.
fn copy_root_attributes() -> rustix::io::Result<()> {
    let root = rustix::fs::stat(IMAGE)?;
    rustix::fs::chown(UPPER, Some(Uid::from_raw(root.st_uid)), Some(Gid::from_raw(root.st_gid)))?;
    rustix::fs::chmod(UPPER, Mode::from_raw_mode(root.st_mode & 0o7777))
}
