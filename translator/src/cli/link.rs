//! `prelift link`: runtime, snapshot and regions to a module.

use clap::Args;
use std::path::PathBuf;

/// Link a snapshot and translated regions to the runtime
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct LinkArgs {
    /// Link to this runtime module and build none
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
    /// Regions to link; without them the module interprets everything
    #[arg(long, value_name = "FILE")]
    pub regions: Option<PathBuf>,
    /// The snapshot
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// Where to write the module
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift link --regions out.regions ready.snapshot out.wasm
  prelift link ready.snapshot interpreted.wasm";
