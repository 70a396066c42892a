//! A kernel in QEMU: a microvm without firmware, which enters it through the PVH note, emulated (TCG).

use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// Runs a kernel until it shuts down, and gives what it printed.
///
/// # Errors
/// If QEMU fails, or does not come to the end in time.
pub fn emulate(file: &[u8]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let kernel = folder.path().join("kernel");
    fs::write(&kernel, file)?;
    // A machine that hangs is an error, not the test's end.
    let mut command = Command::new("timeout");
    command.args(["60", "qemu-system-x86_64", "-accel", "tcg", "-machine", "microvm,acpi=off,rtc=off", "-cpu", "max"]);
    command.args(["-m", "64M", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
    let output = command.args(["-serial", "stdio", "-kernel"]).arg(&kernel).output().context("timeout")?;
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    ensure!(output.status.success(), "{command:?}\n{}\n{text}", String::from_utf8_lossy(&output.stderr));
    Ok(text)
}
