//! A static program for the first process of other machines: it runs commands that come over the serial port.
//!
//! Emulators that prelift is compared with run the same root file system by it; `agent.c` says what goes over the port.

use anyhow::Result;

use crate::compile::compile;

/// The program's source, C11 with Linux.
const SOURCE: &str = include_str!("agent.c");

/// Ends a line of words to the agent, and its answer.
pub const END: u8 = 4;
/// Parts a command's output from its exit code in decimal, in an answer.
pub const CODE: u8 = 30;

/// The program, for `/init` of an initramfs. Errors if there is no compiler with a static C library.
pub fn agent() -> Result<Vec<u8>> {
    compile("agent", SOURCE)
}
