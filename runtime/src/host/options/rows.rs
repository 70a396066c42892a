//! The table of options: one row each. Parser, help, and the options of `prelift run` come from it.

use super::{Options, StatsFormat};
use crate::host::container::{capabilities, limits, memory, mounts, seccomp};
use crate::host::lockstep::{Digests, SaveAt};
use crate::host::signals;
use channel::WindowSize;
use std::path::PathBuf;
use std::time::Duration;

/// Most bytes of a host name (Linux, `__NEW_UTS_LEN`).
const HOSTNAME: usize = 64;

/// Whether an option has a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `--name`
    Switch,
    /// `--name VALUE` or `--name=VALUE`
    Value(&'static str),
    /// `--name` or `--name=VALUE`
    Optional(&'static str),
}
use Form::{Optional, Switch, Value};

/// What a row does with its value; for a switch that is empty. An error says what was expected.
type Set = fn(&mut Options, &str) -> Result<(), &'static str>;

/// An option.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name, `--` included.
    pub name: &'static str,
    /// Whether it has a value.
    pub form: Form,
    pub(super) set: Set,
    /// What it does, for the help.
    pub help: &'static str,
}

const fn row(name: &'static str, form: Form, set: Set, help: &'static str) -> Row {
    Row { name, form, set, help }
}

/// Options for whoever runs a container. `prelift run` has them too.
#[rustfmt::skip]
pub const OF_USERS: &[Row] = &[
    row("--entrypoint",    Value("PROGRAM"),      |o, v| put(&mut o.entrypoint, v), "run this program in place of the image's entrypoint; empty: none"),
    row("--env",           Value("NAME[=VALUE]"), set_env,                          "set a variable; NAME alone: as it is here, else unset"),
    row("--env-file",      Value("FILE"),         set_env_file,                     "set the variables of a file, before those of --env: NAME=VALUE or NAME in each line, # begins a comment"),
    row("--hostname",      Value("NAME"),         set_hostname,                     "the container's host name"),
    row("--user",          Value("USER[:GROUP]"), |o, v| put(&mut o.user, v),       "run as this user, names of the image's /etc/passwd and /etc/group or numbers"),
    row("--workdir",       Value("DIRECTORY"),    set_workdir,                      "start in this directory, made if missing"),
    row("--stop-signal",   Value("SIGNAL"),       set_stop_signal,                  "send this signal in place of SIGTERM, name or number"),
    row("--init",          Switch,                |o, _| on(&mut o.init),           "run the program below a process 1 that passes signals on and reaps orphans"),
    row("--config",        Value("FILE"),         |o, v| set_path(&mut o.config, v), "make the container of a config.json of the OCI runtime specification, in place of the image's configuration and Docker's defaults; other options come before it, and a directory of the host that has FILE is not the container's"),
    row("--ulimit",        Value("NAME=SOFT[:HARD]"), set_limit,                    "limit a resource: nofile, nproc, core, stack, ...; -1: no limit"),
    row("--pids-limit",    Value("N"),            set_pids,                         "let the container have so many processes and threads at most; -1: no limit"),
    row("--memory",        Value("SIZE"),         set_memory,                       "let the container have so much memory at most: 64m, 1.5g, bytes; what the machine lacks for it is added. 0: no limit, and nothing added"),
    row("--cap-add",       Value("CAPABILITY"),   |o, v| add(&mut o.capabilities.add, v),  "add a capability to Docker's 14, with or without CAP_, or ALL"),
    row("--cap-drop",      Value("CAPABILITY"),   |o, v| add(&mut o.capabilities.drop, v), "drop a capability, or ALL"),
    row("--security-opt",  Value("OPTION"),       set_security,                     "with no-new-privileges exec gives no privileges; with seccomp=FILE the program may make the system calls of a profile in Docker's format (else all); a directory of the host that has FILE is not the container's"),
    row("--read-only",     Switch,                |o, _| on(&mut o.read_only),      "mount the root file system read-only; volumes, directories and --tmpfs are not"),
    row("--tmpfs",         Value("PATH[:OPTIONS]"), set_tmpfs,                      "mount a file system in memory, nosuid,nodev,noexec unless told, with options of mount(8) and tmpfs(5)"),
    row("--no-stdin",      Switch,                |o, _| on(&mut o.no_stdin),       "let standard input be at its end"),
    row("--tty",           Switch,                |o, _| put_switch(&mut o.tty, true),  "give the program a terminal, whatever the streams are"),
    row("--no-tty",        Switch,                |o, _| put_switch(&mut o.tty, false), "give it pipes"),
    row("--terminal",      Value("ROWSxCOLUMNS"), set_terminal,                     "give it a terminal of this size (else the host's, or 24x80)"),
    row("--state",         Value("DIRECTORY"),    set_state,                        "keep what the container writes in DIRECTORY, for the next run with it; a directory of the host that is the state's is not the container's"),
    row("--image",         Value("FILE"),         |o, v| set_path(&mut o.image, v), "read the root file system from FILE, where it is outside of the module (else: the file of its name in a directory of the host); a directory of the host that has it is not the container's"),
    row("--resume",        Value("FILE"),         |o, v| set_path(&mut o.resume, v), "go on with the machine of a checkpoint, with the same directories"),
    row("--checkpoint",    Value("FILE"),         set_checkpoint,                   "save the machine to FILE on request (under prelift run: SIGUSR2, Ctrl-]) and end the run; a directory of the host that has FILE is not the container's"),
    row("--checkpoint-after", Value("SECONDS"),   set_checkpoint_after,             "save it after so long"),
    row("--leave-running", Switch,                |o, _| on(&mut o.checkpoint.get_or_insert_default().leave_running), "go on when it is saved"),
    row("--interpret",     Switch,                |o, _| on(&mut o.interpret),      "use no translated code"),
    row("--deterministic", Switch,                |o, _| on(&mut o.deterministic),  "let guest time be the number of instructions, so that every run is the same; a terminal gives no input"),
    row("--stats",         Optional("json"),      set_stats,                        "at the end, write figures to standard error: instructions, share in translated code, exits, MIPS"),
    row("--verbose",       Switch,                |o, _| on(&mut o.verbose),        "write the guest's serial console to standard error"),
];

/// Options for programs that run a module, and for tests.
#[rustfmt::skip]
pub const OF_EMBEDDERS: &[Row] = &[
    row("--read-only-directory", Value("NAME"), set_read_only,                  "let the guest only read this directory of the host (a preopen's name)"),
    row("--framed-stdin",  Switch,             |o, _| on(&mut o.framed_stdin),  "standard input is frames with data, signals and window sizes, from `prelift run`"),
    row("--exact-exit",    Switch,             |o, _| on(&mut o.exact_exit),    "exit with codes above 125 too, which wasmtime turns into 1"),
    row("--hash-every",    Value("N[,FROM]"),  set_digests,                 "deterministic, with digests of the state every N instructions (for tests)"),
    row("--snapshot-at",   Value("N,FILE"),    set_save,                        "deterministic, with a snapshot written to FILE after N instructions since power-up (for tests)"),
    row("--help",          Switch,             |o, _| on(&mut o.help),          "print this"),
    #[cfg(not(target_arch = "wasm32"))]
    row("--snapshot",      Value("FILE"),      |o, v| set_path(&mut o.snapshot, v), "resume this snapshot"),
    #[cfg(not(target_arch = "wasm32"))]
    row("--image-config",  Value("FILE"),      |o, v| set_path(&mut o.image_config, v), "the image's configuration, as JSON"),
    #[cfg(not(target_arch = "wasm32"))]
    row("--dir",           Value("HOST::GUEST[:ro]"), set_directory,            "give the guest a directory of the host"),
];

/// All options.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    OF_USERS.iter().chain(OF_EMBEDDERS)
}

fn on(switch: &mut bool) -> Result<(), &'static str> {
    *switch = true;
    Ok(())
}

fn put(option: &mut Option<String>, value: &str) -> Result<(), &'static str> {
    *option = Some(value.to_owned());
    Ok(())
}

fn put_switch(option: &mut Option<bool>, value: bool) -> Result<(), &'static str> {
    *option = Some(value);
    Ok(())
}

fn ensure(holds: bool, expected: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(expected) }
}

fn set_env(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.env.push(value.to_owned());
    ensure(!value.is_empty() && !value.starts_with('='), "a name, or NAME=VALUE")
}

fn set_env_file(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.env_files.push(value.into());
    ensure(!value.is_empty(), "the name of a file")
}

fn set_hostname(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.hostname = Some(value.to_owned());
    ensure((1..=HOSTNAME).contains(&value.len()), "1 to 64 bytes")
}

fn set_workdir(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.workdir = Some(value.to_owned());
    ensure(value.starts_with('/'), "an absolute path")
}

fn set_stop_signal(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.stop_signal = signals::number(value);
    ensure(options.stop_signal.is_some(), signals::EXPECTED)
}

fn set_limit(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.limits.push(limits::parse(value).ok_or(limits::EXPECTED)?);
    Ok(())
}

/// Docker's: 0 is no limit either.
fn set_pids(options: &mut Options, value: &str) -> Result<(), &'static str> {
    let limit: i64 = value.parse().ok().filter(|limit| *limit >= -1).ok_or("a number, or -1")?;
    options.pids = Some(u64::try_from(limit).ok().filter(|limit| *limit > 0));
    Ok(())
}

fn set_memory(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.memory = Some(memory::parse(value).ok_or(memory::EXPECTED)?);
    Ok(())
}

fn add(set: &mut u64, value: &str) -> Result<(), &'static str> {
    *set |= capabilities::parse(value).ok_or(capabilities::EXPECTED)?;
    Ok(())
}

fn set_security(options: &mut Options, value: &str) -> Result<(), &'static str> {
    // Docker's older form has a colon, and its own profile (`builtin`) is for a kernel that is shared.
    match value {
        "no-new-privileges" | "no-new-privileges=true" | "no-new-privileges:true" => {
            options.no_new_privileges = Some(true);
        }
        "no-new-privileges=false" | "no-new-privileges:false" => options.no_new_privileges = Some(false),
        "seccomp=unconfined" => options.seccomp = Some(seccomp::Choice::Unconfined),
        _ => {
            const EXPECTED: &str = "no-new-privileges[=true|false], seccomp=FILE or seccomp=unconfined";
            let file = value.strip_prefix("seccomp=").filter(|file| !["", "builtin"].contains(file)).ok_or(EXPECTED)?;
            options.seccomp = Some(seccomp::Choice::File(file.into()));
        }
    }
    Ok(())
}

fn set_tmpfs(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.tmpfs.push(mounts::tmpfs(value).ok_or(mounts::TMPFS_EXPECTED)?);
    Ok(())
}

fn set_state(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.state = Some(value.into());
    ensure(!value.is_empty(), "DIRECTORY")
}

fn set_checkpoint(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.checkpoint.get_or_insert_default().path = value.into();
    ensure(!value.is_empty(), "FILE")
}

fn set_checkpoint_after(options: &mut Options, value: &str) -> Result<(), &'static str> {
    let seconds = value.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    options.checkpoint.get_or_insert_default().after = seconds;
    ensure(seconds.is_some(), "a number of seconds")
}

fn set_read_only(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.read_only_directories.push(value.to_owned());
    ensure(!value.is_empty(), "NAME")
}

fn set_terminal(options: &mut Options, value: &str) -> Result<(), &'static str> {
    let size = value.split_once('x').and_then(|(rows, columns)| {
        let size = WindowSize { rows: rows.parse().ok()?, columns: columns.parse().ok()? };
        (size.rows > 0 && size.columns > 0).then_some(size)
    });
    options.terminal = size;
    options.tty = Some(true);
    ensure(size.is_some(), "ROWSxCOLUMNS")
}

fn set_stats(options: &mut Options, value: &str) -> Result<(), &'static str> {
    options.stats = match value {
        "" => Some(StatsFormat::Text),
        "json" => Some(StatsFormat::Json),
        _ => None,
    };
    ensure(options.stats.is_some(), "json")
}

fn set_digests(options: &mut Options, value: &str) -> Result<(), &'static str> {
    let (every, from) = value.split_once(',').unwrap_or((value, "0"));
    options.digests = every.parse().ok().zip(from.parse().ok()).map(|(every, from)| Digests { every, from });
    options.deterministic = true;
    ensure(options.digests.is_some(), "N[,FROM]")
}

fn set_save(options: &mut Options, value: &str) -> Result<(), &'static str> {
    let save = value.split_once(',').filter(|(_, path)| !path.is_empty());
    options.save = save.and_then(|(retired, path)| Some(SaveAt { retired: retired.parse().ok()?, path: path.into() }));
    options.deterministic = true;
    ensure(options.save.is_some(), "N,FILE")
}

fn set_path(path: &mut Option<PathBuf>, value: &str) -> Result<(), &'static str> {
    *path = Some(value.into());
    ensure(!value.is_empty(), "FILE")
}

#[cfg(not(target_arch = "wasm32"))]
fn set_directory(options: &mut Options, value: &str) -> Result<(), &'static str> {
    const EXPECTED: &str = "HOST::GUEST[:ro]";
    let (host, Some(guest), read_only) = crate::host::directories::split(value) else { return Err(EXPECTED) };
    options.directories.push((host.into(), guest.to_owned(), read_only));
    ensure(!host.is_empty() && !guest.is_empty(), EXPECTED)
}
