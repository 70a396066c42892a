//! Standard input on its way into the guest.
//!
//! In real time the host is asked whether there is input whenever the guest is idle, and now and then while it is busy. In
//! deterministic mode how much the guest gets must depend on the instruction count alone: its buffer is always filled up,
//! waiting for the host as long as that takes.
//!
//! Plain input is read only as far as the guest has room. Framed input ([`frames`](super::frames)) is read on beyond that, up
//! to a limit, since a signal may follow the bytes that the guest does not take.

use super::drive::Guest;
use super::frames::{Frame, Frames};
use super::signals;
use super::system::{Host, Sink};
use channel::ToGuest;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::time::Duration;

/// Most bytes of one read.
const BUFFER: usize = 64 << 10;
/// How long a busy guest may go without a look at the input.
const INTERVAL: Duration = Duration::from_millis(50);
/// The shortest wait in which every host reports input.
const LOOK: Duration = Duration::from_millis(1);

/// Standard input.
pub(super) struct Input {
    ended: bool,
    looked: Duration,
    buffer: Vec<u8>,
    framed: Option<Framed>,
}

/// What came in frames and is not the guest's yet.
struct Framed {
    /// What the program gets in place of SIGTERM.
    stop_signal: u8,
    frames: Frames,
    data: VecDeque<u8>,
    /// The data's end has come, and
    end: bool,
    /// the guest knows.
    closed: bool,
    /// The machine is to be saved.
    checkpoint: bool,
}

impl Input {
    /// Input that is not at its end; in frames where there is a signal for the program to get in place of SIGTERM.
    pub(super) fn new(now: Duration, framed: Option<u8>) -> Input {
        let framed = framed.map(Framed::new);
        Input { ended: false, looked: now, buffer: vec![0; BUFFER], framed }
    }

    /// Whether there may be more, and room for it.
    pub(super) fn wanted(&self, guest: &impl Guest) -> bool {
        !self.ended && self.room(guest) > 0
    }

    /// Most bytes to read now.
    fn room(&self, guest: &impl Guest) -> usize {
        match &self.framed {
            None => guest.input_space().min(BUFFER),
            Some(framed) => BUFFER.saturating_sub(framed.data.len()),
        }
    }

    /// There is no more.
    fn end(&mut self, guest: &mut impl Guest) {
        self.ended = true;
        self.close(guest);
    }

    /// Gives the guest no more. Frames may still say something else.
    pub(super) fn close(&mut self, guest: &mut impl Guest) {
        match &mut self.framed {
            None => {
                self.ended = true;
                guest.close_input();
            }
            Some(framed) => {
                framed.end = true;
                framed.deliver(guest);
            }
        }
    }

    /// Whether the machine is to be saved; each request is told once.
    pub(super) fn take_request(&mut self) -> bool {
        self.framed.as_mut().is_some_and(|framed| std::mem::take(&mut framed.checkpoint))
    }

    /// Bytes that were read and that the guest has no room for.
    pub(super) fn waiting(&self) -> usize {
        self.framed.as_ref().map_or(0, |framed| framed.data.len())
    }

    /// Gives the guest what it has room for by now; whether there was anything.
    pub(super) fn deliver(&mut self, guest: &mut impl Guest) -> bool {
        self.framed.as_mut().is_some_and(|framed| framed.deliver(guest))
    }

    /// Looks for input while the guest is busy, if it is time to.
    pub(super) fn glance(&mut self, guest: &mut impl Guest, host: &mut impl Host, now: Duration) {
        self.deliver(guest);
        if now.saturating_sub(self.looked) >= INTERVAL {
            self.wait(guest, host, now, Some(Duration::ZERO));
        }
    }

    /// Waits for input if it is wanted, at most for `timeout`; and gives what came to the guest.
    pub(super) fn wait(
        &mut self,
        guest: &mut impl Guest,
        host: &mut impl Host,
        now: Duration,
        timeout: Option<Duration>,
    ) {
        let wanted = self.wanted(guest);
        let overdue = wanted && now.saturating_sub(self.looked) >= INTERVAL;
        let timeout = timeout.map(|timeout| if overdue { timeout.max(LOOK) } else { timeout });
        if !wanted && timeout.is_some_and(|timeout| timeout.is_zero()) {
            return;
        }
        let ready = host.wait(wanted, timeout);
        if timeout.is_none_or(|timeout| timeout >= LOOK) {
            self.looked = now;
        }
        if wanted && ready {
            self.read(guest, host);
        }
    }

    /// Reads until the guest has no more room or the input is at its end.
    pub(super) fn fill(&mut self, guest: &mut impl Guest, host: &mut impl Host) {
        while self.wanted(guest) {
            self.read(guest, host);
        }
    }

    /// One read. A failure that is none of the moment ends the input.
    fn read(&mut self, guest: &mut impl Guest, host: &mut impl Host) {
        let room = self.room(guest);
        match host.read(&mut self.buffer[..room]) {
            Ok(0) => self.end(guest),
            Ok(length) => self.take(length, guest, host),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(host.wait(true, Some(LOOK))),
            Err(_) => self.end(guest),
        }
    }

    /// Gives what was read to the guest. What should be frames and is not ends the input.
    fn take(&mut self, length: usize, guest: &mut impl Guest, host: &mut impl Host) {
        let bytes = &self.buffer[..length];
        let Some(framed) = &mut self.framed else { return guest.push_input(bytes) };
        if let Err(text) = framed.take(bytes, guest) {
            // If standard error cannot be written, there is nobody to tell.
            let _ = host.write(Sink::Stderr, format!("prelift: {text}\n").as_bytes());
            self.end(guest);
        }
    }
}

impl Framed {
    fn new(stop_signal: u8) -> Framed {
        Framed {
            stop_signal,
            frames: Frames::default(),
            data: VecDeque::new(),
            end: false,
            closed: false,
            checkpoint: false,
        }
    }

    fn take(&mut self, bytes: &[u8], guest: &mut impl Guest) -> Result<(), super::frames::FrameError> {
        let Framed { stop_signal, frames, data, end, checkpoint, .. } = self;
        frames.take(bytes, |frame| match frame {
            Frame::Data(bytes) => data.extend(bytes),
            Frame::End => *end = true,
            Frame::Signal(signals::TERM) => guest.send(&ToGuest::Signal(*stop_signal)),
            Frame::Signal(signal) => guest.send(&ToGuest::Signal(signal)),
            Frame::Resize(size) => guest.send(&ToGuest::Resize(size)),
            Frame::Checkpoint => *checkpoint = true,
        })?;
        self.deliver(guest);
        Ok(())
    }

    fn deliver(&mut self, guest: &mut impl Guest) -> bool {
        let length = guest.input_space().min(self.data.len());
        if length > 0 {
            let bytes: Vec<u8> = self.data.drain(..length).collect();
            guest.push_input(&bytes);
        }
        let closes = self.end && !self.closed && self.data.is_empty();
        if closes {
            self.closed = true;
            guest.close_input();
        }
        length > 0 || closes
    }
}
