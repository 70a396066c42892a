//! The module's own options: they come first in its arguments, and the first word that is none of them ends them.
//!
//! `--` ends them too. All that follows is the container's, whatever it looks like, with the meaning of
//! `docker run IMAGE ARGS`. Values follow as the next word or after `=`. One row an option: the parser and the help
//! come from the same table.

use super::lockstep::{Checkpoints, SaveAt};
use channel::WindowSize;
use std::fmt::Write;
use std::num::NonZeroU64;

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
    /// `KEY=VALUE` each, or `KEY`.
    pub env: Vec<String>,
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
    /// Note digests of the machine's state.
    pub checkpoints: Option<Checkpoints>,
    /// Write a snapshot on the way.
    pub save: Option<SaveAt>,
    /// Directories of the host that are mounted read-only, by their names in the guest.
    pub read_only: Vec<String>,
    /// Print [`help`].
    pub help: bool,
    /// Snapshot to resume, for the runtime as a native program.
    #[cfg(not(target_arch = "wasm32"))]
    pub snapshot: Option<std::path::PathBuf>,
    /// The snapshot's image.
    #[cfg(not(target_arch = "wasm32"))]
    pub image: Option<std::path::PathBuf>,
    /// The image's configuration, as JSON.
    #[cfg(not(target_arch = "wasm32"))]
    pub config: Option<std::path::PathBuf>,
    /// Directories: where they are, what the guest calls them, and whether it may only read them.
    #[cfg(not(target_arch = "wasm32"))]
    pub directories: Vec<(std::path::PathBuf, String, bool)>,
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

/// What a row does with its value; for a switch that is empty. `false`: no such value.
type Set = fn(&mut Options, &str) -> bool;

#[derive(Clone, Copy)]
enum Form {
    /// `--name`
    Switch,
    /// `--name VALUE` or `--name=VALUE`
    Value(&'static str),
    /// `--name` or `--name=VALUE`
    Optional(&'static str),
}
use Form::{Optional, Switch, Value};

struct Row(&'static str, Form, Set, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row("--entrypoint",    Value("PROGRAM"),          set_entrypoint, "run this program in place of the image's entrypoint"),
    Row("--env",           Value("KEY[=VALUE]"),      set_env,        "set a variable; KEY alone: as the module has it, else unset"),
    Row("--hostname",      Value("NAME"),             set_hostname,   "the container's host name"),
    Row("--user",          Value("USER[:GROUP]"),     set_user,       "run as this user, names or numbers"),
    Row("--workdir",       Value("DIRECTORY"),        set_workdir,    "start in this directory"),
    Row("--tty",           Switch,                    set_tty,        "give the program a terminal, whatever the streams are"),
    Row("--no-tty",        Switch,                    set_no_tty,     "give it pipes"),
    Row("--terminal",      Value("ROWSxCOLUMNS"),     set_terminal,   "give it a terminal of this size (else 24x80)"),
    Row("--read-only",     Value("DIRECTORY"),        set_read_only,  "let the guest only read this directory of the host (a preopen's name)"),
    Row("--interpret",     Switch,                    |o, _| set(&mut o.interpret),     "use no translated code"),
    Row("--deterministic", Switch,                    |o, _| set(&mut o.deterministic), "let guest time be the number of instructions; a terminal gives no input"),
    Row("--stats",         Optional("json"),          set_stats,      "at the end, write figures to standard error"),
    Row("--verbose",       Switch,                    |o, _| set(&mut o.verbose),       "write the guest's serial console to standard error"),
    Row("--framed-stdin",  Switch,                    |o, _| set(&mut o.framed_stdin),  "standard input is frames with data, signals and window sizes, from `prelift run`"),
    Row("--exact-exit",    Switch,                    |o, _| set(&mut o.exact_exit),    "exit with codes above 125 too, which wasmtime turns into 1"),
    Row("--hash-every",    Value("N[,FROM]"),         set_checkpoints, "deterministic, with digests of the state every N instructions (for tests)"),
    Row("--snapshot-at",   Value("N,FILE"),           set_save,       "deterministic, with a snapshot written to FILE after N instructions since power-up (for tests)"),
    Row("--help",          Switch,                    |o, _| set(&mut o.help),          "print this"),
    #[cfg(not(target_arch = "wasm32"))]
    Row("--snapshot",      Value("FILE"),             |o, v| set_path(&mut o.snapshot, v), "resume this snapshot"),
    #[cfg(not(target_arch = "wasm32"))]
    Row("--image",         Value("FILE"),             |o, v| set_path(&mut o.image, v),    "the snapshot's root file system"),
    #[cfg(not(target_arch = "wasm32"))]
    Row("--config",        Value("FILE"),             |o, v| set_path(&mut o.config, v),   "the image's configuration, as JSON"),
    #[cfg(not(target_arch = "wasm32"))]
    Row("--dir",           Value("HOST::GUEST[:ro]"), set_directory,   "give the guest a directory of the host"),
];

fn set(switch: &mut bool) -> bool {
    *switch = true;
    true
}

fn set_entrypoint(options: &mut Options, value: &str) -> bool {
    options.entrypoint = Some(value.to_owned());
    true
}

fn set_env(options: &mut Options, value: &str) -> bool {
    options.env.push(value.to_owned());
    !value.is_empty() && !value.starts_with('=')
}

fn set_hostname(options: &mut Options, value: &str) -> bool {
    options.hostname = Some(value.to_owned());
    !value.is_empty()
}

fn set_user(options: &mut Options, value: &str) -> bool {
    options.user = Some(value.to_owned());
    true
}

fn set_workdir(options: &mut Options, value: &str) -> bool {
    options.workdir = Some(value.to_owned());
    value.starts_with('/')
}

fn set_read_only(options: &mut Options, value: &str) -> bool {
    options.read_only.push(value.to_owned());
    !value.is_empty()
}

fn set_tty(options: &mut Options, _: &str) -> bool {
    options.tty = Some(true);
    true
}

fn set_no_tty(options: &mut Options, _: &str) -> bool {
    options.tty = Some(false);
    true
}

fn set_terminal(options: &mut Options, value: &str) -> bool {
    let size = value.split_once('x').and_then(|(rows, columns)| {
        let size = WindowSize { rows: rows.parse().ok()?, columns: columns.parse().ok()? };
        (size.rows > 0 && size.columns > 0).then_some(size)
    });
    options.terminal = size;
    options.tty = Some(true);
    size.is_some()
}

fn set_stats(options: &mut Options, value: &str) -> bool {
    options.stats = match value {
        "" => Some(StatsFormat::Text),
        "json" => Some(StatsFormat::Json),
        _ => None,
    };
    options.stats.is_some()
}

fn set_checkpoints(options: &mut Options, value: &str) -> bool {
    let (every, from) = value.split_once(',').unwrap_or((value, "0"));
    options.checkpoints =
        every.parse::<NonZeroU64>().ok().zip(from.parse().ok()).map(|(every, from)| Checkpoints { every, from });
    options.deterministic = true;
    options.checkpoints.is_some()
}

fn set_save(options: &mut Options, value: &str) -> bool {
    let save = value.split_once(',').filter(|(_, path)| !path.is_empty());
    options.save = save.and_then(|(retired, path)| Some(SaveAt { retired: retired.parse().ok()?, path: path.into() }));
    options.deterministic = true;
    options.save.is_some()
}

#[cfg(not(target_arch = "wasm32"))]
fn set_path(path: &mut Option<std::path::PathBuf>, value: &str) -> bool {
    *path = Some(value.into());
    !value.is_empty()
}

#[cfg(not(target_arch = "wasm32"))]
fn set_directory(options: &mut Options, value: &str) -> bool {
    let (host, Some(guest), read_only) = super::directories::split(value) else { return false };
    options.directories.push((host.into(), guest.to_owned(), read_only));
    !host.is_empty() && !guest.is_empty()
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
        &Row(option, form, set, _): &Row,
        value: Option<String>,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), OptionError> {
        let (value, expected) = match (form, value) {
            (Switch, _) => (String::new(), ""),
            (Optional(expected), value) => (value.unwrap_or_default(), expected),
            (Value(expected), Some(value)) => (value, expected),
            (Value(expected), None) => (rest.next().ok_or(OptionError::Missing { option, expected })?, expected),
        };
        set(self, &value).then_some(()).ok_or(OptionError::Value { option, expected, value })
    }
}

/// The option that `word` is, and the value that it carries.
fn find(word: &str) -> Option<(&'static Row, Option<&str>)> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    let row = ROWS.iter().find(|row| row.0 == name)?;
    (value.is_none() || !matches!(row.1, Switch)).then_some((row, value))
}

/// The text of `--help`.
pub fn help() -> String {
    let mut text = String::from(
        "A container as a WebAssembly module, made by prelift.\n\n\
         Usage: MODULE [OPTIONS] [--] [ARGS]...\n\n\
         ARGS have the meaning of `docker run IMAGE ARGS`; they begin at the first word that is none of these options.\n\n\
         Options:\n",
    );
    for Row(name, form, _, help) in ROWS {
        let usage = match form {
            Switch => (*name).to_owned(),
            Value(value) => format!("{name} {value}"),
            Optional(value) => format!("{name}[={value}]"),
        };
        let _ = writeln!(text, "  {usage:<26} {help}");
    }
    text.push_str(
        "\nExit codes: the program's own; 127 and 126 if it is not found or cannot be run; 125 if prelift fails.\n\
         Codes above 125, which WASI runtimes do not pass on, are reported as 125 and named on standard error.\n",
    );
    text
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
