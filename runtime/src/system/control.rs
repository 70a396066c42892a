//! Control registers, and what goes with them: MOV CRn, CLTS, SMSW, LMSW, INVLPG, INVPCID, HLT.
//! SDM volume 3A, section 2.5, and volume 2.

use super::extended::CR4_OSXSAVE;
use super::{Done, debug, require_kernel, segments};
use crate::exception::Exception;
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::operands::{address, read, read_gpr, write};
use x86::{Insn, Level, Machine, Operand, Width};

const CR0_PE: u64 = 1;
const CR0_TS: u64 = 1 << 3;
const CR0_ET: u64 = 1 << 4;
const CR0_WP: u64 = 1 << 16;
const CR0_NW: u64 = 1 << 29;
const CR0_CD: u64 = 1 << 30;
const CR0_PG: u64 = 1 << 31;
/// PE MP EM TS ET NE WP AM NW CD PG.
const CR0_DEFINED: u64 = 0xe005_003f;

const CR4_PAE: u64 = 1 << 5;
const CR4_PGE: u64 = 1 << 7;
const CR4_PCIDE: u64 = 1 << 17;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
/// TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT UMIP FSGSBASE PCIDE SMEP SMAP: what CPUID says is there.
const CR4_DEFINED: u64 =
    0x1c | CR4_PAE | 1 << 6 | CR4_PGE | 1 << 8 | 7 << 9 | 1 << 16 | CR4_PCIDE | CR4_SMEP | CR4_SMAP;

const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;

/// MOV with a segment, control or debug register.
pub(super) fn mov(vm: &mut Vm, insn: &Insn) -> Done {
    match (insn.operands[0], insn.operands[1]) {
        (Operand::Control(number), Operand::Gpr(from)) => {
            require_kernel(vm)?;
            let value = read_gpr(vm, from, insn.width);
            write_control(vm, insn, number, value)
        }
        (Operand::Gpr(to), Operand::Control(number)) => {
            require_kernel(vm)?;
            let value = read_control(vm, insn, number)?;
            vm.set_gpr(to, value & insn.width.mask());
            Ok(())
        }
        (Operand::Debug(number), Operand::Gpr(from)) => debug::write(vm, insn, number, from),
        (Operand::Gpr(to), Operand::Debug(number)) => debug::read(vm, insn, number, to),
        _ => segments::mov(vm, insn),
    }
}

fn read_control(vm: &mut Vm, insn: &Insn, number: u8) -> Result<u64, Exception> {
    Ok(match number {
        8 => u64::from(vm.devices.task_priority() >> 4),
        _ => return Err(vm.undefined(insn)),
    })
}

fn write_control(vm: &mut Vm, insn: &Insn, number: u8, value: u64) -> Done {
    match number {
        0 => write_cr0(vm, value),
        2 => {
            vm.cpu.cr2 = value;
            Ok(())
        }
        3 => {
            let pcid = vm.cpu.cr4 & CR4_PCIDE != 0;
            if value >> 40 & if pcid { 0x7f_ffff } else { 0xff_ffff } != 0 {
                return Err(Exception::GP0);
            }
            vm.write_cr3(value);
            Ok(())
        }
        4 => write_cr4(vm, value),
        8 => {
            if value > 15 {
                return Err(Exception::GP0);
            }
            vm.devices.set_task_priority((value as u8) << 4);
            vm.attention = true;
            Ok(())
        }
        _ => Err(vm.undefined(insn)),
    }
}

/// Leaving protected mode or long mode's paging is refused with #GP: 64-bit mode is all there is.
fn write_cr0(vm: &mut Vm, value: u64) -> Done {
    let invalid = value >> 32 != 0
        || value & CR0_PG != 0 && value & CR0_PE == 0
        || value & CR0_NW != 0 && value & CR0_CD == 0
        || value & (CR0_PE | CR0_PG) != CR0_PE | CR0_PG;
    if invalid {
        return Err(Exception::GP0);
    }
    let old = vm.cpu.cr0;
    vm.cpu.cr0 = value & CR0_DEFINED | CR0_ET;
    if (old ^ vm.cpu.cr0) & (CR0_PG | CR0_WP) != 0 {
        vm.flush_everything();
    }
    // CR0.AM.
    vm.attention = true;
    if vm.cpu.efer & EFER_LME != 0 {
        vm.cpu.efer |= EFER_LMA;
    }
    Ok(())
}

fn write_cr4(vm: &mut Vm, value: u64) -> Done {
    let old = vm.cpu.cr4;
    let enables_pcid = value & !old & CR4_PCIDE != 0;
    // OSXSAVE is there where CPUID reports XSAVE.
    let defined = CR4_DEFINED | if vm.cpu.level() >= Level::V3 { CR4_OSXSAVE } else { 0 };
    if value & !defined != 0 || value & CR4_PAE == 0 || enables_pcid && vm.cpu.cr3 & 0xfff != 0 {
        return Err(Exception::GP0);
    }
    vm.cpu.cr4 = value;
    if (old ^ value) & (CR4_PGE | CR4_PAE | 1 << 4 | CR4_SMEP | CR4_SMAP) != 0 || old & !value & CR4_PCIDE != 0 {
        vm.flush_everything();
    }
    Ok(())
}

pub(super) fn clear_task_switched(vm: &mut Vm) -> Done {
    require_kernel(vm)?;
    vm.cpu.cr0 &= !CR0_TS;
    Ok(())
}

/// SMSW.
pub(super) fn store_status(vm: &mut Vm, insn: &Insn) -> Done {
    segments::require_no_umip(vm)?;
    let width = if insn.operands[0] == Operand::Mem { Width::W16 } else { insn.width };
    let value = vm.cpu.cr0 & width.mask();
    write(vm, insn, 0, width, value)
}

/// LMSW: sets PE, MP, EM and TS, never clears PE.
pub(super) fn load_status(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let value = read(vm, insn, 0, Width::W16)? & 0xf;
    let cr0 = vm.cpu.cr0 & !0xe | value;
    write_cr0(vm, cr0)
}

pub(super) fn invalidate_page(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let at = address(vm, insn);
    if canonical(at) {
        vm.invalidate_page(at);
    }
    Ok(())
}

/// INVPCID (SDM volume 2): by address, by context, all, all but global.
pub(super) fn invalidate_context(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let Operand::Gpr(register) = insn.operands[0] else { return Err(vm.undefined(insn)) };
    let kind = read_gpr(vm, register, insn.mode.stack_operand());
    let at = address(vm, insn);
    let context = vm.load(Width::W64, at)?;
    let target = vm.load(Width::W64, at.wrapping_add(8))?;
    let usable = if vm.cpu.cr4 & CR4_PCIDE != 0 { 0xfff } else { 0 };
    if kind > 3 || context & !usable != 0 && kind < 2 {
        return Err(Exception::GP0);
    }
    if kind == 0 && !canonical(target) {
        return Err(Exception::GP0);
    }
    match kind {
        0 if vm.cpu.cr3 & 0xfff == context => vm.invalidate_page(target),
        // Nothing is kept of contexts that are not current but where their code was found.
        0 => vm.forget_other_spaces(),
        2 => vm.flush_everything(),
        _ => vm.flush_contexts(),
    }
    Ok(())
}

pub(super) fn privileged(vm: &mut Vm) -> Done {
    require_kernel(vm)
}

/// CLFLUSH: reads the line, as far as faults go.
pub(super) fn flush_line(vm: &mut Vm, insn: &Insn) -> Done {
    let at = address(vm, insn);
    vm.load(Width::W8, at).map(|_| ())
}

pub(super) fn halt(vm: &mut Vm) -> Done {
    require_kernel(vm)?;
    vm.halted = true;
    vm.attention = true;
    Ok(())
}
