//! The row files: `rows/*.txt` beside this crate's manifest, one file per chapter of the manual.

use crate::case::End;
use crate::compare::{Executor, KnownFailures};
use crate::row::Row;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// The folder of row files.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("rows")
}

/// All row files, sorted by name.
pub fn files() -> Result<Vec<PathBuf>> {
    let folder = folder();
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    files.sort();
    Ok(files)
}

/// The rows of a file. Errors name file and line.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let lines = text.lines().enumerate().filter(|(_, line)| is_row(line));
    lines.map(|(n, line)| Row::parse(line).with_context(|| format!("{}:{}", path.display(), n + 1))).collect()
}

/// The rows of all files.
pub fn read_all() -> Result<Vec<Row>> {
    let rows: Result<Vec<Vec<Row>>> = files()?.iter().map(|file| read(file)).collect();
    Ok(rows?.concat())
}

/// The known failures of an executor.
pub fn known_failures(executor: &str) -> Result<KnownFailures> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("known-failures.txt");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    KnownFailures::parse(&text, executor)
}

/// Rewrites a file with the outputs that `executor` gives; comments and order stay. Fails, and leaves the file alone, if it
/// refuses a row.
pub fn bless(path: &Path, executor: &mut dyn Executor) -> Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut rows = read(path)?.into_iter();
    let mut out = String::new();
    for line in text.lines() {
        match if is_row(line) { rows.next() } else { None } {
            Some(row) => out += &blessed(&row, executor).with_context(|| format!("{}: {line}", path.display()))?,
            None => out += line,
        }
        out.push('\n');
    }
    std::fs::write(path, out).with_context(|| path.display().to_string())
}

fn blessed(row: &Row, executor: &mut dyn Executor) -> Result<String> {
    let outcome = executor.run(&row.case);
    if let End::Refused(reason) = &outcome.end {
        bail!("{} refuses it: {reason}", executor.name());
    }
    Ok(Row::print(&row.case, Some(&outcome)))
}

fn is_row(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#')
}
