//! Fresh entropy for the kernel's generator, so that two runs of one snapshot differ.

use crate::syscalls;
use anyhow::{Context, Result};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::AsFd;

/// Credits `seed` (eight bits of entropy a byte) and makes the generator take it up at once.
pub(crate) fn reseed(seed: &[u8]) -> Result<()> {
    let device = File::options().write(true).open("/dev/urandom").context("open /dev/urandom")?;
    syscalls::add_entropy(device.as_fd(), seed).context("add entropy")?;
    match syscalls::reseed_generator(device.as_fd()) {
        // ENODATA: the generator was never seeded, so nothing is left over that the snapshot's copies share.
        Err(error) if error.raw_os_error() == Some(Errno::NODATA.raw_os_error()) => Ok(()),
        done => done.context("reseed the random number generator"),
    }
}
