//! The command line.

use crate::axes::Axis;
use crate::outputs::Outputs;
use clap::Parser;

/// Measures how the cost of conversions and runs grows
///
/// Each point is converted and run by the prelift command in a process of its own. Runs are those of a module whose compiled code is
/// in the cache. Images are busybox and files that the benchmark makes, the same each time.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p golden --bench growth --", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// What grows
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Axis::ALL)]
    pub(crate) axes: Vec<Axis>,
    /// MB of files in the image
    #[arg(long, value_name = "MB,…", value_delimiter = ',', default_value = "10,50,200")]
    pub(crate) images: Vec<u64>,
    /// MiB of the guest's memory
    #[arg(long, value_name = "MIB,…", value_delimiter = ',', default_value = "64,128,512,2048")]
    pub(crate) ram: Vec<u64>,
    /// Instructions of a run, as powers of ten
    #[arg(long, value_name = "POWER,…", value_delimiter = ',', default_value = "7,8,9")]
    pub(crate) lengths: Vec<u32>,
    /// Processes at a time
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', default_value = "1,10,100,500")]
    pub(crate) processes: Vec<u64>,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
    /// What cargo gives to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo bench -p golden --bench growth
  cargo bench -p golden --bench growth -- --markdown table.md --json figures.json --svg plot.svg
  cargo bench -p golden --bench growth -- --axes lengths --lengths 7,8,9,10
  cargo bench -p golden --bench growth -- --axes images --images 10,200,1000";
