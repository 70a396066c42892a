//! Init's end of the configuration channel.

use crate::ports;
use anyhow::{Context, Result};
use channel::{CONFIG_PORT, ToGuest, ToHost};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

/// The open channel.
pub(crate) struct Host {
    port: File,
    /// Bytes of a message that is not complete yet.
    partial: Vec<u8>,
    open: bool,
}

impl Host {
    /// Opens the port; the first [`Host::send`] waits until the host has connected.
    pub(crate) fn connect() -> Result<Host> {
        Ok(Host { port: File::from(ports::open(CONFIG_PORT, OFlags::RDWR)?), partial: Vec::new(), open: true })
    }

    /// Sends one message.
    pub(crate) fn send(&mut self, message: &ToHost) -> Result<()> {
        channel::send(&mut self.port, message).with_context(|| format!("write {CONFIG_PORT}"))
    }

    /// Waits for one message.
    pub(crate) fn receive(&mut self) -> Result<ToGuest> {
        channel::receive(&mut self.port).with_context(|| format!("read {CONFIG_PORT}"))
    }

    /// What to poll for more messages; `None` once the host has closed the channel.
    pub(crate) fn source(&self) -> Option<BorrowedFd<'_>> {
        self.open.then(|| self.port.as_fd())
    }

    /// Reads what has arrived, and returns the messages that it completes. To be called when the source is readable.
    pub(crate) fn arrived(&mut self) -> Result<Vec<ToGuest>> {
        let mut bytes = [0; 4096];
        let length = self.port.read(&mut bytes).with_context(|| format!("read {CONFIG_PORT}"))?;
        self.open = length > 0;
        self.partial.extend_from_slice(&bytes[..length]);
        std::iter::from_fn(|| channel::decode(&mut self.partial).transpose())
            .collect::<Result<_, _>>()
            .with_context(|| format!("read {CONFIG_PORT}"))
    }
}
