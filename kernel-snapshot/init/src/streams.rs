//! The three standard streams, as ports or as pipes.

use crate::ports;
use anyhow::{Context, Result};
use channel::STDIO_PORTS;
use rustix::fs::{OFlags, Uid, fchown};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::OwnedFd;

/// One descriptor for each standard stream. All are closed on exec.
pub(crate) struct Streams {
    /// Standard input.
    pub(crate) stdin: OwnedFd,
    /// Standard output.
    pub(crate) stdout: OwnedFd,
    /// Standard error.
    pub(crate) stderr: OwnedFd,
}

impl Streams {
    /// The host's ends: the console ports, not blocking.
    pub(crate) fn open_ports() -> Result<Streams> {
        let [stdin, stdout, stderr] = STDIO_PORTS;
        Ok(Streams {
            stdin: ports::open(stdin, OFlags::RDONLY | OFlags::NONBLOCK)?,
            stdout: ports::open(stdout, OFlags::WRONLY | OFlags::NONBLOCK)?,
            stderr: ports::open(stderr, OFlags::WRONLY | OFlags::NONBLOCK)?,
        })
    }

    /// Makes them a user's.
    pub(crate) fn give(&self, user: Uid) -> rustix::io::Result<()> {
        [&self.stdin, &self.stdout, &self.stderr].into_iter().try_for_each(|stream| fchown(stream, Some(user), None))
    }

    /// Three pipes: the pump's ends, which do not block, and the program's.
    pub(crate) fn pipes() -> Result<(Streams, Streams)> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).context("make a pipe");
        let (stdin, stdin_writer) = pipe()?;
        let (stdout_reader, stdout) = pipe()?;
        let (stderr_reader, stderr) = pipe()?;
        for end in [&stdin_writer, &stdout_reader, &stderr_reader] {
            rustix::fs::fcntl_setfl(end, OFlags::NONBLOCK).context("make a pipe not block")?;
        }
        let pump = Streams { stdin: stdin_writer, stdout: stdout_reader, stderr: stderr_reader };
        Ok((pump, Streams { stdin, stdout, stderr }))
    }
}
