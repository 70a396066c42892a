//! The fast path: the host's own arithmetic, in the mode that [`super::mxcsr::QUICK`] describes.
//!
//! All exceptions are masked and "inexact" is set already, so that a result is right, and complete, unless an operation
//! raises invalid, denormal, division by zero, overflow or underflow, or has a NaN for which the host's choice may
//! differ. The tests that exclude this ([`bin_is_ordinary`], [`un_is_ordinary`], [`compare_is_ordinary`]) are written over
//! [`Arith`], so that translated code makes the same ones: it computes with Wasm's operators, then leaves through a
//! side exit unless the result is ordinary.

use super::compare::flags_of;
use super::op::{FloatOp, FloatUnOp, FloatWidth, Rounding};
use crate::machine::{Arith, BinOp, Compare};
use crate::plain::Plain;
use crate::width::Width;

/// The bits of a number without its sign, shifted left by one: magnitudes compare as these integers do.
fn magnitude<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Int {
    let one = m.imm(1);
    m.bin(BinOp::Shl, w.bits(), x, one)
}

/// Whether |x| < `limit`, an unsigned bit pattern.
fn below<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int, limit: u64) -> A::Bool {
    let x = magnitude(m, w, x);
    let limit = m.imm(limit << 1 & w.bits().mask());
    m.compare(Compare::LtUnsigned, w.bits(), x, limit)
}

/// Neither infinite nor a NaN.
fn finite<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    below(m, w, x, w.infinity())
}

/// Not a NaN.
fn number<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    below(m, w, x, w.infinity() + 1)
}

/// Zero, normal, infinite or a NaN.
pub fn not_denormal<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    let x = magnitude(m, w, x);
    let one = m.imm(1);
    // Zero wraps to the top.
    let x = m.bin(BinOp::Sub, w.bits(), x, one);
    let limit = m.imm((w.least_normal() << 1) - 1);
    m.compare(Compare::LeUnsigned, w.bits(), limit, x)
}

/// Neither a NaN nor denormal.
fn comparable<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    let (x, y) = (number(m, w, x), not_denormal(m, w, x));
    m.both(x, y)
}

/// Finite and above the least normal number, which a tiny result may have been rounded to.
fn surely_normal<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    let x = magnitude(m, w, x);
    let least = m.imm((w.least_normal() + 1) << 1);
    let x = m.bin(BinOp::Sub, w.bits(), x, least);
    let range = m.imm((w.infinity() - w.least_normal() - 1) << 1);
    m.compare(Compare::LtUnsigned, w.bits(), x, range)
}

/// Surely normal; or finite, where a zero operand makes that a zero.
fn normal_or_zero<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int, zero_operand: A::Bool) -> A::Bool {
    let normal = surely_normal(m, w, x);
    let finite = finite(m, w, x);
    let zero = m.both(zero_operand, finite);
    m.either(normal, zero)
}

fn is_zero<A: Arith>(m: &mut A, w: FloatWidth, x: A::Int) -> A::Bool {
    let x = magnitude(m, w, x);
    m.is_zero(x)
}

/// Whether a result may be inexact, so that MXCSR's mode matters. What does not round needs no more than ordinary operands.
pub const fn bin_rounds(op: FloatOp) -> bool {
    !matches!(op, FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_))
}

/// [`bin_rounds`] for operations on one operand.
pub const fn un_rounds(op: FloatUnOp) -> bool {
    match op {
        FloatUnOp::Promote | FloatUnOp::FromInt { from: Width::W32, to: FloatWidth::F64 } => false,
        FloatUnOp::Round(_, control) => !control.quiet || control.rounding.is_none(),
        _ => true,
    }
}

/// Whether `result`, the bits of `a op b` as Wasm or IEEE 754 has it, is what MXCSR's common mode gives, and raises
/// nothing new.
pub fn bin_is_ordinary<A: Arith>(
    m: &mut A,
    op: FloatOp,
    w: FloatWidth,
    a: A::Int,
    b: A::Int,
    result: A::Int,
) -> A::Bool {
    let operands = match op {
        FloatOp::Add | FloatOp::Sub | FloatOp::AddSub | FloatOp::Mul | FloatOp::Div => {
            let (a, b) = (not_denormal(m, w, a), not_denormal(m, w, b));
            m.both(a, b)
        }
        FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_) => return compare_is_ordinary(m, w, a, b),
    };
    let fits = match op {
        // Sums that are tiny are exact.
        FloatOp::Add | FloatOp::Sub | FloatOp::AddSub => finite(m, w, result),
        FloatOp::Mul => {
            let (a, b) = (is_zero(m, w, a), is_zero(m, w, b));
            let zero = m.either(a, b);
            normal_or_zero(m, w, result, zero)
        }
        _ => {
            let zero = is_zero(m, w, a);
            normal_or_zero(m, w, result, zero)
        }
    };
    m.both(operands, fits)
}

/// [`bin_is_ordinary`] for comparisons, minimum and maximum, COMISD and UCOMISD: no NaN, no denormal.
pub fn compare_is_ordinary<A: Arith>(m: &mut A, w: FloatWidth, a: A::Int, b: A::Int) -> A::Bool {
    let (a, b) = (comparable(m, w, a), comparable(m, w, b));
    m.both(a, b)
}

/// [`bin_is_ordinary`] for operations on one operand. For a conversion to an integer `result` does not count.
pub fn un_is_ordinary<A: Arith>(m: &mut A, op: FloatUnOp, a: A::Int, result: A::Int) -> A::Bool {
    match op {
        FloatUnOp::Sqrt(w) => {
            let (operand, result) = (not_denormal(m, w, a), finite(m, w, result));
            m.both(operand, result)
        }
        FloatUnOp::Promote => comparable(m, FloatWidth::F32, a),
        FloatUnOp::Demote => {
            let normal = surely_normal(m, FloatWidth::F32, result);
            let zero = is_zero(m, FloatWidth::F64, a);
            m.either(normal, zero)
        }
        // Under DAZ a denormal is a zero; it need not have been looked at.
        FloatUnOp::Round(w, _) => comparable(m, w, a),
        FloatUnOp::ToInt { from, to, .. } => below(m, from, a, power_of_two(from, to.bits() - 1)),
        FloatUnOp::FromInt { .. } => truth(m, true),
        FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt => truth(m, false),
    }
}

pub(super) fn truth<A: Arith>(m: &mut A, value: bool) -> A::Bool {
    let value = m.imm(value.into());
    m.is_nonzero(value)
}

/// The bits of 2^`exponent` − 1, or of 2^`exponent` where the format has only integers there: a number below rounds to
/// an integer that is below 2^`exponent`.
const fn power_of_two(w: FloatWidth, exponent: u32) -> u64 {
    let bias = w.infinity() >> (w.fraction_bits() + 1);
    let power = (bias + exponent as u64) << w.fraction_bits();
    let one = if exponent > w.fraction_bits() { 0 } else { 1 << (w.fraction_bits() + 1 - exponent) };
    power - one
}

macro_rules! native {
    ($bin:ident, $un:ident, $number:ty, $bits:ty) => {
        /// `a op b` as the host has it.
        #[inline(always)]
        pub(super) fn $bin(op: FloatOp, a: $bits, b: $bits) -> $bits {
            let (x, y) = (<$number>::from_bits(a), <$number>::from_bits(b));
            match op {
                FloatOp::Add => (x + y).to_bits(),
                FloatOp::Sub | FloatOp::AddSub => (x - y).to_bits(),
                FloatOp::Mul => (x * y).to_bits(),
                FloatOp::Div => (x / y).to_bits(),
                FloatOp::Min if x < y => a,
                FloatOp::Max if x > y => a,
                FloatOp::Min | FloatOp::Max => b,
                FloatOp::Cmp(predicate) if predicate.holds(x.partial_cmp(&y)) => <$bits>::MAX,
                FloatOp::Cmp(_) => 0,
            }
        }

        /// `op a` as the host has it, for the operations that stay in this format or go to integers.
        #[inline(always)]
        fn $un(op: FloatUnOp, a: $bits) -> u64 {
            let x = <$number>::from_bits(a);
            match op {
                FloatUnOp::Sqrt(_) => x.sqrt().to_bits().into(),
                FloatUnOp::Round(_, control) => match control.rounding.unwrap_or(Rounding::Nearest) {
                    Rounding::Nearest => x.round_ties_even().to_bits().into(),
                    Rounding::Down => x.floor().to_bits().into(),
                    Rounding::Up => x.ceil().to_bits().into(),
                    Rounding::Truncate => x.trunc().to_bits().into(),
                },
                FloatUnOp::ToInt { to, truncate: true, .. } => x as i64 as u64 & to.mask(),
                FloatUnOp::ToInt { to, .. } => x.round_ties_even() as i64 as u64 & to.mask(),
                _ => 0,
            }
        }
    };
}

native!(bin32, un32, f32, u32);
native!(bin64, un64, f64, u64);

/// `a op b` where it is ordinary.
#[inline(always)]
pub(super) fn bin(op: FloatOp, w: FloatWidth, a: u64, b: u64) -> Option<u64> {
    let result = match w {
        FloatWidth::F32 => bin32(op, a as u32, b as u32).into(),
        FloatWidth::F64 => bin64(op, a, b),
    };
    bin_is_ordinary(&mut Plain, op, w, a, b, result).then_some(result)
}

/// `op a` where it is ordinary.
#[inline(always)]
pub(super) fn un(op: FloatUnOp, a: u64) -> Option<u64> {
    let result = match op {
        FloatUnOp::Promote => f64::from(f32::from_bits(a as u32)).to_bits(),
        FloatUnOp::Demote => (f64::from_bits(a) as f32).to_bits().into(),
        FloatUnOp::FromInt { from, to: FloatWidth::F32 } => (from.sign_extend(a) as i64 as f32).to_bits().into(),
        FloatUnOp::FromInt { from, to: FloatWidth::F64 } => (from.sign_extend(a) as i64 as f64).to_bits(),
        _ if op.source() == Width::W32 => un32(op, a as u32),
        _ => un64(op, a),
    };
    un_is_ordinary(&mut Plain, op, a, result).then_some(result)
}

/// The flags of COMISD and UCOMISD where the operands are ordinary.
#[inline(always)]
pub(super) fn compare(w: FloatWidth, a: u64, b: u64) -> Option<u64> {
    let order = match w {
        FloatWidth::F32 => f32::from_bits(a as u32).partial_cmp(&f32::from_bits(b as u32)),
        FloatWidth::F64 => f64::from_bits(a).partial_cmp(&f64::from_bits(b)),
    };
    compare_is_ordinary(&mut Plain, w, a, b).then_some(flags_of(order))
}
