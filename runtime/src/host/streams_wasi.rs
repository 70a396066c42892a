//! Standard streams in WASI preview 1.
//!
//! What hosts do with `poll_oneoff`, found by trying: with a zero timeout node may never report input and wasmtime late,
//! so callers wait at least a millisecond; node answers EPERM for regular files, which can always be read; the end of
//! input is "ready", with a read of 0 bytes. So an event of the input, error or not, means: read.

#![allow(unsafe_code)]

use super::system::Sink;
use std::io;
use std::time::Duration;

const STDIN: wasi::Fd = 0;
const INPUT: wasi::Userdata = 1;

pub(super) fn wait(input: bool, timeout: Option<Duration>) -> bool {
    let mut subscriptions = Vec::with_capacity(2);
    if input {
        let fd_read = wasi::SubscriptionFdReadwrite { file_descriptor: STDIN };
        subscriptions.push(subscription(INPUT, wasi::EVENTTYPE_FD_READ, wasi::SubscriptionUU { fd_read }));
    }
    if let Some(time) = timeout {
        let timeout = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let clock = wasi::SubscriptionClock { id: wasi::CLOCKID_MONOTONIC, timeout, precision: 0, flags: 0 };
        subscriptions.push(subscription(0, wasi::EVENTTYPE_CLOCK, wasi::SubscriptionUU { clock }));
    }
    if subscriptions.is_empty() {
        return false;
    }
    match poll(&subscriptions) {
        Ok(events) => events.iter().any(|event| event.userdata == INPUT),
        // A host that cannot poll: reading waits as well.
        Err(error) => input && error != wasi::ERRNO_INTR,
    }
}

fn subscription(userdata: wasi::Userdata, kind: wasi::Eventtype, u: wasi::SubscriptionUU) -> wasi::Subscription {
    wasi::Subscription { userdata, u: wasi::SubscriptionU { tag: kind.raw(), u } }
}

fn poll(subscriptions: &[wasi::Subscription]) -> Result<Vec<wasi::Event>, wasi::Errno> {
    let nothing = wasi::Event {
        userdata: 0,
        error: wasi::ERRNO_SUCCESS,
        type_: wasi::EVENTTYPE_CLOCK,
        fd_readwrite: wasi::EventFdReadwrite { nbytes: 0, flags: 0 },
    };
    let mut events = vec![nothing; subscriptions.len()];
    // SAFETY: the host reads as many subscriptions as there are, and writes at most as many events.
    let count = unsafe { wasi::poll_oneoff(subscriptions.as_ptr(), events.as_mut_ptr(), subscriptions.len())? };
    events.truncate(count);
    Ok(events)
}

pub(super) fn read(into: &mut [u8]) -> io::Result<usize> {
    let piece = wasi::Iovec { buf: into.as_mut_ptr(), buf_len: into.len() };
    // SAFETY: the host writes at most `buf_len` bytes at `buf`, which is borrowed exclusively.
    unsafe { wasi::fd_read(STDIN, &[piece]) }.map_err(error)
}

pub(super) fn write(sink: Sink, bytes: &[u8]) -> io::Result<usize> {
    let piece = wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() };
    // SAFETY: the host reads at most `buf_len` bytes at `buf`, which is borrowed.
    unsafe { wasi::fd_write(descriptor(sink), &[piece]) }.map_err(|errno| match errno {
        // So says wasmtime of a pipe that nobody reads.
        wasi::ERRNO_IO => io::ErrorKind::BrokenPipe.into(),
        errno => error(errno),
    })
}

pub(super) fn wait_writable(sink: Sink) {
    let fd_write = wasi::SubscriptionFdReadwrite { file_descriptor: descriptor(sink) };
    // An error leaves it to the write to fail.
    let _ = poll(&[subscription(0, wasi::EVENTTYPE_FD_WRITE, wasi::SubscriptionUU { fd_write })]);
}

fn descriptor(sink: Sink) -> wasi::Fd {
    match sink {
        Sink::Stdout => 1,
        Sink::Stderr => 2,
    }
}

fn error(errno: wasi::Errno) -> io::Error {
    io::Error::from_raw_os_error(errno.raw().into())
}
