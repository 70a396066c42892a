//! `prelift translate`: a profile to translated code.

use super::options::{CodeOptions, KernelOptions};
use clap::Args;
use std::path::PathBuf;

/// Translate the code that a profile recorded
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct TranslateArgs {
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Kernel, for its symbols.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// The image, for its programs' symbols
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<PathBuf>,
    /// The profile
    #[arg(value_name = "PROFILE")]
    pub profile: PathBuf,
    /// Where to write the regions
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift translate out.profile out.regions
  prelift translate --image image.tar -j 8 out.profile out.regions";
