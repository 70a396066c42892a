//! The kernel's command line, and the machine's virtio-mmio slots that it announces.
//!
//! There is no ACPI and no device tree: Linux learns of a virtio-mmio device only from a
//! `virtio_mmio.device=SIZE@BASE:IRQ` parameter (Linux, `drivers/virtio/virtio_mmio.c`). The parameters are those
//! of `Documentation/admin-guide/kernel-parameters.txt`.

use crate::boot::Gpa;
use std::fmt::{self, Write};

/// Number of virtio-mmio slots of the machine.
pub const SLOTS: u8 = 8;
/// Size of one slot's registers in bytes (virtio 1.2, section 4.2.2: 0x100 registers and the configuration space).
pub const SLOT_SIZE: u64 = 0x200;
/// Guest-physical address of slot 0; the next slots follow every [`SLOT_STRIDE`] bytes.
pub const SLOT_BASE: Gpa = Gpa(0xd000_0000);
/// Distance between two slots in bytes: each has its own page.
pub const SLOT_STRIDE: u64 = 0x1000;
/// I/O APIC input (GSI, and Linux's interrupt number) of slot 0; the next slots have the next inputs.
pub const SLOT_IRQ: u8 = 5;

/// What every boot gets, before the clock and the devices. One parameter a row, with its reason.
#[rustfmt::skip]
const FIXED: &[&str] = &[
    "console=ttyS0",         // until init opens the virtio console: boot messages and panics
    "loglevel=3",            // boot is silent; a panic prints everything
    "panic=-1",              // a panic ends the machine at once...
    "oops=panic",            // ...and so does a fault inside the kernel
    "reboot=t",              // by a triple fault: no keyboard controller, no ACPI reset
    "no_timer_check",        // there may be no 8254 behind the I/O APIC
    "tsc=reliable",          // no second clock checks the TSC
    "random.trust_cpu=on",   // RDRAND seeds the entropy pool (a first python3 start needs it)
    "movable_node",          // early memory is taken from behind the kernel upwards: a snapshot is one dense range
    "memhp_default_state=online_kernel", // what a run adds is for the kernel, too
    "clearcpuid=smap",       // every access to user memory would leave translated code twice, for STAC and CLAC
    "rdinit=/init",
];

/// A virtio-mmio slot as the kernel is told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Guest-physical address of its registers, [`SLOT_SIZE`] bytes.
    pub base: Gpa,
    /// Its I/O APIC input.
    pub irq: u8,
}

impl Slot {
    /// Slot `index` of the machine's layout; `None` from [`SLOTS`] on.
    pub fn of_machine(index: u8) -> Option<Slot> {
        (index < SLOTS).then(|| Slot { base: Gpa(SLOT_BASE.0 + u64::from(index) * SLOT_STRIDE), irq: SLOT_IRQ + index })
    }

    /// All slots of the machine, in order.
    pub fn all() -> Vec<Slot> {
        (0..SLOTS).filter_map(Slot::of_machine).collect()
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "virtio_mmio.device={SLOT_SIZE:#x}@{:#x}:{}", self.base.0, self.irq)
    }
}

/// The command line for a machine whose TSC runs at `tsc_khz` kHz and that has these virtio-mmio `slots`.
///
/// Giving the TSC's rate spares the kernel its calibration against the 8254; the delay loop's `lpj` follows from
/// it (`lpj_fine`). `extra` is appended as it is (empty for nothing), so that it overrides what stands before.
///
/// ```
/// use kernel_snapshot::cmdline::{command_line, Slot};
/// let line = command_line(1_000_000, &[Slot::of_machine(0).unwrap()], "debug");
/// assert!(line.ends_with("tsc_early_khz=1000000 virtio_mmio.device=0x200@0xd0000000:5 debug"));
/// ```
pub fn command_line(tsc_khz: u32, slots: &[Slot], extra: &str) -> String {
    let mut line = FIXED.join(" ");
    let _ = write!(line, " tsc_early_khz={tsc_khz}");
    for slot in slots {
        let _ = write!(line, " {slot}");
    }
    if !extra.is_empty() {
        let _ = write!(line, " {extra}");
    }
    line
}
