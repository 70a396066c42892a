//! RAM that a run adds (`--memory`): the kernel's driver takes it, block after block; init waits until all is in use, lest a program
//! run out of memory that is still to come. What the container writes may have half of RAM, as before.

use crate::probe::wait_for;
use anyhow::{Context, Result};
use rustix::mount::{MountFlags, mount_remount};
use std::fs;

/// Waits until a memory block is in use, by its number; those before it are then.
pub(crate) fn take(block: u64) -> Result<()> {
    let state = format!("/sys/devices/system/memory/memory{block}/state");
    let is_online = || fs::read_to_string(&state).is_ok_and(|state| state.trim() == "online");
    wait_for(|| is_online().then_some(()))
        .with_context(|| format!("the memory that is added: expected {state} to be online"))?;
    mount_remount("/run", MountFlags::NOSUID, c"size=50%").context("let /run grow with the memory that is added")
}
