//! Floating-point arithmetic, comparisons, conversions and MXCSR. SDM volume 1, sections 5.5.1, 5.6.1, 5.7, 5.10.

use super::integer::horizontal_operands;
use super::moves::{keep_lanes32, set_lane};
use super::operand::{number, pair, single, source_lane};
use crate::flags::FlagOp;
use crate::insn::Insn;
use crate::machine::Machine;
use crate::operands::{read, write};
use crate::vector::float::mxcsr::WRITABLE;
use crate::vector::float::{FloatOp, FloatUnOp, FloatWidth};
use crate::vector::shuffle;
use crate::width::Width;

/// dst = dst op src, in every lane.
#[inline(always)]
pub fn packed<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = m.float_bin_packed(op, w, a, b)?;
    m.set_xmm(dst, result);
    Ok(())
}

/// dst = dst op src, in the low lane; the others stay.
#[inline(always)]
pub fn scalar<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let b = source_lane(m, insn, 1, w.bits())?;
    let old = m.xmm(dst);
    let a = m.vec_lane(w.bits(), old, 0);
    let result = m.float_bin(op, w, a, b)?;
    set_lane(m, dst, w.bits(), 0, result);
    Ok(())
}

/// dst = op src in the lanes that there are, 0 beyond.
#[inline(always)]
pub fn packed_un<M: Machine>(m: &mut M, insn: &Insn, op: FloatUnOp) -> Result<(), M::Stop> {
    let (dst, a) = single(m, insn)?;
    let result = m.float_un_packed(op, a)?;
    m.set_xmm(dst, result);
    Ok(())
}

/// dst = op src in the low lane; the others stay.
#[inline(always)]
pub fn scalar_un<M: Machine>(m: &mut M, insn: &Insn, op: FloatUnOp) -> Result<(), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let a = source_lane(m, insn, 1, op.source())?;
    let result = m.float_un(op, a)?;
    set_lane(m, dst, op.result(), 0, result);
    Ok(())
}

/// CVTSI2SS and CVTSI2SD, from a general-purpose register or memory.
#[inline(always)]
pub fn from_int<M: Machine>(m: &mut M, insn: &Insn, to: FloatWidth) -> Result<(), M::Stop> {
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let from = insn.width;
    let a = read(m, insn, 1, from)?;
    let result = m.float_un(FloatUnOp::FromInt { from, to }, a)?;
    set_lane(m, dst, to.bits(), 0, result);
    Ok(())
}

/// CVTSS2SI, CVTSD2SI, CVTTSS2SI, CVTTSD2SI, to a general-purpose register.
#[inline(always)]
pub fn to_int<M: Machine>(m: &mut M, insn: &Insn, from: FloatWidth, truncate: bool) -> Result<(), M::Stop> {
    m.sse_available()?;
    let a = source_lane(m, insn, 1, from.bits())?;
    let to = insn.width;
    let result = m.float_un(FloatUnOp::ToInt { from, to, truncate }, a)?;
    write(m, insn, 0, to, result)
}

/// COMISS, COMISD (`signalling`), UCOMISS, UCOMISD.
#[inline(always)]
pub fn compare<M: Machine>(m: &mut M, insn: &Insn, w: FloatWidth, signalling: bool) -> Result<(), M::Stop> {
    m.sse_available()?;
    let b = source_lane(m, insn, 1, w.bits())?;
    let a = source_lane(m, insn, 0, w.bits())?;
    let word = m.float_compare(w, signalling, a, b)?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

/// HADDPS and its kin: dst = op of the neighbouring lanes of dst, then of src.
#[inline(always)]
pub fn horizontal<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let pairs = match w {
        FloatWidth::F32 => [shuffle::every_second::<4>(0), shuffle::every_second::<4>(1)],
        FloatWidth::F64 => [shuffle::every_second::<2>(0), shuffle::every_second::<2>(1)],
    };
    let [x, y] = horizontal_operands(m, a, b, pairs);
    let result = m.float_bin_packed(op, w, x, y)?;
    m.set_xmm(dst, result);
    Ok(())
}

/// DPPS: products of the lanes in the immediate's high half, summed, into the lanes in its low half.
pub fn dpps<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let imm = insn.imm as u8;
    let (a, b) = (keep_lanes32(m, a, imm >> 4), keep_lanes32(m, b, imm >> 4));
    let products = m.float_bin_packed(FloatOp::Mul, FloatWidth::F32, a, b)?;
    let sums = neighbours(m, products, FloatWidth::F32, [[0, 0, 2, 2], [1, 1, 3, 3]])?;
    let total = neighbours(m, sums, FloatWidth::F32, [[0; 4], [2; 4]])?;
    let result = keep_lanes32(m, total, imm);
    m.set_xmm(dst, result);
    Ok(())
}

/// DPPD: as [`dpps`], with two lanes.
pub fn dppd<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    // Two 32-bit lanes for each of 64 bits.
    let lanes32 = |bits: u8| [0, 3, 12, 15][usize::from(bits & 3)];
    let imm = insn.imm as u8;
    let used = lanes32(imm >> 4);
    let (a, b) = (keep_lanes32(m, a, used), keep_lanes32(m, b, used));
    let products = m.float_bin_packed(FloatOp::Mul, FloatWidth::F64, a, b)?;
    let total = neighbours(m, products, FloatWidth::F64, [[0, 1, 0, 1], [2, 3, 2, 3]])?;
    let result = keep_lanes32(m, total, lanes32(imm));
    m.set_xmm(dst, result);
    Ok(())
}

/// The sum of two choices of 32-bit lanes of one value.
fn neighbours<M: Machine>(m: &mut M, a: M::Vec, w: FloatWidth, lanes: [[u8; 4]; 2]) -> Result<M::Vec, M::Stop> {
    let [x, y] = lanes.map(|lanes| m.vec_shuffle(a, a, shuffle::lanes32(lanes)));
    m.float_bin_packed(FloatOp::Add, w, x, y)
}

/// LDMXCSR: #GP(0) for reserved bits.
pub fn ldmxcsr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    m.sse_available()?;
    let value = read(m, insn, 0, Width::W32)?;
    let reserved = m.and_imm(value, u64::from(!WRITABLE));
    let reserved = m.is_nonzero(reserved);
    if m.rare(reserved) {
        return Err(m.general_protection());
    }
    m.set_mxcsr(value);
    Ok(())
}

/// STMXCSR.
pub fn stmxcsr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    m.sse_available()?;
    let value = m.mxcsr();
    write(m, insn, 0, Width::W32, value)
}
