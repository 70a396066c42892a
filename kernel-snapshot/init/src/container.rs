//! The container's first process: forked before `Ready`, it prepares its world, waits, and becomes the program.
//!
//! The two processes share a socket. Where the child is in a user namespace, the parent writes when that has its mappings. The child
//! writes one `Result` when it is prepared; the parent writes the order to start; then the child writes an error or, by exec, closes
//! its end.
//!
//! What a user namespace's root may not do is the parent's part, for any container: to raise limits and to lower `oom_score_adj`.

use crate::boot::CONTAINER_CGROUP;
use crate::nodes::{self, Lent};
use crate::streams::Streams;
use crate::{devices, identity, network, program, rootfs, syscalls, timens};
use anyhow::{Context, Error, Result, anyhow};
use channel::{Namespaces, Start, World};
use rustix::fs::Uid;
use rustix::process::{Pid, PidfdFlags, WaitOptions};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// What the child says: it is prepared, or what failed.
type Report = Result<(), String>;
/// What the parent says: the program, and the path of its terminal.
type Order = (Start, Option<String>);
/// What it says before where there is a user namespace: it has its mappings.
type Mapped = ();

/// What init lends a container that has a user namespace.
struct Loan {
    nodes: Vec<Lent>,
    directories: Option<Vec<OwnedFd>>,
}

/// A container that waits for its program.
pub(crate) struct Container {
    pid: Pid,
    /// The machine's id of its root.
    root: Uid,
    socket: UnixStream,
    pipes: Streams,
}

impl Container {
    /// Forks the container's first process and waits until it is prepared. To be called once, and again after
    /// [`Container::abandon`]. `directories` are the mounts of the host's, where the container cannot mount them itself.
    pub(crate) fn create(world: &World, directories: Option<Vec<OwnedFd>>) -> Result<Container> {
        let namespaces = &world.namespaces;
        devices::restrict(&world.rules)?;
        let loan = Loan { nodes: nodes::lend(&world.devices, namespaces)?, directories };
        let (root, _) = namespaces.outside((0, 0)).context("the container's root: expected ids that are mapped")?;
        let root = Uid::from_raw(root);
        let (socket, child_socket) = UnixStream::pair().context("make a pair of sockets")?;
        let (pipes, child_pipes) = Streams::pipes()?;
        child_pipes.give(root).context("give the pipes to the container's root")?;
        let first = [(libc::CLONE_NEWPID, true), (libc::CLONE_NEWUSER, namespaces.user.is_some())];
        let Some(pid) = syscalls::fork_into(syscalls::flags(&first)).context("fork the container's first process")?
        else {
            drop((socket, pipes));
            live(world, loan, child_socket, child_pipes)
        };
        drop((child_socket, child_pipes, loan));
        let mut container = Container { pid, root, socket, pipes };
        if let Some(ids) = &namespaces.user {
            identity::map(pid, ids)?;
            channel::send(&mut container.socket, &Mapped::default()).context("tell a process of its ids")?;
        }
        match container.report()? {
            Some(report) => report.map_err(Error::msg)?,
            None => return Err(anyhow!("the container's first process ended while it was prepared")),
        }
        Ok(container)
    }

    /// Ends a container whose program has not started.
    pub(crate) fn abandon(self) -> Result<()> {
        syscalls::kill(self.pid, libc::SIGKILL).context("end the container's first process")?;
        rustix::process::waitpid(Some(self.pid), WaitOptions::empty()).context("wait for its end").map(drop)
    }

    /// The first process, in init's PID namespace.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// The machine's id of the container's root.
    pub(crate) fn root(&self) -> Uid {
        self.root
    }

    /// Starts the program; returns when it runs, with the pump's ends of its pipes.
    pub(crate) fn start(mut self, start: &Start, terminal: Option<&str>) -> Result<(Program, Streams)> {
        let end = rustix::process::pidfd_open(self.pid, PidfdFlags::empty()).context("pidfd_open")?;
        self.grant(start)?;
        channel::send(&mut self.socket, &(start, terminal)).context("send the program to its process")?;
        if let Some(Err(failure)) = self.report()? {
            return Err(Error::msg(failure));
        }
        Ok((Program { pid: self.pid, end }, self.pipes))
    }

    /// Does what the first process may not be privileged to do.
    fn grant(&self, start: &Start) -> Result<()> {
        if let Some(adjustment) = start.oom_score_adj {
            let path = format!("/proc/{}/oom_score_adj", self.pid.as_raw_nonzero());
            std::fs::write(path, adjustment.to_string()).context("set oom_score_adj")?;
        }
        let Namespaces { user, uts, .. } = start.namespaces();
        if user.is_some() {
            for limit in &start.confinement.limits {
                syscalls::allow_limit(self.pid, limit)
                    .with_context(|| format!("raise the limit of resource {}", limit.resource))?;
            }
        }
        if !uts {
            rustix::system::sethostname(start.hostname.as_bytes()).context("set the machine's host name")?;
        }
        Ok(())
    }

    /// The child's next report; `None` where it closed its end.
    fn report(&mut self) -> Result<Option<Report>> {
        match channel::receive(&mut self.socket) {
            Ok(report) => Ok(Some(report)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error).context("read the report of the container's first process"),
        }
    }
}

/// The running program.
pub(crate) struct Program {
    pid: Pid,
    end: OwnedFd,
}

impl Program {
    /// The first process, in init's PID namespace.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// A descriptor that is readable once the program has ended.
    pub(crate) fn end(&self) -> &OwnedFd {
        &self.end
    }

    /// Sends a signal; as to any first process of a PID namespace, only signals that it handles, KILL and STOP arrive.
    pub(crate) fn signal(&self, signal: u8) -> Result<()> {
        syscalls::kill(self.pid, signal).with_context(|| format!("send signal {signal}"))
    }

    /// Reaps the ended program: its exit status, or 128 + n for death by signal n.
    pub(crate) fn exit_code(&self) -> Result<u8> {
        let ended = rustix::process::waitpid(Some(self.pid), WaitOptions::empty()).context("wait for the program")?;
        let code = ended.and_then(|(_, status)| {
            status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal))
        });
        u8::try_from(code.context("the program has not ended")?).context("exit status of the program")
    }
}

/// The life of the container's first process, up to exec.
fn live(world: &World, loan: Loan, mut socket: UnixStream, pipes: Streams) -> ! {
    let Err(failure) = prepare_and_start(world, loan, &mut socket, pipes);
    let code = match failure.downcast_ref::<program::NotRun>() {
        Some(not_run) => {
            eprintln!("prelift: {not_run}");
            not_run.exit_code()
        }
        None => {
            let report: Report = Err(format!("{failure:#}"));
            // Where the parent does not hear it, it sees the end of the socket.
            let _ = channel::send(&mut socket, &report);
            1
        }
    };
    std::process::exit(code)
}

fn prepare_and_start(world: &World, loan: Loan, socket: &mut UnixStream, pipes: Streams) -> Result<Infallible> {
    std::fs::write(format!("{CONTAINER_CGROUP}/cgroup.procs"), "0").context("enter the container's cgroup")?;
    enter_namespaces(&world.namespaces, socket)?;
    rootfs::enter(world, &loan.nodes)?;
    channel::send(socket, &Report::Ok(())).context("report")?;
    let (start, terminal): Order = channel::receive(socket).context("receive the program")?;
    program::become_program(&start, terminal.as_deref(), &pipes, loan.directories.as_deref())
}

/// Makes the namespaces that are not made by the fork.
fn enter_namespaces(namespaces: &Namespaces, socket: &mut UnixStream) -> Result<()> {
    let Namespaces { user, time, network, ipc, uts, cgroup } = namespaces;
    // What it needs of /proc is out of the reach of whoever has changed his ids.
    time.as_ref().map_or(Ok(()), timens::enter)?;
    if user.is_some() {
        channel::receive::<Mapped>(socket).context("wait for the mappings of ids")?;
        identity::become_root()?;
    }
    let flags = syscalls::flags(&[
        (libc::CLONE_NEWNS, true),
        (libc::CLONE_NEWNET, *network),
        (libc::CLONE_NEWIPC, *ipc),
        (libc::CLONE_NEWUTS, *uts),
        (libc::CLONE_NEWCGROUP, *cgroup),
    ]);
    syscalls::unshare(flags).context("make the container's namespaces")?;
    if *network { network::raise_loopback() } else { Ok(()) }
}
