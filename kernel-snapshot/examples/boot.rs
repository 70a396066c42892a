//! Boots a kernel with an init natively, deterministically, and prints its serial console: `boot VMLINUX INIT [EXTRA]`.

use kernel_snapshot::{boot, cmdline, initramfs, machine};
use runtime::devices::{Backends, SeededEntropy, Stream};
use runtime::session::{Event, Output, Session};
use runtime::vm::TSC_KHZ;
use std::io::Write;

struct Console;

impl Output for Console {
    fn write(&mut self, stream: Stream, bytes: &[u8]) {
        if stream == Stream::Serial {
            let _ = std::io::stdout().write_all(bytes);
        } else {
            println!("<{stream:?}> {}", String::from_utf8_lossy(bytes));
        }
    }
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let vmlinux = std::fs::read(&arguments[0])?;
    let init = std::fs::read(&arguments[1])?;
    let extra = arguments.get(2).map_or("", String::as_str);
    let initramfs = initramfs::initramfs(&init);
    let command_line = cmdline::command_line(TSC_KHZ, &cmdline::Slot::all(), extra);
    let sizes = machine::Sizes { ram: 128 << 20, image: 0 };
    let request = boot::BootRequest {
        vmlinux: &vmlinux,
        initramfs: &initramfs,
        command_line: &command_line,
        ram_size: sizes.ram,
        image_size: sizes.image,
        seed: &[7; 32],
    };
    let boot = boot::load(&request)?;
    let entropy = Some(Box::new(SeededEntropy::new([1; 32])) as _);
    let vm = machine::power_up(
        &boot,
        sizes,
        x86::Level::default(),
        1_700_000_000_000_000_000,
        Backends { entropy, ..Backends::default() },
    )?;
    let mut session = Session::new(vm);
    let begun = std::time::Instant::now();
    let result = loop {
        match session.step(arguments.get(3).map_or(2_000_000_000, |n| n.parse().unwrap()), &mut Console) {
            Ok(Event::Idle(Some(deadline))) => session.vm.advance_tsc(deadline),
            Ok(Event::Slice) => {}
            Ok(Event::Message(message)) => {
                println!("<message> {message:?} after {} instructions, {:?}", session.vm.retired(), begun.elapsed());
                break Ok(());
            }
            Ok(event) => break Err(anyhow::anyhow!("{event:?}")),
            Err(error) => break Err(error.into()),
        }
    };
    let vm = &session.vm;
    for (code, count) in vm.unimplemented() {
        println!("unimplemented {code:?} {count}");
    }
    for (bytes, count) in vm.undecodable() {
        println!("undecodable {bytes:02x?} {count}");
    }
    for line in session.vm.devices.take_log() {
        println!("log: {line}");
    }
    let vm = &session.vm;
    println!(
        "rip {:#x} rsp {:#x} cr2 {:#x} cpl {} retired {} in {:?}",
        vm.cpu.rip,
        vm.cpu.gpr[4],
        vm.cpu.cr2,
        vm.cpu.cpl,
        vm.retired(),
        begun.elapsed()
    );
    result
}
