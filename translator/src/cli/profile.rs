//! `prelift profile`: a training run.

use super::options::TrainOptions;
use super::{Common, expect_folder, write_file};
use crate::convert::{Guest, Root, read_snapshot, train, write_profile};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Resume a snapshot, run the training command, and record what code ran
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ProfileArgs {
    /// Training.
    #[command(flatten)]
    pub train: TrainOptions,
    /// What `prelift snapshot` wrote
    #[arg(value_name = "SNAPSHOT")]
    pub snapshot: PathBuf,
    /// The image that the snapshot was taken with
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the profile
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift profile ready.snapshot image.tar out.profile
  prelift profile --train 'gzip -9' --train-stdin data.tar ready.snapshot image.tar gzip.profile";

impl ProfileArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        expect_folder(&self.output)?;
        let progress = common.progress();
        let training = self.train.training(None)?;
        let snapshot = read_snapshot(&self.snapshot)?;
        let root = Root::read(&self.image, None, &|text| progress.step(text))?;
        let guest = Guest::of_snapshot(snapshot, root).with_context(|| self.snapshot.display().to_string())?;
        progress.step("training: running the program to see which code is hot");
        let (profile, note) = train(&guest, &training).context("training run")?;
        if let Some(note) = note {
            eprintln!("prelift: {note}");
        }
        write_file(&self.output, &write_profile(&profile))?;
        drop(progress);
        if !common.quiet {
            let (instructions, blocks, pages) = (profile.retired, profile.blocks.len(), profile.pages.len());
            eprintln!("{instructions} instructions in {blocks} blocks on {pages} pages");
        }
        Ok(ExitCode::SUCCESS)
    }
}
