//! `prelift snapshot`: boots an image and saves the machine.

use super::options::{KernelOptions, MachineOptions, SnapshotPoint};
use clap::Args;
use std::path::PathBuf;

/// Boot an image and save the machine
///
/// The guest is booted natively, always in deterministic mode, so that the same inputs give the same snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotArgs {
    /// When to take it
    #[arg(long, value_name = "POINT", default_value = "ready")]
    pub at: SnapshotPoint,
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// The image, as for `convert`
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the snapshot
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift snapshot image.tar ready.snapshot
  prelift snapshot --at boot --vmlinux vmlinux image.tar boot.snapshot";
