//! A Rust toolchain that compiles for wasm32-wasip1.
//!
//! Two ways. Where rustup can add the target, the compiler on `PATH` has a standard library for it. Else Debian's
//! `rustc-web`, `cargo-web`, `rust-web-src`, `lld-22` and `wasi-libc` build the standard library from source
//! (`-Zbuild-std`, which Debian's compiler permits with `RUSTC_BOOTSTRAP`) and link with `wasm-ld-22`.
//! `PRELIFT_WASM_TOOLCHAIN=rustup` or `=debian` insists on one of them.

use super::output_of;
use anyhow::{Context, Result, bail};
use kernel_snapshot::packages::{self, Package};
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// The target's name.
pub(super) const TARGET: &str = "wasm32-wasip1";

const CHOICE: &str = "PRELIFT_WASM_TOOLCHAIN";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const LINKER: &str = "/usr/bin/wasm-ld-22";
const LIBC: &str = "/usr/lib/wasm32-wasi";
const LIBC_ARCHIVE: &str = "/usr/lib/wasm32-wasi/libc.a";
const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

const PACKAGES: [Package; 5] = [
    Package::file("rustc-web", DEBIAN_RUSTC),
    Package::file("cargo-web", DEBIAN_CARGO),
    Package::file("rust-web-src", STD_SOURCE),
    Package::file("lld-22", LINKER),
    Package::file("wasi-libc", LIBC_ARCHIVE),
];

/// How to compile for wasm32-wasip1 on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WasmToolchain {
    /// The compiler on `PATH`, which has a standard library for the target.
    Rustup {
        /// What `rustc --version --verbose` says.
        version: String,
    },
    /// Debian's packages.
    Debian {
        /// What `rustc --version --verbose` says.
        version: String,
    },
}

impl WasmToolchain {
    /// Finds a toolchain, or installs one. `progress` hears what takes long.
    ///
    /// # Errors
    /// If neither way is open; the error says what to install.
    pub fn find(progress: &dyn Fn(&str)) -> Result<WasmToolchain> {
        match std::env::var(CHOICE).as_deref() {
            Ok("rustup") => rustup(progress),
            Ok("debian") => debian(progress),
            Ok(other) if !other.is_empty() => bail!("{CHOICE}={other}: expected rustup or debian"),
            _ => rustup(progress).or_else(|no_target| {
                debian(progress).with_context(|| {
                    format!("no Rust toolchain for {TARGET}: run `rustup target add {TARGET}` ({no_target:#})")
                })
            }),
        }
    }

    /// What the compiler says that it is.
    pub fn version(&self) -> &str {
        match self {
            WasmToolchain::Rustup { version } | WasmToolchain::Debian { version } => version,
        }
    }

    /// One word for it, for names of directories.
    pub fn name(&self) -> &'static str {
        match self {
            WasmToolchain::Rustup { .. } => "rustup",
            WasmToolchain::Debian { .. } => "debian",
        }
    }

    /// Compiler flags that this toolchain needs for the target.
    pub(super) fn flags(&self) -> Vec<String> {
        match self {
            WasmToolchain::Rustup { .. } => Vec::new(),
            WasmToolchain::Debian { .. } => vec![
                format!("-Clinker={LINKER}"),
                "-Clinker-flavor=wasm-ld".into(),
                "-Clink-self-contained=no".into(),
                format!("-L{LIBC}"),
                // wasi-libc's own `_start` makes wasm-ld wrap every export: `runtime/src/start.rs` has another.
                "--cfg=prelift_start".into(),
            ],
        }
    }

    /// `cargo build` for the target, in `workspace`, with the compiler flags `flags` besides its own.
    pub(super) fn cargo_build(&self, workspace: &Path, flags: &[String]) -> Command {
        let mut cargo = match self {
            WasmToolchain::Rustup { .. } => Command::new(rustup_tool("CARGO", "cargo")),
            WasmToolchain::Debian { .. } => Command::new(DEBIAN_CARGO),
        };
        forget_outer_build(&mut cargo);
        cargo.current_dir(workspace).args(["build", "--locked", "--target", TARGET]);
        if let WasmToolchain::Debian { .. } = self {
            cargo.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        }
        let flags = [self.flags(), flags.to_vec()].concat();
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
        cargo
    }
}

/// Removes what a `cargo run` or `cargo test` around this process has set and that would steer the inner build.
fn forget_outer_build(cargo: &mut Command) {
    for name in ["RUSTFLAGS", "RUSTC", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR", "LD_LIBRARY_PATH"] {
        cargo.env_remove(name);
    }
}

/// The toolchain's tool: what the cargo around this process names, else from `PATH`.
fn rustup_tool(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).filter(|value| !value.is_empty()).unwrap_or_else(|| name.into())
}

fn rustup(progress: &dyn Fn(&str)) -> Result<WasmToolchain> {
    let rustc = rustup_tool("RUSTC", "rustc");
    if !has_target(&rustc)? {
        progress(&format!("adding the Rust target {TARGET}"));
        output_of(Command::new("rustup").args(["target", "add", TARGET]))?;
        if !has_target(&rustc)? {
            bail!("rustup added {TARGET}, but {} has no standard library for it", rustc.display());
        }
    }
    let version = output_of(Command::new(&rustc).args(["--version", "--verbose"]))?;
    Ok(WasmToolchain::Rustup { version })
}

/// Whether the compiler has a standard library for the target.
fn has_target(rustc: &OsString) -> Result<bool> {
    let folder = output_of(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]))?;
    let Ok(mut entries) = std::fs::read_dir(folder) else { return Ok(false) };
    Ok(entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))))
}

fn debian(progress: &dyn Fn(&str)) -> Result<WasmToolchain> {
    packages::ensure(&PACKAGES, progress)?;
    let version = output_of(Command::new(DEBIAN_RUSTC).env_remove("LD_LIBRARY_PATH").args(["--version", "--verbose"]))?;
    Ok(WasmToolchain::Debian { version })
}
