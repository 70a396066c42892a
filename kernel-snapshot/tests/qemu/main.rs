//! Tier 2: the kernel as built, booted under QEMU.
//!
//! Run with `cargo test --release -p kernel-snapshot --test qemu -- --ignored`. Needs Debian's `qemu-system-x86`,
//! `busybox-static` and `erofs-utils`. QEMU's microvm stands in for the machine: the same APICs, serial port and
//! virtio-mmio transports (at an address of QEMU's own).

mod machine;

use kernel_snapshot::boot::{BootImage, BootRequest, Gpa, IMAGE_BASE, load};
use kernel_snapshot::cache::Cache;
use kernel_snapshot::cmdline::{Slot, command_line};
use kernel_snapshot::initramfs::initramfs_with;
use kernel_snapshot::kernel::{Kernel, KernelRequest, Source, build};
use machine::{Machine, Outcome};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const INIT: &str = include_str!("init.sh");
const MIB: u64 = 1 << 20;

/// The kernel to boot: the file that the variable VMLINUX names, else the project's.
fn vmlinux() -> PathBuf {
    std::env::var_os("VMLINUX").map_or_else(|| kernel().vmlinux(), PathBuf::from)
}

fn kernel() -> Kernel {
    let cache = Cache::of_user().unwrap();
    build(&KernelRequest { source: Source::Debian, cache: &cache }, &|line| eprintln!("{line}")).unwrap()
}

fn initramfs() -> Vec<u8> {
    let busybox = fs::read("/bin/busybox").expect("package busybox-static");
    initramfs_with(INIT.as_bytes(), &[("root/busybox", 0o755, &busybox)])
}

/// An EROFS file with a greeting and a program, a multiple of 2 MiB long.
fn image(folder: &Path) -> PathBuf {
    let (root, image) = (folder.join("root"), folder.join("image.erofs"));
    fs::create_dir(&root).unwrap();
    fs::write(root.join("greeting"), "hello from the image\n").unwrap();
    fs::copy("/bin/busybox", root.join("busybox")).unwrap();
    let made = Command::new("mkfs.erofs").args(["-T0", "-Enoinline_data"]).arg(&image).arg(&root).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(file.metadata().unwrap().len().next_multiple_of(2 * MIB)).unwrap();
    image
}

/// What the init script must have found, whichever way the kernel was entered.
fn check(outcome: &Outcome) {
    let expected = [
        "controllers: cpu io memory pids",
        "pmem: hello from the image",
        "pmem: program runs",
        "virtio-blk: hello from the image",
        "overlay: hello from the image and from above",
        "port: prelift.test",
        "done",
    ];
    for line in expected {
        assert!(outcome.console.lines().any(|found| found.trim_end() == line), "no {line:?} in\n{}", outcome.console);
    }
    assert_eq!(outcome.port, "written to the port\n");
}

/// The Xen PVH entry, which QEMU takes for an ELF kernel; persistent memory by the `memmap` parameter.
#[test]
#[ignore = "tier 2: builds the kernel"]
fn boots_through_pvh() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path());
    let initramfs_path = folder.path().join("initramfs.cpio");
    fs::write(&initramfs_path, initramfs()).unwrap();
    let size = fs::metadata(&image).unwrap().len() / MIB;
    let line = format!("console=ttyS0 quiet panic=-1 reboot=t memmap={size}M!256M");
    let mut machine = Machine::new(folder.path(), "512M", &image, Gpa(256 * MIB));
    machine.arg("-kernel").arg(vmlinux()).arg("-initrd").arg(initramfs_path).arg("-append").arg(line);
    check(&machine.run());
}

/// The 64-bit entry with [`load`]'s memory: a firmware of a few instructions sets the processor's state.
#[test]
#[ignore = "tier 2: builds the kernel"]
fn boots_through_the_64_bit_entry() {
    let folder = tempfile::tempdir().unwrap();
    let image = image(folder.path());
    let slots: Vec<Slot> = (0..8).map(machine::slot).collect();
    let boot = load(&BootRequest {
        vmlinux: &fs::read(vmlinux()).unwrap(),
        initramfs: &initramfs(),
        // The stand-in's TSC has the host's rate, so that this kernel has to calibrate it after all.
        command_line: &command_line(1_000_000, &slots, "loglevel=7 tsc_early_khz=0"),
        ram_size: 128 * MIB,
        image_size: fs::metadata(&image).unwrap().len(),
        seed: b"a seed of the random generator..",
    })
    .unwrap();
    // RAM of the stand-in beyond 3 GiB begins at 4 GiB: the image's place.
    let mut machine = Machine::new(folder.path(), "4G", &image, IMAGE_BASE);
    for (index, store) in boot.stores.iter().enumerate() {
        let path = folder.path().join(format!("store{index}"));
        fs::write(&path, &store.bytes).unwrap();
        machine.load(&path, store.at);
    }
    machine.arg("-bios").arg(firmware(folder.path(), &boot));
    let outcome = machine.run();
    check(&outcome);
    assert!(!outcome.console.contains("Unknown kernel command line parameters"), "{}", outcome.console);
    let found = ["IOAPIC[0]: apic_id 1", "Registering device virtio-mmio.7", "persistent (type 12)"];
    assert!(found.iter().all(|text| outcome.console.contains(text)), "{}", outcome.console);
}

/// Assembles `firmware.s` for this boot image.
fn firmware(folder: &Path, boot: &BootImage) -> PathBuf {
    let (object, firmware) = (folder.join("firmware.o"), folder.join("firmware.bin"));
    let symbols = [
        ("CR3", boot.cr3.0),
        ("GDT", boot.gdt.0),
        ("GDT_LIMIT", boot.gdt_limit.into()),
        ("ENTRY", boot.entry.0),
        ("BOOT_PARAMS", boot.boot_params.0),
    ];
    let mut assembler = Command::new("as");
    assembler.arg("-o").arg(&object);
    for (name, value) in symbols {
        assembler.arg("--defsym").arg(format!("{name}={value}"));
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/qemu/firmware.s");
    assert!(assembler.arg(source).status().unwrap().success());
    let mut linker = Command::new("ld");
    linker.args(["--oformat", "binary", "-Ttext", "0xf0000", "-e", "0", "-o"]).arg(&firmware).arg(&object);
    assert!(linker.status().unwrap().success());
    firmware
}

/// Two builds, each unpacked and compiled in a directory of its own.
#[test]
#[ignore = "tier 2: builds the kernel twice"]
fn same_inputs_same_bytes() {
    let again =
        build(&KernelRequest { source: Source::Debian, cache: &Cache::Refused }, &|line| eprintln!("{line}")).unwrap();
    assert!(fs::read(kernel().vmlinux()).unwrap() == fs::read(again.vmlinux()).unwrap());
    assert_eq!(fs::read(kernel().config()).unwrap(), fs::read(again.config()).unwrap());
}
