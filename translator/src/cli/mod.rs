//! The command line: one file a verb.
//!
//! A verb is an argument structure (clap's derive; its doc comments are the `--help` text) with a method `execute`,
//! which calls the library and returns the exit code. Exit codes: 0 for success, 1 for an error (written to standard error as
//! `prelift: error: …`, with its causes), 2 for wrong usage; of `run` the guest's own, and 125 for all that is not, as Docker has it.
//!
//! A verb is registered by its row in [`Verb`]. The single stages (`snapshot`, `profile`, `translate`, `link`) do what
//! `convert` does, with a file between any two.

mod checkpoint;
pub mod compare;
pub mod convert;
pub mod demo;
mod docker;
mod files;
mod inspect;
mod kernel;
pub mod link;
mod module_options;
pub mod options;
mod output;
pub mod profile;
mod progress;
mod run;
pub mod snapshot;
pub mod translate;

pub use module_options::{EXACT_EXIT, ModuleOptions, READ_ONLY};
pub use output::{NewFile, expect_folder, write_file};
pub use progress::Progress;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use kernel_snapshot::cache::Cache;
use runtime::host::run::FAILED;
use std::ffi::OsString;
use std::process::ExitCode;

/// Turns x86-64 container images into WebAssembly modules of translated code.
///
/// The output is one module that runs under any WASI preview 1 runtime with tail calls and SIMD.
#[derive(Debug, Parser)]
#[command(name = "prelift", version, after_help = EXAMPLES, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  prelift demo                              convert the built-in image and run it
  prelift convert image.tar out.wasm        an image in, a module out
  prelift run out.wasm                      run a module; compiled code is kept for the next time
  prelift compare image.tar -- ls -l /      one command interpreted and translated, and where outputs part
  prelift inspect out.wasm                  what is inside

Stage by stage:
  prelift kernel vmlinux
  prelift snapshot --vmlinux vmlinux image.tar ready.snapshot
  prelift profile --train 'ls -l /' ready.snapshot image.tar out.profile
  prelift translate --vmlinux vmlinux --image image.tar out.profile out.regions
  prelift link --regions out.regions ready.snapshot image.tar out.wasm

`prelift VERB --help` says more about each.";

/// Options of every verb.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Neither read nor write the cache of built and compiled things
    #[arg(long, global = true)]
    no_cache: bool,
    /// Say nothing about progress
    #[arg(short, long, global = true)]
    quiet: bool,
}

impl Common {
    /// The user's cache, or its refusal.
    ///
    /// # Errors
    /// If the environment names no place for it.
    pub fn cache(&self) -> Result<Cache> {
        if self.no_cache { Ok(Cache::Refused) } else { Cache::of_user() }
    }

    /// Where progress is shown.
    pub fn progress(&self) -> Progress {
        Progress::new(self.quiet)
    }
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::DemoArgs),
    Convert(convert::ConvertArgs),
    Run(Box<run::RunArgs>),
    Compare(compare::CompareArgs),
    Inspect(inspect::InspectArgs),
    Kernel(kernel::KernelArgs),
    Snapshot(snapshot::SnapshotArgs),
    Profile(profile::ProfileArgs),
    Translate(translate::TranslateArgs),
    Link(link::LinkArgs),
}

impl Verb {
    fn execute(self, common: &Common) -> Result<ExitCode> {
        match self {
            Verb::Demo(verb) => verb.execute(common),
            Verb::Convert(verb) => verb.execute(common),
            Verb::Run(verb) => verb.execute(common),
            Verb::Compare(verb) => verb.execute(common),
            Verb::Inspect(verb) => verb.execute(),
            Verb::Kernel(verb) => verb.execute(common),
            Verb::Snapshot(verb) => verb.execute(common),
            Verb::Profile(verb) => verb.execute(common),
            Verb::Translate(verb) => verb.execute(common),
            Verb::Link(verb) => verb.execute(common),
        }
    }
}

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    let Cli { common, verb } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let error = docker::explain(error);
            if error.exit_code() == 0 || !asks_to_run(std::env::args_os()) {
                error.exit();
            }
            // If it cannot be written, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(FAILED);
        }
    };
    let failure = if matches!(verb, Verb::Run(_)) { ExitCode::from(FAILED) } else { ExitCode::FAILURE };
    verb.execute(&common).unwrap_or_else(|error| {
        eprint!("{}", report(&error));
        failure
    })
}

/// Whether the verb of a command that was not understood is `run`: the first word that is no option.
fn asks_to_run(words: impl IntoIterator<Item = OsString>) -> bool {
    words.into_iter().skip(1).find(|word| !word.as_encoded_bytes().starts_with(b"-")).is_some_and(|verb| verb == "run")
}

/// An error and its causes, as the user sees them.
fn report(error: &anyhow::Error) -> String {
    let mut text = format!("prelift: error: {error}\n");
    for cause in error.chain().skip(1) {
        text.push_str(&format!("  because: {}\n", cause.to_string().replace('\n', "\n           ")));
    }
    text
}

#[cfg(test)]
mod tests;
