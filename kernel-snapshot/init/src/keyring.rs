//! The session keyring (session-keyring(7)): as in runc, one of the container's own, so that no key of init's is in its reach.

use crate::syscalls;
use anyhow::{Context, Result};
use std::ffi::CString;

/// All to who possesses it; view, read and link to its user: what a new one has (keyctl_setperm(3)).
const PERMISSIONS: u32 = 0x3f13_0000;
/// Search, which its user has too;
const SEARCH_FOR_USER: u32 = 0x0008_0000;
/// others in place of him where the container has users of its own (runc, `getSessionRingParams`).
const SEARCH_FOR_OTHERS: u32 = 0x0000_0008;

/// Joins a new session keyring that has the container's name.
pub(crate) fn join(container: &str, own_users: bool) -> Result<()> {
    let name = CString::new(format!("_ses.{container}")).context("name of the session keyring")?;
    let search = if own_users { SEARCH_FOR_OTHERS } else { SEARCH_FOR_USER };
    syscalls::join_session_keyring(&name, PERMISSIONS | search).context("make the session keyring")
}
