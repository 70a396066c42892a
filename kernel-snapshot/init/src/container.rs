//! The container's first process: forked before `Ready`, it prepares its world, waits, and becomes the program.
//!
//! The two processes share a socket. The child writes one `Result` when it is prepared; the parent writes the order
//! to start; then the child writes an error or, by exec, closes its end.

use crate::boot::CONTAINER_CGROUP;
use crate::streams::Streams;
use crate::{devices, program, rootfs, syscalls};
use anyhow::{Context, Error, Result, anyhow};
use channel::{Start, World};
use rustix::process::{Pid, PidfdFlags, WaitOptions};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// What the child says: it is prepared, or what failed.
type Report = Result<(), String>;
/// What the parent says: the program, and the path of its terminal.
type Order = (Start, Option<String>);

/// A container that waits for its program.
pub(crate) struct Container {
    pid: Pid,
    socket: UnixStream,
    pipes: Streams,
}

impl Container {
    /// Forks the container's first process and waits until it is prepared. To be called once, and again after
    /// [`Container::abandon`].
    pub(crate) fn create(world: &World) -> Result<Container> {
        devices::restrict(&world.rules)?;
        let (socket, child_socket) = UnixStream::pair().context("make a pair of sockets")?;
        let (pipes, child_pipes) = Streams::pipes()?;
        syscalls::unshare(syscalls::PID_NAMESPACE).context("make a PID namespace")?;
        let Some(pid) = syscalls::fork().context("fork")? else {
            drop((socket, pipes));
            live(world, child_socket, child_pipes)
        };
        drop((child_socket, child_pipes));
        let mut container = Container { pid, socket, pipes };
        match container.report()? {
            Some(report) => report.map_err(Error::msg)?,
            None => return Err(anyhow!("the container's first process ended while it was prepared")),
        }
        Ok(container)
    }

    /// Ends a container whose program has not started.
    pub(crate) fn abandon(self) -> Result<()> {
        syscalls::kill(self.pid, libc::SIGKILL).context("end the container's first process")?;
        rustix::process::waitpid(Some(self.pid), WaitOptions::empty()).context("wait for its end")?;
        // A process makes a PID namespace for its children only while they would be in its own.
        let own = std::fs::File::open("/proc/self/ns/pid").context("open init's PID namespace")?;
        move_into_link_name_space(own.as_fd(), Some(LinkNameSpaceType::ProcessID)).context("leave a PID namespace")
    }

    /// The first process, in init's PID namespace.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Starts the program; returns when it runs, with the pump's ends of its pipes.
    pub(crate) fn start(mut self, start: &Start, terminal: Option<&str>) -> Result<(Program, Streams)> {
        let end = rustix::process::pidfd_open(self.pid, PidfdFlags::empty()).context("pidfd_open")?;
        channel::send(&mut self.socket, &(start, terminal)).context("send the program to its process")?;
        if let Some(Err(failure)) = self.report()? {
            return Err(Error::msg(failure));
        }
        Ok((Program { pid: self.pid, end }, self.pipes))
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
fn live(world: &World, mut socket: UnixStream, pipes: Streams) -> ! {
    let Err(failure) = prepare_and_start(world, &mut socket, pipes);
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

fn prepare_and_start(world: &World, socket: &mut UnixStream, pipes: Streams) -> Result<Infallible> {
    std::fs::write(format!("{CONTAINER_CGROUP}/cgroup.procs"), "0").context("enter the container's cgroup")?;
    syscalls::unshare(syscalls::CONTAINER_NAMESPACES).context("make the container's namespaces")?;
    rootfs::enter(world)?;
    channel::send(socket, &Report::Ok(())).context("report")?;
    let (start, terminal): Order = channel::receive(socket).context("receive the program")?;
    program::become_program(&start, terminal.as_deref(), &pipes)
}
