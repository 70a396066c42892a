//! The module's own options: they come first in its arguments, and the first word that is none of them ends them.
//!
//! `--` ends them too. All that follows is the container's, whatever it looks like, with the meaning of
//! `docker run IMAGE ARGS`. Values follow as the next word or after `=`. One row an option ([`rows`]): the parser, the help
//! and the options of `prelift run` come from the same table.

pub mod rows;

use super::checkpoint::Checkpoint;
use super::container::{capabilities, seccomp};
use super::lockstep::{Digests, SaveAt};
use channel::{Limit, Mount, WindowSize};
use rows::{Form, Row};
use std::fmt::Write;
use std::path::PathBuf;

/// What the module was told to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Replaces the image's entrypoint, and drops its default arguments. Empty: no entrypoint.
    pub entrypoint: Option<String>,
    /// Use no translated code.
    pub interpret: bool,
    /// Guest time is the number of instructions; nothing random comes from the host.
    pub deterministic: bool,
    /// Write figures at the end.
    pub stats: Option<StatsFormat>,
    /// Host name of the container.
    pub hostname: Option<String>,
    /// Working directory.
    pub workdir: Option<String>,
    /// `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// `NAME=VALUE` each, or `NAME`.
    pub env: Vec<String>,
    /// Files of variables, which come before `env`.
    pub env_files: Vec<PathBuf>,
    /// What the container gets in place of SIGTERM.
    pub stop_signal: Option<u8>,
    /// The program is not process 1.
    pub init: bool,
    /// A runtime's configuration.
    pub config: Option<PathBuf>,
    /// Limits of resources, in place of those that the container has.
    pub limits: Vec<Limit>,
    /// Capabilities that it has and has not.
    pub capabilities: capabilities::Changes,
    /// Whether exec gives no privileges.
    pub no_new_privileges: Option<bool>,
    /// Which system calls may be made.
    pub seccomp: Option<seccomp::Choice>,
    /// Most processes and threads; `Some(None)` for no limit.
    pub pids: Option<Option<u64>>,
    /// Most bytes of memory; `Some(None)` for no limit.
    pub memory: Option<Option<u64>>,
    /// The root file system is read-only.
    pub read_only: bool,
    /// File systems in memory.
    pub tmpfs: Vec<Mount>,
    /// Standard input is at its end.
    pub no_stdin: bool,
    /// Whether the program gets a terminal; else what standard input and output are decides.
    pub tty: Option<bool>,
    /// Size of the terminal.
    pub terminal: Option<WindowSize>,
    /// Write the guest's serial console and the devices' log to standard error.
    pub verbose: bool,
    /// Standard input is frames.
    pub framed_stdin: bool,
    /// The embedder takes every exit code as it is.
    pub exact_exit: bool,
    /// The file of the root file system, where that is not part of the module.
    pub image: Option<PathBuf>,
    /// Go on with the machine of this file.
    pub resume: Option<PathBuf>,
    /// Where to save the machine under way.
    pub checkpoint: Option<Checkpoint>,
    /// Directory of the host with what the container writes.
    pub state: Option<PathBuf>,
    /// Note digests of the machine's state.
    pub digests: Option<Digests>,
    /// Write a snapshot on the way.
    pub save: Option<SaveAt>,
    /// Directories of the host that are mounted read-only, by their names in the guest.
    pub read_only_directories: Vec<String>,
    /// Print [`help`].
    pub help: bool,
    /// Snapshot to resume, for the runtime as a native program.
    #[cfg(not(target_arch = "wasm32"))]
    pub snapshot: Option<PathBuf>,
    /// The image's configuration, as JSON.
    #[cfg(not(target_arch = "wasm32"))]
    pub image_config: Option<PathBuf>,
    /// Directories: where they are, what the guest calls them, and whether it may only read them.
    #[cfg(not(target_arch = "wasm32"))]
    pub directories: Vec<(PathBuf, String, bool)>,
    /// What follows the options.
    pub args: Vec<String>,
}

/// How to write the figures of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatsFormat {
    /// `name value`, one a line.
    Text,
    /// One line of JSON: an object.
    Json,
}

/// An option without its value, or with a wrong one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The arguments end before the value.
    #[error("{option}: expected {expected} after it")]
    Missing {
        /// The option.
        option: &'static str,
        /// Name of its value.
        expected: &'static str,
    },
    /// A value that means nothing.
    #[error("{option}: expected {expected}, got {value:?}")]
    Value {
        /// The option.
        option: &'static str,
        /// What it takes.
        expected: &'static str,
        /// What was given.
        value: String,
    },
}

impl Options {
    /// Parses the module's arguments, without its name.
    ///
    /// # Errors
    /// [`OptionError`] for one of its options with a wrong value or none. A word that is no option is no error.
    pub fn parse(words: impl IntoIterator<Item = String>) -> Result<Options, OptionError> {
        let mut options = Options::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let Some((row, value)) = find(&word) else {
                options.args.extend((word != "--").then_some(word));
                break;
            };
            options.take(row, value.map(str::to_owned), &mut words)?;
        }
        options.args.extend(words);
        Ok(options)
    }

    fn take(
        &mut self,
        row: &Row,
        value: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), OptionError> {
        let option = row.name;
        let value = match (row.form, value) {
            (Form::Switch, _) => String::new(),
            (Form::Optional(_), value) => value.unwrap_or_default(),
            (Form::Value(_), Some(value)) => value,
            (Form::Value(expected), None) => rest.next().ok_or(OptionError::Missing { option, expected })?,
        };
        (row.set)(self, &value).map_err(|expected| OptionError::Value { option, expected, value })
    }
}

/// The option that `word` is, and the value that it carries.
fn find(word: &str) -> Option<(&'static Row, Option<&str>)> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let row = rows::all().find(|row| row.name == name)?;
    (value.is_none() || row.form != Form::Switch).then_some((row, value))
}

const USAGE: &str = "\
A container as a WebAssembly module, made by prelift.

Usage: MODULE [OPTIONS] [--] [ARGS]...

ARGS have the meaning of `docker run IMAGE ARGS`; they begin at the first word that is none of these options.
";

const END: &str = "
Files are the host's: one that the WASI runtime lets the module see, as with `wasmtime run --dir .`.

Examples:
  wasmtime run MODULE
  wasmtime run MODULE sh -c 'echo hello'
  wasmtime run --env FOO=bar MODULE --user nobody --workdir /tmp --hostname box id
  wasmtime run --dir data::/data MODULE --env-file /data/variables env
  wasmtime run MODULE --entrypoint sh -- --login

Exit codes: the program's own, 128 + n if signal n ended it; 127 and 126 if it is not found or cannot be run; 125 if prelift
fails. Codes above 125, which WASI runtimes do not pass on, are reported as 125 and named on standard error.
";

/// The text of `--help`.
pub fn help() -> String {
    let mut text = USAGE.to_owned();
    for (title, rows) in [("Options", rows::OF_USERS), ("For programs that run modules", rows::OF_EMBEDDERS)] {
        let _ = writeln!(text, "\n{title}:");
        for Row { name, form, help, .. } in rows {
            let usage = match form {
                Form::Switch => (*name).to_owned(),
                Form::Value(value) => format!("{name} {value}"),
                Form::Optional(value) => format!("{name}[={value}]"),
            };
            let _ = writeln!(text, "  {usage:<26} {help}");
        }
    }
    text + END
}

#[cfg(test)]
mod tests;
