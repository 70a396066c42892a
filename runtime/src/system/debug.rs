//! MOV with debug registers, and INT1. SDM volume 2, MOV (debug registers); volume 3B, sections 17.2 and 17.3.1.3.

use super::flags::RF;
use super::{Done, require_kernel};
use crate::cpu::breakpoints::{self, BD, GD};
use crate::exception::{Exception, vector};
use crate::mmu::flush_page;
use crate::vm::Vm;
use x86::{Gpr, Insn, Machine};

const CR4_DE: u64 = 1 << 3;

/// Which of DR0 to DR7 the instruction means, if it may.
fn register(vm: &mut Vm, insn: &Insn, number: u8) -> Result<usize, Exception> {
    if number > 7 {
        return Err(vm.undefined(insn));
    }
    require_kernel(vm)?;
    let alias = number == 4 || number == 5;
    if alias && vm.cpu.cr4 & CR4_DE != 0 {
        return Err(Exception::UD);
    }
    if vm.cpu.dr[7] & GD != 0 {
        vm.cpu.dr[6] |= BD;
        vm.cpu.rflags |= RF;
        return Err(Exception::plain(vector::DB));
    }
    Ok(usize::from(number) + if alias { 2 } else { 0 })
}

/// MOV from a debug register.
pub(super) fn read(vm: &mut Vm, insn: &Insn, number: u8, to: Gpr) -> Done {
    let index = register(vm, insn, number)?;
    let value = vm.cpu.dr[index];
    vm.set_gpr(to, value & insn.width.mask());
    Ok(())
}

/// MOV to a debug register.
pub(super) fn write(vm: &mut Vm, insn: &Insn, number: u8, from: Gpr) -> Done {
    let index = register(vm, insn, number)?;
    let value = vm.gpr(from) & insn.width.mask();
    if index >= 6 && value >> 32 != 0 {
        return Err(Exception::GP0);
    }
    vm.cpu.dr[index] = match index {
        6 => breakpoints::dr6(value),
        7 => breakpoints::dr7(value),
        _ => value,
    };
    // From now on every access to their pages is looked at.
    for address in breakpoints::watched(&{ vm.cpu.dr }) {
        flush_page(&mut vm.cpu, address);
        vm.forget_kept();
    }
    vm.attention = true;
    Ok(())
}

/// INT1: #DB as a trap. DR6 says nothing of it, and the gate's privilege does not count.
pub(super) fn int1(vm: &mut Vm) -> Done {
    vm.cpu.rip = vm.next_rip;
    vm.raise(Exception::plain(vector::DB));
    Ok(())
}
