//! The last steps of the container's first process: from the host's order to exec.
//!
//! What runc does, in its order: session keyring, host name, user, volumes, the host's directories, file systems in memory, terminal and
//! streams, working directory, root file system, limits, privileges; the program is looked up with the user's own rights.

use crate::environment::{self, Environment};
use crate::lookup::{self, LookupError};
use crate::streams::Streams;
use crate::user::{self, Account};
use crate::{directory, etc, identity, keyring, mounts, privileges, reaper, rehearsal, seccomp, shared, syscalls};
use anyhow::{Context, Result, bail};
use channel::{Scheduling, Start};
use rustix::fs::{Mode, OFlags, Uid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};
use std::convert::Infallible;
use std::ffi::CString;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;

/// The program could not be run, for a reason that is not init's: the container ends with Docker's exit code.
#[derive(Debug)]
pub(crate) enum NotRun {
    /// There is no such program.
    NotFound(String),
    /// It exists and cannot be executed, or the user may not enter the working directory.
    NotExecutable(String),
}

impl NotRun {
    /// 127 or 126.
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            NotRun::NotFound(_) => 127,
            NotRun::NotExecutable(_) => 126,
        }
    }

    fn of_exec(program: &str, error: &io::Error) -> NotRun {
        let text = format!("exec {program:?}: {error}");
        if error.kind() == ErrorKind::NotFound { NotRun::NotFound(text) } else { NotRun::NotExecutable(text) }
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (NotRun::NotFound(text) | NotRun::NotExecutable(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for NotRun {}

/// Makes this process the program. Returns only on failure: [`NotRun`], or a step of init's own.
/// `directories` are the mounts of the host's that were lent, if any were.
pub(crate) fn become_program(
    start: &Start,
    terminal: Option<&str>,
    pipes: &Streams,
    directories: Option<&[OwnedFd]>,
) -> Result<Infallible> {
    let namespaces = start.namespaces();
    keyring::join(&start.id, namespaces.user.is_some())?;
    if namespaces.uts {
        rustix::system::sethostname(start.hostname.as_bytes()).context("set the host name")?;
        if !start.domainname.is_empty() {
            rustix::system::setdomainname(start.domainname.as_bytes()).context("set the domain name")?;
        }
    }
    let generated = start.world.as_ref().is_none_or(|world| world.generated_files);
    if generated {
        etc::name_host(&start.hostname)?;
    }
    let mut account = user::find(&start.user, "/")?;
    if let Some(groups) = &start.groups {
        account.groups.clone_from(groups);
    }
    identity::check(&account, &namespaces)?;
    start.volumes.iter().try_for_each(|path| directory::make_all(path).context("volume of the image"))?;
    match directories {
        Some(lent) => shared::attach(&start.directories, lent)?,
        None => shared::mount_all(&start.directories, &account)?,
    }
    if start.rehearsal {
        rehearsal::run(&start.directories)?;
    }
    start.tmpfs.iter().try_for_each(|mount| mounts::attach(mount).and_then(|()| mounts::seal(mount)))?;
    let environment = environment::complete(start, &account);
    rustix::process::setsid().context("start a session")?;
    match terminal {
        Some(path) => take_terminal(path, &account)?,
        None => take_pipes(pipes, &account)?,
    }
    let cwd = if start.cwd.is_empty() { "/" } else { &start.cwd };
    let entered = enter_directory(cwd)?;
    if start.read_only {
        mounts::seal_root(&start.volumes, generated)?;
    }
    schedule(&start.scheduling)?;
    if let Some(personality) = start.personality {
        syscalls::set_personality(personality).context("set the personality")?;
    }
    privileges::confine(&account, &start.confinement)?;
    if !entered {
        let refused = |error| NotRun::NotExecutable(format!("working directory {cwd}: {error}"));
        rustix::process::chdir(cwd).map_err(refused)?;
    }
    if let Some(mask) = start.umask {
        rustix::process::umask(Mode::from_raw_mode(mask & 0o777));
    }
    let program = Executable::find(&start.args, &environment)?;
    // Where it is no privilege it comes last, so that the filter need not let through what init does before.
    if let (Some(profile), true) = (&start.confinement.seccomp, start.confinement.no_new_privileges) {
        seccomp::install(profile)?;
    }
    if start.reaper {
        reaper::leave_to_child()?;
    }
    Err(program.execute().into())
}

/// A program that was found, with all that exec is told.
struct Executable {
    path: CString,
    args: Vec<CString>,
    variables: Vec<CString>,
}

impl Executable {
    fn find(args: &[String], environment: &Environment) -> Result<Executable> {
        let Some(program) = args.first() else { bail!("the container has no program to run") };
        let path = lookup::find(program, environment.get("PATH")).map_err(|error| match error {
            LookupError::NotInPath => NotRun::NotFound(format!("exec {program:?}: executable file not found in $PATH")),
            LookupError::Unusable(error) => NotRun::of_exec(program, &error),
        })?;
        Ok(Executable {
            path: CString::new(path).context("path of the program")?,
            args: c_strings(args).context("arguments")?,
            variables: c_strings(environment.entries()).context("environment")?,
        })
    }

    /// Returns only why it could not be run.
    fn execute(&self) -> NotRun {
        syscalls::restore_sigpipe();
        let error = syscalls::execute(&self.path, &self.args, &self.variables);
        NotRun::of_exec(&self.args[0].to_string_lossy(), &error)
    }
}

fn c_strings(strings: &[String]) -> Result<Vec<CString>> {
    strings.iter().map(|string| CString::new(string.as_str()).with_context(|| format!("{string:?}"))).collect()
}

/// The pipes become the standard streams, owned by the user, so that `/dev/stdout` can be opened again.
fn take_pipes(pipes: &Streams, account: &Account) -> Result<()> {
    pipes.give(Uid::from_raw(account.uid)).context("give the pipes to the user")?;
    take_streams([&pipes.stdin, &pipes.stdout, &pipes.stderr])
}

/// The terminal becomes the controlling one, the three streams, and `/dev/console`.
fn take_terminal(path: &str, account: &Account) -> Result<()> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal = rustix::fs::open(path, flags, Mode::empty()).with_context(|| format!("open {path}"))?;
    rustix::process::ioctl_tiocsctty(&terminal).context("take the controlling terminal")?;
    rustix::fs::fchown(&terminal, Some(Uid::from_raw(account.uid)), None).context("give the terminal to the user")?;
    std::fs::File::create("/dev/console").context("create /dev/console")?;
    rustix::mount::mount_bind(path, "/dev/console").context("bind /dev/console")?;
    take_streams([&terminal; 3])
}

fn take_streams([stdin, stdout, stderr]: [&OwnedFd; 3]) -> Result<()> {
    dup2_stdin(stdin).and_then(|()| dup2_stdout(stdout)).and_then(|()| dup2_stderr(stderr)).context("standard streams")
}

fn schedule(scheduling: &Scheduling) -> Result<()> {
    if let Some((class, level)) = scheduling.io_priority {
        syscalls::set_io_priority(class, level).context("set the priority of input and output")?;
    }
    scheduling.scheduler.as_ref().map_or(Ok(()), syscalls::set_scheduler).context("set the scheduler")
}

/// Makes and enters the working directory; false where only the user may be allowed to enter it.
fn enter_directory(cwd: &str) -> Result<bool> {
    if !cwd.starts_with('/') {
        bail!("working directory {cwd:?}: expected an absolute path");
    }
    directory::make_all(cwd).context("working directory")?;
    match rustix::process::chdir(cwd) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::ACCESS) => Ok(false),
        Err(error) => Err(error).with_context(|| format!("working directory {cwd}")),
    }
}
