//! `prelift snapshot`: boots an image and saves the machine.

use super::options::{DriveOptions, KernelOptions, MachineOptions, SnapshotOptions};
use super::{Common, expect_folder, write_file};
use crate::convert::{Root, prepare, write_snapshot};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Boot an image and save the machine
///
/// The guest is booted natively, always in deterministic mode, so that the same inputs give the same snapshot. It is
/// taken when the image is mounted and init waits for a program, or in a program (`--snapshot entrypoint`). The image itself
/// is not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct SnapshotArgs {
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Drive.
    #[command(flatten)]
    pub drive: DriveOptions,
    /// Snapshot.
    #[command(flatten)]
    pub snapshot: SnapshotOptions,
    /// The image, as for `convert`
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// Where to write the snapshot
    #[arg(value_name = "OUTPUT")]
    pub output: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  prelift snapshot image.tar ready.snapshot
  prelift snapshot --ram 256M --vmlinux vmlinux image.tar ready.snapshot
  prelift snapshot --snapshot entrypoint --command 'python3 -i' --tty python.tar repl.snapshot";

impl SnapshotArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        expect_folder(&self.output)?;
        let entrypoint = self.snapshot.entrypoint()?;
        let (progress, cache) = (common.progress(), common.cache()?);
        let say = |text: &str| progress.step(text);
        let request = self.drive.of(self.kernel.guest(&self.machine));
        let root = Root::read(&self.image, None, &say)?;
        let vmlinux = request.kernel.vmlinux(&cache, &say)?;
        let mut guest = prepare(root, &vmlinux, &request, &cache, &say)?;
        if let Some(entrypoint) = entrypoint {
            say("running the program to where its snapshot is taken");
            guest.advance(&entrypoint)?;
        }
        write_file(&self.output, &write_snapshot(&guest.snapshot)?)?;
        Ok(ExitCode::SUCCESS)
    }
}
