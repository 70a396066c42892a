//! Moves between XMM and YMM registers, memory and general-purpose registers. SDM volume 1, sections 5.5.1.1, 5.6.1.1,
//! 5.6.3, 14.2.

use super::operand::{
    Wide, aligned_address, available, base, first, number, register, set, set_wide, source, source_lane, source_wide,
};
use crate::insn::{Gpr, Insn, Operand, Vex};
use crate::machine::Machine;
use crate::operands::{address, linear, read, read_gpr, write};
use crate::vector::VecOp;
use crate::width::Width;

/// MOVAPS, MOVAPD, MOVDQA, and the non-temporal moves of whole registers: memory is aligned.
#[inline(always)]
pub fn aligned<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_move(m, insn, true);
    }
    m.sse_available()?;
    let value = source(m, insn, 1)?;
    if insn.operands[0] == Operand::Mem {
        let address = aligned_address(m, insn)?;
        return m.store_vec(address, value);
    }
    let dst = number(m, insn, 0)?;
    m.set_xmm(dst, value);
    Ok(())
}

/// MOVUPS, MOVUPD, MOVDQU, LDDQU: memory may be at any address.
#[inline(always)]
pub fn unaligned<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_move(m, insn, false);
    }
    m.sse_available()?;
    match (insn.operands[0], insn.operands[1]) {
        (Operand::Xmm(dst), Operand::Mem) => {
            let address = address(m, insn);
            let value = m.load_vec(address)?;
            m.set_xmm(dst, value);
        }
        (Operand::Mem, Operand::Xmm(src)) => {
            let value = m.xmm(src);
            let address = address(m, insn);
            m.store_vec(address, value)?;
        }
        (Operand::Xmm(dst), Operand::Xmm(src)) => {
            let value = m.xmm(src);
            m.set_xmm(dst, value);
        }
        _ => return Err(m.undefined(insn)),
    }
    Ok(())
}

#[inline(never)]
fn vex_move<M: Machine>(m: &mut M, insn: &Insn, aligned: bool) -> Result<(), M::Stop> {
    m.avx_available()?;
    if aligned && insn.has_memory() {
        aligned_address(m, insn)?;
    }
    let value = source_wide(m, insn, 1)?;
    if let Operand::Xmm(dst) = insn.operands[0] {
        set_wide(m, insn, dst, value);
        return Ok(());
    }
    let address = address(m, insn);
    match value {
        Wide::One(value) => m.store_vec(address, value),
        Wide::Two(halves) => m.store_wide(address, halves),
    }
}

/// MOVSS and MOVSD: a load clears the rest of the register, a move between registers takes it from the first source.
#[inline(always)]
pub fn scalar<M: Machine>(m: &mut M, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    available(m, insn)?;
    if insn.operands[0] == Operand::Mem {
        let lane = source_lane(m, insn, 1, w)?;
        return write(m, insn, 0, w, lane);
    }
    let dst = number(m, insn, 0)?;
    if insn.operands[1] == Operand::Mem {
        let lane = source_lane(m, insn, 1, w)?;
        set_low(m, insn, dst, lane);
        return Ok(());
    }
    let lane = source_lane(m, insn, first(insn) + 1, w)?;
    replace_lane(m, insn, w, 0, lane)
}

/// MOVD and MOVQ. A register's upper part is cleared.
#[inline(always)]
pub fn movd<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    match insn.operands {
        [Operand::Xmm(dst), Operand::Xmm(_), ..] => {
            let lane = source_lane(m, insn, 1, Width::W64)?;
            set_low(m, insn, dst, lane);
        }
        [Operand::Xmm(dst), ..] => {
            let lane = read(m, insn, 1, insn.width)?;
            set_low(m, insn, dst, lane);
        }
        _ => {
            let lane = source_lane(m, insn, 1, insn.width)?;
            write(m, insn, 0, insn.width, lane)?;
        }
    }
    Ok(())
}

/// MOVLPS, MOVLPD (`half` 0), MOVHPS and MOVHPD (`half` 1): one half of a register from or to memory.
#[inline(always)]
pub fn half<M: Machine>(m: &mut M, insn: &Insn, half: u8) -> Result<(), M::Stop> {
    available(m, insn)?;
    if insn.operands[0] != Operand::Mem {
        let lane = source_lane(m, insn, first(insn) + 1, Width::W64)?;
        return replace_lane(m, insn, Width::W64, half, lane);
    }
    let src = number(m, insn, 1)?;
    let value = m.xmm(src);
    let lane = m.vec_half(value, half);
    write(m, insn, 0, Width::W64, lane)
}

/// MOVHLPS (`from` 1, `to` 0) and MOVLHPS (`from` 0, `to` 1).
#[inline(always)]
pub fn half_to_half<M: Machine>(m: &mut M, insn: &Insn, from: u8, to: u8) -> Result<(), M::Stop> {
    available(m, insn)?;
    let src = number(m, insn, first(insn) + 1)?;
    let value = m.xmm(src);
    let lane = m.vec_half(value, from);
    replace_lane(m, insn, Width::W64, to, lane)
}

/// MOVNTI, which is no XMM instruction.
#[inline(always)]
pub fn movnti<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let value = read(m, insn, 1, insn.width)?;
    write(m, insn, 0, insn.width, value)
}

/// MOVMSKPS, MOVMSKPD, PMOVMSKB: the sign bits of lanes of width `w`.
#[inline(always)]
pub fn mask<M: Machine>(m: &mut M, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    available(m, insn)?;
    let src = number(m, insn, 1)?;
    let bits = match register(m, insn, src) {
        Wide::One(value) => m.vec_bitmask(w, value),
        Wide::Two([low, high]) => {
            let (low, high) = (m.vec_bitmask(w, low), m.vec_bitmask(w, high));
            let high = m.shl_imm(high, (16 / w.bytes()) as u32);
            m.or(low, high)
        }
    };
    write(m, insn, 0, Width::W32, bits)
}

/// PINSRB, PINSRW, PINSRD, PINSRQ.
#[inline(always)]
pub fn insert<M: Machine>(m: &mut M, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    available(m, insn)?;
    let lane = read(m, insn, first(insn) + 1, w)?;
    replace_lane(m, insn, w, lane_index(insn, w), lane)
}

/// PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: zero-extended into a register, or just the lane to memory.
#[inline(always)]
pub fn extract<M: Machine>(m: &mut M, insn: &Insn, w: Width) -> Result<(), M::Stop> {
    available(m, insn)?;
    let src = number(m, insn, 1)?;
    let value = m.xmm(src);
    let lane = m.vec_lane(w, value, lane_index(insn, w));
    let to = if insn.operands[0] == Operand::Mem { w } else { Width::W64 };
    write(m, insn, 0, to, lane)
}

/// MASKMOVDQU: the bytes whose mask has bit 7 set, to DS:RDI. The whole 16 bytes must be writable, which the manual
/// leaves to the implementation.
#[inline(never)]
pub fn maskmovdqu<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let (data, mask) = (number(m, insn, 1)?, number(m, insn, 2)?);
    let mut places = [m.imm(0); 2];
    let mut old = places;
    let first = masked_address(m, insn);
    for (half, (place, old)) in (0..).zip(places.iter_mut().zip(&mut old)) {
        let distance = m.imm(8 * half);
        *place = m.add(Width::W64, first, distance);
        *old = m.load_for_store(Width::W64, *place)?;
    }
    let (data, mask) = (m.xmm(data), m.xmm(mask));
    let zero = m.vec_const(0);
    let mask = m.vec_bin(VecOp::I8x16GtS, zero, mask);
    let old = m.vec_from(old[0], old[1]);
    let new = select(m, mask, data, old);
    for (half, place) in (0u8..).zip(places) {
        let value = m.vec_half(new, half);
        m.store(Width::W64, place, value)?;
    }
    Ok(())
}

fn masked_address<M: Machine>(m: &mut M, insn: &Insn) -> M::Int {
    let offset = read_gpr(m, Gpr::RDI, insn.prefixes.address_width);
    linear(m, insn, offset)
}

/// `then` where the mask is set, else `other`, bit by bit.
#[inline(always)]
pub(super) fn select<M: Machine>(m: &mut M, mask: M::Vec, then: M::Vec, other: M::Vec) -> M::Vec {
    let then = m.vec_bin(VecOp::V128And, then, mask);
    let other = m.vec_bin(VecOp::V128Andnot, other, mask);
    m.vec_bin(VecOp::V128Or, then, other)
}

#[inline(always)]
fn lane_index(insn: &Insn, w: Width) -> u8 {
    insn.imm as u8 & (16 / w.bytes() - 1) as u8
}

/// The destination becomes the first source with one lane replaced.
#[inline(always)]
pub(super) fn replace_lane<M: Machine>(
    m: &mut M,
    insn: &Insn,
    w: Width,
    index: u8,
    lane: M::Int,
) -> Result<(), M::Stop> {
    let dst = number(m, insn, 0)?;
    let old = base(m, insn)?;
    let new = m.vec_with_lane(w, old, index, lane);
    set(m, insn, dst, new);
    Ok(())
}

/// Sets the low half of a register and clears the high one.
#[inline(always)]
fn set_low<M: Machine>(m: &mut M, insn: &Insn, dst: u8, low: M::Int) {
    let high = m.imm(0);
    let value = m.vec_from(low, high);
    set(m, insn, dst, value);
}

/// INSERTPS: one lane of a register or 32 bits of memory into a lane, then lanes cleared.
#[inline(never)]
pub fn insertps<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let imm = insn.imm as u8;
    let second = first(insn) + 1;
    let lane = match insn.operands[second] {
        Operand::Xmm(src) => {
            let value = m.xmm(src);
            m.vec_lane(Width::W32, value, imm >> 6)
        }
        _ => source_lane(m, insn, second, Width::W32)?,
    };
    let old = base(m, insn)?;
    let new = m.vec_with_lane(Width::W32, old, imm >> 4 & 3, lane);
    let kept = keep_lanes32(m, new, !imm);
    set(m, insn, dst, kept);
    Ok(())
}

/// `value` with the 32-bit lanes cleared whose bit in `kept` is 0.
pub(super) fn keep_lanes32<M: Machine>(m: &mut M, value: M::Vec, kept: u8) -> M::Vec {
    let lanes = (0..4).filter(|i| kept >> i & 1 != 0).fold(0, |mask, i| mask | u128::from(u32::MAX) << (32 * i));
    let mask = m.vec_const(lanes);
    m.vec_bin(VecOp::V128And, value, mask)
}
