//! The stack: PUSH, POP, ENTER, LEAVE. SDM volume 1, sections 5.1.1 and 6.2.
//!
//! In 64-bit mode operands are 64 bits, or 16 with an operand-size prefix.

use crate::insn::{Gpr, Insn, Operand};
use crate::machine::{Machine, UnOp};
use crate::operands::{address, read, write_gpr};
use crate::width::Width;

/// Pushes a value.
///
/// # Errors
/// The fault of the store; RSP is then as before.
#[inline(always)]
pub fn push_value<M: Machine>(m: &mut M, w: Width, value: M::Int) -> Result<(), M::Stop> {
    let rsp = m.gpr(Gpr::RSP);
    let size = m.imm(w.bytes());
    let top = m.sub(Width::W64, rsp, size);
    m.store(w, top, value)?;
    m.set_gpr(Gpr::RSP, top);
    Ok(())
}

/// The value on top of the stack, and RSP after it is popped.
///
/// # Errors
/// The fault of the load.
#[inline(always)]
pub fn top<M: Machine>(m: &mut M, w: Width) -> Result<(M::Int, M::Int), M::Stop> {
    let rsp = m.gpr(Gpr::RSP);
    let value = m.load(w, rsp)?;
    let size = m.imm(w.bytes());
    let after = m.add(Width::W64, rsp, size);
    Ok((value, after))
}

/// Operand size of a push or pop: 16 bits with the prefix, else 64.
fn stack_width(insn: &Insn) -> Width {
    use iced_x86::Code::*;
    match insn.code {
        Push_r16 | Push_rm16 | Push_imm16 | Pushw_imm8 | Pushw_FS | Pushw_GS | Pop_r16 | Pop_rm16 | Popw_FS
        | Popw_GS | Leavew => Width::W16,
        _ => Width::W64,
    }
}

/// PUSH.
#[inline(always)]
pub fn push<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = stack_width(insn);
    let value = match insn.operands[0] {
        Operand::Segment(_) => return m.helper(insn),
        Operand::Imm => {
            let value = insn.width.sign_extend(insn.imm) & w.mask();
            m.imm(value)
        }
        _ => read(m, insn, 0, w)?,
    };
    push_value(m, w, value)
}

/// POP. A memory operand's address is computed after RSP is incremented (SDM volume 2, POP).
#[inline(always)]
pub fn pop<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = stack_width(insn);
    match insn.operands[0] {
        Operand::Segment(_) => m.helper(insn),
        Operand::Gpr(r) => {
            let (value, after) = top(m, w)?;
            m.set_gpr(Gpr::RSP, after);
            write_gpr(m, r, w, value);
            Ok(())
        }
        _ => {
            let (value, after) = top(m, w)?;
            let mut target = address(m, insn);
            if insn.mem.base == Some(Gpr::RSP) {
                let size = m.imm(w.bytes());
                target = m.add(Width::W64, target, size);
                if insn.mem.address32 {
                    target = m.un(UnOp::Truncate, Width::W32, target);
                }
            }
            m.store(w, target, value)?;
            m.set_gpr(Gpr::RSP, after);
            Ok(())
        }
    }
}

/// LEAVE: RSP = RBP, then POP RBP.
pub fn leave<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = stack_width(insn);
    let frame = m.gpr(Gpr::RBP);
    let value = m.load(w, frame)?;
    let size = m.imm(w.bytes());
    let after = m.add(Width::W64, frame, size);
    m.set_gpr(Gpr::RSP, after);
    write_gpr(m, Gpr::RBP, w, value);
    Ok(())
}

/// ENTER is the helper's where it nests; else PUSH RBP, RBP = RSP, RSP −= size. It faults where its new top cannot be written.
pub fn enter<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.imm2 & 31 != 0 || insn.code == iced_x86::Code::Enterw_imm16_imm8 {
        return m.helper(insn);
    }
    let rbp = m.gpr(Gpr::RBP);
    let rsp = m.gpr(Gpr::RSP);
    let size = m.imm(8);
    let frame = m.sub(Width::W64, rsp, size);
    let size = m.imm(insn.imm & 0xffff);
    let top = m.sub(Width::W64, frame, size);
    m.load_for_store(Width::W64, frame)?;
    m.load_for_store(Width::W64, top)?;
    m.store(Width::W64, frame, rbp)?;
    m.set_gpr(Gpr::RBP, frame);
    m.set_gpr(Gpr::RSP, top);
    Ok(())
}
