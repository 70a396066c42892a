//! `prelift compare`: one command interpreted, translated and natively, side by side.

use super::Common;
use super::options::{CodeOptions, KernelOptions, MachineOptions, TrainOptions};
use super::output::print;
use crate::compare::{self, Command, Outcomes};
use crate::convert::{Request, Training, convert};
use crate::engine::Engine;
use anyhow::{Context, Result, ensure};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run a command interpreted, translated and natively, and show where outputs part
///
/// The image is converted, trained with the command unless told otherwise, and the command run in the module with its
/// translated code and without, both deterministically. Shows exit codes, standard output and standard error side by
/// side, and the first lines that differ. Exit code 0 if all are the same, 1 if not.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompareArgs {
    /// Also run the command natively, in a chroot (needs root and a root directory as IMAGE)
    ///
    /// Nothing is mounted there, the clock is the true one, and what the command writes stays written.
    #[arg(long)]
    pub native: bool,
    /// Standard input of the command; default: at its end
    #[arg(long, value_name = "FILE")]
    pub stdin: Option<PathBuf>,
    /// Kernel.
    #[command(flatten)]
    pub kernel: KernelOptions,
    /// Machine.
    #[command(flatten)]
    pub machine: MachineOptions,
    /// Training.
    #[command(flatten)]
    pub train: TrainOptions,
    /// Code.
    #[command(flatten)]
    pub code: CodeOptions,
    /// The image, as for `convert`
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

const EXAMPLES: &str = "\
Examples:
  prelift compare image.tar -- sha256sum /etc/passwd
  prelift compare --native rootfs/ -- sh -c 'ls -l /'";

impl CompareArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        self.code.use_threads()?;
        ensure!(!self.native || self.image.is_dir(), "--native: expected a root directory as IMAGE");
        let command = Command { words: self.command.clone(), env: Vec::new(), stdin: self.stdin()? };
        let outcomes = self.run(&command, common)?;
        let differences = compare::differences(&outcomes);
        print(&compare::report(&outcomes, &differences))?;
        Ok(if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn run(&self, command: &Command, common: &Common) -> Result<Outcomes> {
        let (progress, cache) = (common.progress(), common.cache()?);
        let say = |text: &str| progress.step(text);
        let request = Request {
            image: &self.image,
            guest: self.kernel.guest(&self.machine),
            training: self.training(command)?,
            entrypoint: None,
            code: self.code.choices(),
            external_image: None,
            output: None,
        };
        let converted = convert(&request, &cache, &say)?;
        let engine = Engine::new()?;
        let program = engine.load(&converted.module, &cache, &say)?;
        drop(converted);
        let mut outcomes = compare::run(&program, &engine, command, &say)?;
        if self.native {
            say("running natively");
            outcomes.native = Some(compare::native(&self.image, command)?);
        }
        Ok(outcomes)
    }

    /// The command itself, unless another is asked for.
    fn training(&self, command: &Command) -> Result<Training> {
        let mut training = self.train.training(None)?;
        if training.command.is_none() {
            training.command = Some(command.words.clone());
            if self.train.train_stdin.is_none() {
                training.stdin.clone_from(&command.stdin);
            }
        }
        Ok(training)
    }

    fn stdin(&self) -> Result<Vec<u8>> {
        let Some(path) = &self.stdin else { return Ok(Vec::new()) };
        std::fs::read(path).with_context(|| format!("--stdin {}", path.display()))
    }
}
