//! Where the guest's output goes: the program's streams to the host's, the serial console to a short memory of it, which is
//! shown when a run fails.

use super::system::{Host, Sink};
use crate::devices::Stream;
use crate::session::Output;
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Bytes of the serial console that are kept.
const TAIL: usize = 4096;

/// The guest's output on its way.
pub struct Console<'a, H> {
    /// Where it goes.
    pub host: &'a mut H,
    verbose: bool,
    serial: VecDeque<u8>,
    broken: Vec<(Stream, io::Error)>,
    closed: [bool; 2],
    first: Option<Duration>,
}

impl<'a, H: Host> Console<'a, H> {
    /// A console that shows the guest's serial console too if `verbose`.
    pub fn new(host: &'a mut H, verbose: bool) -> Console<'a, H> {
        Console { host, verbose, serial: VecDeque::new(), broken: Vec::new(), closed: [false; 2], first: None }
    }

    /// Takes the streams that nobody takes any more, each once, with the reason.
    pub fn take_broken(&mut self) -> Vec<(Stream, io::Error)> {
        std::mem::take(&mut self.broken)
    }

    /// When the program wrote its first byte.
    pub fn first_output(&self) -> Option<Duration> {
        self.first
    }

    /// The last lines of the serial console, whole ones.
    pub fn serial_tail(&self) -> String {
        let bytes: Vec<u8> = self.serial.iter().copied().collect();
        let cut =
            if bytes.len() < TAIL { 0 } else { bytes.iter().position(|&byte| byte == b'\n').map_or(0, |at| at + 1) };
        String::from_utf8_lossy(&bytes[cut..]).into_owned()
    }

    fn pass_on(&mut self, stream: Stream, sink: Sink, bytes: &[u8]) {
        if self.first.is_none() {
            self.first = Some(self.host.now());
        }
        if self.closed[sink as usize] {
            return;
        }
        if let Err(error) = self.host.write(sink, bytes) {
            self.closed[sink as usize] = true;
            self.broken.push((stream, error));
        }
    }

    fn remember(&mut self, bytes: &[u8]) {
        self.serial.extend(bytes);
        let excess = self.serial.len().saturating_sub(TAIL);
        self.serial.drain(..excess);
        if self.verbose {
            // It is a help for those who look for errors: it must not cause any.
            let _ = self.host.write(Sink::Stderr, bytes);
        }
    }
}

impl<H: Host> Output for Console<'_, H> {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        match stream {
            Stream::Stdout => self.pass_on(stream, Sink::Stdout, bytes),
            Stream::Stderr => self.pass_on(stream, Sink::Stderr, bytes),
            Stream::Serial | Stream::Terminal => self.remember(bytes),
            Stream::Config | Stream::Stdin => {}
        }
    }
}
