//! Builds the guest's init: this workspace's `guest-init` as a static ELF file.
//!
//! Kept in the cache by the digest of its sources, `Cargo.lock`, the workspace's manifest and the compiler's version.
//! The build has a target directory of its own, since a `cargo run` or `cargo test` that leads here may hold the lock of
//! the usual one, and an environment without what an outer cargo left in it.

use crate::cache::{Cache, Digest, Recipe};
use crate::packages::{self, Package, run};
use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Version of the way of building.
const KIND: &str = "guest init 1";
const TARGET: &str = "x86_64-unknown-linux-gnu";
const PROFILE: &str = "guest";
const NAME: &str = "guest-init";
/// What the binary depends on, below the workspace.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "kernel-snapshot/init", "kernel-snapshot/channel"];
/// What static linking needs of Debian.
#[rustfmt::skip]
const TOOLS: &[Package] = &[
    Package::command("gcc",    "cc"),
    Package::file("libc6-dev", "/usr/lib/x86_64-linux-gnu/libc.a"),
];

/// The init's ELF file: from `cache`, or built in about half a minute. `progress` hears each line of cargo's.
///
/// # Errors
/// When the sources are not there (a `prelift` that was moved away from them), a package is missing and cannot be
/// installed, or the build fails: with its last lines.
pub fn init_binary(cache: &Cache, progress: &dyn Fn(&str)) -> Result<Vec<u8>> {
    let workspace = workspace()?;
    let digest = digest(&workspace)?;
    let entry = cache.entry("init", digest, progress, |directory| build(&workspace, directory, progress))?;
    let path = entry.path().join(NAME);
    fs::read(&path).with_context(|| format!("read {}", path.display()))
}

fn workspace() -> Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = manifest.parent().context("kernel-snapshot lies in no workspace")?;
    ensure!(
        workspace.join("Cargo.lock").is_file(),
        "the guest's init is built from prelift's sources: expected them at {}",
        workspace.display()
    );
    Ok(workspace.to_owned())
}

fn digest(workspace: &Path) -> Result<Digest> {
    let mut recipe = Recipe::new(KIND).text("compiler", &compiler_version(workspace)?);
    for source in SOURCES {
        let mut files = Vec::new();
        collect(&workspace.join(source), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(workspace).unwrap_or(&file).to_string_lossy().into_owned();
            recipe = recipe.file(&name, &file)?;
        }
    }
    Ok(recipe.digest())
}

/// The file at `path`, or all files below the directory there.
fn collect(path: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        into.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("read {}", path.display()))? {
        collect(&entry?.path(), into)?;
    }
    Ok(())
}

fn compiler_version(workspace: &Path) -> Result<String> {
    let output = clean(Command::new("rustc")).arg("-vV").current_dir(workspace).output().context("start rustc")?;
    ensure!(output.status.success(), "rustc -vV failed: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn build(workspace: &Path, directory: &Path, progress: &dyn Fn(&str)) -> Result<()> {
    packages::ensure(TOOLS, progress)?;
    progress("guest init: compiling");
    let target = directory.join("target");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = clean(Command::new(cargo));
    cargo.current_dir(workspace).args(["build", "--locked", "--package", NAME, "--profile", PROFILE]);
    cargo.args(["--target", TARGET, "--target-dir"]).arg(&target);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(workspace));
    run(&mut cargo, &mut |line| progress(line.trim())).context("build the guest's init")?;

    let built = target.join(TARGET).join(PROFILE).join(NAME);
    fs::copy(&built, directory.join(NAME)).with_context(|| format!("copy {}", built.display()))?;
    fs::remove_dir_all(&target).with_context(|| format!("remove {}", target.display()))
}

/// Static and not relocatable, without the paths of this machine.
fn flags(workspace: &Path) -> OsString {
    let mut flags = OsString::from("-Ctarget-feature=+crt-static\x1f-Crelocation-model=static");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    for (from, to) in [(Some(workspace.to_owned()), "prelift"), (home, "cargo")] {
        if let Some(from) = from {
            flags.push("\x1f--remap-path-prefix=");
            flags.push(from);
            flags.push(format!("={to}"));
        }
    }
    flags
}

/// `command` without what an outer cargo or the user set for other builds.
fn clean(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let of_cargo = text.starts_with("CARGO") && text != "CARGO_HOME";
        if of_cargo || ["RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command
}
