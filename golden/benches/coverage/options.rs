//! The command line.

use crate::outputs::Outputs;
use crate::programs::Suite;
use clap::{Parser, ValueEnum};

/// Measures how much of what runs is in translated code
///
/// An image is converted with each choice of `--coverage`, and trained with some of its programs. Then the same programs run with
/// other inputs, and other programs of the image. The share counts every instruction from the snapshot on, the kernel's among them.
#[derive(Parser)]
#[command(bin_name = "cargo bench -p golden --bench coverage --", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// The image
    #[arg(long, value_enum, default_value_t = ImageName::Busybox)]
    pub(crate) image: ImageName,
    /// What `prelift convert --coverage` is given
    #[arg(long, value_delimiter = ',', default_value = "hot,reachable,all")]
    pub(crate) coverage: Vec<String>,
    /// What `prelift convert --max-code` is given
    #[arg(long, value_name = "SIZE")]
    max_code: Option<String>,
    /// A shell's script to train with, in place of the image's own
    #[arg(long, value_name = "SCRIPT")]
    train: Option<String>,
    #[command(flatten)]
    pub(crate) outputs: Outputs,
    /// What cargo gives to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// An image, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImageName {
    /// Debian's static busybox, which is stripped
    Busybox,
    /// The Debian image of the benchmark suite: gzip, sort, awk, perl, python3, gcc and others
    Real,
}

const EXAMPLES: &str = "\
Examples:
  cargo bench -p golden --bench coverage
  cargo bench -p golden --bench coverage -- --train 'echo hello | sed s/hello/bye/' --coverage all --markdown table.md
  cargo bench -p golden --bench coverage -- --image real --max-code 24M --json figures.json --svg plot.svg";

impl Options {
    /// The options of a conversion.
    pub(crate) fn conversion(&self, coverage: &str, suite: &Suite) -> Vec<String> {
        let script = self.train.as_ref().unwrap_or(&suite.training);
        let ram = format!("{}M", suite.ram);
        let train = format!("sh -c '{}'", script.replace('\'', "'\\''"));
        let mut words = ["--coverage", coverage, "--ram", &ram, "--train", &train].map(str::to_owned).to_vec();
        words.extend(self.max_code.iter().flat_map(|size| ["--max-code".to_owned(), size.clone()]));
        words
    }
}
