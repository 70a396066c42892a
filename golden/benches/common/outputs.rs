//! Where figures go: files that the command line names.

use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;

/// The files.
#[derive(Args)]
pub(crate) struct Outputs {
    /// Writes the figures there, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a plot there
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Writes the table there, too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// What goes there.
pub(crate) struct Texts {
    pub(crate) markdown: String,
    pub(crate) json: String,
    pub(crate) svg: String,
}

impl Outputs {
    /// Writes what was asked for.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(crate) fn write(&self, texts: &Texts) -> Result<()> {
        let files = [(&self.markdown, &texts.markdown), (&self.json, &texts.json), (&self.svg, &texts.svg)];
        for (path, text) in files {
            let Some(path) = path else { continue };
            std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
