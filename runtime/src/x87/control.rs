//! Control of the unit: FNINIT, FNCLEX, FLDCW, FNSTCW, FNSTSW, FINCSTP, FDECSTP, FFREE, WAIT, and EMMS. SDM volume 2.

use super::stack::{BUSY, C1, ES, EXCEPTIONS};
use super::unit::{Form, Unit};
use super::{CR0_EM, CR0_MP, CR0_TS, Done, available, ready};
use crate::cpu::Cpu;
use crate::exception::{Exception, vector};
use crate::vm::Vm;

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

pub(super) fn initialize(unit: &mut impl Unit) -> Done {
    available(unit.cpu())?;
    unit.cpu().initialize_x87();
    Ok(())
}

pub(super) fn clear_exceptions(unit: &mut impl Unit) -> Done {
    available(unit.cpu())?;
    unit.cpu().fsw &= !(EXCEPTIONS | STACK_FAULT | ES | BUSY);
    Ok(())
}

pub(super) fn load_control(unit: &mut impl Unit) -> Done {
    ready(unit.cpu())?;
    let value = u16::from_le_bytes(unit.load()?);
    unit.cpu().set_control(value);
    Ok(())
}

pub(super) fn store_control(unit: &mut impl Unit) -> Done {
    available(unit.cpu())?;
    let value = unit.cpu().fcw;
    unit.write_word(value)
}

pub(super) fn store_status(unit: &mut impl Unit) -> Done {
    available(unit.cpu())?;
    let value = unit.cpu().fsw;
    unit.write_word(value)
}

/// FINCSTP and FDECSTP: TOP moves by `by` (modulo 8), the tags stay.
pub(super) fn rotate(unit: &mut impl Unit, by: u8) -> Done {
    let cpu = unit.cpu();
    ready(cpu)?;
    cpu.set_top(cpu.top() + by);
    cpu.fsw &= !C1;
    Ok(())
}

/// FFREE, and FFREEP, which then pops.
pub(super) fn free(unit: &mut impl Unit, form: Form, pop: bool) -> Done {
    let cpu = unit.cpu();
    ready(cpu)?;
    cpu.free(form.registers[0]);
    if pop {
        cpu.pop();
    }
    Ok(())
}

/// WAIT: #NM only where both MP and TS are set.
pub(super) fn wait(unit: &mut impl Unit) -> Done {
    let cpu = unit.cpu();
    let not_available = CR0_MP | CR0_TS;
    if cpu.cr0 & not_available == not_available {
        return Err(Exception::plain(vector::NM));
    }
    if cpu.fsw & ES == 0 { Ok(()) } else { Err(Exception::plain(vector::MF)) }
}

/// What every MMX instruction does first: #UD, #NM, #MF.
pub(super) fn ready_for_mmx(vm: &Vm) -> Done {
    if vm.cpu.cr0 & CR0_EM != 0 {
        return Err(Exception::UD);
    }
    ready(&vm.cpu)
}

/// EMMS: all registers empty, and TOP 0 as after any MMX instruction (SDM 3A, table 12-1).
pub(super) fn empty_mmx(vm: &mut Vm) -> Done {
    ready_for_mmx(vm)?;
    vm.cpu.ftw = 0;
    vm.cpu.set_top(0);
    Ok(())
}
