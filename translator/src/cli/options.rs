//! Groups of options that several verbs share.

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

/// Which kernel the guest runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct KernelOptions {
    /// Use this kernel (an ELF vmlinux) and build none
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub vmlinux: Option<PathBuf>,
    /// Build the kernel from this source tree, or tar archive of one, instead of Debian's
    #[arg(long, value_name = "PATH")]
    pub source: Option<PathBuf>,
}

/// What the guest's machine has.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct MachineOptions {
    /// Size of the guest's RAM, such as 128M or 1G; a multiple of 2M
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parse_ram)]
    pub ram: u64,
}

/// How the profile is gathered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct TrainOptions {
    /// Command to train with, split as a shell splits words; default: the image's own
    #[arg(long, value_name = "COMMAND")]
    pub train: Option<String>,
    /// The training's standard input; default: at its end
    #[arg(long, value_name = "FILE")]
    pub train_stdin: Option<PathBuf>,
    /// End the training after this many instructions
    #[arg(long, value_name = "INSTRUCTIONS")]
    pub train_limit: Option<NonZeroU64>,
}

/// What code is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CodeOptions {
    /// Use no tail calls, for engines that lack them; slower
    #[arg(long)]
    pub no_tail_calls: bool,
    /// Use these WebAssembly features, which not every engine has
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub features: Vec<WasmFeature>,
    /// Threads to work with; default: as many as there are processors. The output does not depend on it
    #[arg(short = 'j', long, value_name = "NUMBER")]
    pub threads: Option<NonZeroUsize>,
}

/// A WebAssembly feature that is a choice at conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WasmFeature {
    /// 128-bit addition and multiplication (wasmtime 49 and later; not V8)
    WideArithmetic,
}

/// Where in the guest's life a snapshot is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SnapshotPoint {
    /// When init runs; nothing of the image has been read
    Boot,
    /// When the image is mounted and init waits for a program
    #[default]
    Ready,
    /// When the program's first instruction is about to run
    Entrypoint,
}

/// A size of RAM in bytes: a number with M or G.
fn parse_ram(text: &str) -> Result<u64> {
    let expected = || format!("{text}: expected a size such as 128M or 1G");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let shift = match unit {
        "M" | "m" => 20,
        "G" | "g" => 30,
        _ => anyhow::bail!(expected()),
    };
    let number: u64 = number.parse().with_context(expected)?;
    let bytes = number.checked_mul(1 << shift).filter(|bytes| *bytes < 4 << 30).with_context(expected)?;
    ensure!(bytes > 0 && bytes % (2 << 20) == 0, "{text}: expected a multiple of 2M");
    Ok(bytes)
}
