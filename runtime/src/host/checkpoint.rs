//! Checkpoints: a machine under way in a file, from which another run goes on (`--checkpoint`, `--resume`).
//!
//! ```text
//!  request (a frame) or time ──► Drive ──► Guest::save ──► FILE.partial ──rename──► FILE ──► --resume: the same module
//! ```
//!
//! The file is a snapshot; there is the whole of it, or what was there before. As with `docker checkpoint` the run ends then,
//! unless it is to be left running. Files of the container's directories are opened again by the run that goes on, so that
//! has to have the same directories ([`check`]). Standard input that the program has not taken is not part of it.

use super::directories::{self, DirectoryError};
use super::options::Options;
use super::run::{LoadError, unusable};
use crate::session::{Program, StreamKind};
use crate::snapshot::Incoming;
use channel::Directory;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a run is saved, on request and at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checkpoint {
    /// The file; empty if none was named.
    pub path: PathBuf,
    /// So long after the run's beginning.
    pub after: Option<Duration>,
    /// The run goes on then.
    pub leave_running: bool,
}

/// A snapshot that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: the snapshot could not be written: {error}", .path.display())]
pub struct SaveError {
    /// The file.
    pub path: PathBuf,
    /// What failed.
    pub error: io::Error,
}

/// What a run is told that cannot be, since its program has started.
#[derive(Debug, thiserror::Error)]
pub enum StartedError {
    /// Something that only a start can do.
    #[error("{0}: the program has started already, and goes on as it is; expected no {0}")]
    Option(&'static str),
    /// Other streams than it has.
    #[error("the program that goes on has {has}: expected {expected}")]
    Streams {
        /// What it has.
        has: &'static str,
        /// The options that fit.
        expected: &'static str,
    },
    /// Other directories than it has.
    #[error(
        "the program that goes on has these directories of the host: {expected}; expected the same ones, in this order; found {found}"
    )]
    Directories {
        /// Those.
        expected: String,
        /// Those of the run.
        found: String,
    },
    /// A directory that cannot be mounted where it is to be.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

/// Bytes that are read or written at once: each call of WASI's has its price.
const CHUNK: usize = 1 << 20;

/// Opens a snapshot's file.
///
/// # Errors
/// [`LoadError::File`], with what is wrong where.
pub fn open(path: &Path) -> Result<Incoming<BufReader<File>>, LoadError> {
    let file = File::open(path).map_err(|error| unusable(path, error))?;
    Incoming::open(BufReader::with_capacity(CHUNK, file)).map_err(|error| unusable(path, error))
}

/// Lets a machine write its snapshot's file, beside it first.
///
/// # Errors
/// Those of the file system; what was there is still there.
pub fn write(path: &Path, save: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), SaveError> {
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let partial = Path::new(&partial);
    let written = write_to(partial, save).and_then(|()| fs::rename(partial, path));
    written.map_err(|error| {
        // What cannot be removed was not written.
        let _ = fs::remove_file(partial);
        SaveError { path: path.to_owned(), error }
    })
}

fn write_to(path: &Path, save: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(CHUNK, File::create(path)?);
    save(&mut file)?;
    file.flush()?;
    file.get_ref().sync_all()
}

/// Checks that a run with these options, variables and directories can go on with a program.
///
/// # Errors
/// [`StartedError`] for the first thing that comes too late.
pub fn check(
    program: &Program,
    options: &Options,
    has_variables: bool,
    directories: &[(String, bool)],
) -> Result<(), StartedError> {
    let late = [
        ("arguments", !options.args.is_empty()),
        ("--entrypoint", options.entrypoint.is_some()),
        ("variables", has_variables),
        ("--hostname", options.hostname.is_some()),
        ("--user", options.user.is_some()),
        ("--workdir", options.workdir.is_some()),
        ("--init", options.init),
        ("--config", options.config.is_some()),
        ("--ulimit", !options.limits.is_empty()),
        ("--pids-limit", options.pids.is_some()),
        ("--memory", options.memory.is_some()),
        ("--cap-add", options.capabilities.add != 0),
        ("--cap-drop", options.capabilities.drop != 0),
        ("--security-opt", options.no_new_privileges.is_some() || options.seccomp.is_some()),
        ("--read-only", options.read_only),
        ("--tmpfs", !options.tmpfs.is_empty()),
        ("--state", options.state.is_some()),
    ];
    if let Some((what, _)) = late.into_iter().find(|(_, given)| *given) {
        return Err(StartedError::Option(what));
    }
    match (program.streams, options.tty) {
        (StreamKind::Pipes, Some(true)) => {
            return Err(StartedError::Streams { has: "pipes", expected: "neither --tty nor --terminal" });
        }
        (StreamKind::Terminal, Some(false)) => {
            return Err(StartedError::Streams { has: "a terminal", expected: "no --no-tty" });
        }
        _ => {}
    }
    let mount = |(name, read_only): &(String, bool)| directories::mount(name, *read_only, &program.cwd);
    let found = directories.iter().map(mount).collect::<Result<Vec<_>, _>>()?;
    if found == program.directories {
        return Ok(());
    }
    Err(StartedError::Directories { expected: list(&program.directories), found: list(&found) })
}

fn list(directories: &[Directory]) -> String {
    let one = |directory: &Directory| format!("{}{}", directory.path, if directory.read_only { ":ro" } else { "" });
    let all: Vec<String> = directories.iter().map(one).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(streams: StreamKind) -> Program {
        let directory = |path: &str, read_only| Directory { path: path.to_owned(), read_only };
        Program { streams, cwd: "/srv".into(), directories: vec![directory("/srv/a", false), directory("/b", true)] }
    }

    #[test]
    fn what_comes_too_late_is_refused() {
        let given = [("a".to_owned(), false), ("/b".to_owned(), true)];
        let check = |streams, words: &[&str], variables, directories: &[(String, bool)]| {
            let options = Options::parse(words.iter().map(|&word| word.to_owned())).unwrap();
            check(&program(streams), &options, variables, directories).err().map(|error| error.to_string())
        };
        let pipes = StreamKind::Pipes;
        assert_eq!(check(pipes, &["--stats", "--no-tty", "--stop-signal=INT"], false, &given), None);
        assert_eq!(check(StreamKind::Terminal, &["--terminal=30x90"], false, &given), None);
        for (streams, words, variables, directories, expected) in [
            (pipes, &["sh"][..], false, &given[..], "arguments: the program has started"),
            (pipes, &["--user=1"], false, &given, "--user"),
            (pipes, &["--ulimit=core=0"], false, &given, "--ulimit"),
            (pipes, &["--memory=1g"], false, &given, "--memory"),
            (pipes, &["--cap-drop=all"], false, &given, "--cap-drop"),
            (pipes, &["--read-only"], false, &given, "--read-only"),
            (pipes, &["--state=x"], false, &given, "--state: the program has started already"),
            (pipes, &[], true, &given, "variables"),
            (pipes, &["--tty"], false, &given, "has pipes: expected neither --tty"),
            (StreamKind::Terminal, &["--no-tty"], false, &given, "has a terminal: expected no --no-tty"),
            (pipes, &[], false, &given[..1], "/srv/a, /b:ro; expected the same ones, in this order; found /srv/a"),
            (pipes, &[], false, &[], "found none"),
        ] {
            let text = check(streams, words, variables, directories).unwrap();
            assert!(text.contains(expected), "{words:?}: {text}");
        }
    }

    #[test]
    fn a_file_is_whole_or_what_it_was() {
        use crate::devices::Backends;
        use crate::memory::Memory;
        use crate::session::Session;
        use crate::snapshot::{Snapshot, save};
        use crate::vm::Vm;
        let mut session = Session::new(Vm::new(Memory::new(8192, 0).unwrap(), 0, Backends::default()));
        let snapshot = Snapshot::take(&mut session, [1; 32]);
        let directory = std::env::temp_dir().join(format!("prelift-checkpoint-{}", std::process::id()));
        fs::create_dir_all(directory.join("taken.partial")).unwrap();
        let path = directory.join("whole");
        let origin = snapshot.header.origin;
        let mut save = |to: &mut dyn Write| save(&mut session, origin, &mut { to });
        write(&path, &mut save).unwrap();
        assert_eq!(Snapshot::read(&mut File::open(&path).unwrap()).unwrap(), snapshot);
        assert!(!directory.join("whole.partial").exists());
        let error = write(&directory.join("taken"), &mut save).unwrap_err().to_string();
        assert!(error.contains("taken: the snapshot could not be written"), "{error}");
        fs::remove_dir_all(directory).unwrap();
    }
}
