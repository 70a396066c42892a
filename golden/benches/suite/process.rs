//! What the standard library lacks about processes: processor time (user and system together), and signals to stop and go on.

#![allow(unsafe_code)]

use anyhow::{Result, ensure};
use std::process::Child;
use std::time::Duration;

/// Whose time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// This process, all threads.
    Own,
    /// Its children that ended and were waited for, and theirs.
    Children,
    /// Another process, all threads.
    Process(u32),
}

/// What was used so far.
///
/// # Errors
/// If there is no such process.
pub(crate) fn used(of: Of) -> Result<Duration> {
    match of {
        Of::Own => clock(libc::CLOCK_PROCESS_CPUTIME_ID),
        Of::Children => Ok(children()),
        Of::Process(id) => {
            let mut clock_id = 0;
            // SAFETY: the pointer is to a variable of the type that is written.
            let code = unsafe { libc::clock_getcpuclockid(id.cast_signed(), &raw mut clock_id) };
            ensure!(code == 0, "process {id} has ended");
            clock(clock_id)
        }
    }
}

fn clock(id: libc::clockid_t) -> Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a variable of the type that is written.
    let code = unsafe { libc::clock_gettime(id, &raw mut time) };
    ensure!(code == 0, "a clock of processor time: {}", std::io::Error::last_os_error());
    Ok(Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32))
}

fn children() -> Duration {
    // SAFETY: all fields are integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a variable of the type that is written. It fails for wrong arguments only.
    unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    let time = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec.unsigned_abs()) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// What a process is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// To stop, until it is told to go on.
    Stop,
    /// To go on.
    Continue,
}

/// Sends a signal to a child.
///
/// # Errors
/// If there is no such process.
pub(crate) fn tell(child: &Child, signal: Signal) -> Result<()> {
    let number = match signal {
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    // SAFETY: no memory is involved; a child that was not waited for keeps its number.
    let code = unsafe { libc::kill(child.id().cast_signed(), number) };
    ensure!(code == 0, "cannot signal a process: {}", std::io::Error::last_os_error());
    Ok(())
}
