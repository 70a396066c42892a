//! Operands of XMM instructions. An MMX operand, of which no form is implemented, is refused by each of these.

use crate::insn::{Insn, Operand};
use crate::machine::Machine;
use crate::operands::address;
use crate::width::Width;

/// Number of the XMM register that operand `index` is.
#[inline(always)]
pub(super) fn number<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<u8, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => Ok(number),
        _ => Err(m.undefined(insn)),
    }
}

/// Linear address of a 16-byte memory operand: #GP(0) unless it is aligned (SDM 1, 4.1.1 and 11.4.4).
#[inline(always)]
pub(super) fn aligned_address<M: Machine>(m: &mut M, insn: &Insn) -> Result<M::Int, M::Stop> {
    let address = address(m, insn);
    let low = m.and_imm(address, 15);
    let misaligned = m.is_nonzero(low);
    if m.rare(misaligned) {
        return Err(m.general_protection());
    }
    Ok(address)
}

/// Reads operand `index`: a register, 16 aligned bytes of memory, or as many bytes as the instruction names, followed
/// by zeros.
#[inline(always)]
pub(super) fn source<M: Machine>(m: &mut M, insn: &Insn, index: usize) -> Result<M::Vec, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => Ok(m.xmm(number)),
        Operand::Mem if insn.mem_size == 16 => {
            let address = aligned_address(m, insn)?;
            m.load_vec(address)
        }
        Operand::Mem => {
            let Some(w) = Width::from_bytes(insn.mem_size.into()) else {
                return Err(m.undefined(insn));
            };
            let address = address(m, insn);
            let low = m.load(w, address)?;
            let high = m.imm(0);
            Ok(m.vec_from(low, high))
        }
        _ => Err(m.undefined(insn)),
    }
}

/// Reads the low `w` of operand `index`: of a register, or just that much memory.
#[inline(always)]
pub(super) fn source_lane<M: Machine>(m: &mut M, insn: &Insn, index: usize, w: Width) -> Result<M::Int, M::Stop> {
    match insn.operands[index] {
        Operand::Xmm(number) => {
            let value = m.xmm(number);
            Ok(m.vec_lane(w, value, 0))
        }
        Operand::Mem => {
            let address = address(m, insn);
            m.load(w, address)
        }
        _ => Err(m.undefined(insn)),
    }
}

/// The register that operand 0 is, its value, and operand 1's.
#[inline(always)]
pub(super) fn pair<M: Machine>(m: &mut M, insn: &Insn) -> Result<(u8, M::Vec, M::Vec), M::Stop> {
    let (dst, b) = single(m, insn)?;
    Ok((dst, m.xmm(dst), b))
}

/// The register that operand 0 is, and operand 1's value.
#[inline(always)]
pub(super) fn single<M: Machine>(m: &mut M, insn: &Insn) -> Result<(u8, M::Vec), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    Ok((dst, source(m, insn, 1)?))
}
