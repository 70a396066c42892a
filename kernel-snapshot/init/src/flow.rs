//! One direction of one stream: a source, a sink, and at most one buffer of bytes between them.
//!
//! A flow reads only while its buffer is empty and writes only while it is not, so a sink that is slow holds its own
//! source back and nothing else. Neither end blocks.

use crate::terminal;
use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::os::fd::{AsFd, OwnedFd};

const BUFFER: usize = 64 << 10;

/// What a flow is after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There may be more to move.
    Open,
    /// The source is at its end and all is written, or the sink takes no more.
    Finished,
}

/// What a read found.
enum Filled {
    Some,
    NothingNow,
    End,
}

/// Bytes on their way from one descriptor to another. Both are closed when it is dropped.
pub(crate) struct Flow {
    name: &'static str,
    from: OwnedFd,
    to: OwnedFd,
    buffer: Box<[u8]>,
    /// Bytes of the buffer that hold data,
    filled: usize,
    /// and how many of them are written.
    written: usize,
    /// The sink is a terminal: the end of the source is typed into it.
    into_terminal: bool,
    at_line_start: bool,
    last: bool,
}

impl Flow {
    /// A flow between two descriptors that do not block; `name` is for messages.
    pub(crate) fn new(name: &'static str, from: OwnedFd, to: OwnedFd) -> Flow {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        let into_terminal = false;
        Flow { name, from, to, buffer, filled: 0, written: 0, into_terminal, at_line_start: true, last: false }
    }

    /// A flow into a terminal's master side: at the end of the source it types the end-of-file character.
    pub(crate) fn into_terminal(name: &'static str, from: OwnedFd, master: OwnedFd) -> Flow {
        Flow { into_terminal: true, ..Flow::new(name, from, master) }
    }

    /// What the flow waits for.
    pub(crate) fn interest(&self) -> PollFd<'_> {
        if self.pending() { PollFd::new(&self.to, PollFlags::OUT) } else { PollFd::new(&self.from, PollFlags::IN) }
    }

    /// Takes one step, given what poll said of [`Flow::interest`].
    pub(crate) fn advance(&mut self, ready: PollFlags) -> Result<State> {
        if !self.pending() {
            return match self.fill()? {
                Filled::End => self.end(),
                Filled::NothingNow => Ok(State::Open),
                // The sink mostly takes them at once; if not, it is waited for.
                Filled::Some => self.flush(),
            };
        }
        if !ready.contains(PollFlags::OUT) {
            // Only an error or a hang-up is left: nobody takes the bytes.
            return Ok(State::Finished);
        }
        self.flush()
    }

    /// Moves all that the source holds now, waiting for the sink as needed. For a source that nobody fills any more.
    pub(crate) fn drain(mut self) -> Result<()> {
        loop {
            if !self.pending() && !matches!(self.fill()?, Filled::Some) {
                return Ok(());
            }
            let mut sink = [PollFd::new(&self.to, PollFlags::OUT)];
            wait(&mut sink, None)?;
            let ready = sink[0].revents();
            if self.advance(ready)? == State::Finished {
                return Ok(());
            }
        }
    }

    fn pending(&self) -> bool {
        self.written < self.filled
    }

    fn fill(&mut self) -> Result<Filled> {
        match rustix::io::read(&self.from, &mut self.buffer[..]) {
            // A terminal whose other side is closed answers EIO.
            Ok(0) | Err(Errno::IO) => Ok(Filled::End),
            Ok(length) => {
                (self.filled, self.written) = (length, 0);
                self.at_line_start = self.buffer[length - 1] == b'\n';
                Ok(Filled::Some)
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(Filled::NothingNow),
            Err(error) => Err(error).with_context(|| format!("read {}", self.name)),
        }
    }

    fn flush(&mut self) -> Result<State> {
        match rustix::io::write(&self.to, &self.buffer[self.written..self.filled]) {
            Ok(length) => {
                self.written += length;
                Ok(if self.last && !self.pending() { State::Finished } else { State::Open })
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(State::Open),
            Err(Errno::PIPE | Errno::IO | Errno::NODEV) => Ok(State::Finished),
            Err(error) => Err(error).with_context(|| format!("write {}", self.name)),
        }
    }

    /// The source is at its end. On a terminal, the first end-of-file character within a line only hands it over.
    fn end(&mut self) -> Result<State> {
        if !self.into_terminal || self.last {
            return Ok(State::Finished);
        }
        let length = if self.at_line_start { 1 } else { 2 };
        self.buffer[..length].fill(terminal::end_of_file_character(self.to.as_fd())?);
        (self.filled, self.written, self.last) = (length, 0, true);
        Ok(State::Open)
    }
}

/// Polls, for so long where there is a limit.
pub(crate) fn wait(on: &mut [PollFd<'_>], limit: Option<&Timespec>) -> Result<()> {
    loop {
        match poll(on, limit) {
            Err(Errno::INTR) => {}
            done => return done.map(drop).context("poll"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{OFlags, fcntl_setfl};
    use std::fs::File;
    use std::io::{Read, Write};

    fn pipe() -> (OwnedFd, OwnedFd) {
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
    }

    fn run(mut flow: Flow) -> usize {
        for steps in 1.. {
            let mut interest = [flow.interest()];
            wait(&mut interest, None).unwrap();
            let ready = interest[0].revents();
            if flow.advance(ready).unwrap() == State::Finished {
                return steps;
            }
        }
        unreachable!()
    }

    #[test]
    fn all_bytes_arrive_in_order_through_a_slow_sink() {
        let ((source, feed), (outlet, sink)) = (pipe(), pipe());
        fcntl_setfl(&source, OFlags::NONBLOCK).unwrap();
        fcntl_setfl(&sink, OFlags::NONBLOCK).unwrap();
        let sent: Vec<u8> = (0..1_000_003u32).map(|i| (i % 251) as u8).collect();
        let expected = sent.clone();
        let feeder = std::thread::spawn(move || File::from(feed).write_all(&sent).unwrap());
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            File::from(outlet).read_to_end(&mut all).unwrap();
            all
        });
        run(Flow::new("test", source, sink));
        feeder.join().unwrap();
        assert!(reader.join().unwrap() == expected);
    }

    #[test]
    fn a_closed_sink_finishes_the_flow() {
        let ((source, feed), (outlet, sink)) = (pipe(), pipe());
        File::from(feed.try_clone().unwrap()).write_all(b"x").unwrap();
        drop(outlet);
        assert_eq!(run(Flow::new("test", source, sink)), 1);
        drop(feed);
    }

    #[test]
    fn drain_stops_where_a_writer_lingers() {
        let ((source, feed), (outlet, sink)) = (pipe(), pipe());
        fcntl_setfl(&source, OFlags::NONBLOCK).unwrap();
        File::from(feed.try_clone().unwrap()).write_all(b"rest").unwrap();
        Flow::new("test", source, sink).drain().unwrap();
        let mut all = String::new();
        File::from(outlet).read_to_string(&mut all).unwrap();
        assert_eq!(all, "rest");
        drop(feed);
    }
}
