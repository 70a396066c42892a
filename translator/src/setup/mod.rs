//! What the command needs before it can work: the runtime as a Wasm module, and for tests a stock `wasmtime`.
//!
//! Each piece is found or built on first use and kept in the user's cache
//! ([`Cache`](kernel_snapshot::cache::Cache)), under the digest of what it is made from.

mod runtime_module;
mod stock_wasmtime;
mod wasm_toolchain;

pub use runtime_module::{STACK, runtime_module};
pub use stock_wasmtime::{STOCK_WASMTIME_VERSION, stock_wasmtime};
pub use wasm_toolchain::WasmToolchain;

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source tree that this command was built from, which the runtime is built from too.
///
/// # Errors
/// If it is no longer there.
pub fn workspace() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().context("the translator's folder has no parent")?;
    ensure!(
        root.join("Cargo.lock").is_file() && root.join("runtime/Cargo.toml").is_file(),
        "{}: the source tree that prelift was built from is gone; it is needed to build the runtime",
        root.display()
    );
    Ok(root.to_owned())
}

/// Runs `command` and returns what it wrote to standard output, trimmed.
///
/// # Errors
/// If it cannot be started or fails; the error has the end of what it wrote to standard error.
fn output_of(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed ({}):\n{}", output.status, last_lines(&errors, 20));
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The last `count` lines of a text.
fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests;
