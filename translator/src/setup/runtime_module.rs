//! Builds the runtime as a Wasm module.
//!
//! Linear memory is laid out as DESIGN.md, decision 5 wants it: the Rust stack first (so that an overflow traps
//! instead of running into data), the runtime's data, the heap arena. What the linker adds comes after that.
//! Source paths are cut down to fixed prefixes, so that the bytes do not depend on where the source tree lies.

use super::wasm_toolchain::{TARGET, WasmToolchain};
use super::{last_lines, workspace};
use anyhow::{Context, Result, ensure};
use kernel_snapshot::cache::{Cache, Digest, Recipe};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Size of the stack that compiled Rust keeps in linear memory, in bytes.
pub const STACK: u32 = 512 << 10;

const PACKAGE: &str = "runtime";
const PROGRAM: &str = "prelift-runtime";
const PROFILE: &str = "wasm";

/// Files and folders of the workspace that the runtime is built from.
const SOURCES: [&str; 5] = ["Cargo.toml", "Cargo.lock", ".cargo", "runtime", "kernel-snapshot/channel"];

/// The runtime's module (`runtime.wasm`): found in the cache, or built.
///
/// # Errors
/// If there is no toolchain for wasm32-wasip1 (the error says what to install), or the build fails.
pub fn runtime_module(cache: &Cache, progress: &dyn Fn(&str)) -> Result<Vec<u8>> {
    let workspace = workspace()?;
    let toolchain = WasmToolchain::find(progress)?;
    let flags = flags();
    let digest = digest(&workspace, &toolchain, &flags)?;
    let entry = cache.entry("runtime", digest, progress, |directory| {
        progress("building the runtime for WebAssembly");
        let target = target_directory(cache, &toolchain, directory);
        let built = build(&workspace, &toolchain, &flags, &target);
        let module = built.and_then(|module| fs::copy(&module, directory.join("runtime.wasm")).map_err(Into::into));
        if target.starts_with(directory) && target.exists() {
            fs::remove_dir_all(&target)?;
        }
        module.map(|_| ()).context("cannot build the runtime for WebAssembly")
    })?;
    let path = entry.path().join("runtime.wasm");
    fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Compiler and linker flags for the runtime, whatever the toolchain.
fn flags() -> Vec<String> {
    let features = "-Ctarget-feature=+simd128,+bulk-memory,+nontrapping-fptoint,+sign-ext,+mutable-globals,-multivalue";
    let mut flags = vec![features.into(), "-Cstrip=debuginfo".into()];
    let linker = [
        "--export-table",
        "--growable-table",
        "--stack-first",
        &format!("-zstack-size={STACK}"),
        "--export=__data_end",
    ];
    flags.extend(linker.map(|flag| format!("-Clink-arg={flag}")));
    flags
}

fn digest(workspace: &Path, toolchain: &WasmToolchain, flags: &[String]) -> Result<Digest> {
    let mut recipe = Recipe::new("runtime 1").text("compiler", toolchain.version());
    for flag in toolchain.flags().iter().chain(flags) {
        recipe = recipe.text("flag", flag);
    }
    for source in SOURCES {
        for file in files(&workspace.join(source))? {
            let name = file.strip_prefix(workspace).unwrap_or(&file).to_string_lossy().into_owned();
            recipe = recipe.file(&name, &file)?;
        }
    }
    Ok(recipe.digest())
}

/// All regular files at or below `path`, sorted; none if there is no `path`.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(path.is_file().then(|| path.to_owned()).into_iter().collect());
    }
    let context = || format!("cannot read {}", path.display());
    let mut entries = fs::read_dir(path).with_context(context)?.collect::<Result<Vec<_>, _>>().with_context(context)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        found.extend(files(&entry.path())?);
    }
    Ok(found)
}

/// Where cargo works: beside the cache's entries, so that a change of the sources does not rebuild what it depends
/// on; or without a cache, in the entry's own directory.
fn target_directory(cache: &Cache, toolchain: &WasmToolchain, entry: &Path) -> PathBuf {
    match cache {
        Cache::Directory(root) => root.join("build").join(format!("runtime-{}", toolchain.name())),
        Cache::Refused => entry.join("target"),
    }
}

/// Runs cargo and returns the path of the module.
fn build(workspace: &Path, toolchain: &WasmToolchain, flags: &[String], target: &Path) -> Result<PathBuf> {
    let flags = [flags, &remapped(workspace)].concat();
    let mut cargo = toolchain.cargo_build(workspace, &flags);
    cargo.args(["--package", PACKAGE, "--bin", PROGRAM, "--profile", PROFILE, "--target-dir"]).arg(target);
    let output = cargo.stdin(Stdio::null()).output().context("cannot run cargo")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo failed ({}):\n{}", output.status, last_lines(&errors, 40));
    Ok(target.join(TARGET).join(PROFILE).join(PROGRAM).with_extension("wasm"))
}

/// Flags that replace machine-dependent prefixes of source paths, which panic messages contain.
fn remapped(workspace: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let flag = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags: Vec<_> = home.iter().map(|home| flag(home, "cargo")).collect();
    flags.push(flag(workspace, "prelift"));
    flags
}
