//! The options that a converted module takes at the head of its own arguments, as options of `prelift run`.
//!
//! Under a stock runtime the user writes them after the module's name; `prelift run` takes them before it and hands them on.
//! There is one table and one parser, the module's own ([`runtime::host::options`]): the grammar and the help here are made
//! from the table, and values are checked by the parser before a module is loaded. Only variables, their files, those of
//! images and checkpoints and the state's directory are looked up here, since the module does not see what `prelift run` does.

use super::docker;
use clap::error::{Error, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use runtime::host::environment;
use runtime::host::options::Options;
use runtime::host::options::rows::{Form, OF_USERS, Row};

/// Option by which `prelift run` tells a module that every exit code arrives as it is: others turn codes above 125
/// into an error, so that the module exits with 125 and names the true code on standard error.
pub const EXACT_EXIT: &str = "--exact-exit";

/// Option by which `prelift run` tells a module that a preopen may only be read, as WASI does not.
pub const READ_ONLY: &str = "--read-only-directory";

/// Options whose values are looked up here: what they name the module does not see.
const HERE: [&str; 8] = ["--env", "--env-file", IMAGE, RESUME, CONFIG, SECCOMP, CHECKPOINT, STATE];

/// Options with files that the module gets a directory for.
pub(super) const RESUME: &str = "--resume";
/// See [`RESUME`].
pub(super) const IMAGE: &str = "--image";
/// See [`RESUME`]; with the beginning of its value.
pub(super) const SECCOMP: &str = "--security-opt=seccomp";
/// See [`RESUME`].
pub(super) const CONFIG: &str = "--config";
/// See [`RESUME`].
pub(super) const CHECKPOINT: &str = "--checkpoint";
/// Option with a directory that the module gets.
pub(super) const STATE: &str = "--state";

/// The short names of `docker run`. A module has none: its first word that is no option begins the container's.
const SHORT: [(&str, char); 5] =
    [("--env", 'e'), ("--memory", 'm'), ("--tty", 't'), ("--user", 'u'), ("--workdir", 'w')];

/// Options of a module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModuleOptions {
    /// All but variables and files, as the module's arguments.
    words: Vec<String>,
    /// Variables, `NAME=VALUE` each, or `NAME` for one that the program must not have.
    variables: Vec<String>,
    /// What the words say.
    pub told: Options,
}

impl ModuleOptions {
    /// The options as the module's arguments.
    pub fn words(&self) -> Vec<String> {
        let variables = self.variables.iter().flat_map(|entry| ["--env".to_owned(), entry.clone()]);
        self.words.iter().cloned().chain(variables).collect()
    }

    /// Variables for a program that is no container, if that is all there is.
    pub fn only_variables(&self) -> Option<Vec<(String, String)>> {
        let pair = |entry: &String| entry.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let Options { image, resume, checkpoint, state, .. } = &self.told;
        let has_files = image.is_some() || resume.is_some() || checkpoint.is_some() || state.is_some();
        (self.words.is_empty() && !has_files).then(|| self.variables.iter().filter_map(pair).collect())
    }
}

impl Args for ModuleOptions {
    fn augment_args(command: Command) -> Command {
        command.args(OF_USERS.iter().map(argument)).args(docker::as_always())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ModuleOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ModuleOptions, Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::raw(ErrorKind::ValueValidation, error);
        // A later option may take back what an earlier one says.
        let mut given: Vec<_> = OF_USERS.iter().flat_map(|row| occurrences(row, matches)).collect();
        given.sort();
        let words: Vec<String> = given.into_iter().map(|(_, word)| word).collect();
        let told = Options::parse(words.clone()).map_err(|error| wrong(&error))?;
        let variables = environment::gather(&told, |name| std::env::var(name).ok()).map_err(|error| wrong(&error))?;
        let is_here = |word: &String| {
            let of = |name: &&str| word.strip_prefix(*name).is_some_and(|value| value.starts_with('='));
            HERE.iter().any(of) && !word.ends_with("=seccomp=unconfined")
        };
        let words = words.into_iter().filter(|word| !is_here(word)).collect();
        Ok(ModuleOptions { words, variables, told })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A row of the table as clap has it.
fn argument(row: &Row) -> Arg {
    let long = row.name.trim_start_matches("--");
    let short = SHORT.iter().find(|(name, _)| *name == row.name).map(|&(_, letter)| letter);
    let argument = Arg::new(row.name).long(long).short(short).help(sentence(row.help)).action(ArgAction::Append);
    match row.form {
        Form::Switch => argument.num_args(0).default_missing_value(""),
        Form::Value(value) => argument.value_name(value).allow_hyphen_values(true),
        Form::Optional(value) => {
            argument.value_name(value).num_args(0..=1).require_equals(true).default_missing_value("")
        }
    }
}

/// A row's help as clap's own texts begin.
fn sentence(help: &str) -> String {
    let mut letters = help.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Where a row was given in the command line, and the module's word for it.
fn occurrences(row: &Row, matches: &ArgMatches) -> Vec<(usize, String)> {
    let values = matches.get_many::<String>(row.name).into_iter().flatten();
    let word = |value: &String| match row.form {
        Form::Value(_) => format!("{}={value}", row.name),
        Form::Optional(_) if !value.is_empty() => format!("{}={value}", row.name),
        Form::Optional(_) | Form::Switch => row.name.to_owned(),
    };
    matches.indices_of(row.name).into_iter().flatten().zip(values.map(word)).collect()
}
