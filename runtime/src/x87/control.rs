//! Control of the unit: FNINIT, FNCLEX, FLDCW, FNSTCW, FNSTSW, FINCSTP, FDECSTP, FFREE, WAIT, and EMMS. SDM volume 2.

use super::stack::{BUSY, C1, ES, EXCEPTIONS};
use super::{CR0_EM, CR0_MP, CR0_TS, Done, available, ready};
use crate::cpu::Cpu;
use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::operands::{read, write};
use x86::{Insn, Machine, Operand, Width};

/// Rounding to nearest, 64 bits of precision, all exceptions masked.
pub(super) const INITIAL_CONTROL: u16 = 0x37f;
/// Bit 6 of the control word is always set; 7 and 13 to 15 are always clear.
const CONTROL_FIXED: u16 = 0x40;
const CONTROL_DEFINED: u16 = 0x1f3f;
const STACK_FAULT: u16 = 1 << 6;

impl Cpu {
    /// The state after FNINIT: the registers keep what they hold, tagged empty.
    pub(super) fn initialize_x87(&mut self) {
        (self.fcw, self.fsw, self.ftw) = (INITIAL_CONTROL, 0, 0);
        (self.fop, self.fip, self.fdp) = (0, 0, 0);
    }

    /// Sets the control word; what that unmasks is pending from now on.
    pub(super) fn set_control(&mut self, value: u16) {
        self.fcw = value & CONTROL_DEFINED | CONTROL_FIXED;
        self.update_summary();
    }
}

pub(super) fn initialize(vm: &mut Vm) -> Done {
    available(vm)?;
    vm.cpu.initialize_x87();
    Ok(())
}

pub(super) fn clear_exceptions(vm: &mut Vm) -> Done {
    available(vm)?;
    vm.cpu.fsw &= !(EXCEPTIONS | STACK_FAULT | ES | BUSY);
    Ok(())
}

pub(super) fn load_control(vm: &mut Vm, insn: &Insn) -> Done {
    ready(vm)?;
    let value = read(vm, insn, 0, Width::W16)? as u16;
    vm.cpu.set_control(value);
    Ok(())
}

pub(super) fn store_control(vm: &mut Vm, insn: &Insn) -> Done {
    available(vm)?;
    let value = vm.cpu.fcw.into();
    write(vm, insn, 0, Width::W16, value)
}

pub(super) fn store_status(vm: &mut Vm, insn: &Insn) -> Done {
    available(vm)?;
    let value = vm.cpu.fsw.into();
    write(vm, insn, 0, Width::W16, value)
}

/// FINCSTP and FDECSTP: TOP moves by `by` (modulo 8), the tags stay.
pub(super) fn rotate(vm: &mut Vm, by: u8) -> Done {
    ready(vm)?;
    let top = vm.cpu.top() + by;
    vm.cpu.set_top(top);
    vm.cpu.fsw &= !C1;
    Ok(())
}

/// FFREE, and FFREEP, which then pops.
pub(super) fn free(vm: &mut Vm, insn: &Insn, pop: bool) -> Done {
    ready(vm)?;
    let Operand::St(i) = insn.operands[0] else { return Err(vm.undefined(insn)) };
    vm.cpu.free(i);
    if pop {
        vm.cpu.pop();
    }
    Ok(())
}

/// WAIT: #NM only where both MP and TS are set.
pub(super) fn wait(vm: &mut Vm) -> Done {
    let not_available = CR0_MP | CR0_TS;
    if vm.cpu.cr0 & not_available == not_available {
        return Err(Exception::plain(vector::NM));
    }
    if vm.cpu.fsw & ES == 0 { Ok(()) } else { Err(Exception::plain(vector::MF)) }
}

/// What every MMX instruction does first: #UD, #NM, #MF.
pub(super) fn ready_for_mmx(vm: &Vm) -> Done {
    if vm.cpu.cr0 & CR0_EM != 0 {
        return Err(Exception::UD);
    }
    ready(vm)
}

/// EMMS: all registers empty, and TOP 0 as after any MMX instruction (SDM 3A, table 12-1).
pub(super) fn empty_mmx(vm: &mut Vm) -> Done {
    ready_for_mmx(vm)?;
    vm.cpu.ftw = 0;
    vm.cpu.set_top(0);
    Ok(())
}
