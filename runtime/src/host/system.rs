//! The world around the machine: clocks, randomness, and the three standard streams.

use super::streams;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// An output stream of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What the machine needs from its host.
pub trait Host {
    /// Time since some moment before the run; never goes back.
    fn now(&mut self) -> Duration;

    /// Waits until standard input has something to read or is at its end (`true`; only if `input`), or until `timeout`
    /// is over; it may come back early. Without either it comes back at once.
    fn wait(&mut self, input: bool, timeout: Option<Duration>) -> bool;

    /// Reads what standard input has, waiting for the first byte; 0 is its end.
    ///
    /// # Errors
    /// Those of the system.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// Those of the system; `BrokenPipe` if nobody reads them.
    fn write(&mut self, sink: Sink, bytes: &[u8]) -> io::Result<()>;
}

/// The real host.
pub struct System {
    begin: Instant,
}

impl System {
    /// A host whose time begins now.
    #[expect(clippy::new_without_default, reason = "it reads the clock")]
    pub fn new() -> System {
        System { begin: Instant::now() }
    }

    /// Time of day, nanoseconds since the Unix epoch; 0 before it.
    pub fn wall_clock_ns(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    /// Fills `into` with random bytes.
    ///
    /// # Errors
    /// If the host has none.
    pub fn random(&self, into: &mut [u8]) -> io::Result<()> {
        getrandom::fill(into).map_err(|error| io::Error::other(error.to_string()))
    }

    /// Whether standard input is a terminal: in WASI, a character device without seek and tell.
    pub fn input_is_terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Whether standard output is one.
    pub fn output_is_terminal(&self) -> bool {
        io::stdout().is_terminal()
    }
}

impl Host for System {
    fn now(&mut self) -> Duration {
        self.begin.elapsed()
    }

    fn wait(&mut self, input: bool, timeout: Option<Duration>) -> bool {
        streams::wait(input, timeout)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        streams::read(into)
    }

    fn write(&mut self, sink: Sink, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            match streams::write(sink, rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => rest = &rest[length..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The stream was made not to block, by whoever shares it.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => streams::wait_writable(sink),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
