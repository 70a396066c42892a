//! The whole program: from its arguments to its exit code.

use super::checkpoint::{self, SaveError, StartedError};
use super::config::{self, ConfigError, ImageConfig, Surroundings};
use super::console::Console;
use super::container::memory::{self, NoRoom};
use super::container::seccomp::{self, Choice, ProfileError};
use super::directories::{self, DirectoryError};
use super::drive::{Drive, End, Failure, Manner};
use super::environment::{self, EnvFileError};
use super::layer::{Layer, LayerError};
use super::lockstep::Lockstep;
use super::options::{self, OptionError, Options};
use super::resume::Seeds;
use super::spec::{self, BundleError};
use super::stats::{Begin, Times};
use super::system::{Host, Sink, System};
use crate::devices::Backends;
use crate::image_file::ImageFileError;
use crate::memory::{ADDED_BASE, ADDED_BLOCK, MemoryError};
use crate::session::Session;
use crate::snapshot::{CodecError, Origin};
use channel::{Resumed, ToGuest};
use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// Exit code where prelift fails, as Docker's own.
pub const FAILED: u8 = 125;

/// A machine, and the image's configuration as JSON.
pub struct Loaded {
    /// The machine, with init at its end of the channel.
    pub session: Session,
    /// The configuration; empty for none.
    pub config: Vec<u8>,
    /// What the machine was made from.
    pub origin: Origin,
}

/// Why there is no machine to run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A runtime as it was built.
    #[error("this is the bare runtime: there is no snapshot to run (`prelift convert` makes modules that have one)")]
    Empty,
    /// A layout that cannot be: a defect of the linker.
    #[error("the module's layout: {what} at {start:#x} with {size:#x} bytes, expected {expected}")]
    Layout {
        /// Which part.
        what: &'static str,
        /// Its address.
        start: u32,
        /// Its size.
        size: u32,
        /// What it has to be.
        expected: &'static str,
    },
    /// Memory that cannot be.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// A damaged snapshot.
    #[error(transparent)]
    Snapshot(#[from] CodecError),
    /// An image outside of the module that is in no directory of the host.
    #[error(
        "the module's root file system is in the file {name}, {size} bytes: expected it in a directory that the module is given, or --image FILE"
    )]
    NoImage {
        /// The file's name.
        name: String,
        /// The file's size.
        size: u64,
    },
    /// `--image` for a module that has one.
    #[error("--image: the module has its root file system inside; expected no --image")]
    OwnImage,
    /// The file of an image outside of the module.
    #[error(transparent)]
    Image(#[from] ImageFileError),
    /// A file that cannot be used.
    #[error("{}: {text}", .path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        text: String,
    },
}

/// [`LoadError::File`].
pub(super) fn unusable(path: &Path, error: impl Display) -> LoadError {
    LoadError::File { path: path.to_owned(), text: error.to_string() }
}

/// Why a run has no exit code of its program's.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Option(#[from] OptionError),
    #[error("{what}: expected UTF-8, got {word:?}")]
    NotUtf8 { what: &'static str, word: OsString },
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    EnvFile(#[from] EnvFileError),
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error(transparent)]
    Seccomp(#[from] ProfileError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error("the host's random numbers: {0}")]
    Random(#[source] io::Error),
    #[error("--framed-stdin and --deterministic exclude each other: frames come when they come")]
    FramesInTime,
    #[error(
        "--checkpoint and --deterministic exclude each other: a checkpoint comes when it is asked for (--snapshot-at counts)"
    )]
    CheckpointInTime,
    #[error("--checkpoint-after and --leave-running: expected --checkpoint FILE with them")]
    NoFile,
    #[error(
        "--state and {0} exclude each other: a machine that is saved has a part of the layer in its memory, and goes on with the layer as it was"
    )]
    SavedState(&'static str),
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error(transparent)]
    Layer(#[from] LayerError),
    #[error("--state: the machine has no drive: expected a module or snapshot that this version made")]
    NoDrive,
    #[error(transparent)]
    Started(#[from] StartedError),
    #[error(transparent)]
    Failure(#[from] Failure),
    #[error(transparent)]
    Save(#[from] SaveError),
}

/// Runs the program that this process is. `load` makes the machine; `image` is the name of the file with its root file system,
/// where a module has that outside. Returns the exit code.
pub fn main(image: Option<&str>, load: impl FnOnce(&Options, Backends) -> Result<Loaded, LoadError>) -> u8 {
    let mut system = System::new();
    run(&mut system, image, load).unwrap_or_else(|error| {
        say(&mut system, &error.to_string());
        FAILED
    })
}

/// A line on standard error.
fn say(host: &mut impl Host, text: &str) {
    // If it cannot be written, there is nobody to tell.
    let _ = host.write(Sink::Stderr, format!("prelift: {text}\n").as_bytes());
}

fn run(
    system: &mut System,
    image: Option<&str>,
    load: impl FnOnce(&Options, Backends) -> Result<Loaded, LoadError>,
) -> Result<u8, RunError> {
    let mut options = Options::parse(arguments()?)?;
    if options.help {
        let _ = system.write(Sink::Stdout, options::help().as_bytes());
        return Ok(0);
    }
    if options.framed_stdin && options.deterministic {
        return Err(RunError::FramesInTime);
    }
    if let Some(checkpoint) = &options.checkpoint {
        if checkpoint.path.as_os_str().is_empty() {
            return Err(RunError::NoFile);
        }
        if options.deterministic {
            return Err(RunError::CheckpointInTime);
        }
    }
    if options.state.is_some() {
        refuse_saved_state(&options)?;
    }
    let env = environment()?;
    let in_env = |name: &str| env.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('='));
    let variables = environment::gather(&options, |name| in_env(name).map(str::to_owned))?;
    let profile = options.seccomp.as_ref().and_then(Choice::file);
    let seccomp = profile.map(|path| seccomp::read(path)).transpose()?;
    let bundle = options.config.as_deref().map(spec::read).transpose()?;
    let seeds = if options.deterministic { Seeds::fixed() } else { Seeds::draw(system).map_err(RunError::Random)? };
    if let (Some(name), None) = (image, &options.image) {
        options.image = directories::file_named(name, &options)?;
    }
    let directories = directories::shared(&options)?;
    let names: Vec<_> = directories.iter().map(|shared| (shared.guest.clone(), shared.read_only)).collect();
    let Loaded { mut session, config, origin } = load(&options, seeds.backends(directories))?;
    let config = ImageConfig::parse(&config)?;
    let (input, output) = (system.input_is_terminal(), system.output_is_terminal());
    let manner = Manner {
        deterministic: options.deterministic,
        no_input: options.no_stdin || (options.deterministic && input),
        framed: options.framed_stdin,
        stop_signal: config.stop_signal(&options)?,
        checkpoint: options.checkpoint.clone(),
    };
    let word = if let Some(program) = session.program() {
        let has_variables = !env.is_empty() || !variables.is_empty();
        checkpoint::check(program, &options, has_variables, &names)?;
        // In deterministic mode it goes on as if it had not been interrupted.
        (!options.deterministic).then(|| {
            let wall_clock_ns = seeds.refresh(&mut session.vm, Some(system.wall_clock_ns()));
            ToGuest::Resumed(Resumed { wall_clock_ns, seed: seeds.guest(), terminal: options.terminal })
        })
    } else {
        let real = (!options.deterministic).then(|| system.wall_clock_ns());
        let surroundings = Surroundings {
            env,
            variables,
            seccomp,
            bundle,
            terminal: input && output && !manner.no_input && !options.deterministic,
            directories: names,
            hostname: seeds.hostname(),
            wall_clock_ns: seeds.refresh(&mut session.vm, real),
            seed: seeds.guest(),
        };
        let mut start = config::start(&config, &options, surroundings)?;
        start.memory_block = add_memory(&mut session, start.confinement.memory)?;
        if let Some(directory) = &options.state {
            put_layer_in(&mut session, Layer::open(directory, &origin.image)?)?;
        }
        Some(ToGuest::Start(Box::new(start)))
    };
    match play(system, &mut session, origin, &options, manner, word)? {
        End::Exit(code) => Ok(reported(system, code, options.exact_exit)),
        End::Saved => Ok(0),
    }
}

/// A layer and the memory of a machine that uses it belong together, and only one of them would be saved.
fn refuse_saved_state(options: &Options) -> Result<(), RunError> {
    let saved = [
        ("--resume", options.resume.is_some()),
        ("--checkpoint", options.checkpoint.is_some()),
        ("--snapshot-at", options.save.is_some()),
    ];
    match saved.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(RunError::SavedState(option)),
        None => Ok(()),
    }
}

/// Gives the machine the RAM that it lacks for the container's limit; the last of the kernel's blocks that there are then.
fn add_memory(session: &mut Session, limit: Option<u64>) -> Result<Option<u64>, RunError> {
    let size = limit.map_or(Ok(0), |limit| memory::needed(limit, &session.vm.memory))?;
    if size == 0 {
        return Ok(None);
    }
    session.vm.add_memory(size)?;
    Ok(Some((ADDED_BASE.0 + size) / ADDED_BLOCK - 1))
}

fn put_layer_in(session: &mut Session, layer: Layer) -> Result<(), RunError> {
    if session.vm.devices.insert_disk(Box::new(layer)) { Ok(()) } else { Err(RunError::NoDrive) }
}

/// Runs the program, and writes what is to be told of it.
fn play(
    system: &mut System,
    session: &mut Session,
    origin: Origin,
    options: &Options,
    manner: Manner,
    word: Option<ToGuest>,
) -> Result<End, RunError> {
    let begin = Begin::of(&session.vm);
    let mut times = Times { resumed: system.now(), ..Times::default() };
    let mut console = Console::new(system, options.verbose);
    let mut guest = Lockstep::new(session, origin, options);
    let mut drive = Drive::new(&mut guest, &mut console, manner);
    let result = drive.run(word);
    times.idle = drive.idle();
    times.first_output = console.first_output();
    let serial = console.serial_tail();
    let (states, saved) = guest.finish();
    for line in states {
        let _ = system.write(Sink::Stderr, format!("{line}\n").as_bytes());
    }
    if result.is_err() && !options.verbose && !serial.is_empty() {
        say(system, &format!("the guest's serial console ended with\n{}", serial.trim_end()));
    }
    // What the host did not write of a layer is to be known though the program has not looked.
    if result.is_err() || options.verbose || options.state.is_some() {
        report_machine(system, session);
    }
    times.wall = system.now();
    if let Some(format) = options.stats {
        let text = begin.stats(&session.vm, times).render(format);
        let _ = system.write(Sink::Stderr, text.as_bytes());
    }
    let end = result?;
    Ok(saved.map(|()| end)?)
}

/// What the devices noted, and the instructions that raised #UD for want of a body.
fn report_machine(system: &mut System, session: &mut Session) {
    for line in session.vm.devices.take_log() {
        say(system, &line);
    }
    for (code, count) in session.vm.unimplemented() {
        say(system, &format!("instruction {code:?} is not implemented, and raised #UD {count} times"));
    }
}

/// The code to exit with. WASI hosts do not pass on codes above 125 (wasmtime turns them into 1).
fn reported(system: &mut System, code: u8, exact: bool) -> u8 {
    if code <= FAILED || exact {
        return code;
    }
    say(system, &format!("exit code {code}"));
    FAILED
}

fn arguments() -> Result<Vec<String>, RunError> {
    std::env::args_os().skip(1).map(|word| text("argument", word)).collect()
}

/// The variables that the WASI host gives. A native process's are those of whoever started it, and stay out.
fn environment() -> Result<Vec<String>, RunError> {
    if !cfg!(target_os = "wasi") {
        return Ok(Vec::new());
    }
    let entry = |(key, value)| Ok(format!("{}={}", text("environment", key)?, text("environment", value)?));
    std::env::vars_os().map(entry).collect()
}

fn text(what: &'static str, word: OsString) -> Result<String, RunError> {
    word.into_string().map_err(|word| RunError::NotUtf8 { what, word })
}
