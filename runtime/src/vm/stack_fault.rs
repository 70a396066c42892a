//! Which fault an address is that is not canonical: #SS(0) where the access is to the stack segment, else #GP(0) (SDM 1,
//! 3.7.4; SDM 3A, 3.3.7.1).

use super::Vm;
use crate::exception::Exception;
use crate::mmu::canonical;
use x86::operands::address;
use x86::{Gpr, Insn, Mnemonic};

/// The exception that `fault` of this instruction is, which has changed no register.
pub(super) fn resolved(vm: &mut Vm, fault: Exception, insn: &Insn) -> Exception {
    match fault {
        Exception::NOT_CANONICAL if is_of_stack(vm, insn) => Exception::SS0,
        Exception::NOT_CANONICAL => Exception::GP0,
        fault => fault,
    }
}

/// Whether the access that faulted is of the memory operand in the stack segment, or is what the instruction pushes or pops.
fn is_of_stack(vm: &mut Vm, insn: &Insn) -> bool {
    let implied = matches!(
        insn.mnemonic,
        Mnemonic::Push | Mnemonic::Pop | Mnemonic::Call | Mnemonic::Ret | Mnemonic::Leave | Mnemonic::Enter
    ) || matches!(insn.mnemonic, Mnemonic::Pushfq | Mnemonic::Popfq | Mnemonic::Iretq);
    if !insn.has_memory() {
        return implied;
    }
    let of_operand = matches!(insn.mem.base, Some(Gpr::RSP) | Some(Gpr::RBP)) && insn.mem.segment.is_none();
    let last = u64::from(insn.mem_size.max(1)) - 1;
    of_operand
        || match insn.mnemonic {
            // What is popped is read first, what is pushed is written last.
            Mnemonic::Pop => !inside(vm.cpu.gpr[usize::from(Gpr::RSP.0)], last),
            Mnemonic::Push | Mnemonic::Call => inside(address(vm, insn), last),
            _ => false,
        }
}

/// Whether an access from `address` to `last` bytes further is canonical.
fn inside(address: u64, last: u64) -> bool {
    canonical(address) && canonical(address.wrapping_add(last))
}
