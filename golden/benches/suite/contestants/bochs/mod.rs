//! Debian's Bochs, an interpreter: a PC with the module's kernel, and the module's root file system in memory of type 12.
//!
//! The kernel has no drivers for Bochs's disks, and its firmware cannot load an ELF kernel: so firmware of our own reads both from
//! a disk into memory. Between commands the process is stopped, since an idle Bochs is busy.

mod disk;

use super::Machine;
use super::session::Session;
use anyhow::{Context, Result};
use golden::images;
use kernel_snapshot::boot::{BootRequest, Gpa, Store, load};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::cmdline::command_line;
use kernel_snapshot::initramfs::initramfs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use x86::Level;

/// What a second is to the guest, in instructions.
const INSTRUCTIONS: u32 = 50_000_000;
const MIB: u64 = 1 << 20;
/// How long Bochs takes to begin, at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts the machine.
pub(crate) fn start(machine: &Machine) -> Result<Session> {
    Command::new("bochs").arg("--help").output().context("bochs cannot be run (Debian package bochs)")?;
    machine.say("booting in Bochs");
    let folder = machine.folder.path();
    let port = TcpListener::bind("127.0.0.1:0").context("a port for the serial line")?;
    let megabytes = prepare(machine, folder)?;
    let configuration = configuration(machine.level, folder, megabytes, port.local_addr()?.port());
    std::fs::write(folder.join("bochsrc"), configuration)?;
    std::fs::write(folder.join("commands"), "continue\n")?;
    let mut command = Command::new("bochs");
    command.args(["-q", "-f"]).arg(folder.join("bochsrc")).arg("-rc").arg(folder.join("commands"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Session::listen(&mut command, &port, PATIENCE)
        .with_context(|| std::fs::read_to_string(folder.join("bochs.log")).unwrap_or_default())
}

/// Writes firmware and disk; gives the machine's memory in MiB.
fn prepare(machine: &Machine, folder: &Path) -> Result<u64> {
    let vmlinux = images::kernel().vmlinux(&Cache::of_user()?, &|text| machine.say(text))?;
    let root = images::root(&machine.recipe)?;
    let size = (root.len() as u64).div_ceil(2 * MIB) * 2;
    let extra = format!("loglevel=1 memmap={size}M!{}M", machine.ram);
    let mut boot = load(&BootRequest {
        vmlinux: &vmlinux,
        initramfs: &initramfs(&test_images::agent()?),
        command_line: &command_line(INSTRUCTIONS / 1000, &[], &extra),
        ram_size: machine.ram * MIB,
        image_size: 0,
        seed: b"a seed of the random generator..",
    })?;
    boot.stores.push(Store { at: Gpa(machine.ram * MIB), bytes: root });
    let table = disk::write(&boot.stores, &folder.join("disk"))?;
    disk::firmware(folder, &boot, &table)?;
    Ok(machine.ram + size)
}

fn configuration(level: Level, folder: &Path, megabytes: u64, port: u16) -> String {
    let model = match level {
        Level::V3 => "corei7_haswell_4770",
        _ => "corei5_lynnfield_750",
    };
    let folder = folder.display();
    format!(
        "display_library: rfb, options=\"timeout=0\"\n\
         cpu: model={model}, ips={INSTRUCTIONS}, reset_on_triple_fault=0\n\
         clock: sync=none\n\
         memory: guest={megabytes}, host={megabytes}\n\
         romimage: file={folder}/firmware.bin\n\
         vgaromimage: file=/usr/share/seabios/vgabios-stdvga.bin\n\
         sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\n\
         ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n\
         ata0-master: type=disk, path={folder}/disk, mode=flat\n\
         com1: enabled=1, mode=socket-client, dev=127.0.0.1:{port}\n\
         log: {folder}/bochs.log\n\
         panic: action=fatal\nerror: action=report\ninfo: action=ignore\ndebug: action=ignore\n"
    )
}
