//! `prelift convert`: an image in, a module out.

use super::options::{
    CodeOptions, DriveOptions, ImageOptions, KernelOptions, MachineOptions, SnapshotOptions, TrainOptions,
};
use super::{Common, NewFile, expect_folder};
use crate::convert::{Converted, ExternalImage, Request, convert};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Convert a container image to one WebAssembly module
///
/// The image is an OCI layout directory, an archive of `docker save` or an oci-archive (plain, gzip or zstd), or a
/// root directory. The guest is booted to the point where it waits for its program, a training run shows which code is
/// hot, that code is translated, and all is written as one module.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ConvertArgs {
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Drive.
    #[command(flatten)]
    pub drive: DriveOptions,
    /// Snapshot.
    #[command(flatten)]
    pub snapshot: SnapshotOptions,
    /// Training.
    #[command(flatten)]
    pub train: TrainOptions,
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Root file system.
    #[command(flatten)]
    pub root: ImageOptions,
    /// The image; `-`: an archive from standard input
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the module
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift convert image.tar out.wasm
  docker save image | prelift convert - out.wasm
  prelift convert --train 'python3 bench.py' --ram 256M python.tar.zst python.wasm
  prelift convert --snapshot entrypoint --command 'python3 -i' --tty python.tar repl.wasm
  prelift convert --snapshot entrypoint --until 'listening' server.tar server.wasm
  prelift convert --snapshot entrypoint --until-listen 6379 redis.tar redis.wasm
  prelift convert --external-image large.erofs large.tar large.wasm
  prelift convert --no-tail-calls rootfs/ out.wasm";

impl ConvertArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        self.code.use_threads()?;
        expect_folder(&self.output)?;
        let image = self.root.file(&self.output)?;
        let module = NewFile::beside(&self.output)?;
        let progress = common.progress();
        let request = Request {
            image: &self.image,
            guest: self.drive.of(self.kernel.guest(&self.machine)),
            training: self.train.training(self.snapshot.command()?)?,
            entrypoint: self.snapshot.entrypoint()?,
            code: self.code.choices(),
            external_image: image.as_ref().map(|(new, name)| ExternalImage { file: new.file(), name }),
            output: Some(module.file()),
        };
        let converted = convert(&request, &common.cache()?, &|text| progress.step(text))?;
        // The module last: what it needs is there then.
        image.map_or(Ok(()), |(new, _)| new.publish())?;
        module.publish()?;
        drop(progress);
        tell(&converted, common.quiet);
        Ok(ExitCode::SUCCESS)
    }
}

/// Largest module that V8 takes, in bytes.
const V8_MOST: u64 = 1 << 30;

/// Says what a conversion came to; quietly, what is to be known of its training alone.
pub(super) fn tell(converted: &Converted, quiet: bool) {
    if let Some(note) = &converted.note {
        eprintln!("prelift: {note}");
    }
    if !quiet {
        eprint!("{}", report(converted));
    }
}

/// What a conversion came to, in a few lines.
fn report(converted: &Converted) -> String {
    let (summary, code) = (&converted.summary, &converted.summary.code);
    let place = summary.image_file.as_ref().map(|file| format!(" outside, in {}", file.name)).unwrap_or_default();
    let mut text = format!(
        "module {:.1} MiB: image {:.1} MiB{place}, snapshot {:.1} MiB, {} regions of {} guest instructions in {:.1} MiB of Wasm\n",
        mib(converted.module.len() as u64),
        mib(summary.image_size),
        mib(summary.snapshot_pages * 4096),
        code.regions,
        code.instructions,
        mib(code.wasm_bytes),
    );
    if converted.module.len() as u64 > V8_MOST {
        text.push_str(
            "larger than the 1 GiB that V8 (node, browsers) takes: --external-image FILE leaves the image out of it\n",
        );
    }
    for refused in &code.refused {
        text.push_str(&format!("left to the interpreter: {refused}\n"));
    }
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
