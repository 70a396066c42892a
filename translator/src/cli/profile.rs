//! `prelift profile`: a training run.

use super::options::TrainOptions;
use clap::Args;
use std::path::PathBuf;

/// Resume a snapshot, run the training command, and record what code ran
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProfileArgs {
    /// Training.
    #[command(flatten)]
    pub train: TrainOptions,
    /// A snapshot taken at `ready`
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// Where to write the profile
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift profile ready.snapshot out.profile
  prelift profile --train 'gzip -9' --train-stdin data.tar ready.snapshot gzip.profile";
