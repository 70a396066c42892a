//! `prelift run`: a module in the embedded engine.

use super::files::Files;
use super::{Common, EXACT_EXIT, ModuleOptions, READ_ONLY, checkpoint};
use crate::convert;
use crate::engine::{Directory, Engine, HostInput, InputPlan, RunOptions, Streams};
use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use runtime::host::directories;
use runtime::host::layer::Lock;
use runtime::image_file::{self, ImageFileError};
use runtime::label;
use runtime::session::StreamKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Run a module
///
/// Compiles the module, keeps the machine code in the cache, and runs it. The exit code is the guest's. Arguments
/// after the module are the container's, with the meaning of `docker run IMAGE ARGS`. If standard input and output are
/// a terminal, the program has one too; else it has pipes, and signals are passed on to it: SIGHUP, SIGINT, SIGQUIT,
/// SIGUSR1, SIGUSR2, and for SIGTERM the image's stop signal. As process 1 it gets those that it handles; the third SIGINT
/// or SIGTERM ends the run.
///
/// With --checkpoint FILE the machine is saved to FILE on SIGUSR2, on Ctrl-] of a terminal, or after --checkpoint-after SECONDS,
/// and the run ends with exit code 0 (--leave-running: goes on). --resume FILE goes on with the same module: the program as
/// it was, with the time and random numbers of the new run.
///
/// A module whose image is outside (`convert --external-image`) finds it by its name beside itself, or where --image says.
///
/// With --state DIRECTORY what the container writes is kept there, for the next run of the same image with the same directory; one
/// run at a time has it. What the program has synced is there though the run is killed, and all else if it comes to its end.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, override_usage = "prelift run [OPTIONS] MODULE [ARGS]...")]
pub(super) struct RunArgs {
    #[command(flatten)]
    options: ModuleOptions,
    /// Directory of the host, where the program finds it (default: the same path), and whether it may only be read
    #[arg(long, value_name = "HOST[::GUEST][:ro]", value_parser = parse_dir)]
    dir: Vec<Directory>,
    #[command(subcommand)]
    command: ModuleAndArgs,
}

/// The first word that is no option, and all that follows it, as they stand (`--` included).
#[derive(Debug, Subcommand)]
enum ModuleAndArgs {
    #[command(external_subcommand)]
    Words(Vec<String>),
}

impl ModuleAndArgs {
    fn split(self) -> (PathBuf, Vec<String>) {
        let ModuleAndArgs::Words(words) = self;
        let mut words = words.into_iter();
        (words.next().unwrap_or_default().into(), words.collect())
    }
}

const EXAMPLES: &str = "\
Examples:
  prelift run out.wasm
  prelift run out.wasm python3 -c 'print(6 * 7)'
  prelift run --env FOO=bar --dir data::/data out.wasm sh -c 'echo $FOO; ls /data'
  prelift run --env-file variables --user nobody --workdir /tmp --hostname box out.wasm id
  prelift run --no-stdin --entrypoint /bin/sh out.wasm -c 'kill -l'
  prelift run --tty out.wasm top -b
  prelift run --state box out.wasm sh -c 'date >> /log; cat /log'
  prelift run --checkpoint saved --checkpoint-after 10 out.wasm sh -c 'while sleep 1; do date; done'
  prelift run --resume saved out.wasm
  prelift run --stats --interpret out.wasm";

impl RunArgs {
    pub(super) fn execute(self, common: &Common) -> Result<ExitCode> {
        let RunArgs { options, dir, command } = self;
        let (path, args) = command.split();
        let cache = common.cache()?;
        let engine = Engine::new()?;
        let module = engine.open(&path, &cache)?;
        let description = module.description().cloned();
        let converted = description.is_some();
        let variables = options.only_variables();
        ensure!(
            converted || variables.is_some(),
            "{} was not made by prelift: only --env, --env-file and --dir mean something to it",
            path.display()
        );
        let of_module: Option<convert::Summary> = description.and_then(|json| serde_json::from_value(json).ok());
        let program = checkpoint::program(&options.told, of_module.as_ref())?;
        // A module cannot keep other runs from its state.
        let _lock = options.told.state.as_deref().map(Lock::take).transpose()?;
        let image = image_beside(&path, of_module.as_ref(), options.told.image.as_deref())?;
        let files = Files::of(&options.told, image.as_deref())?;
        let progress = common.progress();
        let compiled = engine.load_file(module, &cache, &|text| progress.step(text))?;
        drop(progress);
        let mut args = words(&path, converted.then_some((&options, &*dir)), args);
        args.splice(1..1, files.words);
        let dirs = [dir, files.directories].concat();
        let input = if converted { framed_input(&options, program)? } else { None };
        let env = if converted { Vec::new() } else { variables.unwrap_or_default() };
        let streams = match &input {
            Some(input) => Streams::Piped(input.stream()?),
            None => Streams::Inherited,
        };
        args.splice(1..1, input.iter().flat_map(HostInput::words));
        let outcome = compiled.run(&engine, &RunOptions { args, env, dirs, streams });
        // The terminal is as it was before anything is said.
        drop(input);
        let outcome = outcome?;
        // A code that does not fit the system's eight bits must not become success.
        Ok(ExitCode::from(u8::try_from(outcome.code).unwrap_or(u8::MAX)))
    }
}

/// The file with the image of the module at `path`, if that is outside: as it is named, else beside the module. It is looked at
/// here first, where it has the name that the user knows.
///
/// # Errors
/// If it is not the image's.
fn image_beside(
    path: &Path,
    module: Option<&convert::Summary>,
    named: Option<&Path>,
) -> Result<Option<PathBuf>, ImageFileError> {
    let Some((summary, file)) = module.and_then(|summary| Some((summary, summary.image_file.as_ref()?))) else {
        return Ok(None);
    };
    let image = named.map_or_else(|| path.with_file_name(&file.name), Path::to_owned);
    if let Some(digest) = label::digest(&file.sha256) {
        image_file::open(&image, summary.image_size, &digest)?;
    }
    Ok(Some(image))
}

/// Standard input as a converted module with these options gets it: in frames, unless it must not depend on when input
/// comes. `program` is what streams a program has that has started.
fn framed_input(options: &ModuleOptions, program: Option<StreamKind>) -> Result<Option<HostInput>> {
    let told = &options.told;
    let plan = InputPlan {
        terminal: told.tty != Some(false) && !told.no_stdin && program != Some(StreamKind::Pipes),
        reads: !told.no_stdin,
        saves: told.checkpoint.is_some(),
        started: program.is_some(),
    };
    (!told.deterministic).then(|| HostInput::open(plan)).transpose()
}

/// The module's arguments: its name, its own options if it was made by prelift, and the container's arguments.
fn words(module: &Path, options: Option<(&ModuleOptions, &[Directory])>, args: Vec<String>) -> Vec<String> {
    let mut words = vec![module.file_name().unwrap_or_default().to_string_lossy().into_owned()];
    if let Some((options, directories)) = options {
        words.push(EXACT_EXIT.to_owned());
        let read_only = directories.iter().filter(|directory| directory.read_only);
        words.extend(read_only.flat_map(|directory| [READ_ONLY.to_owned(), directory.guest.clone()]));
        words.extend(options.words());
    }
    words.extend(args);
    words
}

fn parse_dir(text: &str) -> Result<Directory> {
    let (host, guest, read_only) = directories::split(text);
    let guest = guest.unwrap_or(host);
    ensure!(!host.is_empty() && !guest.is_empty(), "expected HOST or HOST::GUEST");
    Ok(Directory { host: host.into(), guest: guest.to_owned(), read_only })
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Verb};
    use super::*;
    use clap::Parser;

    fn parse(words: &[&str]) -> RunArgs {
        match Cli::try_parse_from(["prelift", "run"].iter().chain(words)).unwrap().verb {
            Verb::Run(verb) => *verb,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_the_module_is_the_containers() {
        let verb = parse(&[
            "--stats",
            "-e",
            "A=b=c",
            "--dir",
            "x::/y",
            "--dir",
            "z:ro",
            "d/out.wasm",
            "--stats",
            "--",
            "-e",
            "run",
        ]);
        let directory =
            |host: &str, guest: &str, read_only| Directory { host: host.into(), guest: guest.into(), read_only };
        assert_eq!(verb.dir, [directory("x", "/y", false), directory("z", "z", true)]);
        let (module, args) = verb.command.split();
        let all = words(&module, Some((&verb.options, &verb.dir)), args);
        let own = ["out.wasm", EXACT_EXIT, READ_ONLY, "z", "--stats", "--env", "A=b=c"];
        assert_eq!(all, [&own[..], &["--stats", "--", "-e", "run"]].concat());
        let (module, args) = parse(&["m", "--", "--stats"]).command.split();
        assert_eq!(words(&module, None, args), ["m", "--", "--stats"]);
    }

    #[test]
    fn options_are_the_modules_in_their_order() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "# variables\nIN=file\nPATH\n").unwrap();
        let file = format!("--env-file={}", file.path().display());
        let words = [
            "--no-tty",
            "-w",
            "/x",
            "-m",
            "64m",
            "-u",
            "1:2",
            "--env",
            "PRELIFT_IS_NOT_SET",
            "-t",
            &file,
            "--stats=json",
            "m",
        ];
        let verb = parse(&words);
        let path = format!("PATH={}", std::env::var("PATH").unwrap());
        let own = [
            "--no-tty",
            "--workdir=/x",
            "--memory=64m",
            "--user=1:2",
            "--tty",
            "--stats=json",
            "--env",
            "IN=file",
            "--env",
            &path,
        ];
        assert_eq!(verb.options.words(), [&own[..], &["--env", "PRELIFT_IS_NOT_SET"]].concat());
        assert_eq!((verb.options.told.tty, verb.options.only_variables()), (Some(true), None));
        let only = parse(&["-e", "A=1", "-e", "PRELIFT_IS_NOT_SET", "m"]).options.only_variables();
        assert_eq!(only, Some(vec![("A".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn wrong_values_are_usage_errors() {
        for words in [
            &["-e", "=x", "m"][..],
            &["--env-file", "/no/such/file", "m"],
            &["--workdir", "x", "m"],
            &["--stop-signal", "STAHP", "m"],
            &["--framed-stdin", "m"],
            &["--dir", "::x", "m"],
            &["--what", "m"],
            &[],
        ] {
            let error = Cli::try_parse_from(["prelift", "run"].iter().chain(words)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words:?}");
        }
    }
}
