//! What the devices have to say to whoever debugs the guest. Bounded, host-side only, never part of a snapshot.

use std::collections::BTreeSet;

/// Messages kept until the host takes them; further ones are counted.
const CAPACITY: usize = 256;

/// The devices' log.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Whether accesses that nobody answers are reported.
    pub(super) tracing: bool,
    seen: BTreeSet<u16>,
    messages: Vec<String>,
    dropped: u64,
}

impl Journal {
    /// An error of the guest's driver, always reported.
    pub(super) fn error(&mut self, message: impl FnOnce() -> String) {
        match self.messages.len() < CAPACITY {
            true => self.messages.push(message()),
            false => self.dropped += 1,
        }
    }

    /// Something odd but harmless, reported while tracing.
    pub(super) fn trace(&mut self, message: impl FnOnce() -> String) {
        if self.tracing {
            self.error(message);
        }
    }

    /// An access to a port that nothing decodes, reported once a port while tracing.
    pub(super) fn unknown_port(&mut self, port: u16) {
        if self.tracing && self.seen.insert(port) {
            self.error(|| format!("port {port:#x}: no device"));
        }
    }

    pub(super) fn take(&mut self) -> Vec<String> {
        let mut messages = std::mem::take(&mut self.messages);
        if self.dropped > 0 {
            messages.push(format!("{} more messages of devices were dropped", std::mem::take(&mut self.dropped)));
        }
        messages
    }
}
