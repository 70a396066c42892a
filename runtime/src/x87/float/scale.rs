//! FSCALE and FXTRACT. SDM volume 2.

use super::convert::from_integer;
use super::extended::BIAS;
use super::round::{Context, Exact, Rounded};
use super::{Class, Extended, nan, raised};

/// Beyond this FSCALE overflows or underflows whatever it scales, also where the exponent is moved.
const FAR: i32 = 0x2_0000;

/// `a * 2^(b cut to an integer)`.
pub(in super::super) fn scale(context: Context, a: Extended, b: Extended) -> Rounded {
    if let Some(result) = nan::of_two(a, b) {
        return result;
    }
    let denormal = if a.class() == Class::Denormal || b.class() == Class::Denormal { raised::DE } else { 0 };
    let special = match (a.class(), b.class(), b.is_negative()) {
        (Class::Zero, Class::Infinity, false) | (Class::Infinity, Class::Infinity, true) => return Rounded::invalid(),
        (Class::Zero | Class::Infinity, _, _) => Some(a),
        (_, Class::Infinity, false) => Some(Extended::infinity(a.is_negative())),
        (_, Class::Infinity, true) => Some(Extended::zero(a.is_negative())),
        _ => None,
    };
    if context.traps(denormal) {
        return Rounded::new(a, denormal);
    }
    if let Some(value) = special {
        return Rounded::new(value, denormal);
    }
    let exact = a.exact();
    let scaled = Exact { exponent: exact.exponent + whole(b), ..exact };
    scaled.round(context.full()).and(denormal)
}

/// The number cut to an integer, and to ±[`FAR`].
fn whole(b: Extended) -> i32 {
    if !matches!(b.class(), Class::Normal) {
        return 0;
    }
    let exact = b.exact();
    let magnitude = match exact.exponent {
        ..0 => 0,
        0..17 => (exact.significand >> (127 - exact.exponent)) as i32,
        _ => FAR,
    };
    if exact.negative { -magnitude } else { magnitude }
}

/// Exponent (to ST) and significand (pushed).
pub(in super::super) fn extract(context: Context, a: Extended) -> (Rounded, Extended) {
    if let Some(result) = nan::of_one(a) {
        return (result, result.value);
    }
    match a.class() {
        Class::Zero => return (Rounded::new(Extended::infinity(true), raised::ZE), a),
        Class::Infinity => return (Rounded::new(Extended::infinity(false), 0), a),
        _ => {}
    }
    let denormal = if a.class() == Class::Denormal { raised::DE } else { 0 };
    if context.traps(denormal) {
        return (Rounded::new(a, denormal), a);
    }
    let exact = a.exact();
    let significand = Extended::normal(exact.negative, 0, (exact.significand >> 64) as u64);
    debug_assert!(exact.exponent.abs() <= BIAS + 64);
    (Rounded::new(from_integer(exact.exponent.into()), denormal), significand)
}
