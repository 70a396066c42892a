//! `prelift inspect`: what is inside a module.

use super::output::print;
use super::{expect_folder, write_file};
use crate::inspect::{Report, RunStats, page, text};
use anyhow::{Context, Result};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Show what is inside a module
///
/// Sections and their sizes, how the data lie in linear memory, and what the conversion recorded: version, digest of the
/// image, sizes, translated code, what is left to the interpreter and why, how much of the training run each binary
/// (the kernel, the image's files) has in translated code, and the hottest regions.
///
/// With --html all of it is written as one page, with plots and a table of regions to sort and to search. The page needs
/// nothing else: no network, no other file.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InspectArgs {
    /// Write JSON, with every region
    #[arg(long, conflicts_with = "html")]
    json: bool,
    /// Write a page to FILE, and nothing to standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show the counts of a run on the page: what `prelift run --stats=json` wrote to standard error
    #[arg(long, value_name = "FILE", requires = "html")]
    stats: Option<PathBuf>,
    /// The module
    #[arg(value_name = "MODULE")]
    module: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift inspect out.wasm
  prelift inspect --json out.wasm
  prelift inspect --html out.html out.wasm
  prelift run --stats=json out.wasm sh -c 'seq 100000 | sort -r | tail -1' 2> stats
  prelift inspect --html out.html --stats stats out.wasm";

impl InspectArgs {
    pub(super) fn execute(self) -> Result<ExitCode> {
        self.html.as_deref().map_or(Ok(()), expect_folder)?;
        let path = self.module.display();
        let module = std::fs::read(&self.module).with_context(|| format!("cannot read {path}"))?;
        let report = Report::read(&module).with_context(|| path.to_string())?;
        if let Some(html) = &self.html {
            let stats = self.stats.as_deref().map(read_stats).transpose()?;
            let name = self.module.file_name().unwrap_or_default().to_string_lossy();
            write_file(html, page(&name, &report, stats.as_ref()).as_bytes())?;
            return Ok(ExitCode::SUCCESS);
        }
        print(&if self.json { serde_json::to_string_pretty(&report.json())? + "\n" } else { text(&report)? })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn read_stats(path: &Path) -> Result<RunStats> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    RunStats::parse(&String::from_utf8_lossy(&bytes)).with_context(|| path.display().to_string())
}
