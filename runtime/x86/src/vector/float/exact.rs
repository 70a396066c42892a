//! The exact path: special operands, then arithmetic in 128 bits that loses nothing but a sticky bit.

use super::approximate;
use super::compare;
use super::convert;
use super::mxcsr::{DE, IE, Mode, Outcome, ZE};
use super::number::{Class, Number, invalid, pack, signed};
use super::op::{FloatOp, FloatUnOp, FloatWidth, Rounding};

/// [`super::bin`] in any mode.
pub(super) fn bin(op: FloatOp, w: FloatWidth, mode: Mode, a: u64, b: u64) -> Outcome<u64> {
    let x = Number::unpack(w, mode, a);
    let y = Number::unpack(w, mode, b);
    match op {
        FloatOp::Cmp(predicate) => return compare::cmp(predicate, w, x, y),
        FloatOp::Min | FloatOp::Max => return compare::extreme(op == FloatOp::Max, w, x, y),
        _ => {}
    }
    if let Some(nan) = propagated(w, x, y) {
        return nan;
    }
    match op {
        FloatOp::Add => sum(w, mode, x, y),
        FloatOp::Mul => product(w, mode, x, y),
        FloatOp::Div => quotient(w, mode, x, y),
        _ => sum(w, mode, x, Number { negative: !y.negative, ..y }),
    }
}

/// [`super::un`] in any mode.
pub(super) fn un(op: FloatUnOp, mode: Mode, a: u64) -> Outcome<u64> {
    match op {
        FloatUnOp::Sqrt(w) => sqrt(w, mode, a),
        FloatUnOp::Reciprocal => Outcome::plain(approximate::reciprocal(a)),
        FloatUnOp::ReciprocalSqrt => Outcome::plain(approximate::reciprocal_sqrt(a)),
        FloatUnOp::Round(w, control) => convert::round(w, control, mode, a),
        FloatUnOp::Promote => convert::format(FloatWidth::F32, FloatWidth::F64, mode, a),
        FloatUnOp::Demote => convert::format(FloatWidth::F64, FloatWidth::F32, mode, a),
        FloatUnOp::FromInt { from, to } => convert::from_int(from, to, mode, a),
        FloatUnOp::ToInt { from, to, truncate } => convert::to_int(from, to, truncate, mode, a),
    }
}

/// The NaN that an operation with a NaN gives: the first, quieted (SDM 1, table 4-7).
fn propagated(w: FloatWidth, x: Number, y: Number) -> Option<Outcome<u64>> {
    let first = [x, y].into_iter().find(|n| n.is_nan())?;
    let signalling = x.is_signalling() || y.is_signalling();
    Some(Outcome { value: first.quieted(w), flags: if signalling { IE } else { 0 } })
}

/// DE, if an operand is denormal.
pub(super) fn denormal(x: Number, y: Number) -> u32 {
    if x.denormal || y.denormal { DE } else { 0 }
}

pub(super) fn zero(w: FloatWidth, negative: bool) -> Outcome<u64> {
    Outcome::plain(signed(w, negative, 0))
}

pub(super) fn infinity(w: FloatWidth, negative: bool) -> Outcome<u64> {
    Outcome::plain(signed(w, negative, w.infinity()))
}

/// `significand` · 2^(`exponent` − 127), its leading bit anywhere.
pub(super) fn normalized(w: FloatWidth, mode: Mode, negative: bool, exponent: i32, significand: u128) -> Outcome<u64> {
    let shift = significand.leading_zeros();
    pack(w, mode, negative, exponent - shift as i32, significand << shift)
}

fn sum(w: FloatWidth, mode: Mode, x: Number, y: Number) -> Outcome<u64> {
    let flags = denormal(x, y);
    let result = match (x.class, y.class) {
        (Class::Infinite, Class::Infinite) if x.negative != y.negative => return invalid(w),
        (Class::Infinite, _) => infinity(w, x.negative),
        (_, Class::Infinite) => infinity(w, y.negative),
        (Class::Zero, Class::Zero) if x.negative == y.negative => zero(w, x.negative),
        (Class::Zero, Class::Zero) => zero(w, mode.rounding == Rounding::Down),
        (Class::Zero, _) => pack(w, mode, y.negative, y.exponent, u128::from(y.significand) << 64),
        (_, Class::Zero) => pack(w, mode, x.negative, x.exponent, u128::from(x.significand) << 64),
        _ => finite_sum(w, mode, x, y),
    };
    result.with(flags)
}

fn finite_sum(w: FloatWidth, mode: Mode, x: Number, y: Number) -> Outcome<u64> {
    let x_is_less = (x.exponent, x.significand) < (y.exponent, y.significand);
    let (large, small) = if x_is_less { (y, x) } else { (x, y) };
    // Bit 126 leads, so that a carry has room.
    let a = u128::from(large.significand) << 63;
    let b = shift_sticky(u128::from(small.significand) << 63, large.exponent.abs_diff(small.exponent));
    if large.negative == small.negative {
        return normalized(w, mode, large.negative, large.exponent + 1, a + b);
    }
    if a == b {
        return zero(w, mode.rounding == Rounding::Down);
    }
    normalized(w, mode, large.negative, large.exponent + 1, a - b)
}

/// Right shift that leaves whether it dropped anything in bit 0.
pub(super) fn shift_sticky(value: u128, count: u32) -> u128 {
    let shifted = value.checked_shr(count).unwrap_or(0);
    let back = shifted.checked_shl(count).unwrap_or(0);
    shifted | u128::from(back != value)
}

fn product(w: FloatWidth, mode: Mode, x: Number, y: Number) -> Outcome<u64> {
    let negative = x.negative != y.negative;
    let result = match (x.class, y.class) {
        (Class::Infinite, Class::Zero) | (Class::Zero, Class::Infinite) => return invalid(w),
        (Class::Infinite, _) | (_, Class::Infinite) => infinity(w, negative),
        (Class::Zero, _) | (_, Class::Zero) => zero(w, negative),
        _ => {
            let product = u128::from(x.significand) * u128::from(y.significand);
            normalized(w, mode, negative, x.exponent + y.exponent + 1, product)
        }
    };
    result.with(denormal(x, y))
}

fn quotient(w: FloatWidth, mode: Mode, x: Number, y: Number) -> Outcome<u64> {
    let negative = x.negative != y.negative;
    let result = match (x.class, y.class) {
        (Class::Infinite, Class::Infinite) | (Class::Zero, Class::Zero) => return invalid(w),
        (Class::Infinite, _) => infinity(w, negative),
        (Class::Zero, _) | (_, Class::Infinite) => zero(w, negative),
        (_, Class::Zero) => return infinity(w, negative).with(ZE),
        _ => {
            // 64 or 65 bits of quotient, and whether there is more.
            let (dividend, divisor) = (u128::from(x.significand) << 64, u128::from(y.significand));
            let sticky = u128::from(dividend % divisor != 0);
            normalized(w, mode, negative, x.exponent - y.exponent + 62, (dividend / divisor) << 1 | sticky)
        }
    };
    result.with(denormal(x, y))
}

fn sqrt(w: FloatWidth, mode: Mode, a: u64) -> Outcome<u64> {
    let x = Number::unpack(w, mode, a);
    match x.class {
        Class::Quiet => Outcome::plain(x.quieted(w)),
        Class::Signalling => Outcome { value: x.quieted(w), flags: IE },
        Class::Zero => zero(w, x.negative),
        _ if x.negative => invalid(w),
        Class::Infinite => infinity(w, false),
        Class::Finite => {
            // The radicand's exponent is made even; its root has 64 bits.
            let odd = x.exponent.rem_euclid(2);
            let radicand = u128::from(x.significand) << (63 + odd);
            let root = radicand.isqrt();
            let sticky = u128::from(root * root != radicand);
            pack(w, mode, false, (x.exponent - odd) / 2, root << 64 | sticky).with(denormal(x, x))
        }
    }
}
