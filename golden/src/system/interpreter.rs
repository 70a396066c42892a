//! A kernel in the runtime's interpreter.

use anyhow::{Result, bail};
use kernel_snapshot::boot::{BootRequest, load};
use kernel_snapshot::machine::{Sizes, power_up};
use runtime::devices::{Backends, OutputSink, Stream};
use runtime::vm::Pause;
use x86::Level;

const RAM: u64 = 64 << 20;
/// More instructions than any kernel needs.
const LIMIT: u64 = 10_000_000;

/// What the serial port puts out.
struct Serial(Vec<u8>);

impl OutputSink for Serial {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Serial {
            self.0.extend_from_slice(bytes);
        }
    }
}

/// Runs a kernel until it shuts down, and gives what it printed. An idle machine jumps to its next timer.
///
/// # Errors
/// If the file does not load, or the kernel does not come to its end.
pub fn interpret(file: &[u8]) -> Result<String> {
    let request =
        BootRequest { vmlinux: file, initramfs: &[], command_line: "", ram_size: RAM, image_size: 0, seed: &[] };
    let sizes = Sizes { ram: RAM, image: 0 };
    let mut vm = power_up(&load(&request)?, sizes, Level::V3, 0, Backends::default())?;
    let mut serial = Serial(Vec::new());
    loop {
        let pause = vm.run(LIMIT);
        vm.with_bus(|devices, memory, _| devices.flush_output(memory, &mut serial));
        match pause {
            Pause::Output | Pause::Slice => {}
            Pause::Idle(Some(timer)) => vm.advance_tsc(timer),
            Pause::Shutdown => return Ok(String::from_utf8_lossy(&serial.0).into_owned()),
            other => bail!("{other:?} after {} instructions:\n{}", vm.retired(), String::from_utf8_lossy(&serial.0)),
        }
    }
}
