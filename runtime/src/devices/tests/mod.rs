//! Tests of the devices through the interfaces that guest and host use.

mod clocks;
mod console;
mod directories;
mod interrupts;
mod malformed;
mod memory;
mod serial;
mod snapshot;
mod storage;

use super::virtio::mock::{Guest, Ram, Used};
use super::*;

/// A guest without disk or entropy.
fn guest() -> Guest {
    Guest::new(Backends::default())
}
