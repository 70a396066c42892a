//! A first process for the container that is not its program, where that is asked for (`docker run --init`).
//!
//! A PID namespace's first process gets only the signals that it handles, and has to reap what others leave. Few programs do
//! either. This one does as tini does: the program is its only child and leads a process group of its own, in the terminal's
//! foreground; every signal is passed on to it; orphans are reaped; and it ends as the program does.

use crate::syscalls;
use anyhow::{Context, Result};
use rustix::process::{Pid, WaitOptions, WaitStatus, setpgid, wait};
use rustix::stdio::stdin;
use std::io;

/// Forks the program's process, and returns in that one. This process never goes on.
pub(crate) fn leave_to_child() -> Result<()> {
    // Blocked signals wait, whatever their action is: none is lost, neither here nor before the child's exec.
    let mask = syscalls::block_signals().context("block signals")?;
    match syscalls::fork().context("fork the program's process")? {
        None => lead_foreground(&mask).context("lead a process group"),
        Some(program) => {
            syscalls::close_all_but_streams();
            std::process::exit(serve(program).unwrap_or(1))
        }
    }
}

fn lead_foreground(mask: &syscalls::SignalMask) -> io::Result<()> {
    setpgid(None, None)?;
    // Without a terminal there is no foreground. With one, SIGTTOU is blocked here.
    let _ = rustix::termios::tcsetpgrp(stdin(), rustix::process::getpid());
    syscalls::set_signal_mask(mask)
}

/// Passes signals on and reaps until the program has ended; its exit status, or 128 + n for death by signal n.
fn serve(program: Pid) -> io::Result<i32> {
    loop {
        match syscalls::wait_for_signal()? {
            libc::SIGCHLD => {
                if let Some(status) = reap(program) {
                    return Ok(status);
                }
            }
            signal => drop(syscalls::kill(program, signal)),
        }
    }
}

/// Reaps all that have ended.
fn reap(program: Pid) -> Option<i32> {
    let ended = std::iter::from_fn(|| wait(WaitOptions::NOHANG).ok().flatten());
    let code =
        |status: WaitStatus| status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    ended.filter(|(pid, _)| *pid == program).find_map(|(_, status)| code(status))
}
