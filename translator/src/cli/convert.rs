//! `prelift convert`: an image in, a module out.

use super::options::{CodeOptions, KernelOptions, MachineOptions, TrainOptions};
use clap::Args;
use std::path::PathBuf;

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
  prelift convert --no-tail-calls rootfs/ out.wasm";
