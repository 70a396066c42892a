//! Converted images, and commands that run in them: translated, interpreted, and on the host's own processor.
//!
//! ```text
//!  recipe ── convert (kernel, boot and compiled code from the user's cache) ──► Converted ── run ──► Outcome
//!     └───── unpack ──► Native ── chroot ──────────────────────────────────────────────────────────► Outcome
//!  cases/*.txt ──► case ──► Case: what is run, and where ──► suite ──► Answer: what it wrote, and what differs
//! ```
//!
//! A test binary converts an image once and shares it. `PRELIFT_TEST_VMLINUX=FILE` gives the kernel and saves its build.

pub mod case;
pub mod native;
pub mod suite;

use anyhow::{Context, Result};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::testing;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;
use test_images::{Format, Recipe};
use translator::Mapping;
use translator::convert::{self, CodeChoices, GuestRequest, KernelChoice, Request, Stage, Training};
use translator::engine::{Engine, Program, RunOptions, Streams};

pub use translator::engine::{Directory, Outcome};

/// Who carries out the guest's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Translated code, and the interpreter for the rest.
    Translated,
    /// The interpreter alone.
    Interpreted,
}

impl Mode {
    /// Both.
    pub const ALL: [Mode; 2] = [Mode::Translated, Mode::Interpreted];
}

/// A command and what it runs with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Options of the module, such as `--deterministic`.
    pub options: Vec<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables given at run time.
    pub env: Vec<(String, String)>,
    /// Standard input, which then is at its end.
    pub stdin: Vec<u8>,
    /// Directories of the host that the module may use.
    pub dirs: Vec<Directory>,
}

impl Run {
    /// A shell that runs `script`, with nothing on standard input.
    pub fn shell(script: &str) -> Run {
        Run { command: ["/bin/sh", "-c", script].map(str::to_owned).into(), ..Run::default() }
    }

    /// Options and command, as the runtime's program takes them.
    pub fn words(&self) -> impl Iterator<Item = String> {
        self.options.iter().cloned().chain(["--".to_owned()]).chain(self.command.iter().cloned())
    }
}

/// A module, compiled for this machine.
pub struct Converted {
    engine: Engine,
    program: Program,
}

impl Converted {
    /// Converts an image, trained with a shell that runs `script`.
    ///
    /// # Errors
    /// Of the conversion.
    pub fn new(recipe: &Recipe, script: &str) -> Result<Converted> {
        Converted::at(Stage::Ready, recipe, script)
    }

    /// The same, with the machine as it is at a stage.
    ///
    /// # Errors
    /// Of the conversion.
    pub fn at(stage: Stage, recipe: &Recipe, script: &str) -> Result<Converted> {
        Converted::with(GuestRequest { stage, ..GuestRequest::default() }, recipe, &training(script))
    }

    /// The same, with a machine of one's own; its kernel is [the one of test guests](kernel).
    ///
    /// # Errors
    /// Of the conversion.
    pub fn with(guest: GuestRequest, recipe: &Recipe, training: &Training) -> Result<Converted> {
        let say = |text: &str| eprintln!("{}: {text}", recipe.name);
        let cache = Cache::of_user()?;
        Converted::of(&module(guest, recipe, training, &cache, &say)?, &cache, &say)
    }

    /// Compiles a module.
    ///
    /// # Errors
    /// If it is none.
    pub fn of(module: &[u8], cache: &Cache, say: &dyn Fn(&str)) -> Result<Converted> {
        let engine = Engine::new()?;
        let program = engine.load(module, cache, say)?;
        Ok(Converted { engine, program })
    }

    /// Runs a command to its end. Exit codes are exact.
    ///
    /// # Errors
    /// If the module traps.
    pub fn run(&self, mode: Mode, run: &Run) -> Result<Outcome> {
        let mut args: Vec<String> = ["module", "--exact-exit"].map(str::to_owned).into();
        args.extend((mode == Mode::Interpreted).then(|| "--interpret".to_owned()));
        args.extend(run.words());
        let streams = Streams::Captured(run.stdin.clone());
        let options = RunOptions { args, env: run.env.clone(), dirs: run.dirs.clone(), streams };
        self.program.run(&self.engine, &options).with_context(|| format!("{mode:?}: {:?}", run.command))
    }
}

/// Training with a shell that runs `script`.
pub fn training(script: &str) -> Training {
    Training { command: Some(Run::shell(script).command), ..Training::default() }
}

/// Converts an image: the module's bytes.
///
/// # Errors
/// Of the conversion.
pub fn module(
    guest: GuestRequest,
    recipe: &Recipe,
    training: &Training,
    cache: &Cache,
    say: &dyn Fn(&str),
) -> Result<Mapping> {
    let directory = tempfile::tempdir().context("a temporary directory")?;
    let image = archive(recipe, &directory)?;
    let training = training.clone();
    let guest = GuestRequest { kernel: kernel(), ..guest };
    let code = CodeChoices::default();
    let request =
        Request { image: &image, guest, training, entrypoint: None, code, external_image: None, output: None };
    Ok(convert::convert(&request, cache, say)?.module)
}

/// Writes an image as an archive into a directory.
fn archive(recipe: &Recipe, directory: &TempDir) -> Result<PathBuf> {
    let image = directory.path().join("image.tar");
    recipe.write(Format::DockerSave, &image)?;
    Ok(image)
}

/// The root file system that modules of this image hold.
///
/// # Errors
/// If the image cannot be made or read.
pub fn root(recipe: &Recipe) -> Result<Vec<u8>> {
    let directory = tempfile::tempdir().context("a temporary directory")?;
    let image = archive(recipe, &directory)?;
    let root = convert::Root::read(&image, None, &|_| {})?;
    let mut bytes = vec![0; root.layout.size as usize];
    root.file.read_exact_at(&mut bytes, 0).context("read the root file system")?;
    Ok(bytes)
}

/// The kernel of test guests.
pub fn kernel() -> KernelChoice {
    std::env::var_os(testing::VMLINUX).map_or(KernelChoice::Debian, |path| KernelChoice::Vmlinux(path.into()))
}

/// What the shared busybox image is trained with: a shell at work, alone and with other programs.
const TRAINING: &str = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done; \
    for i in 1 2 3; do echo line $i | sed s/line/row/ | cat; ls -l / | sort >/dev/null; done; \
    head -c 50000 /dev/zero | gzip | sha256sum; printf '3\\n1\\n2\\n' | sort -n | tr 1 x; id; kill -9 $$";

/// Debian's busybox, converted once in this process.
///
/// # Errors
/// Of the conversion, as text, since every test that needs it gets the same.
pub fn busybox() -> Result<&'static Converted, String> {
    static SHARED: OnceLock<Result<Converted, String>> = OnceLock::new();
    let convert = || Converted::new(&test_images::busybox()?, TRAINING);
    SHARED.get_or_init(|| convert().map_err(|error| format!("{error:#}"))).as_ref().map_err(Clone::clone)
}

/// An outcome as it is blessed: exit code and both outputs.
pub fn render(outcome: &Outcome) -> String {
    let text = String::from_utf8_lossy;
    format!("exit {}\n--- stdout\n{}--- stderr\n{}", outcome.code, text(&outcome.stdout), text(&outcome.stderr))
}
