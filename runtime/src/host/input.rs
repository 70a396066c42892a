//! Standard input on its way into the guest.
//!
//! In real time the host is asked whether there is input whenever the guest is idle, and now and then while it is busy. In
//! deterministic mode how much the guest gets must depend on the instruction count alone: its buffer is always filled up,
//! waiting for the host as long as that takes.

use super::drive::Guest;
use super::system::Host;
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
}

impl Input {
    /// Input that is not at its end.
    pub(super) fn new(now: Duration) -> Input {
        Input { ended: false, looked: now, buffer: vec![0; BUFFER] }
    }

    /// Whether there may be more, and the guest has room for it.
    pub(super) fn wanted(&self, guest: &impl Guest) -> bool {
        !self.ended && guest.input_space() > 0
    }

    /// Gives the guest no more.
    pub(super) fn end(&mut self, guest: &mut impl Guest) {
        self.ended = true;
        guest.close_input();
    }

    /// Looks for input while the guest is busy, if it is time to.
    pub(super) fn glance(&mut self, guest: &mut impl Guest, host: &mut impl Host, now: Duration) {
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
        let room = guest.input_space().min(BUFFER);
        match host.read(&mut self.buffer[..room]) {
            Ok(0) => self.end(guest),
            Ok(length) => guest.push_input(&self.buffer[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => drop(host.wait(true, Some(LOOK))),
            Err(_) => self.end(guest),
        }
    }
}
