//! The fast path of packed operations: [`super::fast`] in all lanes at once, written over [`Vector`].
//!
//! Unsigned comparisons of lanes become signed ones, which every width has, by adding the sign bit to both sides.

use super::fast::{bin32, bin64, truth, un_is_ordinary};
use super::op::{FloatOp, FloatUnOp, FloatWidth};
use crate::machine::Compare;
use crate::plain::Plain;
use crate::vector::lanes::{zip32, zip64};
use crate::vector::{VecOp, VecShift, Vector, shuffle};
use crate::width::Width;

/// `bits` in every lane.
fn splat<V: Vector>(v: &mut V, w: FloatWidth, bits: u64) -> V::Vec {
    let lane = u128::from(bits & w.bits().mask());
    let half = if w == FloatWidth::F32 { lane << 32 | lane } else { lane };
    v.vec_const(half << 64 | half)
}

/// Lanes shifted left by one: magnitudes, ordered as unsigned integers.
fn magnitudes<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec) -> V::Vec {
    let shift = if w == FloatWidth::F32 { VecShift::I32x4Shl } else { VecShift::I64x2Shl };
    let one = v.imm(1);
    v.vec_shift(shift, x, one)
}

fn add<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec, constant: u64) -> V::Vec {
    let op = if w == FloatWidth::F32 { VecOp::I32x4Add } else { VecOp::I64x2Add };
    let constant = splat(v, w, constant);
    v.vec_bin(op, x, constant)
}

fn greater<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec, y: V::Vec) -> V::Vec {
    let op = if w == FloatWidth::F32 { VecOp::I32x4GtS } else { VecOp::I64x2GtS };
    v.vec_bin(op, x, y)
}

fn and<V: Vector>(v: &mut V, x: V::Vec, y: V::Vec) -> V::Vec {
    v.vec_bin(VecOp::V128And, x, y)
}

/// Where x − `first` < `count`, unsigned, of magnitudes.
fn within<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec, first: u64, count: u64) -> V::Vec {
    let x = add(v, w, x, w.sign().wrapping_sub(first));
    let end = splat(v, w, count.wrapping_add(w.sign()));
    greater(v, w, end, x)
}

/// Where a magnitude is below that of a positive number.
fn below<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec, limit: u64) -> V::Vec {
    within(v, w, x, 0, limit << 1)
}

/// Where a magnitude is not that of a denormal.
fn not_denormal<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec) -> V::Vec {
    // Zero wraps to the top.
    let x = add(v, w, x, w.sign() - 1);
    let last = splat(v, w, ((w.least_normal() << 1) - 2).wrapping_add(w.sign()));
    greater(v, w, x, last)
}

/// Where a magnitude is finite and above the least normal number; or finite, and a `zero_operand` makes that a zero.
fn normal_or_zero<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec, zero_operand: V::Vec) -> V::Vec {
    let normal = within(v, w, x, (w.least_normal() + 1) << 1, (w.infinity() - w.least_normal() - 1) << 1);
    let finite = below(v, w, x, w.infinity());
    let zero = and(v, zero_operand, finite);
    v.vec_bin(VecOp::V128Or, normal, zero)
}

fn is_zero<V: Vector>(v: &mut V, w: FloatWidth, x: V::Vec) -> V::Vec {
    let op = if w == FloatWidth::F32 { VecOp::I32x4Eq } else { VecOp::I64x2Eq };
    let zero = v.vec_const(0);
    v.vec_bin(op, x, zero)
}

/// [`super::fast::bin_is_ordinary`] of every lane.
pub fn bin_packed_is_ordinary<V: Vector>(
    v: &mut V,
    op: FloatOp,
    w: FloatWidth,
    a: V::Vec,
    b: V::Vec,
    result: V::Vec,
) -> V::Bool {
    let [a, b, result] = [a, b, result].map(|x| magnitudes(v, w, x));
    let (x, y) = (not_denormal(v, w, a), not_denormal(v, w, b));
    let operands = and(v, x, y);
    let fits = match op {
        FloatOp::Add | FloatOp::Sub | FloatOp::AddSub => below(v, w, result, w.infinity()),
        FloatOp::Mul => {
            let (x, y) = (is_zero(v, w, a), is_zero(v, w, b));
            let zero = v.vec_bin(VecOp::V128Or, x, y);
            normal_or_zero(v, w, result, zero)
        }
        FloatOp::Div => {
            let zero = is_zero(v, w, a);
            normal_or_zero(v, w, result, zero)
        }
        FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_) => {
            let (x, y) = (below(v, w, a, w.infinity() + 1), below(v, w, b, w.infinity() + 1));
            and(v, x, y)
        }
    };
    let all = and(v, operands, fits);
    let signs = v.vec_bitmask(w.bits(), all);
    let every = v.imm((1 << (128 / w.bits().bits())) - 1);
    v.compare(Compare::Eq, Width::W64, signs, every)
}

/// [`un_is_ordinary`] of every lane that the operation has.
pub fn un_packed_is_ordinary<V: Vector>(v: &mut V, op: FloatUnOp, a: V::Vec, result: V::Vec) -> V::Bool {
    let mut all = truth(v, true);
    for i in 0..op.lanes() {
        let (x, y) = (v.vec_lane(op.source(), a, i), v.vec_lane(op.result(), result, i));
        let one = un_is_ordinary(v, op, x, y);
        all = v.both(all, one);
    }
    all
}

/// The pattern that takes even lanes from the first and odd ones from the second vector.
pub const fn odd_from_second(w: FloatWidth) -> [u8; 16] {
    match w {
        FloatWidth::F32 => shuffle::blend::<4>(0b1010),
        FloatWidth::F64 => shuffle::blend::<2>(0b10),
    }
}

fn native(op: FloatOp, w: FloatWidth, a: u128, b: u128) -> u128 {
    match w {
        FloatWidth::F32 => zip32(a, b, |x, y| bin32(op, x, y)),
        FloatWidth::F64 => zip64(a, b, |x, y| bin64(op, x, y)),
    }
}

/// `a op b` where every lane is ordinary.
#[inline(always)]
pub(super) fn bin(op: FloatOp, w: FloatWidth, a: u128, b: u128) -> Option<u128> {
    let result = if op == FloatOp::AddSub {
        let odd = odd_from_second(w);
        let (differences, sums) = (native(FloatOp::Sub, w, a, b), native(FloatOp::Add, w, a, b));
        crate::vector::eval::shuffle(differences, sums, odd)
    } else {
        native(op, w, a, b)
    };
    bin_packed_is_ordinary(&mut Plain, op, w, a, b, result).then_some(result)
}
