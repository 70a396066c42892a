//! `prelift demo`: the whole path on the built-in image.

use super::options::{CodeOptions, KernelOptions, MachineOptions};
use clap::Args;
use std::path::PathBuf;

/// Convert the built-in image (busybox from Debian) and run it
///
/// Sets up what is missing first: the runtime for WebAssembly and the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Keep the module here
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// Arguments for the container
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  prelift demo
  prelift demo --keep busybox.wasm -- sh -c 'uname -a'";
