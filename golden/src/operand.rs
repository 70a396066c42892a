//! Where the memory operand of an instruction lies.

use crate::state::State;
use iced_x86::{Instruction, OpKind, Register};

/// The explicit memory operand of an instruction, if it has one.
pub fn memory_operand(insn: &Instruction) -> Option<u32> {
    (0..insn.op_count()).find(|&n| insn.op_kind(n) == OpKind::Memory)
}

/// Guest virtual address of memory operand `operand` in `state`.
pub fn address(insn: &Instruction, operand: u32, state: &State) -> Option<u64> {
    insn.virtual_address(operand, 0, |register, _, _| match register {
        Register::FS => Some(state.fs_base),
        Register::GS => Some(state.gs_base),
        segment if segment.is_segment_register() => Some(0),
        register => {
            let value = state.gpr[register.full_register().number()];
            Some(if register.size() == 8 { value } else { value & (u64::MAX >> (64 - 8 * register.size())) })
        }
    })
}
