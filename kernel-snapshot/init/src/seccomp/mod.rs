//! The filter of system calls that the host asks for: rules by name become a program of classic BPF.
//!
//! ```text
//!  Seccomp (names, actions, tests) ── table: numbers of each architecture ── program: a tree of ranges ──► seccomp(2)
//! ```
//!
//! As in runc, a system call of a 32-bit program ends it unless that architecture is allowed, and so does one of x32, which
//! this kernel does not have.

mod insn;
mod program;
mod table;
#[cfg(test)]
mod tests;

use crate::syscalls;
use anyhow::{Context, Result};
use channel::Seccomp;

/// Lets this process make such system calls only. Without `no_new_privs` that is a privilege.
pub(crate) fn install(profile: &Seccomp) -> Result<()> {
    let program = program::compile(profile)?;
    syscalls::filter_system_calls(profile.flags, &program).context("install the seccomp filter")
}
