//! The pipeline: an image in, a module out.
//!
//! ```text
//! image ─► root file system ─┐
//! kernel, init ──────────────┴─► boot to `ready` ─► snapshot ─► train ─► profile ─► discover ─► translate ─► link ─► module
//!                                                       └─► program runs to its entrypoint ─┴─► snapshot ─────┘ (if asked for)
//! ```
//!
//! Each stage is a function of its inputs alone, so that the same inputs give the same bytes, whatever the number of
//! threads.

mod code;
mod entrypoint;
mod figures;
mod guest;
mod module;
mod regions;
mod rehearsal;
mod relocate;
mod stage;
mod train;

pub use code::{Code, CodeChoices, CodeSummary};
pub use entrypoint::{Entrypoint, Until};
pub use figures::{Figures, RegionFigures, Unlifted};
pub use guest::{ExternalImage, Guest, GuestRequest, KernelChoice, Root, Stage, prepare};
pub use module::module;
pub use regions::Regions;
pub use stage::{read_profile, read_snapshot, write_profile, write_snapshot};
pub use train::{Training, start_message, train};

use crate::Mapping;
use crate::link::Runtime;
use crate::setup;
use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::Cache;
use runtime::label;
use runtime::session::StreamKind;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;

/// What to convert, and how.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The image.
    pub image: &'a Path,
    /// Kernel and machine.
    pub guest: GuestRequest,
    /// The training run.
    pub training: Training,
    /// Where the module's machine goes on from, if not from where it waits for a program.
    pub entrypoint: Option<Entrypoint>,
    /// Choices of the translator.
    pub code: CodeChoices,
    /// A file for the root file system, if that is to stay outside of the module.
    pub external_image: Option<ExternalImage<'a>>,
    /// An empty file for the module; without one it goes to a file without a name.
    pub output: Option<&'a File>,
}

/// A converted image.
#[derive(Debug)]
pub struct Converted {
    /// The module, as it is in its file.
    pub module: Mapping,
    /// What became of it.
    pub summary: Summary,
    /// What is to be known of its training run, if that did not end well.
    pub note: Option<String>,
}

/// Sizes and counts of a conversion: the module's `prelift` section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// prelift's version.
    pub version: String,
    /// Digest of the image's content.
    pub image: String,
    /// Bytes of the root file system.
    pub image_size: u64,
    /// The file with the root file system, where that is outside of the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_file: Option<ImageFile>,
    /// Bytes of guest RAM.
    pub ram_size: u64,
    /// The streams of the program that has started; none where the machine waits for one.
    #[serde(default)]
    pub program: Option<StreamKind>,
    /// Pages of RAM that the snapshot holds.
    pub snapshot_pages: u64,
    /// Instructions of the training run.
    pub trained: u64,
    /// The translated code.
    pub code: CodeSummary,
}

/// A file with a root file system ([`runtime::image_file`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFile {
    /// Its name.
    pub name: String,
    /// SHA-256 of the root file system, 64 digits.
    pub sha256: String,
    /// Whether the guest has it as a drive, and not in its memory.
    #[serde(default)]
    pub drive: bool,
}

impl Summary {
    /// Of a guest, its code, and the instructions that its training took.
    pub fn new(guest: &Guest, trained: u64, code: &CodeSummary) -> Summary {
        Summary {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            image: guest.root.image.digest.clone(),
            image_size: guest.root.layout.size,
            image_file: guest.root.outside.as_ref().map(|name| ImageFile {
                name: name.clone(),
                sha256: label::hexadecimal(&guest.root.digest),
                drive: guest.snapshot.header.drive,
            }),
            ram_size: guest.snapshot.header.ram_size,
            program: guest.snapshot.header.program,
            snapshot_pages: guest.snapshot.ram.count() as u64,
            trained,
            code: code.clone(),
        }
    }
}

/// Converts an image.
///
/// # Errors
/// Of any stage, with its name.
pub fn convert(request: &Request<'_>, cache: &Cache, say: &dyn Fn(&str)) -> Result<Converted> {
    // First what may be wrong: runtime and kernel take minutes where they are not in the cache.
    let root = Root::read(request.image, request.external_image, say)?;
    let outside = request.external_image.is_some();
    let drive = outside && request.guest.has_drive(root.layout.size);
    module::check_room(request.guest.ram_size, if drive { 0 } else { root.layout.size })?;
    ensure!(
        outside || !request.guest.image_drive,
        "--image-drive: expected an image outside of the module (--external-image)"
    );
    let runtime = setup::runtime_module(cache, say).context("build the runtime")?;
    let runtime = Runtime::parse(&runtime).context("runtime module")?;
    let vmlinux = request.guest.kernel.vmlinux(cache, say)?;
    let mut guest = prepare(root, &vmlinux, &request.guest, cache, say)?;
    say("training: running the program to see which code is hot");
    let (mut profile, note) = train(&guest, &request.training).context("training run")?;
    if let Some(entrypoint) = &request.entrypoint {
        say("running the program to where its snapshot is taken");
        profile.add(guest.advance(entrypoint)?);
    }
    say(&format!("translating: {} instructions were recorded", profile.retired));
    let code = Code::translate(&profile, &vmlinux, Some(&guest.root), &runtime, &request.code)?;
    let summary = Summary::new(&guest, profile.retired, &code.summary);
    say("linking");
    let module = match request.output {
        Some(file) => module(&runtime, &guest, code, &summary, file),
        None => module(&runtime, &guest, code, &summary, &tempfile::tempfile().context("a file for the module")?),
    }?;
    Ok(Converted { module, summary, note })
}
