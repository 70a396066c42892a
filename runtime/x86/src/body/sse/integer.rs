//! Integer arithmetic, logic, shifts and shuffles. SDM volume 1, sections 5.5.2, 5.6.3, 5.9, 5.10.

use super::operand::{
    Wide, available, binary, first, number, pair, register, set, set_wide, source, source_wide, unary,
};
use crate::flags::{FlagOp, bit, placed};
use crate::insn::{Insn, Operand, Vex};
use crate::machine::{BinOp, Compare, Machine};
use crate::vector::shuffle::window;
use crate::vector::{VecOp, VecShift, VecUnOp};
use crate::width::Width;

/// dst = first op second.
#[inline(always)]
pub fn bin<M: Machine>(m: &mut M, insn: &Insn, op: VecOp) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| m.vec_bin(op, a, b))
}

/// PXOR, XORPS, XORPD; of a register with itself, 0 that depends on nothing.
#[inline(always)]
pub fn xor<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !insn.same_registers() {
        return bin(m, insn, VecOp::V128Xor);
    }
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let zero = m.vec_const(0);
    set(m, insn, dst, zero);
    Ok(())
}

/// PANDN, ANDNPS, ANDNPD: not first and second.
#[inline(always)]
pub fn andnot<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| m.vec_bin(VecOp::V128Andnot, b, a))
}

/// dst = op of the neighbouring lanes of first, then of second; `pairs` chooses the even and the odd ones.
#[inline(always)]
pub fn horizontal<M: Machine>(m: &mut M, insn: &Insn, op: VecOp, pairs: [[u8; 16]; 2]) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| {
        let [x, y] = pairs.map(|pattern| m.vec_shuffle(a, b, pattern));
        m.vec_bin(op, x, y)
    })
}

/// dst = op src.
#[inline(always)]
pub fn un<M: Machine>(m: &mut M, insn: &Insn, op: VecUnOp) -> Result<(), M::Stop> {
    unary(m, insn, 1, |m, _, a| m.vec_un(op, a))
}

/// PMOVSX and PMOVZX: doubles the width of the low lanes, once for each of `steps`. The second half of 256 bits comes
/// from the lanes that follow.
#[inline(always)]
pub fn extend<M: Machine>(m: &mut M, insn: &Insn, steps: &[VecUnOp]) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_extend(m, insn, steps);
    }
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let value = source(m, insn, 1)?;
    let result = steps.iter().fold(value, |value, &step| m.vec_un(step, value));
    m.set_xmm(dst, result);
    Ok(())
}

#[inline(never)]
fn vex_extend<M: Machine>(m: &mut M, insn: &Insn, steps: &[VecUnOp]) -> Result<(), M::Stop> {
    m.avx_available()?;
    let dst = number(m, insn, 0)?;
    let value = source(m, insn, 1)?;
    let extended = |m: &mut M, value| steps.iter().fold(value, |value, &step| m.vec_un(step, value));
    let low = extended(m, value);
    let mut result = Wide::One(low);
    if insn.vex == Vex::L256 {
        let following = m.vec_shuffle(value, value, window(16 >> steps.len()));
        result = Wide::Two([low, extended(m, following)]);
    }
    set_wide(m, insn, dst, result);
    Ok(())
}

/// Shifts every lane by an immediate or by the low half of an XMM operand. A count as wide as the lane or wider gives
/// 0, or the sign throughout.
#[inline(always)]
pub fn shift<M: Machine>(m: &mut M, insn: &Insn, op: VecShift) -> Result<(), M::Stop> {
    let last = first(insn) + 1;
    if insn.operands[last] == Operand::Imm {
        return unary(m, insn, first(insn), |m, _, a| shifted_by_constant(m, op, a, insn.imm));
    }
    shift_by_register(m, insn, op)
}

#[inline(never)]
fn shift_by_register<M: Machine>(m: &mut M, insn: &Insn, op: VecShift) -> Result<(), M::Stop> {
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let count = source(m, insn, first(insn) + 1)?;
    let count = m.vec_half(count, 0);
    let limit = m.imm(op.lane_bits());
    let fits = m.compare(Compare::LtUnsigned, Width::W64, count, limit);
    let most = m.imm(op.lane_bits() - 1);
    let count = m.select(fits, count, most);
    let number = number(m, insn, first(insn))?;
    let mut result = register(m, insn, number).map(|_, a| m.vec_shift(op, a, count));
    if !op.signed() {
        let fits = m.int(fits);
        let zero = m.imm(0);
        let kept = m.bin(BinOp::Sub, Width::W64, zero, fits);
        let kept = m.vec_from(kept, kept);
        result = result.map(|_, a| m.vec_bin(VecOp::V128And, a, kept));
    }
    set_wide(m, insn, dst, result);
    Ok(())
}

#[inline(always)]
fn shifted_by_constant<M: Machine>(m: &mut M, op: VecShift, a: M::Vec, count: u64) -> M::Vec {
    if count < op.lane_bits() || op.signed() {
        let count = m.imm(count.min(op.lane_bits() - 1));
        m.vec_shift(op, a, count)
    } else {
        m.vec_const(0)
    }
}

/// PSLLDQ (`left`) and PSRLDQ: 128 bits shifted by bytes.
#[inline(always)]
pub fn shift_bytes<M: Machine>(m: &mut M, insn: &Insn, left: bool) -> Result<(), M::Stop> {
    let count = insn.imm.min(16) as u8;
    unary(m, insn, first(insn), |m, _, a| {
        let zero = m.vec_const(0);
        if left { m.vec_shuffle(zero, a, window(16 - count)) } else { m.vec_shuffle(a, zero, window(count)) }
    })
}

/// Chooses bytes of first and second.
#[inline(always)]
pub fn shuffle<M: Machine>(m: &mut M, insn: &Insn, pattern: [u8; 16]) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| m.vec_shuffle(a, b, pattern))
}

/// Chooses bytes of first and second, in each half by a pattern of its own.
#[inline(always)]
pub fn shuffle_halves<M: Machine>(m: &mut M, insn: &Insn, patterns: [[u8; 16]; 2]) -> Result<(), M::Stop> {
    binary(m, insn, |m, half, a, b| m.vec_shuffle(a, b, patterns[half]))
}

/// Chooses bytes of src alone.
#[inline(always)]
pub fn shuffle_source<M: Machine>(m: &mut M, insn: &Insn, pattern: [u8; 16]) -> Result<(), M::Stop> {
    unary(m, insn, 1, |m, _, a| m.vec_shuffle(a, a, pattern))
}

/// PALIGNR: 16 bytes of first followed below by second, from byte `imm` on; zeros beyond.
#[inline(always)]
pub fn palignr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| {
        let zero = m.vec_const(0);
        match insn.imm {
            first @ 0..=16 => m.vec_shuffle(b, a, window(first as u8)),
            first @ 17..=31 => m.vec_shuffle(a, zero, window(first as u8 - 16)),
            _ => zero,
        }
    })
}

/// MPSADBW: eight sums of four absolute differences, of a window that moves over first and four bytes of second, both
/// where the immediate says: its low three bits for the low half, the next three for the high half.
#[inline(never)]
pub fn mpsadbw<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    binary(m, insn, |m, half, a, b| {
        let imm = (insn.imm >> (3 * half)) as u8;
        let (window, block) = (imm & 4, 4 * (imm & 3));
        let zero = m.vec_const(0);
        let mut sum = zero;
        for k in 0..4 {
            // Bytes in the low halves of 16-bit lanes; byte 16 is a zero.
            let moving = std::array::from_fn(|i| if i % 2 == 0 { window + k + i as u8 / 2 } else { 16 });
            let fixed = std::array::from_fn(|i| if i % 2 == 0 { block + k } else { 16 });
            let (x, y) = (m.vec_shuffle(a, zero, moving), m.vec_shuffle(b, zero, fixed));
            let (most, least) = (m.vec_bin(VecOp::I16x8MaxS, x, y), m.vec_bin(VecOp::I16x8MinS, x, y));
            let difference = m.vec_bin(VecOp::I16x8Sub, most, least);
            sum = m.vec_bin(VecOp::I16x8Add, sum, difference);
        }
        sum
    })
}

/// PBLENDVB, BLENDVPS, BLENDVPD: second where the sign bit of the mask's lane is set. The mask is XMM0, or VEX's last
/// operand. `greater` compares lanes of that width.
#[inline(never)]
pub fn blend_by_sign<M: Machine>(m: &mut M, insn: &Insn, greater: VecOp) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let signs = if insn.vex == Vex::None { 0 } else { number(m, insn, 3)? };
    let zero = m.vec_const(0);
    let masks = register(m, insn, signs).map(|_, signs| m.vec_bin(greater, zero, signs));
    let differences = a.zip(b, |_, a, b| m.vec_bin(VecOp::V128Xor, a, b));
    let wanted = differences.zip(masks, |_, difference, mask| m.vec_bin(VecOp::V128And, difference, mask));
    let result = a.zip(wanted, |_, a, wanted| m.vec_bin(VecOp::V128Xor, a, wanted));
    set_wide(m, insn, dst, result);
    Ok(())
}

/// PTEST, VTESTPS, VTESTPD, on the bits of every 128 that `tested` has: ZF = (second and first is 0), CF = (second and
/// not first is 0).
#[inline(never)]
pub fn test<M: Machine>(m: &mut M, insn: &Insn, tested: u128) -> Result<(), M::Stop> {
    available(m, insn)?;
    let b = source_wide(m, insn, 1)?;
    let a = source_wide(m, insn, 0)?;
    let common = a.zip(b, |_, a, b| m.vec_bin(VecOp::V128And, b, a));
    let beyond = a.zip(b, |_, a, b| m.vec_bin(VecOp::V128Andnot, b, a));
    let zf = is_zero(m, common, tested);
    let cf = is_zero(m, beyond, tested);
    let (zf, cf) = (placed(m, zf, bit::ZF), placed(m, cf, bit::CF));
    let word = m.or(zf, cf);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

fn is_zero<M: Machine>(m: &mut M, value: Wide<M::Vec>, tested: u128) -> M::Bool {
    let mut any = match value {
        Wide::One(low) => low,
        Wide::Two([low, high]) => m.vec_bin(VecOp::V128Or, low, high),
    };
    if tested != u128::MAX {
        let tested = m.vec_const(tested);
        any = m.vec_bin(VecOp::V128And, any, tested);
    }
    let (low, high) = (m.vec_half(any, 0), m.vec_half(any, 1));
    let any = m.or(low, high);
    m.is_zero(any)
}

/// VPSLLVD and its kin: each lane by a count of its own; one as wide as the lane or wider gives 0, or the sign throughout.
#[inline(never)]
pub fn shift_each<M: Machine>(m: &mut M, insn: &Insn, w: Width, op: BinOp) -> Result<(), M::Stop> {
    binary(m, insn, |m, _, a, b| {
        (0..(16 / w.bytes()) as u8).fold(a, |result, index| {
            let (lane, count) = (m.vec_lane(w, a, index), m.vec_lane(w, b, index));
            let shifted = shifted_lane(m, w, op, lane, count);
            m.vec_with_lane(w, result, index, shifted)
        })
    })
}

fn shifted_lane<M: Machine>(m: &mut M, w: Width, op: BinOp, lane: M::Int, count: M::Int) -> M::Int {
    let last = m.imm((w.bits() - 1).into());
    let fits = m.compare(Compare::LeUnsigned, Width::W64, count, last);
    let count = m.select(fits, count, last);
    let shifted = m.bin(op, w, lane, count);
    if op == BinOp::Sar {
        return shifted;
    }
    let none = m.imm(0);
    m.select(fits, shifted, none)
}
