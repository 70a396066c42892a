//! `prelift convert`: an image in, a module out.

use super::options::{CodeOptions, KernelOptions, MachineOptions, SnapshotOptions, TrainOptions};
use super::{Common, expect_folder, write_file};
use crate::convert::{Converted, Request, convert};
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
    /// Snapshot.
    #[command(flatten)]
    pub snapshot: SnapshotOptions,
    /// Training.
    #[command(flatten)]
    pub train: TrainOptions,
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the module
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift convert image.tar out.wasm
  prelift convert --train 'python3 bench.py' --ram 256M python.tar.zst python.wasm
  prelift convert --snapshot entrypoint --command 'python3 -i' --tty python.tar repl.wasm
  prelift convert --snapshot entrypoint --until 'listening' server.tar server.wasm
  prelift convert --snapshot entrypoint --until-listen 6379 redis.tar redis.wasm
  prelift convert --no-tail-calls rootfs/ out.wasm";

impl ConvertArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        self.code.use_threads()?;
        expect_folder(&self.output)?;
        let progress = common.progress();
        let request = Request {
            image: &self.image,
            guest: self.kernel.guest(&self.machine),
            training: self.train.training(self.snapshot.command()?)?,
            entrypoint: self.snapshot.entrypoint()?,
            code: self.code.choices(),
        };
        let converted = convert(&request, &common.cache()?, &|text| progress.step(text))?;
        write_file(&self.output, &converted.module)?;
        drop(progress);
        if !common.quiet {
            eprint!("{}", report(&converted));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a conversion came to, in a few lines.
pub(super) fn report(converted: &Converted) -> String {
    let (summary, code) = (&converted.summary, &converted.summary.code);
    let mut text = format!(
        "module {:.1} MiB: image {:.1} MiB, snapshot {:.1} MiB, {} regions of {} guest instructions in {:.1} MiB of Wasm\n",
        mib(converted.module.len() as u64),
        mib(summary.image_size),
        mib(summary.snapshot_pages * 4096),
        code.regions,
        code.instructions,
        mib(code.wasm_bytes),
    );
    for refused in &code.refused {
        text.push_str(&format!("left to the interpreter: {refused}\n"));
    }
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
