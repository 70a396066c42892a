//! Debian's QEMU, emulated by TCG: a microvm with the module's kernel, and the module's root file system on a virtio disk.
//!
//! It stays up for all commands, so that code that it has translated once is found again: what is measured is QEMU at its best.

use super::Machine;
use super::session::Session;
use anyhow::{Context, Result};
use golden::images;
use kernel_snapshot::cache::Cache;
use kernel_snapshot::initramfs::initramfs;
use std::process::{Command, Stdio};

/// What the kernel is told: the module's, but for its clock and its devices.
const PARAMETERS: &str =
    "console=ttyS0 loglevel=1 panic=-1 reboot=t no_timer_check tsc=reliable random.trust_cpu=on clearcpuid=smap";

/// Starts the machine.
pub(crate) fn start(machine: &Machine) -> Result<Session> {
    Command::new("qemu-system-x86_64")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .context("qemu-system-x86_64 cannot be run (Debian package qemu-system-x86)")?;
    machine.say("booting in QEMU");
    let file = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = machine.folder.path().join(name);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path.display().to_string())
    };
    let kernel = file("vmlinux", &images::kernel().vmlinux(&Cache::of_user()?, &|text| machine.say(text))?)?;
    let agent = file("agent.cpio", &initramfs(&test_images::agent()?))?;
    let root = file("root.erofs", &images::root(&machine.recipe)?)?;
    let mut command = Command::new("qemu-system-x86_64");
    command.args(["-accel", "tcg", "-machine", "microvm,acpi=off,rtc=off", "-cpu", "max", "-nodefaults"]);
    command.args(["-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio"]);
    command.args(["-m", &format!("{}M", machine.ram), "-kernel", &kernel, "-initrd", &agent, "-append", PARAMETERS]);
    command.args(["-device", "virtio-rng-device", "-device", "virtio-blk-device,drive=root", "-drive"]);
    command.arg(format!("id=root,if=none,format=raw,readonly=on,file={root}"));
    Session::start(&mut command)
}
