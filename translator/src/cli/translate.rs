//! `prelift translate`: a profile to translated code.

use super::options::{CodeOptions, KernelOptions, RuntimeOptions};
use super::{Common, expect_folder, write_file};
use crate::convert::{Code, Regions, Root, read_profile};
use crate::inspect::description;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Translate the code that a profile recorded
///
/// Kernel and image only tell where functions begin and end: those that the profile was recorded with give the best
/// code, and others no wrong one.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct TranslateArgs {
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// Kernel, for its symbols.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Runtime.
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// The image, for its programs' symbols
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<PathBuf>,
    /// What `prelift profile` wrote
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

impl TranslateArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        self.code.use_threads()?;
        expect_folder(&self.output)?;
        let choices = self.code.choices();
        let (progress, cache) = (common.progress(), common.cache()?);
        let say = |text: &str| progress.step(text);
        let profile = read_profile(&self.profile)?;
        let root = self.image.as_deref().map(|path| Root::read(path, None, &say)).transpose()?;
        let vmlinux = self.kernel.choice().vmlinux(&cache, &say)?;
        let (bytes, runtime) = self.runtime.module(&cache, &say)?;
        say("translating");
        let code = Code::translate(&profile, &vmlinux, root.as_ref(), &runtime, &choices)?;
        let summary = code.summary.clone();
        write_file(&self.output, &Regions { code, trained: profile.retired }.write(&bytes)?)?;
        drop(progress);
        if !common.quiet {
            let facts = description::code(&summary).into_iter().chain(description::unlifted(&summary));
            eprint!("{}", description::lines(facts));
        }
        Ok(ExitCode::SUCCESS)
    }
}
