//! Bits of RFLAGS other than the arithmetic flags: CLD, STD, CLI, STI, CLAC, STAC, PUSHF, POPF. SDM volume 2.

use super::Done;
use crate::exception::Exception;
use crate::vm::Vm;
use x86::body::stack::{operand_width, top};
use x86::flags::{self, bit};
use x86::{FlagOp, Flags, Gpr, Insn, Machine, Width};

pub(super) const TF: u64 = 1 << 8;
pub(super) const IF: u64 = 1 << 9;
pub(super) const DF: u64 = 1 << 10;
pub(super) const IOPL: u64 = 3 << 12;
pub(super) const NT: u64 = 1 << 14;
pub(super) const RF: u64 = 1 << 16;
pub(super) const VM: u64 = 1 << 17;
pub(super) const AC: u64 = 1 << 18;
pub(super) const ID: u64 = 1 << 21;

/// RFLAGS as a whole.
pub(crate) fn rflags(vm: &mut Vm) -> u64 {
    let lazy = vm.cpu.lazy_flags();
    flags::word(vm, lazy) | vm.cpu.rflags & !bit::ARITHMETIC | 2
}

/// Replaces the bits of RFLAGS in `mask`. The loop looks up, since interrupts may be on now.
pub(super) fn set_rflags(vm: &mut Vm, value: u64, mask: u64) {
    let new = rflags(vm) & !mask | value & mask;
    vm.cpu.rflags = new & !bit::ARITHMETIC | 2;
    let dst = new & bit::ARITHMETIC;
    vm.cpu.set_lazy_flags(Flags { op: FlagOp::Explicit, width: Width::W64, dst, src: 0, carry: 0 });
    vm.attention = true;
}

/// The privilege level that may use ports and change IF.
pub(super) fn iopl(vm: &Vm) -> u32 {
    ((vm.cpu.rflags & IOPL) >> 12) as u32
}

pub(super) fn cli(vm: &mut Vm) -> Done {
    if vm.cpu.cpl > iopl(vm) {
        return Err(Exception::GP0);
    }
    vm.cpu.rflags &= !IF;
    Ok(())
}

/// STI of user mode.
pub(super) fn sti(vm: &mut Vm) -> Done {
    if vm.cpu.cpl > iopl(vm) {
        return Err(Exception::GP0);
    }
    x86::body::system::open_interrupts(vm);
    Ok(())
}

/// CLAC and STAC: #UD in user mode (SDM volume 2).
pub(super) fn access(vm: &mut Vm, set: bool) -> Done {
    if vm.cpu.cpl != 0 {
        return Err(Exception::UD);
    }
    vm.cpu.rflags = if set { vm.cpu.rflags | AC } else { vm.cpu.rflags & !AC };
    Ok(())
}

pub(super) fn pop(vm: &mut Vm, insn: &Insn) -> Done {
    let w = operand_width(insn);
    let (value, after) = top(vm, insn.mode, w)?;
    let mut mask = bit::ARITHMETIC | TF | DF | NT | AC | ID;
    if vm.cpu.cpl == 0 {
        mask |= IOPL;
    }
    if vm.cpu.cpl <= iopl(vm) {
        mask |= IF;
    }
    vm.set_gpr(Gpr::RSP, after);
    set_rflags(vm, value & !RF, (mask | RF) & w.mask());
    Ok(())
}
