//! The session keyring (session-keyring(7)): as in runc, one of the container's own, so that no key of init's is in its reach.

use crate::syscalls;
use anyhow::{Context, Result};
use std::ffi::CString;

/// All to who possesses it; view, read, search and link to its user: what a new one has, and search (keyctl_setperm(3)).
const PERMISSIONS: u32 = 0x3f1b_0000;

/// Joins a new session keyring that has the container's name.
pub(crate) fn join(container: &str) -> Result<()> {
    let name = CString::new(format!("_ses.{container}")).context("name of the session keyring")?;
    syscalls::join_session_keyring(&name, PERMISSIONS).context("make the session keyring")
}
