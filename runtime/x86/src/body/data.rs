//! Data movement: MOV, MOVZX, MOVSX, LEA, XCHG, XLAT, MOVBE. SDM volume 1, section 5.1.1.

use super::system;
use crate::insn::{Gpr, Insn, Operand};
use crate::machine::{BinOp, Machine, UnOp};
use crate::operands::{cut, linear, modify, offset, read, read_gpr, sign_extend, write, write_gpr};
use crate::width::Width;

/// MOV between registers, memory and immediates; segment, control and debug registers are [`system::mov`]'s.
#[inline(always)]
pub fn mov<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let is_system = |o: Operand| matches!(o, Operand::Segment(_) | Operand::Control(_) | Operand::Debug(_));
    if is_system(insn.operands[0]) || is_system(insn.operands[1]) {
        return system::mov(m, insn);
    }
    let value = read(m, insn, 1, insn.width)?;
    write(m, insn, 0, insn.width, value)
}

/// MOVZX.
#[inline(always)]
pub fn movzx<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let value = read(m, insn, 1, insn.source_width)?;
    write(m, insn, 0, insn.width, value)
}

/// MOVSX and MOVSXD.
#[inline(always)]
pub fn movsx<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let value = read(m, insn, 1, insn.source_width)?;
    let value = sign_extend(m, value, insn.source_width, insn.width);
    write(m, insn, 0, insn.width, value)
}

/// LEA.
#[inline(always)]
pub fn lea<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let value = offset(m, insn);
    let value = m.un(UnOp::Truncate, insn.width, value);
    write(m, insn, 0, insn.width, value)
}

/// MOVBE: the bytes in reverse order.
#[inline(never)]
pub fn movbe<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    let value = read(m, insn, 1, w)?;
    let reversed = if w == Width::W16 {
        let half = m.imm(8);
        m.bin(BinOp::Rotl, w, value, half)
    } else {
        m.un(UnOp::Bswap, w, value)
    };
    write(m, insn, 0, w, reversed)
}

/// XCHG.
pub fn xchg<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let w = insn.width;
    // iced-x86 gives the register first for the forms with the accumulator, memory first for the others.
    let b = read(m, insn, 1, w)?;
    if insn.operands[0] == Operand::Mem {
        let a = modify(m, insn, w, |_, a| (b, a))?;
        return write(m, insn, 1, w, a);
    }
    let a = read(m, insn, 0, w)?;
    write(m, insn, 1, w, a)?;
    write(m, insn, 0, w, b)
}

/// XLATB: AL = [RBX + AL].
pub fn xlat<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let base = m.gpr(Gpr::RBX);
    let index = read_gpr(m, Gpr::RAX, Width::W8);
    let sum = m.add(Width::W64, base, index);
    let offset = cut(m, insn, sum);
    let address = linear(m, insn, offset);
    let value = m.load(Width::W8, address)?;
    write_gpr(m, Gpr::RAX, Width::W8, value);
    Ok(())
}
