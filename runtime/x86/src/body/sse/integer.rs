//! Integer arithmetic, logic, shifts and shuffles. SDM volume 1, sections 5.5.2, 5.6.3, 5.9, 5.10.

use super::moves::select;
use super::operand::{number, pair, single, source};
use crate::flags::{FlagOp, bit, placed};
use crate::insn::{Insn, Operand};
use crate::machine::{BinOp, Compare, Machine};
use crate::vector::shuffle::window;
use crate::vector::{VecOp, VecShift, VecUnOp};
use crate::width::Width;

/// dst = dst op src.
#[inline(always)]
pub fn bin<M: Machine>(m: &mut M, insn: &Insn, op: VecOp) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = m.vec_bin(op, a, b);
    m.set_xmm(dst, result);
    Ok(())
}

/// PXOR, XORPS, XORPD; of a register with itself, 0 that depends on nothing.
#[inline(always)]
pub fn xor<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    if !insn.same_registers() {
        return bin(m, insn, VecOp::V128Xor);
    }
    let (dst, _) = single(m, insn)?;
    let zero = m.vec_const(0);
    m.set_xmm(dst, zero);
    Ok(())
}

/// PANDN, ANDNPS, ANDNPD: not dst and src.
#[inline(always)]
pub fn andnot<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = m.vec_bin(VecOp::V128Andnot, b, a);
    m.set_xmm(dst, result);
    Ok(())
}

/// dst = op of the neighbouring lanes of dst, then of src; `pairs` chooses the even and the odd ones.
#[inline(always)]
pub fn horizontal<M: Machine>(m: &mut M, insn: &Insn, op: VecOp, pairs: [[u8; 16]; 2]) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let [x, y] = horizontal_operands(m, a, b, pairs);
    let result = m.vec_bin(op, x, y);
    m.set_xmm(dst, result);
    Ok(())
}

/// Two choices of lanes of the same two values.
#[inline(always)]
pub(super) fn horizontal_operands<M: Machine>(m: &mut M, a: M::Vec, b: M::Vec, pairs: [[u8; 16]; 2]) -> [M::Vec; 2] {
    pairs.map(|pattern| m.vec_shuffle(a, b, pattern))
}

/// dst = op src.
#[inline(always)]
pub fn un<M: Machine>(m: &mut M, insn: &Insn, op: VecUnOp) -> Result<(), M::Stop> {
    let (dst, a) = single(m, insn)?;
    let result = m.vec_un(op, a);
    m.set_xmm(dst, result);
    Ok(())
}

/// PMOVSX and PMOVZX: doubles the width of the low lanes, once for each of `steps`.
#[inline(always)]
pub fn extend<M: Machine>(m: &mut M, insn: &Insn, steps: &[VecUnOp]) -> Result<(), M::Stop> {
    let (dst, mut value) = single(m, insn)?;
    for &step in steps {
        value = m.vec_un(step, value);
    }
    m.set_xmm(dst, value);
    Ok(())
}

/// Shifts every lane by an immediate or by the low half of an XMM operand. A count as wide as the lane or wider gives
/// 0, or the sign throughout.
#[inline(always)]
pub fn shift<M: Machine>(m: &mut M, insn: &Insn, op: VecShift) -> Result<(), M::Stop> {
    if insn.operands[1] == Operand::Imm {
        return shift_by_constant(m, insn, op);
    }
    let (dst, a, b) = pair(m, insn)?;
    let count = m.vec_half(b, 0);
    let limit = m.imm(op.lane_bits());
    let fits = m.compare(Compare::LtUnsigned, Width::W64, count, limit);
    let most = m.imm(op.lane_bits() - 1);
    let count = m.select(fits, count, most);
    let mut result = m.vec_shift(op, a, count);
    if !op.signed() {
        let fits = m.int(fits);
        let zero = m.imm(0);
        let kept = m.bin(BinOp::Sub, Width::W64, zero, fits);
        let kept = m.vec_from(kept, kept);
        result = m.vec_bin(VecOp::V128And, result, kept);
    }
    m.set_xmm(dst, result);
    Ok(())
}

#[inline(always)]
fn shift_by_constant<M: Machine>(m: &mut M, insn: &Insn, op: VecShift) -> Result<(), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let result = if insn.imm < op.lane_bits() || op.signed() {
        let a = m.xmm(dst);
        let count = m.imm(insn.imm.min(op.lane_bits() - 1));
        m.vec_shift(op, a, count)
    } else {
        m.vec_const(0)
    };
    m.set_xmm(dst, result);
    Ok(())
}

/// PSLLDQ (`left`) and PSRLDQ: the register shifted by bytes.
#[inline(always)]
pub fn shift_bytes<M: Machine>(m: &mut M, insn: &Insn, left: bool) -> Result<(), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let a = m.xmm(dst);
    let zero = m.vec_const(0);
    let count = insn.imm.min(16) as u8;
    let result = if left { m.vec_shuffle(zero, a, window(16 - count)) } else { m.vec_shuffle(a, zero, window(count)) };
    m.set_xmm(dst, result);
    Ok(())
}

/// Chooses bytes of dst and src.
#[inline(always)]
pub fn shuffle<M: Machine>(m: &mut M, insn: &Insn, pattern: [u8; 16]) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = m.vec_shuffle(a, b, pattern);
    m.set_xmm(dst, result);
    Ok(())
}

/// Chooses bytes of src alone.
#[inline(always)]
pub fn shuffle_source<M: Machine>(m: &mut M, insn: &Insn, pattern: [u8; 16]) -> Result<(), M::Stop> {
    let (dst, a) = single(m, insn)?;
    let result = m.vec_shuffle(a, a, pattern);
    m.set_xmm(dst, result);
    Ok(())
}

/// PALIGNR: 16 bytes of dst followed below by src, from byte `imm` on; zeros beyond.
#[inline(always)]
pub fn palignr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let zero = m.vec_const(0);
    let result = match insn.imm {
        first @ 0..=16 => m.vec_shuffle(b, a, window(first as u8)),
        first @ 17..=31 => m.vec_shuffle(a, zero, window(first as u8 - 16)),
        _ => zero,
    };
    m.set_xmm(dst, result);
    Ok(())
}

/// PBLENDVB, BLENDVPS, BLENDVPD: src where the sign bit of XMM0's lane is set. `greater` compares lanes of that width.
#[inline(always)]
pub fn blend_by_sign<M: Machine>(m: &mut M, insn: &Insn, greater: VecOp) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let signs = m.xmm(0);
    let zero = m.vec_const(0);
    let mask = m.vec_bin(greater, zero, signs);
    let result = select(m, mask, b, a);
    m.set_xmm(dst, result);
    Ok(())
}

/// PTEST: ZF = (src and dst is 0), CF = (src and not dst is 0).
pub fn ptest<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    m.sse_available()?;
    let b = source(m, insn, 1)?;
    let a = source(m, insn, 0)?;
    let common = m.vec_bin(VecOp::V128And, b, a);
    let beyond = m.vec_bin(VecOp::V128Andnot, b, a);
    let zf = is_zero(m, common);
    let cf = is_zero(m, beyond);
    let (zf, cf) = (placed(m, zf, bit::ZF), placed(m, cf, bit::CF));
    let word = m.or(zf, cf);
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

fn is_zero<M: Machine>(m: &mut M, value: M::Vec) -> M::Bool {
    let (low, high) = (m.vec_half(value, 0), m.vec_half(value, 1));
    let any = m.or(low, high);
    m.is_zero(any)
}
