//! Standard streams natively.

use super::system::Sink;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub(super) fn wait(input: bool, timeout: Option<Duration>) -> bool {
    let timeout = timeout.map(|time| Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() });
    let mut polled = [PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN)];
    let polled = &mut polled[..usize::from(input)];
    if polled.is_empty() && timeout.is_none() {
        return false;
    }
    // An error leaves it to the read to fail, unless it is a signal.
    match poll(polled, timeout.as_ref()) {
        Ok(ready) => ready > 0,
        Err(error) => input && error != rustix::io::Errno::INTR,
    }
}

pub(super) fn read(into: &mut [u8]) -> io::Result<usize> {
    Ok(rustix::io::read(rustix::stdio::stdin(), into)?)
}

pub(super) fn write(sink: Sink, bytes: &[u8]) -> io::Result<usize> {
    Ok(rustix::io::write(descriptor(sink), bytes)?)
}

pub(super) fn wait_writable(sink: Sink) {
    // An error leaves it to the write to fail.
    let _ = poll(&mut [PollFd::from_borrowed_fd(descriptor(sink), PollFlags::OUT)], None);
}

fn descriptor(sink: Sink) -> BorrowedFd<'static> {
    match sink {
        Sink::Stdout => rustix::stdio::stdout(),
        Sink::Stderr => rustix::stdio::stderr(),
    }
}
