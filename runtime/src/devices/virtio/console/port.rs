//! One console port: its bytes on the way, and what each side knows of the other.

use std::collections::VecDeque;

use super::super::{Context, QueueError};

/// Output bytes kept until the host takes them; further ones wait in the guest.
pub(super) const OUTPUT_LIMIT: usize = 64 << 10;
/// Input bytes kept until the guest takes them.
pub(super) const INPUT_LIMIT: usize = 64 << 10;

/// A port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Port {
    /// The driver said PORT_READY.
    pub(super) ready: bool,
    /// The driver said PORT_OPEN(1): it takes input. It throws away what comes before.
    pub(super) guest_open: bool,
    /// What the driver is told: the host is connected.
    pub(super) host_open: bool,
    /// The host has given all its input.
    pub(super) ended: bool,
    /// Control messages that the driver is still owed, as bits.
    pub(super) owed: u8,
    input: VecDeque<u8>,
    output: VecDeque<u8>,
    /// How much of the transmit queue's first request is in `output` already.
    sent: u64,
}
crate::fields!(Port { ready, guest_open, host_open, ended, owed, input, output, sent }
    where |port: &Port| port.input.len() <= INPUT_LIMIT && port.output.len() <= OUTPUT_LIMIT, "queues within their limits");

impl Port {
    /// A port to which the host is connected.
    pub(super) fn new() -> Port {
        Port { host_open: true, ..Port::default() }
    }

    /// The driver is gone; what the host gave or has not taken stays.
    pub(super) fn reset(&mut self) {
        self.ready = false;
        self.guest_open = false;
        self.owed = 0;
        self.sent = 0;
    }

    pub(super) fn input_space(&self) -> usize {
        if self.ended { 0 } else { INPUT_LIMIT.saturating_sub(self.input.len()) }
    }

    pub(super) fn push_input(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.input_space());
        self.input.extend(&bytes[..taken]);
        taken
    }

    pub(super) fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    pub(super) fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output).into()
    }

    /// Moves input into the driver's buffers of `queue`.
    pub(super) fn deliver(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while self.has_input() {
            let Some(chain) = context.peek(queue)? else { break };
            let room = usize::try_from(chain.writable_length()).unwrap_or(usize::MAX);
            let length = room.min(self.input.len());
            let bytes = &self.input.make_contiguous()[..length];
            chain.write(context.memory, 0, bytes)?;
            self.input.drain(..length);
            context.complete(queue, &chain, length)?;
        }
        Ok(())
    }

    /// Takes the driver's requests of `queue` as far as there is room for output.
    pub(super) fn collect(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            let length = chain.readable_length();
            while self.sent < length {
                let mut bytes = [0; 4096];
                let room = OUTPUT_LIMIT.saturating_sub(self.output.len()).min(bytes.len());
                if room == 0 {
                    return Ok(());
                }
                let read = chain.read(context.memory, self.sent, &mut bytes[..room])?;
                self.output.extend(&bytes[..read]);
                self.sent += read as u64;
            }
            self.sent = 0;
            context.complete(queue, &chain, 0)?;
        }
        Ok(())
    }
}
