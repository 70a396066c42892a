//! The command line.

use crate::contestants::Kind;
use crate::outputs::Outputs;
use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use test_images::bench::Group;
use x86::Level;

/// Runs rows of work natively, in emulators, and as prelift modules, and compares their processor time
///
/// The images are made and converted first, trained with few iterations of every row and another seed than the measured ones.
/// A row's time is that of an iteration: the difference between a run with many and a run with none, so that start-up and
/// set-up are no part of it. Contestants take turns; the median of the rounds counts. Each contestant does as many iterations
/// as take it the time that --seconds says.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p golden --bench suite --", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rounds: u32,
    /// Processor seconds of a run, about
    #[arg(long, default_value_t = 0.4)]
    pub(crate) seconds: f64,
    /// Runs these rows alone, in the list's order
    #[arg(long, value_name = "ROW,…", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Runs these groups alone
    #[arg(long, value_delimiter = ',')]
    pub(crate) group: Vec<GroupName>,
    /// Who takes part; one that cannot run here is left out, and a note says why
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    pub(crate) contestants: Vec<Kind>,
    /// Processor of the modules
    #[arg(long, value_name = "LEVEL", default_value = "x86-64-v3", value_parser = level)]
    pub(crate) cpu: Level,
    /// Directory where modules are looked for, by the image's name, and kept: so two runs can measure the same one
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) modules: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
    /// Lists the rows and ends
    #[arg(long)]
    pub(crate) list: bool,
    /// What cargo gives to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo bench -p golden --bench suite
  cargo bench -p golden --bench suite -- --group micro --contestants native,qemu,translated --markdown table.md
  cargo bench -p golden --bench suite -- --only calls,indirect --rounds 9 --svg plot.svg --json figures.json";

/// A group, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GroupName {
    /// One kind of instructions
    Micro,
    /// One service of the kernel
    Kernel,
    /// A program at its work
    Real,
}

impl GroupName {
    pub(crate) fn group(self) -> Group {
        match self {
            GroupName::Micro => Group::Micro,
            GroupName::Kernel => Group::Kernel,
            GroupName::Real => Group::Real,
        }
    }
}

fn level(name: &str) -> Result<Level, String> {
    let found = Level::ALL.into_iter().find(|level| level.name() == name);
    found.ok_or_else(|| format!("expected {}", Level::ALL.map(Level::name).join(", ")))
}
