//! Model-specific registers: RDMSR, WRMSR, RDPID. SDM volume 4 for the numbers; Linux
//! `Documentation/virt/kvm/x86/msr.rst` for the paravirtual clock. An MSR that is not there is #GP(0).

use super::{Done, require_kernel};
use crate::devices::clock::ClockMsr;
use crate::exception::Exception;
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::operands::{read_gpr, write_gpr};
use x86::{Gpr, Insn, Segment, Width};

const EFER_SCE: u64 = 1;
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;
const EFER_NXE: u64 = 1 << 11;
/// Bootstrap processor, enabled.
const APIC_BASE_FLAGS: u64 = 1 << 8 | 1 << 11;
const LAPIC_BASE: u64 = 0xfee0_0000;

mod number {
    pub(super) const TSC: u32 = 0x10;
    pub(super) const PLATFORM_ID: u32 = 0x17;
    pub(super) const APIC_BASE: u32 = 0x1b;
    pub(super) const FEATURE_CONTROL: u32 = 0x3a;
    pub(super) const TSC_ADJUST: u32 = 0x3b;
    pub(super) const MICROCODE: u32 = 0x8b;
    pub(super) const MTRR_CAP: u32 = 0xfe;
    pub(super) const SYSENTER_CS: u32 = 0x174;
    pub(super) const SYSENTER_EIP: u32 = 0x176;
    pub(super) const MISC_ENABLE: u32 = 0x1a0;
    pub(super) const PAT: u32 = 0x277;
    pub(super) const TSC_DEADLINE: u32 = 0x6e0;
    pub(super) const EFER: u32 = 0xc000_0080;
    pub(super) const STAR: u32 = 0xc000_0081;
    pub(super) const LSTAR: u32 = 0xc000_0082;
    pub(super) const CSTAR: u32 = 0xc000_0083;
    pub(super) const FMASK: u32 = 0xc000_0084;
    pub(super) const FS_BASE: u32 = 0xc000_0100;
    pub(super) const GS_BASE: u32 = 0xc000_0101;
    pub(super) const KERNEL_GS_BASE: u32 = 0xc000_0102;
    pub(super) const TSC_AUX: u32 = 0xc000_0103;
}

fn read(vm: &mut Vm, msr: u32) -> Result<u64, Exception> {
    if let Some(clock) = ClockMsr::from_index(msr) {
        return Ok(vm.clock.value(clock));
    }
    Ok(match msr {
        number::TSC => vm.tsc(),
        number::APIC_BASE => vm.cpu.apic_base,
        number::PLATFORM_ID | number::FEATURE_CONTROL | number::TSC_ADJUST | number::MICROCODE | number::MTRR_CAP => 0,
        number::SYSENTER_CS..=number::SYSENTER_EIP => vm.cpu.sysenter[(msr - number::SYSENTER_CS) as usize],
        number::MISC_ENABLE => vm.cpu.misc_enable,
        number::PAT => vm.cpu.pat,
        number::TSC_DEADLINE => vm.devices.tsc_deadline(),
        number::EFER => vm.cpu.efer,
        number::STAR => vm.cpu.star,
        number::LSTAR => vm.cpu.lstar,
        number::CSTAR => vm.cpu.cstar,
        number::FMASK => vm.cpu.sfmask,
        number::FS_BASE => vm.cpu.segment(Segment::Fs).base,
        number::GS_BASE => vm.cpu.segment(Segment::Gs).base,
        number::KERNEL_GS_BASE => vm.cpu.kernel_gs_base,
        number::TSC_AUX => vm.cpu.tsc_aux,
        _ => return Err(Exception::GP0),
    })
}

/// A value for an address register.
fn address(value: u64) -> Result<u64, Exception> {
    if canonical(value) { Ok(value) } else { Err(Exception::GP0) }
}

fn write(vm: &mut Vm, msr: u32, value: u64) -> Done {
    if let Some(clock) = ClockMsr::from_index(msr) {
        return vm.write_clock(clock, value);
    }
    match msr {
        number::TSC => vm.cpu.tsc_offset = value.wrapping_sub(vm.retired()),
        number::APIC_BASE => {
            if value & !APIC_BASE_FLAGS != LAPIC_BASE {
                return Err(Exception::GP0);
            }
            vm.cpu.apic_base = value;
            vm.devices.set_apic_enabled(value & 1 << 11 != 0);
            vm.attention = true;
        }
        number::MICROCODE | number::TSC_ADJUST if value == 0 => {}
        number::SYSENTER_CS..=number::SYSENTER_EIP => vm.cpu.sysenter[(msr - number::SYSENTER_CS) as usize] = value,
        number::MISC_ENABLE => vm.cpu.misc_enable = value,
        number::PAT => vm.cpu.pat = checked_pat(value)?,
        number::TSC_DEADLINE => {
            let now = vm.tsc();
            vm.devices.write_tsc_deadline(now, value);
            vm.attention = true;
        }
        number::EFER => write_efer(vm, value)?,
        number::STAR => vm.cpu.star = value,
        number::LSTAR => vm.cpu.lstar = address(value)?,
        number::CSTAR => vm.cpu.cstar = address(value)?,
        number::FMASK => vm.cpu.sfmask = value & 0xffff_ffff,
        number::FS_BASE => vm.cpu.segments[Segment::Fs as usize].base = address(value)?,
        number::GS_BASE => vm.cpu.segments[Segment::Gs as usize].base = address(value)?,
        number::KERNEL_GS_BASE => vm.cpu.kernel_gs_base = address(value)?,
        number::TSC_AUX if value >> 32 == 0 => vm.cpu.tsc_aux = value,
        _ => return Err(Exception::GP0),
    }
    Ok(())
}

/// LMA is read-only, and LME may not change while paging is on.
fn write_efer(vm: &mut Vm, value: u64) -> Done {
    let defined = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    if value & !defined != 0 || (value ^ vm.cpu.efer) & EFER_LME != 0 {
        return Err(Exception::GP0);
    }
    let old = vm.cpu.efer;
    vm.cpu.efer = value & !EFER_LMA | old & EFER_LMA;
    if (old ^ value) & EFER_NXE != 0 {
        vm.flush_everything();
    }
    Ok(())
}

/// Every byte of IA32_PAT is a memory type (SDM 3A, 12.12.2).
fn checked_pat(value: u64) -> Result<u64, Exception> {
    let valid = value.to_le_bytes().iter().all(|kind| matches!(kind, 0 | 1 | 4..=7));
    if valid { Ok(value) } else { Err(Exception::GP0) }
}

fn pair(vm: &mut Vm, value: u64) {
    write_gpr(vm, Gpr::RAX, Width::W32, value & 0xffff_ffff);
    write_gpr(vm, Gpr::RDX, Width::W32, value >> 32);
}

pub(super) fn rdmsr(vm: &mut Vm) -> Done {
    require_kernel(vm)?;
    let msr = read_gpr(vm, Gpr::RCX, Width::W32) as u32;
    let value = read(vm, msr)?;
    pair(vm, value);
    Ok(())
}

pub(super) fn wrmsr(vm: &mut Vm) -> Done {
    require_kernel(vm)?;
    let msr = read_gpr(vm, Gpr::RCX, Width::W32) as u32;
    let value = read_gpr(vm, Gpr::RDX, Width::W32) << 32 | read_gpr(vm, Gpr::RAX, Width::W32);
    write(vm, msr, value)
}

/// RDPID: TSC_AUX.
pub(super) fn rdpid(vm: &mut Vm, insn: &Insn) -> Done {
    let aux = vm.cpu.tsc_aux & 0xffff_ffff;
    x86::operands::write(vm, insn, 0, Width::W64, aux)
}
