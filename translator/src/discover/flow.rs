//! Where control goes after an instruction.

use iced_x86::FlowControl;
use x86::{Insn, Mnemonic, Operand};

/// Where control goes after an instruction. Targets are addresses of the same kind as the instruction's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// To the next.
    Next,
    /// To a fixed target.
    Jump(u64),
    /// To a fixed target, or to the next.
    Branch(u64),
    /// To a fixed target, and later back to the next.
    Call(u64),
    /// To a computed target, and later back to the next.
    CallIndirect,
    /// To a computed target.
    Indirect,
    /// Back to a caller.
    Return,
    /// To the interpreter, which goes on with the next.
    Resume,
    /// To the interpreter, and then elsewhere.
    Stop,
}

/// Where control goes after `insn` at `address`; `leaves` tells which instructions the interpreter takes.
pub(super) fn flow(insn: &Insn, address: u64, leaves: bool) -> Flow {
    let target = address.wrapping_add(insn.imm);
    let direct = insn.operands[0] == Operand::Imm;
    match insn.code.flow_control() {
        FlowControl::Next if !leaves => Flow::Next,
        FlowControl::UnconditionalBranch if direct => Flow::Jump(target),
        FlowControl::ConditionalBranch if direct => Flow::Branch(target),
        FlowControl::Call if insn.mnemonic == Mnemonic::Call && direct => Flow::Call(target),
        FlowControl::IndirectCall => Flow::CallIndirect,
        FlowControl::IndirectBranch => Flow::Indirect,
        FlowControl::Return if insn.mnemonic == Mnemonic::Ret => Flow::Return,
        FlowControl::Return | FlowControl::Exception => Flow::Stop,
        _ => Flow::Resume,
    }
}

impl Flow {
    /// Whether control may go on with the next instruction, at once or after the interpreter or a callee ran.
    pub(super) fn falls_through(self) -> bool {
        matches!(self, Flow::Next | Flow::Branch(_) | Flow::Call(_) | Flow::CallIndirect | Flow::Resume)
    }

    /// Whether something else runs before the next instruction.
    pub(super) fn comes_back(self) -> bool {
        matches!(self, Flow::Call(_) | Flow::CallIndirect | Flow::Resume)
    }

    /// The fixed target, if there is one.
    pub(super) fn target(self) -> Option<u64> {
        match self {
            Flow::Jump(target) | Flow::Branch(target) | Flow::Call(target) => Some(target),
            _ => None,
        }
    }
}
