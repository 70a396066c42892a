//! The guest before its program starts: image, kernel, init, and the snapshot at `ready`.

use crate::image::{self, Image, Progress as ImageProgress, erofs};
use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::kernel::{self, KernelRequest, Source};
use kernel_snapshot::{guest as init, ready};
use runtime::devices::Backends;
use runtime::session::Session;
use runtime::snapshot::Snapshot;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use x86::Level;

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
    /// Which instructions the processor has.
    pub level: Level,
    /// When the snapshot is taken.
    pub stage: Stage,
}

/// Where a module's machine goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stage {
    /// The kernel's first instruction: every run boots.
    PowerUp,
    /// Init, which waits to be told what to run.
    #[default]
    Ready,
}

impl Default for GuestRequest {
    fn default() -> Self {
        GuestRequest {
            kernel: KernelChoice::Debian,
            ram_size: 128 << 20,
            level: Level::default(),
            stage: Stage::default(),
        }
    }
}

/// An image and its root file system.
#[derive(Debug)]
pub struct Root {
    /// The image.
    pub image: Image,
    /// Where files are in the root file system.
    pub layout: erofs::ErofsImage,
    /// The root file system.
    pub file: File,
}

impl Root {
    /// Reads an image and writes its root file system.
    ///
    /// # Errors
    /// If the image cannot be read, or the file system not be written.
    pub fn read(path: &Path, say: &dyn Fn(&str)) -> Result<Root> {
        say(&format!("reading {}", path.display()));
        let image = image::open(path, |progress| match progress {
            ImageProgress::Layer { index, count } => say(&format!("layer {index} of {count}")),
            ImageProgress::Warning(text) => say(&text),
        })?;
        let mut file = tempfile::tempfile().context("a temporary file for the root file system")?;
        let layout = erofs::write(&image.tree, &mut file).context("write the root file system")?;
        Ok(Root { image, layout, file })
    }

    /// The root file system's bytes.
    ///
    /// # Errors
    /// If its file cannot be read.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.layout.size as usize];
        self.file.read_exact_at(&mut bytes, 0).context("read the root file system")?;
        Ok(bytes)
    }
}

/// A guest that waits for its program.
#[derive(Debug)]
pub struct Guest {
    /// The image.
    pub root: Root,
    /// The machine.
    pub snapshot: Snapshot,
}

impl Guest {
    /// The guest of a snapshot that was taken earlier.
    ///
    /// # Errors
    /// If the snapshot was taken with another image.
    pub fn of_snapshot(snapshot: Snapshot, root: Root) -> Result<Guest> {
        let (expected, found) = (snapshot.header.image_size, root.layout.size);
        let digest: [u8; 32] = Sha256::digest(root.bytes()?).into();
        ensure!(
            snapshot.header.origin.image == digest,
            "the snapshot was taken with another image: expected its root file system of {expected} bytes, found one of {found} bytes"
        );
        Ok(Guest { root, snapshot })
    }

    /// A session that goes on from the snapshot.
    ///
    /// # Errors
    /// If the snapshot cannot be restored.
    pub fn session(&self) -> Result<Session> {
        self.session_with(ready::backends())
    }

    /// The same with other backends than those of boot.
    ///
    /// # Errors
    /// As [`Guest::session`].
    pub fn session_with(&self, backends: Backends) -> Result<Session> {
        Ok(self.snapshot.restore(&self.root.bytes()?, backends)?)
    }
}

/// Gets a guest ready: boots `vmlinux` with an image on the machine that `request` asks for.
///
/// # Errors
/// If the guest cannot be booted.
pub fn prepare(root: Root, vmlinux: &[u8], request: &GuestRequest, cache: &Cache, say: &dyn Fn(&str)) -> Result<Guest> {
    let GuestRequest { ram_size, level, .. } = *request;
    let init = init::init_binary(cache, say).context("build the guest's init")?;
    say("booting the guest");
    let boot = ready::ReadyRequest { vmlinux, init: &init, ram_size, level, image: &root.bytes()?, extra: "" };
    let snapshot = match request.stage {
        Stage::PowerUp => Snapshot::take(&mut ready::power_up(&boot)?, boot.boot_digest().0),
        Stage::Ready => ready::ready_snapshot(&boot, cache, say).context("boot the guest")?,
    };
    Ok(Guest { root, snapshot })
}

impl KernelChoice {
    /// The kernel's ELF file.
    ///
    /// # Errors
    /// If it cannot be read or built.
    pub fn vmlinux(&self, cache: &Cache, say: &dyn Fn(&str)) -> Result<Vec<u8>> {
        let source = match self {
            KernelChoice::Vmlinux(path) => {
                return std::fs::read(path).with_context(|| format!("read {}", path.display()));
            }
            KernelChoice::Debian => Source::Debian,
            KernelChoice::Source(path) => Source::Path(path.clone()),
        };
        let kernel = kernel::build(&KernelRequest { source, cache }, say).context("build the kernel")?;
        let path = kernel.vmlinux();
        std::fs::read(&path).with_context(|| format!("read {}", path.display()))
    }
}
