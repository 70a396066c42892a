//! The guest before its program starts: image, kernel, init, and the snapshot at `ready`.

use super::module::check_room;
use crate::image::{self, Image, Progress as ImageProgress, erofs};
use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::kernel::{self, KernelRequest, Source};
use kernel_snapshot::{guest as init, ready};
use runtime::devices::Backends;
use runtime::image_file;
use runtime::memory::{ImageSource, digest};
use runtime::session::Session;
use runtime::snapshot::Snapshot;
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
    /// Whether the guest has its image as a drive though its memory has room for it.
    pub image_drive: bool,
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
            image_drive: false,
        }
    }
}

/// An image and its root file system, which stays in its file: of the largest images too, only what is used is in memory.
#[derive(Debug)]
pub struct Root {
    /// The image.
    pub image: Image,
    /// Where files are in the root file system.
    pub layout: erofs::ErofsImage,
    /// The root file system.
    pub file: File,
    /// SHA-256 of the root file system.
    pub digest: [u8; 32],
    /// Name of the file, if it is to stay outside of the module.
    pub outside: Option<String>,
}

/// A file for a root file system that stays outside of its module.
#[derive(Debug, Clone, Copy)]
pub struct ExternalImage<'a> {
    /// The file, empty.
    pub file: &'a File,
    /// The name that the module will look for.
    pub name: &'a str,
}

impl Root {
    /// Reads an image and writes its root file system: to `outside`, or to a file without a name.
    ///
    /// # Errors
    /// If the image cannot be read, or the file system not be written.
    pub fn read(path: &Path, outside: Option<ExternalImage<'_>>, say: &dyn Fn(&str)) -> Result<Root> {
        say(&format!("reading {}", path.display()));
        let image = image::open(path, |progress| match progress {
            ImageProgress::Layer { index, count } => say(&format!("layer {index} of {count}")),
            ImageProgress::Warning(text) => say(&text),
        })?;
        let mut file = match outside {
            Some(outside) => outside.file.try_clone(),
            None => tempfile::tempfile(),
        }
        .context("a file for the root file system")?;
        let layout = erofs::write(&image.tree, &mut file).context("write the root file system")?;
        let digest = digest(&file, layout.size).context("read the root file system")?;
        if outside.is_some() {
            file.write_all_at(&image_file::end(&digest), layout.size).context("write the root file system")?;
        }
        Ok(Root { image, layout, file, digest, outside: outside.map(|outside| outside.name.to_owned()) })
    }

    /// The root file system as machines are given it.
    ///
    /// # Errors
    /// If the system gives no more descriptors.
    pub fn source(&self) -> Result<ImageSource> {
        let file = self.file.try_clone().context("the root file system's file")?;
        Ok(ImageSource::new(file, "the root file system", self.layout.size, self.digest))
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
        ensure!(
            snapshot.header.origin.image == root.digest,
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
        Ok(self.snapshot.restore(&self.root.source()?, backends)?)
    }
}

impl GuestRequest {
    /// Whether the guest has an image of so many bytes as a drive: where it is asked for, and where memory has no room for it.
    pub fn has_drive(&self, image: u64) -> bool {
        self.image_drive || check_room(self.ram_size, image).is_err()
    }
}

/// Gets a guest ready: boots `vmlinux` with an image on the machine that `request` asks for.
///
/// # Errors
/// If the guest cannot be booted.
pub fn prepare(root: Root, vmlinux: &[u8], request: &GuestRequest, cache: &Cache, say: &dyn Fn(&str)) -> Result<Guest> {
    let GuestRequest { ram_size, level, .. } = *request;
    let drive = request.has_drive(root.layout.size);
    let init = init::init_binary(cache, say).context("build the guest's init")?;
    say("booting the guest");
    let image = root.source()?;
    let boot = ready::ReadyRequest { vmlinux, init: &init, ram_size, level, image: &image, drive, extra: "" };
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
