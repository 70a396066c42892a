//! Floating-point arithmetic, comparisons, conversions and MXCSR. SDM volume 1, sections 5.5.1, 5.6.1, 5.7, 5.10, 14.2.
//!
//! The exceptions of all lanes count together, so that both halves of a YMM register go to the machine at once.

use super::moves::{keep_lanes32, replace_lane};
use super::operand::{Wide, available, base, first, number, pair, set, set_wide, source, source_lane, source_wide};
use crate::flags::FlagOp;
use crate::insn::{Insn, Vex};
use crate::machine::Machine;
use crate::operands::{read, write};
use crate::vector::float::mxcsr::WRITABLE;
use crate::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use crate::vector::shuffle;
use crate::width::Width;

/// `a op b` in every lane.
fn bin<M: Machine>(
    m: &mut M,
    op: FloatOp,
    w: FloatWidth,
    a: Wide<M::Vec>,
    b: Wide<M::Vec>,
) -> Result<Wide<M::Vec>, M::Stop> {
    Ok(match (a, b) {
        (Wide::Two(a), Wide::Two(b)) => Wide::Two(m.float_bin_wide(op, w, a, b)?),
        _ => Wide::One(m.float_bin_packed(op, w, a.low(), b.low())?),
    })
}

/// dst = first op second, in every lane.
#[inline(always)]
pub fn packed<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    if insn.vex != Vex::None {
        return vex_packed(m, insn, op, w);
    }
    m.sse_available()?;
    let dst = number(m, insn, 0)?;
    let b = source(m, insn, 1)?;
    let a = m.xmm(dst);
    let result = m.float_bin_packed(op, w, a, b)?;
    m.set_xmm(dst, result);
    Ok(())
}

#[inline(never)]
fn vex_packed<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let result = bin(m, op, w, a, b)?;
    set_wide(m, insn, dst, result);
    Ok(())
}

/// dst = first op second, in the low lane; the others are those of first.
#[inline(always)]
pub fn scalar<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    available(m, insn)?;
    let b = source_lane(m, insn, first(insn) + 1, w.bits())?;
    let old = base(m, insn)?;
    let a = m.vec_lane(w.bits(), old, 0);
    let result = m.float_bin(op, w, a, b)?;
    replace_lane(m, insn, w.bits(), 0, result)
}

/// The predicate of a comparison's immediate.
#[inline(always)]
pub fn predicate(insn: &Insn) -> FloatOp {
    let imm = insn.imm as u8;
    FloatOp::Cmp(if insn.vex == Vex::None { Predicate::from_imm(imm) } else { Predicate::from_vex_imm(imm) })
}

/// dst = op src in the lanes that there are, 0 beyond.
#[inline(always)]
pub fn packed_un<M: Machine>(m: &mut M, insn: &Insn, op: FloatUnOp) -> Result<(), M::Stop> {
    if insn.vex == Vex::L256 {
        return wide_un(m, insn, op);
    }
    available(m, insn)?;
    let dst = number(m, insn, 0)?;
    let a = source(m, insn, 1)?;
    let result = m.float_un_packed(op, a)?;
    set(m, insn, dst, result);
    Ok(())
}

/// [`packed_un`] of 256 bits. Where the result is wider than the operand each half of that makes one of the result;
/// where it is narrower the results share 128 bits.
#[inline(never)]
fn wide_un<M: Machine>(m: &mut M, insn: &Insn, op: FloatUnOp) -> Result<(), M::Stop> {
    m.avx_available()?;
    let dst = number(m, insn, 0)?;
    let operand = if op.source() < op.result() {
        let both = source(m, insn, 1)?;
        [both, m.vec_shuffle(both, both, shuffle::lanes64([1, 1]))]
    } else {
        match source_wide(m, insn, 1)? {
            Wide::Two(halves) => halves,
            Wide::One(_) => return Err(m.undefined(insn)),
        }
    };
    let [low, high] = m.float_un_wide(op, operand)?;
    if op.source() > op.result() {
        let joined = m.vec_shuffle(low, high, shuffle::lanes64([0, 2]));
        set(m, insn, dst, joined);
    } else {
        set_wide(m, insn, dst, Wide::Two([low, high]));
    }
    Ok(())
}

/// dst = op of the second source in the low lane; the others are those of the first.
#[inline(always)]
pub fn scalar_un<M: Machine>(m: &mut M, insn: &Insn, op: FloatUnOp) -> Result<(), M::Stop> {
    available(m, insn)?;
    let a = source_lane(m, insn, first(insn) + 1, op.source())?;
    let result = m.float_un(op, a)?;
    replace_lane(m, insn, op.result(), 0, result)
}

/// CVTSI2SS and CVTSI2SD, from a general-purpose register or memory.
#[inline(always)]
pub fn from_int<M: Machine>(m: &mut M, insn: &Insn, to: FloatWidth) -> Result<(), M::Stop> {
    available(m, insn)?;
    let from = insn.width;
    let a = read(m, insn, first(insn) + 1, from)?;
    let result = m.float_un(FloatUnOp::FromInt { from, to }, a)?;
    replace_lane(m, insn, to.bits(), 0, result)
}

/// CVTSS2SI, CVTSD2SI, CVTTSS2SI, CVTTSD2SI, to a general-purpose register.
#[inline(always)]
pub fn to_int<M: Machine>(m: &mut M, insn: &Insn, from: FloatWidth, truncate: bool) -> Result<(), M::Stop> {
    available(m, insn)?;
    let a = source_lane(m, insn, 1, from.bits())?;
    let to = insn.width;
    let result = m.float_un(FloatUnOp::ToInt { from, to, truncate }, a)?;
    write(m, insn, 0, to, result)
}

/// COMISS, COMISD (`signalling`), UCOMISS, UCOMISD.
#[inline(always)]
pub fn compare<M: Machine>(m: &mut M, insn: &Insn, w: FloatWidth, signalling: bool) -> Result<(), M::Stop> {
    available(m, insn)?;
    let b = source_lane(m, insn, 1, w.bits())?;
    let a = source_lane(m, insn, 0, w.bits())?;
    let word = m.float_compare(w, signalling, a, b)?;
    let none = m.imm(0);
    m.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
    Ok(())
}

/// HADDPS and its kin: dst = op of the neighbouring lanes of first, then of second.
#[inline(never)]
pub fn horizontal<M: Machine>(m: &mut M, insn: &Insn, op: FloatOp, w: FloatWidth) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let pairs = match w {
        FloatWidth::F32 => [shuffle::every_second::<4>(0), shuffle::every_second::<4>(1)],
        FloatWidth::F64 => [shuffle::every_second::<2>(0), shuffle::every_second::<2>(1)],
    };
    let [x, y] = pairs.map(|pattern| a.zip(b, |_, a, b| m.vec_shuffle(a, b, pattern)));
    let result = bin(m, op, w, x, y)?;
    set_wide(m, insn, dst, result);
    Ok(())
}

/// DPPS: products of the lanes in the immediate's high half, summed, into the lanes in its low half. Which NaN a sum of several
/// is differs by lane on Intel's processors: the order of the operands is theirs.
#[inline(never)]
pub fn dpps<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    let imm = insn.imm as u8;
    let [a, b] = [a, b].map(|x| x.map(|_, x| keep_lanes32(m, x, imm >> 4)));
    let products = bin(m, FloatOp::Mul, FloatWidth::F32, a, b)?;
    let sums = neighbours(m, products, FloatWidth::F32, [[1, 0, 3, 2], [0, 1, 2, 3]])?;
    let total = neighbours(m, sums, FloatWidth::F32, [[0, 1, 2, 3], [2, 3, 0, 1]])?;
    let result = total.map(|_, x| keep_lanes32(m, x, imm));
    set_wide(m, insn, dst, result);
    Ok(())
}

/// DPPD: as [`dpps`], with two lanes.
#[inline(never)]
pub fn dppd<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    let (dst, a, b) = pair(m, insn)?;
    // Two 32-bit lanes for each of 64 bits.
    let lanes32 = |bits: u8| [0, 3, 12, 15][usize::from(bits & 3)];
    let imm = insn.imm as u8;
    let used = lanes32(imm >> 4);
    let [a, b] = [a, b].map(|x| x.map(|_, x| keep_lanes32(m, x, used)));
    let products = bin(m, FloatOp::Mul, FloatWidth::F64, a, b)?;
    let total = neighbours(m, products, FloatWidth::F64, [[0, 1, 2, 3], [2, 3, 0, 1]])?;
    let result = total.map(|_, x| keep_lanes32(m, x, lanes32(imm)));
    set_wide(m, insn, dst, result);
    Ok(())
}

/// The sum of two choices of 32-bit lanes of one value.
fn neighbours<M: Machine>(
    m: &mut M,
    a: Wide<M::Vec>,
    w: FloatWidth,
    lanes: [[u8; 4]; 2],
) -> Result<Wide<M::Vec>, M::Stop> {
    let [x, y] = lanes.map(|lanes| a.map(|_, a| m.vec_shuffle(a, a, shuffle::lanes32(lanes))));
    bin(m, FloatOp::Add, w, x, y)
}

/// LDMXCSR: #GP(0) for reserved bits.
pub fn ldmxcsr<M: Machine>(m: &mut M, insn: &Insn) -> Result<(), M::Stop> {
    available(m, insn)?;
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
    available(m, insn)?;
    let value = m.mxcsr();
    write(m, insn, 0, Width::W32, value)
}
