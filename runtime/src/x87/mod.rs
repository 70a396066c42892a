//! The x87 unit, and MMX and FXSAVE, which share its registers. SDM volume 1, chapters 8 to 10.
//!
//! ```text
//! execute ── ready: #NM, #MF ── operands: memory, ST(i) ── float: exact result, rounded once ── commit: flags, C1, ES ── write, pop
//! ```
//!
//! Every function here does what can fault (#NM, #MF, the memory access) before it writes anything. A numeric exception
//! that is not masked sets ES, and the next waiting instruction raises #MF.
//!
//! Departures from the manual: #MF is raised whatever CR0.NE says (there is no FERR# pin); FOP is kept for every
//! instruction that left an exception unmasked only (as with IA32_MISC_ENABLE.FOPCODE clear); FCS and FDS are stored as 0
//! (CPUID.7.0:EBX bit 13).

mod control;
mod environment;
mod fxsave;
mod stack;

use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::{Insn, Machine, Mnemonic as Mn};

type Done = Result<(), Exception>;

const CR0_MP: u64 = 1 << 1;
const CR0_EM: u64 = 1 << 2;
const CR0_TS: u64 = 1 << 3;

/// Carries out an instruction of the x87 unit or of MMX.
#[rustfmt::skip]
pub(crate) fn execute(vm: &mut Vm, insn: &Insn) -> Done {
    match insn.mnemonic {
        // 5.2.6 x87 control
        Mn::Fninit              => control::initialize(vm),
        Mn::Fnclex              => control::clear_exceptions(vm),
        Mn::Fldcw               => control::load_control(vm, insn),
        Mn::Fnstcw              => control::store_control(vm, insn),
        Mn::Fnstsw              => control::store_status(vm, insn),
        Mn::Fincstp             => control::rotate(vm, 1),
        Mn::Fdecstp             => control::rotate(vm, 7),
        Mn::Ffree               => control::free(vm, insn, false),
        Mn::Ffreep              => control::free(vm, insn, true),
        Mn::Fnop                => ready(vm),
        Mn::Fneni | Mn::Fndisi | Mn::Fnsetpm => available(vm),
        Mn::Wait                => control::wait(vm),
        Mn::Fnstenv             => environment::store_environment(vm, insn),
        Mn::Fldenv              => environment::load_environment(vm, insn),
        Mn::Fnsave              => environment::save(vm, insn),
        Mn::Frstor              => environment::restore(vm, insn),
        // 5.3 x87 and SIMD state management
        Mn::Fxsave | Mn::Fxsave64   => fxsave::save(vm, insn),
        Mn::Fxrstor | Mn::Fxrstor64 => fxsave::restore(vm, insn),
        // 5.4.8 MMX state management
        Mn::Emms                => control::empty_mmx(vm),
        _ => Err(vm.undefined(insn)),
    }
}

/// #NM while the unit is emulated or another task's state is in it.
fn available(vm: &Vm) -> Done {
    if vm.cpu.cr0 & (CR0_EM | CR0_TS) == 0 { Ok(()) } else { Err(Exception::plain(vector::NM)) }
}

/// What every waiting instruction does first: #NM, then #MF for an exception that is pending.
fn ready(vm: &Vm) -> Done {
    available(vm)?;
    if vm.cpu.fsw & stack::ES == 0 { Ok(()) } else { Err(Exception::plain(vector::MF)) }
}
