//! `prelift compare`: one command interpreted, translated and natively, side by side.

use super::options::{CodeOptions, KernelOptions, MachineOptions, TrainOptions};
use clap::Args;
use std::path::PathBuf;

/// Run a command interpreted, translated and natively, and show where outputs part
///
/// Exit code 0 if all outputs and exit codes are the same, 1 if not.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Also run the command natively, in a chroot (needs root and the image's processor)
    #[arg(long)]
    pub native: bool,
    /// Standard input of the command; default: at its end
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
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
    /// The image, as for `convert`
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  prelift compare image.tar -- sha256sum /etc/passwd
  prelift compare --native rootfs/ -- sh -c 'ls -l /'";
