//! `prelift inspect`: what is inside a module.

use super::description;
use crate::link::Summary;
use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Show what is inside a module
///
/// Sections and their sizes, how the data lie in linear memory, and what the conversion recorded: version, digest of the
/// image, sizes, translated code, and what is left to the interpreter and why.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct InspectArgs {
    /// Write JSON
    #[arg(long)]
    json: bool,
    /// The module
    #[arg(value_name = "MODULE")]
    module: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift inspect out.wasm
  prelift inspect --json out.wasm";

impl InspectArgs {
    pub(super) fn execute(self) -> Result<ExitCode> {
        let path = self.module.display();
        let module = std::fs::read(&self.module).with_context(|| format!("cannot read {path}"))?;
        let summary = Summary::read(&module).with_context(|| path.to_string())?;
        let text = if self.json { as_json(&summary)? } else { as_text(&summary, module.len())? };
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write the summary"),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}

fn as_json(summary: &Summary) -> Result<String> {
    let Summary { sections, layout, memory, description } = summary;
    let value = json!({
        "sections": sections,
        "memory": memory,
        "data": { "segments": layout.segments, "bytes": layout.data, "span": layout.span, "mapped": layout.is_mapped() },
        "prelift": description,
    });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn as_text(summary: &Summary, size: usize) -> Result<String> {
    let mut text = format!("{:<24} {:>14} {:>10}\n", "section", "bytes", "items");
    for section in &summary.sections {
        let items = section.items.map(|items| items.to_string()).unwrap_or_default();
        text += format!("{:<24} {:>14} {items:>10}", section.name, section.size).trim_end();
        text.push('\n');
    }
    text += &format!("{:<24} {size:>14}\n\n", "module");
    let layout = &summary.layout;
    text += &format!("linear memory   {} KiB at the start\n", summary.memory >> 10);
    text += &format!("data            {} KiB in {} segments, ", layout.data >> 10, layout.segments);
    text += &format!("spread over {} KiB: ", layout.span >> 10);
    text += if layout.is_mapped() { "mapped at start\n" } else { "too sparse, copied at every start\n" };
    match &summary.description {
        Some(recorded) => text += &format!("\n{}", recorded_text(recorded)?),
        None => text += "\nnot made by prelift (no prelift section)\n",
    }
    Ok(text)
}

/// The `prelift` section: as a report, or as it stands where another version wrote it in another form.
fn recorded_text(recorded: &serde_json::Value) -> Result<String> {
    match serde_json::from_value(recorded.clone()) {
        Ok(summary) => Ok(description::conversion(&summary)),
        Err(_) => Ok(serde_json::to_string_pretty(recorded)? + "\n"),
    }
}
