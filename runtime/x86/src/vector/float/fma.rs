//! Fused multiply-add: one rounding. SDM volume 1, section 14.5, table 14-15 for NaNs.
//!
//! Both addends get 127 bits. A product of two significands has at most 106 that count, so it loses none to make room for
//! the carry; the smaller addend is shifted into a sticky bit, which stands far below where the result is rounded.

use super::exact::{infinity, normalized, shift_sticky, zero};
use super::mxcsr::{DE, IE, Mode, Outcome};
use super::number::{Class, Number, invalid, pack};
use super::op::{FloatWidth, Rounding};

/// A finite addend: (−1)^`negative` · `significand` · 2^(`exponent` − 126), bit 126 or 125 leading.
#[derive(Clone, Copy)]
struct Addend {
    negative: bool,
    exponent: i32,
    significand: u128,
}

/// a · b + c.
pub(super) fn fma(w: FloatWidth, mode: Mode, [a, b, c]: [u64; 3], negate: [bool; 2]) -> Outcome<u64> {
    let [x, y, z] = [a, b, c].map(|bits| Number::unpack(w, mode, bits));
    let signalling = [x, y, z].iter().any(|n| n.is_signalling());
    if let Some(nan) = [x, y, z].iter().find(|n| n.is_nan()) {
        let flags = if signalling { IE } else { 0 };
        return Outcome { value: nan.quieted(w), flags };
    }
    let negative = (x.negative != y.negative) != negate[0];
    let z = Number { negative: z.negative != negate[1], ..z };
    let flags = if x.denormal || y.denormal || z.denormal { DE } else { 0 };
    let infinite = x.is_infinite() || y.is_infinite();
    if infinite && (x.is_zero() || y.is_zero()) || infinite && z.is_infinite() && z.negative != negative {
        return invalid(w);
    }
    let result = match (infinite, z.class) {
        (true, _) => infinity(w, negative),
        (_, Class::Infinite) => infinity(w, z.negative),
        _ if x.is_zero() || y.is_zero() => exact_zero_and(w, mode, negative, z),
        _ => finite(w, mode, product(negative, x, y), z),
    };
    Outcome { value: result.value, flags: result.flags | flags }
}

/// A product of zero, and c.
fn exact_zero_and(w: FloatWidth, mode: Mode, negative: bool, z: Number) -> Outcome<u64> {
    if z.is_zero() {
        return zero(w, if negative == z.negative { negative } else { mode.rounding == Rounding::Down });
    }
    pack(w, mode, z.negative, z.exponent, u128::from(z.significand) << 64)
}

fn product(negative: bool, x: Number, y: Number) -> Addend {
    let significand = (u128::from(x.significand) * u128::from(y.significand)) >> 1;
    Addend { negative, exponent: x.exponent + y.exponent + 1, significand }
}

fn finite(w: FloatWidth, mode: Mode, product: Addend, z: Number) -> Outcome<u64> {
    if z.is_zero() {
        return normalized(w, mode, product.negative, product.exponent + 1, product.significand);
    }
    let addend = Addend { negative: z.negative, exponent: z.exponent, significand: u128::from(z.significand) << 63 };
    let (large, small) = if addend.exponent > product.exponent { (addend, product) } else { (product, addend) };
    let (a, b) = (large.significand, shift_sticky(small.significand, large.exponent.abs_diff(small.exponent)));
    let exponent = large.exponent + 1;
    if large.negative == small.negative {
        return normalized(w, mode, large.negative, exponent, a + b);
    }
    match a.cmp(&b) {
        std::cmp::Ordering::Equal => zero(w, mode.rounding == Rounding::Down),
        std::cmp::Ordering::Greater => normalized(w, mode, large.negative, exponent, a - b),
        std::cmp::Ordering::Less => normalized(w, mode, small.negative, exponent, b - a),
    }
}
