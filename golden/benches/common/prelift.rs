//! The prelift command in processes of their own, so that memory and time are those of one conversion or run.
//!
//! This very program is the command, where [`MEASURES`] is in its environment: then it also writes the most memory that it had to the
//! file of that name. Kernel and runtime are the user's; what else is cached is forgotten in the end.

use anyhow::{Context, Result, bail, ensure};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::testing;
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use tempfile::TempDir;
use translator::convert::KernelChoice;

/// Names the file that a process writes its memory to.
const MEASURES: &str = "PRELIFT_BENCH_MEASURES";
/// What of the user's cache is used.
const SHARED: [&str; 2] = ["kernel", "runtime"];

/// If this process is to be the command: runs it.
pub(crate) fn as_command() -> Option<ExitCode> {
    let file = std::env::var_os(MEASURES)?;
    let code = translator::cli::main();
    let written = memory("self", "VmHWM").map_err(|error| error.to_string());
    let written = written.and_then(|peak| std::fs::write(file, peak.to_string()).map_err(|error| error.to_string()));
    written.err().iter().for_each(|error| eprintln!("memory cannot be measured: {error}"));
    Some(code)
}

/// A figure of a process's memory, in bytes.
fn memory(process: &str, name: &str) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).with_context(|| format!("{path}: no {name}"))?;
    Ok(kib.parse::<u64>().with_context(|| format!("{path}: {name}"))? << 10)
}

/// The command, and a folder for its files, which ends with this.
pub(crate) struct Prelift {
    folder: TempDir,
    vmlinux: PathBuf,
}

/// A conversion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversion {
    pub(crate) seconds: f64,
    /// Most resident memory of its process, in bytes.
    pub(crate) peak: u64,
    /// Bytes of the module.
    pub(crate) module: u64,
}

/// A run.
#[derive(Clone, Debug)]
pub(crate) struct Ran {
    /// From the start of its process to the first output.
    pub(crate) start: f64,
    /// Resident memory of its process then, in bytes.
    pub(crate) resident: u64,
    /// From the start of its process to its end.
    pub(crate) seconds: f64,
    /// `--stats=json`.
    pub(crate) stats: Value,
}

impl Ran {
    /// A figure of the statistics; 0 if there is none.
    pub(crate) fn stat(&self, name: &str) -> f64 {
        self.stats[name].as_f64().unwrap_or(0.0)
    }
}

impl Prelift {
    /// The command, with the user's kernel and runtime.
    ///
    /// # Errors
    /// If they cannot be made.
    pub(crate) fn new() -> Result<Prelift> {
        let folder = tempfile::tempdir().context("a temporary directory")?;
        let (say, user) = (|text: &str| eprintln!("{text}"), Cache::of_user()?);
        let vmlinux = folder.path().join("vmlinux");
        let given = std::env::var_os(testing::VMLINUX);
        let kernel = given.map_or(KernelChoice::Debian, |path| KernelChoice::Vmlinux(path.into()));
        std::fs::write(&vmlinux, kernel.vmlinux(&user, &say)?).context("the kernel")?;
        translator::setup::runtime_module(&user, &say).context("build the runtime")?;
        let Cache::Directory(user) = user else { bail!("expected a cache of the user's") };
        let own = folder.path().join("cache");
        std::fs::create_dir(&own)?;
        for kind in SHARED.iter().filter(|kind| user.join(kind).is_dir()) {
            std::os::unix::fs::symlink(user.join(kind), own.join(kind))?;
        }
        Ok(Prelift { folder, vmlinux })
    }

    /// A path for a file of that name.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe().context("this program's path")?);
        command.env("PRELIFT_CACHE", self.file("cache")).env(MEASURES, self.file("measures"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Converts an image.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn convert(&self, image: &Path, module: &Path, options: &[String]) -> Result<Conversion> {
        let mut command = self.command()?;
        command.args(["--quiet", "convert", "--vmlinux"]).arg(&self.vmlinux).args(options).arg(image).arg(module);
        let begin = Instant::now();
        let output = command.output().context("start a conversion")?;
        let seconds = begin.elapsed().as_secs_f64();
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim_end());
        let peak = std::fs::read_to_string(self.file("measures")).context("the conversion's memory")?;
        let module = std::fs::metadata(module).context("the module")?.len();
        Ok(Conversion { seconds, peak: peak.parse().context("the conversion's memory")?, module })
    }

    /// Forgets compiled code.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub(crate) fn forget_compiled(&self) -> Result<()> {
        std::fs::remove_dir_all(self.file("cache/compiled")).context("forget compiled code")
    }

    /// Runs a shell's script in a module, which is compiled the first time.
    ///
    /// # Errors
    /// If it fails, or writes nothing.
    pub(crate) fn run(&self, module: &Path, script: &str) -> Result<Ran> {
        let mut command = self.command()?;
        command.args(["--quiet", "run", "--stats=json", "--entrypoint=/bin/sh"]).arg(module).args(["-c", script]);
        let begin = Instant::now();
        let mut child = command.spawn().context("start a run")?;
        let (mut output, mut errors) = (child.stdout.take().context("a pipe")?, child.stderr.take().context("a pipe")?);
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            errors.read_to_string(&mut text).map(|_| text)
        });
        let first = output.read(&mut [0; 4096]).context("the run's output")?;
        let start = begin.elapsed().as_secs_f64();
        let resident = memory(&child.id().to_string(), "VmRSS");
        output.read_to_end(&mut Vec::new()).context("the run's output")?;
        let status = child.wait().context("wait for the run")?;
        let seconds = begin.elapsed().as_secs_f64();
        let errors = errors.join().ok().context("the run's messages")?.context("the run's messages")?;
        ensure!(status.success() && first > 0, "{script}: {status}, {first} bytes written\n{}", errors.trim_end());
        let stats = serde_json::from_str(errors.lines().last().unwrap_or_default()).context("statistics")?;
        Ok(Ran { start, resident: resident?, seconds, stats })
    }
}
