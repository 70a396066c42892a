//! The guest before its program starts: image, kernel, init, and the snapshot at `ready`.

use crate::image::{self, Image, Progress as ImageProgress, erofs};
use anyhow::{Context, Result};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::kernel::{self, KernelRequest, Source};
use kernel_snapshot::{guest as init, ready};
use runtime::session::Session;
use runtime::snapshot::Snapshot;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Which kernel the guest runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KernelChoice {
    /// Built from Debian's source.
    #[default]
    Debian,
    /// Built from this tree or archive.
    Source(PathBuf),
    /// This ELF file.
    Vmlinux(PathBuf),
}

/// Kernel and machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestRequest {
    /// The kernel.
    pub kernel: KernelChoice,
    /// Bytes of RAM.
    pub ram_size: u64,
}

impl Default for GuestRequest {
    fn default() -> Self {
        GuestRequest { kernel: KernelChoice::Debian, ram_size: 128 << 20 }
    }
}

/// A guest that waits for its program.
#[derive(Debug)]
pub struct Guest {
    /// The image.
    pub image: Image,
    /// Where files are in the root file system.
    pub rootfs: erofs::ErofsImage,
    /// The root file system.
    pub rootfs_file: File,
    /// The kernel's ELF file.
    pub vmlinux: Vec<u8>,
    /// The machine.
    pub snapshot: Snapshot,
}

impl Guest {
    /// The root file system's bytes.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn rootfs_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.rootfs.size as usize];
        self.rootfs_file.read_exact_at(&mut bytes, 0).context("read the root file system")?;
        Ok(bytes)
    }

    /// A session that goes on from the snapshot.
    ///
    /// # Errors
    /// If the snapshot cannot be restored.
    pub fn session(&self) -> Result<Session> {
        Ok(self.snapshot.restore(&self.rootfs_bytes()?, ready::backends())?)
    }
}

/// Gets a guest ready.
///
/// # Errors
/// If the image cannot be read, the kernel not be built, or the guest not be booted.
pub fn prepare(path: &Path, request: &GuestRequest, cache: &Cache, say: &dyn Fn(&str)) -> Result<Guest> {
    let vmlinux = vmlinux(&request.kernel, cache, say)?;
    let init = init::init_binary(cache, say).context("build the guest's init")?;
    say(&format!("reading {}", path.display()));
    let image = image::open(path, |progress| match progress {
        ImageProgress::Layer { index, count } => say(&format!("layer {index} of {count}")),
        ImageProgress::Warning(text) => say(&text),
    })?;
    let mut rootfs_file = tempfile::tempfile().context("a temporary file for the root file system")?;
    let rootfs = erofs::write(&image.tree, &mut rootfs_file).context("write the root file system")?;
    let mut bytes = vec![0; rootfs.size as usize];
    rootfs_file.read_exact_at(&mut bytes, 0).context("read the root file system")?;
    say("booting the guest");
    let boot = ready::ReadyRequest { vmlinux: &vmlinux, init: &init, ram_size: request.ram_size, image: &bytes, extra: "" };
    let snapshot = ready::ready_snapshot(&boot, cache, say).context("boot the guest")?;
    Ok(Guest { image, rootfs, rootfs_file, vmlinux, snapshot })
}

fn vmlinux(choice: &KernelChoice, cache: &Cache, say: &dyn Fn(&str)) -> Result<Vec<u8>> {
    let source = match choice {
        KernelChoice::Vmlinux(path) => return std::fs::read(path).with_context(|| format!("read {}", path.display())),
        KernelChoice::Debian => Source::Debian,
        KernelChoice::Source(path) => Source::Path(path.clone()),
    };
    let kernel = kernel::build(&KernelRequest { source, cache }, say).context("build the kernel")?;
    let path = kernel.vmlinux();
    std::fs::read(&path).with_context(|| format!("read {}", path.display()))
}
