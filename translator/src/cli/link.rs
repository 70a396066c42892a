//! `prelift link`: runtime, snapshot and regions to a module.

use super::options::RuntimeOptions;
use super::{Common, expect_folder, write_file};
use crate::convert::{Code, Guest, Regions, Root, Summary, module, read_snapshot};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Link a snapshot, its image and translated regions to the runtime
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct LinkArgs {
    /// Runtime.
    #[command(flatten)]
    pub runtime: RuntimeOptions,
    /// What `prelift translate` wrote; without it the module interprets everything
    #[arg(long, value_name = "FILE")]
    pub regions: Option<PathBuf>,
    /// What `prelift snapshot` wrote
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// The image that the snapshot was taken with
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the module
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift link --regions out.regions ready.snapshot image.tar out.wasm
  prelift link ready.snapshot image.tar interpreted.wasm";

impl LinkArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        expect_folder(&self.output)?;
        let (progress, cache) = (common.progress(), common.cache()?);
        let say = |text: &str| progress.step(text);
        let snapshot = read_snapshot(&self.snapshot)?;
        let root = Root::read(&self.image, &say)?;
        let guest = Guest::of_snapshot(snapshot, root).with_context(|| self.snapshot.display().to_string())?;
        let (bytes, runtime) = self.runtime.module(&cache, &say)?;
        let Regions { code, trained } = match &self.regions {
            Some(path) => Regions::read(path, &bytes, &runtime)?,
            None => Regions { code: Code::none(&runtime)?, trained: 0 },
        };
        let summary = Summary::new(&guest, trained, &code.summary);
        say("linking");
        write_file(&self.output, &module(&runtime, &guest, code, &summary)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
