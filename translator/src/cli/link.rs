//! `prelift link`: runtime, snapshot and regions to a module.

use super::options::{ImageOptions, RuntimeOptions};
use super::{Common, NewFile, expect_folder};
use crate::convert::{Code, ExternalImage, Guest, Regions, Root, Summary, module, read_snapshot};
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
    /// Root file system.
    #[command(flatten)]
    pub root: ImageOptions,
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
        let image = self.root.file(&self.output)?;
        let output = NewFile::beside(&self.output)?;
        let (progress, cache) = (common.progress(), common.cache()?);
        let say = |text: &str| progress.step(text);
        let snapshot = read_snapshot(&self.snapshot)?;
        let outside = image.as_ref().map(|(new, name)| ExternalImage { file: new.file(), name });
        let root = Root::read(&self.image, outside, &say)?;
        let guest = Guest::of_snapshot(snapshot, root).with_context(|| self.snapshot.display().to_string())?;
        let (bytes, runtime) = self.runtime.module(&cache, &say)?;
        let Regions { code, trained } = match &self.regions {
            Some(path) => Regions::read(path, &bytes, &runtime)?,
            None => Regions { code: Code::none(&runtime)?, trained: 0 },
        };
        let summary = Summary::new(&guest, trained, &code.summary);
        say("linking");
        module(&runtime, &guest, code, &summary, output.file())?;
        image.map_or(Ok(()), |(new, _)| new.publish())?;
        output.publish()?;
        Ok(ExitCode::SUCCESS)
    }
}
