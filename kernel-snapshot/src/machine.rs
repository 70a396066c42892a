//! From a boot image to a machine at the kernel's first instruction.

use crate::boot::{BOOT_CS, BOOT_DS, BootImage};
use anyhow::{Context, Result};
use runtime::cpu::Cpu;
use runtime::cpu::state::{SegmentRegister, TableRegister};
use runtime::devices::{Backends, Gpa};
use runtime::memory::Memory;
use runtime::vm::Vm;
use x86::{Gpr, Level, Segment};

const CR0_PE: u64 = 1;
const CR0_ET: u64 = 1 << 4;
const CR0_WP: u64 = 1 << 16;
const CR0_PG: u64 = 1 << 31;
const CR4_PAE: u64 = 1 << 5;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// Sizes of the machine's memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// RAM.
    pub ram: u64,
    /// The image.
    pub image: u64,
}

/// A machine with the boot image in its RAM and the processor of a level as the 64-bit boot protocol has it. The image's pages are
/// zero: [`Memory::lend`] gives them their bytes.
///
/// # Errors
/// If the sizes cannot be, or the boot image is not for RAM of this size.
pub fn power_up(boot: &BootImage, sizes: Sizes, level: Level, wall_clock_ns: u64, backends: Backends) -> Result<Vm> {
    let mut memory = Memory::new(sizes.ram, sizes.image)?;
    for store in &boot.stores {
        let gpa = Gpa(store.at.0);
        let place = memory.place(gpa).filter(|_| memory.range(gpa, store.bytes.len()).is_some());
        let place = place.with_context(|| format!("boot image: {gpa} is outside {} bytes of RAM", sizes.ram))?;
        memory.bytes_mut(place, store.bytes.len()).copy_from_slice(&store.bytes);
    }
    let mut vm = Vm::new(memory, wall_clock_ns, backends);
    vm.cpu.level = level as u8;
    enter_kernel(&mut vm.cpu, boot);
    vm.start();
    Ok(vm)
}

/// Linux `Documentation/arch/x86/boot.rst`, "64-bit Boot Protocol".
fn enter_kernel(cpu: &mut Cpu, boot: &BootImage) {
    cpu.cr0 = CR0_PE | CR0_ET | CR0_WP | CR0_PG;
    cpu.cr3 = boot.cr3.0;
    cpu.cr4 = CR4_PAE;
    cpu.efer = EFER_LME | EFER_LMA;
    cpu.rip = boot.entry.0;
    cpu.gpr[usize::from(Gpr::RSI.0)] = boot.boot_params.0;
    cpu.gdtr = TableRegister { base: boot.gdt.0, limit: boot.gdt_limit.into() };
    cpu.segments[Segment::Cs as usize] =
        SegmentRegister { selector: BOOT_CS, rights: 0xa09b, limit: u32::MAX, base: 0 };
    for segment in [Segment::Ds, Segment::Es, Segment::Ss] {
        cpu.segments[segment as usize] =
            SegmentRegister { selector: BOOT_DS, rights: 0xc093, limit: u32::MAX, base: 0 };
    }
}
