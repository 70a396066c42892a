//! The network of the machine, which is the container's: loopback up, and Docker's two settings.

use crate::syscalls;
use anyhow::{Context, Result};
use std::io::ErrorKind;

/// What Docker sets in a container's network namespace: low ports and ping need no privilege.
const SETTINGS: [(&str, &str); 2] =
    [("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"), ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")];

/// Brings the loopback interface up.
pub(crate) fn bring_up() -> Result<()> {
    syscalls::raise_interface(c"lo").context("bring up the interface lo")?;
    for (path, value) in SETTINGS {
        match std::fs::write(path, value) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("write {path}"));
            }
            _ => {}
        }
    }
    Ok(())
}
