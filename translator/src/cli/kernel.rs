//! `prelift kernel`: builds the guest kernel.

use super::{Common, expect_folder, write_file};
use anyhow::{Context, Result};
use clap::Args;
use kernel_snapshot::kernel::{KernelRequest, Source, build};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Build the guest kernel
///
/// Builds Linux 6.1 with prelift's configuration, or finds it in the cache, and writes the ELF file `vmlinux`. The
/// source is Debian's package linux-source-6.1 unless another is given.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct KernelArgs {
    /// Kernel source to build instead: a source tree, or a tar archive of one
    #[arg(long, value_name = "PATH")]
    source: Option<PathBuf>,
    /// Also write the complete configuration here
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to write vmlinux
    #[arg(value_name = "OUTPUT")]
    output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift kernel vmlinux
  prelift kernel --source linux-6.1.90.tar.xz --config used.config vmlinux";

impl KernelArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        expect_folder(&self.output)?;
        self.config.as_deref().map_or(Ok(()), expect_folder)?;
        let progress = common.progress();
        let source = self.source.map_or(Source::Debian, Source::Path);
        let kernel = build(&KernelRequest { source, cache: &common.cache()? }, &|text| progress.step(text))?;
        copy(&kernel.vmlinux(), &self.output)?;
        if let Some(config) = self.config {
            copy(&kernel.config(), &config)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let bytes = std::fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    write_file(to, &bytes)
}
