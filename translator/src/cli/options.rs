//! Groups of options that several verbs share.

use super::output::{NewFile, folder, place};
use crate::convert::{CodeChoices, Entrypoint, GuestRequest, KernelChoice, Training, Until};
use crate::discover::{self, Coverage, InlineCap};
use crate::lift;
use crate::link::Runtime;
use crate::setup;
use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use kernel_snapshot::cache::Cache;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use x86::Level;

/// Which kernel the guest runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct KernelOptions {
    /// Use this kernel (an ELF vmlinux) and build none
    #[arg(long, value_name = "FILE", conflicts_with = "source")]
    pub vmlinux: Option<PathBuf>,
    /// Build the kernel from this source tree, or tar archive of one, instead of Debian's
    #[arg(long, value_name = "PATH")]
    pub source: Option<PathBuf>,
}

/// What the guest's machine has.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct MachineOptions {
    /// Size of the guest's RAM, such as 128M or 1G; a multiple of 2M
    #[arg(long, value_name = "SIZE", default_value = "128M", value_parser = parse_ram)]
    pub ram: u64,
    /// The guest's processor: x86-64, x86-64-v2 or x86-64-v3
    #[arg(long, value_name = "LEVEL", default_value = Level::default().name(), value_parser = parse_level)]
    pub cpu: Level,
}

/// How the guest reaches its root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DriveOptions {
    /// Give the guest its root file system, which is outside of the module, as a drive that it reads into its RAM, in place of
    /// memory: takes no RAM for the structures of its pages (1/64 of its size); always so where memory has no room for it
    #[arg(long)]
    pub image_drive: bool,
}

/// Where the module's machine goes on from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct SnapshotOptions {
    /// Where the machine goes on from: `ready` waits for a program to be named, `entrypoint` is in the middle of one
    #[arg(long, value_enum, default_value_t = SnapshotStage::default())]
    pub snapshot: SnapshotStage,
    /// The program that has started, split as a shell splits words; default: the image's own
    #[arg(long, value_name = "COMMAND")]
    pub command: Option<String>,
    /// Take the snapshot when it has written this; default: when it waits, and nothing has happened for a second
    #[arg(long, value_name = "TEXT")]
    pub until: Option<String>,
    /// Take it when something listens on this TCP port
    #[arg(long, value_name = "PORT", conflicts_with = "until", value_parser = clap::value_parser!(u16).range(1..))]
    pub until_listen: Option<u16>,
    /// Give it a terminal; default: pipes
    #[arg(long)]
    pub tty: bool,
}

/// Where the root file system goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ImageOptions {
    /// Write the root file system to FILE, and leave it out of the module, which finds it by its name: beside itself under
    /// `prelift run`, in any directory that it is given under other runtimes (or --image)
    #[arg(long, value_name = "FILE")]
    pub external_image: Option<PathBuf>,
}

impl ImageOptions {
    /// The file for the root file system beside its place, and the name that it is going to have; `module` is where the module goes.
    ///
    /// # Errors
    /// If it cannot be written, or has no name that a module can keep.
    pub fn file(&self, module: &Path) -> Result<Option<(NewFile<'_>, &str)>> {
        let Some(path) = &self.external_image else { return Ok(None) };
        let expected = || format!("--external-image {}: expected the path of a file, in UTF-8", path.display());
        let name = path.file_name().and_then(|name| name.to_str()).with_context(expected)?;
        let (image, module) = (place(path)?, place(module)?);
        ensure!(
            (folder(&image), image.file_name()) != (folder(&module), module.file_name()),
            "--external-image {}: expected another file than the module's",
            path.display()
        );
        Ok(Some((NewFile::beside(path)?, name)))
    }
}

/// Stages of a machine's way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SnapshotStage {
    /// Init waits for a program.
    #[default]
    Ready,
    /// The program has started, and waits or has said something.
    Entrypoint,
}

/// How the profile is gathered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct TrainOptions {
    /// Command to train with, split as a shell splits words; default: that of --command, or the image's own
    #[arg(long, value_name = "COMMAND")]
    pub train: Option<String>,
    /// The training's standard input; default: at its end
    #[arg(long, value_name = "FILE")]
    pub train_stdin: Option<PathBuf>,
    /// End the training after this many instructions; default: 4,000,000,000
    #[arg(long, value_name = "INSTRUCTIONS")]
    pub train_limit: Option<NonZeroU64>,
}

/// What code is made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct CodeOptions {
    /// Which code to translate: `hot` is what ran in training, `reachable` the functions around that, `all` also functions that
    /// never ran, first those that the others call, then those of the image's other programs
    #[arg(long, value_enum, default_value_t = Coverage::default())]
    pub coverage: Coverage,
    /// Most x86 code to translate, such as 4M (default 6M); where there is more, what is least likely to run is left to the interpreter
    #[arg(long, value_name = "SIZE", value_parser = parse_code_size)]
    pub max_code: Option<u64>,
    /// Use no tail calls, for engines that lack them; slower
    #[arg(long)]
    pub no_tail_calls: bool,
    /// Look up where a guest's RET goes, in place of returning there
    #[arg(long)]
    pub no_paired_calls: bool,
    /// Leave a region at every indirect jump, to its own code too
    #[arg(long)]
    pub no_local_jumps: bool,
    /// Translate no callee in the place of its call
    #[arg(long)]
    pub no_inlining: bool,
    /// Leave system calls and their like to the interpreter
    #[arg(long)]
    pub no_system_code: bool,
    /// Check each access of memory for itself, in place of those of a block off one address together
    #[arg(long)]
    pub no_grouped_checks: bool,
    /// Write a block once for accesses in one page and in two, in place of twice
    #[arg(long)]
    pub no_twins: bool,
    /// Look memory up as elsewhere in the kernel's blocks that never ran, in place of by calls, which take less room
    #[arg(long)]
    pub no_called_checks: bool,
    /// Check the accesses of a loop in it, in place of before it where addresses move by constants
    #[arg(long)]
    pub no_hoisted_checks: bool,
    /// Lead whoever comes into a loop at several places through a switch, in place of a copy of a short way to its head
    #[arg(long)]
    pub no_peeling: bool,
    /// Keep registers where the runtime has them, in place of at the start of linear memory, where their addresses are short
    #[arg(long)]
    pub no_near_registers: bool,
    /// Write back at each side exit all that any of them does, in place of what differs there
    #[arg(long)]
    pub no_ladder: bool,
    /// Load and store variables where a region is entered and left, in place of where that happens least often
    #[arg(long)]
    pub no_placement: bool,
    /// Tell the engine of no branch that it is hardly ever taken
    #[arg(long)]
    pub no_branch_hints: bool,
    /// Compare no indirect jump or call with where it went in training
    #[arg(long)]
    pub no_guesses: bool,
    /// Test each floating-point instruction for itself, in place of a group of them together
    #[arg(long)]
    pub no_float_groups: bool,
    /// Leave what is a call of the runtime to the interpreter: AES, SHA, string comparison, x87 and their like
    #[arg(long)]
    pub no_helpers: bool,
    /// Use these WebAssembly features, which not every engine has
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub features: Vec<WasmFeature>,
    /// Threads to work with; default: as many as there are processors. The output does not depend on it
    #[arg(short = 'j', long, value_name = "NUMBER")]
    pub threads: Option<NonZeroUsize>,
}

/// A WebAssembly feature that is a choice at conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WasmFeature {
    /// Products of 128 bits (wasmtime 49 and later, before with -W wide-arithmetic; not V8)
    WideArithmetic,
}

/// The runtime that code is made for and linked to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RuntimeOptions {
    /// Use this runtime module and build none; the same for `translate` and `link`
    #[arg(long, value_name = "FILE")]
    pub runtime: Option<PathBuf>,
}

/// A processor level by its name.
fn parse_level(text: &str) -> Result<Level, String> {
    Level::from_name(text).ok_or_else(|| format!("expected one of {}", Level::ALL.map(Level::name).join(", ")))
}

/// A size below 4 GiB in bytes: a number with a unit.
fn parse_size(text: &str, units: &[(&str, u32)], example: &str) -> Result<u64> {
    let expected = || format!("{text}: expected a size such as {example}");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let (_, shift) = units.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name)).with_context(expected)?;
    let number: u64 = number.parse().with_context(expected)?;
    number.checked_mul(1 << shift).filter(|bytes| (1..4 << 30).contains(bytes)).with_context(expected)
}

/// A size of RAM in bytes: a number with M or G.
fn parse_ram(text: &str) -> Result<u64> {
    let bytes = parse_size(text, &[("M", 20), ("G", 30)], "128M or 1G, below 4G")?;
    ensure!(bytes % (2 << 20) == 0, "{text}: expected a multiple of 2M");
    Ok(bytes)
}

/// A size of code in bytes: a number with K or M.
fn parse_code_size(text: &str) -> Result<u64> {
    parse_size(text, &[("K", 10), ("M", 20)], "512K or 4M")
}

impl KernelOptions {
    /// The kernel that these options ask for.
    pub fn choice(&self) -> KernelChoice {
        match (&self.vmlinux, &self.source) {
            (Some(vmlinux), _) => KernelChoice::Vmlinux(vmlinux.clone()),
            (None, Some(source)) => KernelChoice::Source(source.clone()),
            (None, None) => KernelChoice::Debian,
        }
    }

    /// The guest that these options and those of the machine ask for.
    pub fn guest(&self, machine: &MachineOptions) -> GuestRequest {
        let MachineOptions { ram, cpu } = *machine;
        GuestRequest { kernel: self.choice(), ram_size: ram, level: cpu, ..GuestRequest::default() }
    }
}

impl DriveOptions {
    /// The guest, with a drive if these options ask for one.
    pub fn of(&self, guest: GuestRequest) -> GuestRequest {
        GuestRequest { image_drive: self.image_drive, ..guest }
    }
}

impl RuntimeOptions {
    /// The runtime's bytes, and what they hold.
    ///
    /// # Errors
    /// If the file cannot be read or is no such module, or the runtime not be built.
    pub fn module(&self, cache: &Cache, say: &dyn Fn(&str)) -> Result<(Vec<u8>, Runtime)> {
        let Some(path) = &self.runtime else {
            let bytes = setup::runtime_module(cache, say).context("build the runtime")?;
            let runtime = Runtime::parse(&bytes).context("runtime module")?;
            return Ok((bytes, runtime));
        };
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let runtime = Runtime::parse(&bytes).with_context(|| path.display().to_string())?;
        Ok((bytes, runtime))
    }
}

impl TrainOptions {
    /// The training run that these options ask for, `command` unless they name one.
    ///
    /// # Errors
    /// If the command has an open quote, or the file cannot be read.
    pub fn training(&self, command: Option<Vec<String>>) -> Result<Training> {
        let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("--train-stdin {}", path.display()));
        Ok(Training {
            command: words("--train", self.train.as_deref())?.or(command),
            stdin: self.train_stdin.as_ref().map(read).transpose()?.unwrap_or_default(),
            limit: self.train_limit.map(NonZeroU64::get),
        })
    }
}

/// The words of a command.
fn words(option: &str, command: Option<&str>) -> Result<Option<Vec<String>>> {
    let Some(text) = command else { return Ok(None) };
    let words = shell_words::split(text).with_context(|| format!("{option} {text}"))?;
    ensure!(!words.is_empty(), "{option}: expected a command");
    Ok(Some(words))
}

impl SnapshotOptions {
    /// The program that starts before the snapshot is taken.
    ///
    /// # Errors
    /// If it has an open quote.
    pub fn command(&self) -> Result<Option<Vec<String>>> {
        words("--command", self.command.as_deref())
    }

    /// Where the program is to be found.
    ///
    /// # Errors
    /// If it is described, and there is none.
    pub fn entrypoint(&self) -> Result<Option<Entrypoint>> {
        let described = self.command.is_some() || self.until.is_some() || self.until_listen.is_some() || self.tty;
        let wanted = self.snapshot == SnapshotStage::Entrypoint;
        ensure!(
            wanted || !described,
            "--command, --until, --until-listen and --tty: expected --snapshot entrypoint with them"
        );
        ensure!(self.until.as_deref() != Some(""), "--until: expected a text that is not empty");
        let until = match (self.until_listen, &self.until) {
            (Some(port), _) => Until::Listens(port),
            (None, Some(text)) => Until::Says(text.clone()),
            (None, None) => Until::Waits,
        };
        let terminal = self.tty;
        wanted.then(|| Ok(Entrypoint { command: self.command()?, terminal, until })).transpose()
    }
}

impl CodeOptions {
    /// Makes the pool of threads that these options ask for.
    ///
    /// # Errors
    /// If the system has no threads to give.
    pub fn use_threads(&self) -> Result<()> {
        let Some(threads) = self.threads else { return Ok(()) };
        rayon::ThreadPoolBuilder::new().num_threads(threads.get()).build_global().context("start threads")
    }

    /// The translator's choices.
    pub fn choices(&self) -> CodeChoices {
        let wide = self.features.contains(&WasmFeature::WideArithmetic);
        let products = if wide { lift::Products::Wide } else { lift::Products::Halves };
        let tail_calls = if self.no_tail_calls { lift::TailCalls::No } else { lift::TailCalls::Yes };
        let calls = if self.no_paired_calls { lift::Calls::Chained } else { lift::Calls::Paired };
        let jumps = if self.no_local_jumps { lift::Jumps::Chained } else { lift::Jumps::Local };
        let inline = if self.no_inlining { InlineCap::NOTHING } else { InlineCap::default() };
        let system = if self.no_system_code { lift::SystemCode::Left } else { lift::SystemCode::Translated };
        let checks = if self.no_grouped_checks { lift::Checks::Single } else { lift::Checks::Grouped };
        let twins = if self.no_twins { lift::Twins::Omitted } else { lift::Twins::Written };
        let inline_checks = self.no_called_checks;
        let cold_checks = if inline_checks { lift::ColdChecks::Inline } else { lift::ColdChecks::Called };
        let in_place = self.no_hoisted_checks;
        let loop_checks = if in_place { lift::LoopChecks::InPlace } else { lift::LoopChecks::Hoisted };
        let peeling = if self.no_peeling { lift::Peeling::Omitted } else { lift::Peeling::Copied };
        let in_place = self.no_near_registers;
        let registers = if in_place { lift::Registers::InPlace } else { lift::Registers::Near };
        let write_back = if self.no_ladder { lift::WriteBack::All } else { lift::WriteBack::Ladder };
        let placement = if self.no_placement { lift::Placement::AtEnds } else { lift::Placement::Cheapest };
        let unhinted = self.no_branch_hints;
        let branch_hints = if unhinted { lift::BranchHints::Omitted } else { lift::BranchHints::Named };
        let guesses = if self.no_guesses { lift::Guesses::Omitted } else { lift::Guesses::Tried };
        let float_tests = if self.no_float_groups { lift::FloatTests::Single } else { lift::FloatTests::Grouped };
        let helpers = if self.no_helpers { lift::Helpers::Left } else { lift::Helpers::Called };
        let defaults = discover::Options::default();
        let (coverage, max_bytes) = (self.coverage, self.max_code.unwrap_or(defaults.max_bytes));
        CodeChoices {
            discover: discover::Options { coverage, max_bytes, inline, ..defaults },
            lift: lift::Options {
                tail_calls,
                calls,
                jumps,
                system,
                checks,
                twins,
                cold_checks,
                loop_checks,
                peeling,
                registers,
                write_back,
                placement,
                branch_hints,
                guesses,
                float_tests,
                helpers,
                products,
                ..lift::Options::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Command, FromArgMatches};

    /// A switch that nobody looks at would change nothing.
    #[test]
    fn every_switch_is_a_choice() {
        let command = CodeOptions::augment_args(Command::new("convert").no_binary_name(true));
        let parse = |words: &[String]| {
            let matches = command.clone().try_get_matches_from(words).expect("an option of its own");
            CodeOptions::from_arg_matches(&matches).expect("it fits").choices()
        };
        let switches = command.get_arguments().filter_map(|argument| argument.get_long());
        let switches: Vec<String> = switches.filter(|name| name.starts_with("no-")).map(|n| format!("--{n}")).collect();
        assert!(switches.len() > 10, "{switches:?}");
        let mut chosen = vec![parse(&[])];
        for switch in switches {
            let choices = parse(std::slice::from_ref(&switch));
            assert!(!chosen.contains(&choices), "{switch} is no choice of its own");
            chosen.push(choices);
        }
    }
}
