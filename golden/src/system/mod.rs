//! Small bare kernels that exercise system mode: one line of text a case, the same from the interpreter and from QEMU.
//!
//! ```text
//! system/NAME.s + prelude.inc ── as, ld ──► ELF file ──┬─ 64-bit entry ──► interpreter ──► text (blessed)
//!                                                      └─ PVH entry ──► QEMU's microvm, TCG ──► text
//! ```
//!
//! A kernel is a file that is dropped in; `prelude.inc` documents what it may use. Where QEMU departs from the manual the case is
//! a row of `departures.txt`. What would stop QEMU is assembled only where `QEMU` is not defined, and is a row too.

mod assemble;
mod interpreter;
mod qemu;

pub use assemble::{For, assemble};
pub use interpreter::interpret;
pub use qemu::emulate;

use anyhow::{Context, Result, bail, ensure};
use kernel_snapshot::packages::{self, Package};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernels are.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("system")
}

/// Names of all kernels, in order.
///
/// # Errors
/// If the folder cannot be read.
pub fn kernels() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder()).with_context(|| folder().display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "s") {
            names.extend(path.file_stem().and_then(|stem| stem.to_str()).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}

/// Installs the assembler, or QEMU, where it is missing and may be.
///
/// # Errors
/// Why it is not there.
pub fn require(package: &'static str, command: &'static str) -> Result<()> {
    packages::ensure(&[Package::command(package, command)], &|line| eprintln!("{line}"))
}

/// The cases of a kernel in which QEMU departs.
///
/// # Errors
/// If the table has a line that is no row.
pub fn departures(kernel: &str) -> Result<BTreeSet<String>> {
    let path = folder().join("departures.txt");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let mut cases = BTreeSet::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(" | ").collect();
        let &[of, case, reason] = &fields[..] else {
            bail!("{}:{}: expected `kernel | case | reason`", path.display(), number + 1)
        };
        ensure!(reason.contains("SDM"), "{}:{}: expected a section of the manual", path.display(), number + 1);
        if of == kernel {
            cases.insert(case.to_owned());
        }
    }
    Ok(cases)
}

/// The name of a line's case.
pub fn case_of(line: &str) -> &str {
    line.rsplit_once(':').map_or(line, |(name, _)| name)
}
