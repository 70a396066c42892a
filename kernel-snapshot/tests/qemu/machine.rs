//! A QEMU microvm with a virtio disk, a console port and memory contents.

use kernel_snapshot::boot::Gpa;
use kernel_snapshot::cmdline::Slot;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a run left.
pub(crate) struct Outcome {
    /// Everything on the serial port.
    pub(crate) console: String,
    /// Everything on the virtio port.
    pub(crate) port: String,
}

/// QEMU's command line, being built.
pub(crate) struct Machine {
    command: Command,
    port: PathBuf,
}

/// Transport `index` of QEMU's microvm.
pub(crate) fn slot(index: u8) -> Slot {
    Slot { base: Gpa(0xfeb0_0000 + u64::from(index) * 0x200), irq: 5 + index }
}

impl Machine {
    /// A machine with `memory` (QEMU's notation) whose disk is `image`, also placed at `at` in memory.
    pub(crate) fn new(folder: &Path, memory: &str, image: &Path, at: Gpa) -> Self {
        let port = folder.join("port");
        // A machine that hangs is an error of this test, not its end.
        let mut command = Command::new("timeout");
        command.args(["120", "qemu-system-x86_64", "-machine", "microvm,acpi=off,rtc=off", "-cpu", "max"]);
        command.args(["-m", memory, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        command.args(["-serial", "stdio", "-device", "virtio-serial-device", "-chardev"]);
        command.arg(format!("file,id=port,path={}", port.display()));
        command.args(["-device", "virtserialport,chardev=port,name=prelift.test", "-drive"]);
        command.arg(format!("id=disk,if=none,format=raw,readonly=on,file={}", image.display()));
        command.args(["-device", "virtio-blk-device,drive=disk"]);
        let mut machine = Machine { command, port };
        machine.load(image, at);
        machine
    }

    /// Places a file's bytes in memory.
    pub(crate) fn load(&mut self, file: &Path, at: Gpa) {
        self.arg("-device").arg(format!("loader,file={},addr={:#x},force-raw=on", file.display(), at.0));
    }

    pub(crate) fn arg(&mut self, argument: impl AsRef<std::ffi::OsStr>) -> &mut Command {
        self.command.arg(argument)
    }

    /// Runs until the guest restarts.
    pub(crate) fn run(mut self) -> Outcome {
        let output = self.command.output().expect("package qemu-system-x86");
        let console = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{:?}\n{errors}\n{console}", self.command);
        Outcome { console, port: fs::read_to_string(&self.port).unwrap() }
    }
}
