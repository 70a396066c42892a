//! The stack: PUSH, POP, ENTER, LEAVE. SDM volume 1, sections 5.1.1 and 6.2.
//!
//! In 64-bit mode operands are 64 bits, or 16 with an operand-size prefix. In compatibility mode they are 32 or 16, the
//! stack pointer is as wide as SS.B says, and it is an offset in SS. The bodies are the same: they step with [`above`] and
//! [`below`], and access what is at a [`slot`].

use crate::insn::{CodeMode, Gpr, Insn, Operand, Segment};
use crate::machine::{BinOp, Machine, UnOp};
use crate::operands::{cut, linear, offset, read, write_gpr};
use crate::width::Width;

/// A stack pointer `bytes` above `pointer`.
#[inline(always)]
pub fn above<M: Machine>(m: &mut M, mode: CodeMode, pointer: M::Int, bytes: u64) -> M::Int {
    match mode {
        CodeMode::Long => {
            let distance = m.imm(bytes);
            m.add(Width::W64, pointer, distance)
        }
        CodeMode::Compatibility => moved(m, BinOp::Add, pointer, bytes),
    }
}

/// A stack pointer `bytes` below `pointer`.
#[inline(always)]
pub fn below<M: Machine>(m: &mut M, mode: CodeMode, pointer: M::Int, bytes: u64) -> M::Int {
    match mode {
        CodeMode::Long => {
            let distance = m.imm(bytes);
            m.sub(Width::W64, pointer, distance)
        }
        CodeMode::Compatibility => moved(m, BinOp::Sub, pointer, bytes),
    }
}

#[inline(never)]
fn moved<M: Machine>(m: &mut M, op: BinOp, pointer: M::Int, bytes: u64) -> M::Int {
    let w = m.stack_width();
    let (low, distance) = (m.un(UnOp::Truncate, w, pointer), m.imm(bytes & w.mask()));
    let sum = m.bin(op, w, low, distance);
    with_low(m, pointer, sum)
}

/// `whole` with its low part, as wide as the stack pointer of compatibility mode, replaced; one of 32 bits clears the rest.
fn with_low<M: Machine>(m: &mut M, whole: M::Int, low: M::Int) -> M::Int {
    if m.stack_width() != Width::W16 {
        return low;
    }
    let kept = m.and_imm(whole, !Width::W16.mask());
    m.or(kept, low)
}

/// Linear address of `bytes` on the stack, at the stack pointer `pointer`.
#[inline(always)]
pub fn slot<M: Machine>(m: &mut M, mode: CodeMode, pointer: M::Int, bytes: u64) -> M::Int {
    match mode {
        CodeMode::Long => pointer,
        CodeMode::Compatibility => slot_in_segment(m, pointer, bytes),
    }
}

#[inline(never)]
fn slot_in_segment<M: Machine>(m: &mut M, pointer: M::Int, bytes: u64) -> M::Int {
    let w = m.stack_width();
    let offset = m.un(UnOp::Truncate, w, pointer);
    m.segmented(Segment::Ss, offset, bytes)
}

/// Pushes a value.
///
/// # Errors
/// The fault of the store; RSP is then as before.
#[inline(always)]
pub fn push_value<M: Machine>(m: &mut M, mode: CodeMode, w: Width, value: M::Int) -> Result<(), M::Stop> {
    let rsp = m.gpr(Gpr::RSP);
    let top = below(m, mode, rsp, w.bytes());
    let place = slot(m, mode, top, w.bytes());
    m.store(w, place, value)?;
    m.set_gpr(Gpr::RSP, top);
    Ok(())
}

/// The value on top of the stack, and RSP after it is popped.
///
/// # Errors
/// The fault of the load.
#[inline(always)]
pub fn top<M: Machine>(m: &mut M, mode: CodeMode, w: Width) -> Result<(M::Int, M::Int), M::Stop> {
    let rsp = m.gpr(Gpr::RSP);
    let place = slot(m, mode, rsp, w.bytes());
    let value = m.load(w, place)?;
    let after = above(m, mode, rsp, w.bytes());
    Ok((value, after))
}

/// Operand size of an instruction of 64-bit mode that pushes, pops, or transfers: 16 bits with the prefix, else 64.
#[inline(always)]
fn long_width(insn: &Insn) -> Width {
    use iced_x86::Code::*;
    match insn.code {
        Push_r16 | Push_rm16 | Push_imm16 | Pushw_imm8 | Pushw_FS | Pushw_GS | Pop_r16 | Pop_rm16 | Popw_FS
        | Popw_GS | Leavew | Enterw_imm16_imm8 | Pushfw | Popfw => Width::W16,
        _ => Width::W64,
    }
}

/// Operand size of an instruction that pushes, pops, or transfers: 16 bits with the prefix, else the mode's.
pub fn operand_width(insn: &Insn) -> Width {
    use iced_x86::Code::*;
    match (long_width(insn), insn.code) {
        (Width::W16, _) => Width::W16,
        // Of compatibility mode alone.
        (
            _,
            Pushw_ES | Pushw_CS | Pushw_SS | Pushw_DS | Popw_ES | Popw_SS | Popw_DS | Pushaw | Popaw | Retnw
            | Retnw_imm16 | Call_rm16 | Jmp_rm16,
        ) => Width::W16,
        _ => insn.mode.stack_operand(),
    }
}

/// PUSH.
#[inline(always)]
pub fn push<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    match insn.mode {
        CodeMode::Long => push_in(m, CodeMode::Long, insn, long_width(insn)),
        CodeMode::Compatibility => push_apart(m, insn),
    }
}

#[cold]
#[inline(never)]
fn push_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    push_in(m, CodeMode::Compatibility, insn, operand_width(insn))
}

#[inline(always)]
fn push_in<M: Machine>(m: &mut M, mode: CodeMode, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    let value = match insn.operands[0] {
        Operand::Segment(_) => return m.helper(insn),
        Operand::Imm => {
            let value = insn.width.sign_extend(insn.imm) & w.mask();
            m.imm(value)
        }
        _ => read(m, insn, 0, w)?,
    };
    push_value(m, mode, w, value)
}

/// POP. A memory operand's address is computed after RSP is incremented (SDM volume 2, POP).
#[inline(always)]
pub fn pop<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    match insn.mode {
        CodeMode::Long => pop_in(m, CodeMode::Long, insn, long_width(insn)),
        CodeMode::Compatibility => pop_apart(m, insn),
    }
}

#[cold]
#[inline(never)]
fn pop_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    pop_in(m, CodeMode::Compatibility, insn, operand_width(insn))
}

#[inline(always)]
fn pop_in<M: Machine>(m: &mut M, mode: CodeMode, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    match insn.operands[0] {
        Operand::Segment(_) => m.helper(insn),
        Operand::Gpr(r) => {
            let (value, after) = top(m, mode, w)?;
            m.set_gpr(Gpr::RSP, after);
            write_gpr(m, r, w, value);
            Ok(())
        }
        _ => {
            let (value, after) = top(m, mode, w)?;
            let mut target = offset(m, insn);
            if insn.mem.base == Some(Gpr::RSP) {
                let size = m.imm(w.bytes());
                let sum = m.add(Width::W64, target, size);
                target = cut(m, insn, sum);
            }
            let target = linear(m, insn, target);
            m.store(w, target, value)?;
            m.set_gpr(Gpr::RSP, after);
            Ok(())
        }
    }
}

/// LEAVE: RSP = RBP, then POP RBP.
pub fn leave<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    match insn.mode {
        CodeMode::Long => leave_in(m, CodeMode::Long, long_width(insn)),
        CodeMode::Compatibility => leave_apart(m, insn),
    }
}

#[cold]
#[inline(never)]
fn leave_apart<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    leave_in(m, CodeMode::Compatibility, operand_width(insn))
}

#[inline(always)]
fn leave_in<M: Machine>(m: &mut M, mode: CodeMode, w: Width) -> Result<(), M::Stop> {
    let mut frame = m.gpr(Gpr::RBP);
    if mode == CodeMode::Compatibility {
        let (rsp, stack) = (m.gpr(Gpr::RSP), m.stack_width());
        let low = m.un(UnOp::Truncate, stack, frame);
        frame = with_low(m, rsp, low);
    }
    let place = slot(m, mode, frame, w.bytes());
    let value = m.load(w, place)?;
    let after = above(m, mode, frame, w.bytes());
    m.set_gpr(Gpr::RSP, after);
    write_gpr(m, Gpr::RBP, w, value);
    Ok(())
}

/// ENTER is the helper's where it nests or is not of 64 bits; else PUSH RBP, RBP = RSP, RSP −= size. It faults where its new top
/// cannot be written.
pub fn enter<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.imm2 & 31 != 0 || operand_width(insn) != Width::W64 {
        return m.helper(insn);
    }
    let rbp = m.gpr(Gpr::RBP);
    let rsp = m.gpr(Gpr::RSP);
    let frame = below(m, CodeMode::Long, rsp, 8);
    let top = below(m, CodeMode::Long, frame, insn.imm & 0xffff);
    m.load_for_store(Width::W64, frame)?;
    m.load_for_store(Width::W64, top)?;
    m.store(Width::W64, frame, rbp)?;
    m.set_gpr(Gpr::RBP, frame);
    m.set_gpr(Gpr::RSP, top);
    Ok(())
}
