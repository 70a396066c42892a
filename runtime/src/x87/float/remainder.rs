//! FPREM and FPREM1: partial remainders by exact long division of significands. SDM volume 2, FPREM, FPREM1.

use super::round::{Context, Exact, Rounded};
use super::{Class, Extended, nan, raised};

/// The low bits of the quotient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Quotient {
    /// The reduction is complete; the lowest three bits of the quotient.
    Complete(u8),
    /// The remainder must be reduced further.
    Partial,
    /// There is none: an operand is NaN or the operation invalid.
    None,
}

/// The remainder of `a / b`: of the quotient rounded to nearest if `nearest`, else towards 0.
pub(in super::super) fn remainder(context: Context, a: Extended, b: Extended, nearest: bool) -> (Rounded, Quotient) {
    let complete = |result: Rounded| (result, Quotient::Complete(0));
    if let Some(result) = nan::of_two(a, b) {
        return (result, Quotient::None);
    }
    if a.class() == Class::Infinity || b.class() == Class::Zero {
        return (Rounded::invalid(), Quotient::None);
    }
    let denormal = if a.class() == Class::Denormal || b.class() == Class::Denormal { raised::DE } else { 0 };
    if a.class() == Class::Zero || context.traps(denormal) {
        return complete(Rounded::new(a, denormal));
    }
    let context = context.full();
    if b.class() == Class::Infinity {
        return complete(a.exact().round(context).and(denormal));
    }
    let (rest, quotient) = divide(a.exact(), b.exact(), nearest);
    let result = match rest {
        Some(rest) => rest.round(context),
        None => Rounded::new(Extended::zero(a.is_negative()), 0),
    };
    (result.and(denormal), quotient)
}

/// The remainder, unless it is 0.
fn divide(a: Exact, b: Exact, nearest: bool) -> (Option<Exact>, Quotient) {
    let distance = a.exponent - b.exponent;
    if distance < -1 || distance < 0 && !nearest {
        return (Some(a), Quotient::Complete(0));
    }
    let (dividend, divisor) = (a.significand >> 64, b.significand >> 64);
    if distance >= 64 {
        // A multiple of 2^(distance - step) divisors, 32 <= step <= 63, is taken away.
        let step = distance & 31 | 32;
        let (rest, _) = long_division(dividend, divisor, step as u32);
        let exponent = b.exponent + distance - step;
        return (exact(a.negative, exponent, rest), Quotient::Partial);
    }
    if distance < 0 {
        return nearer(a.negative, b.exponent - 1, dividend, 2 * divisor, 0);
    }
    let (rest, quotient) = long_division(dividend, divisor, distance as u32);
    if nearest {
        return nearer(a.negative, b.exponent, rest, divisor, quotient);
    }
    (exact(a.negative, b.exponent, rest), Quotient::Complete(quotient as u8 & 7))
}

/// `dividend * 2^shift` by `divisor`: rest and quotient; significands of 64 bits, shift at most 63.
fn long_division(dividend: u128, divisor: u128, shift: u32) -> (u128, u128) {
    let (first, rest) = (dividend / divisor, dividend % divisor);
    let scaled = rest << shift;
    (scaled % divisor, (first << shift) + scaled / divisor)
}

/// Takes one more divisor away if that leaves less; the even quotient where both leave as much.
fn nearer(negative: bool, exponent: i32, rest: u128, divisor: u128, quotient: u128) -> (Option<Exact>, Quotient) {
    let other = divisor - rest;
    if rest > other || rest == other && quotient & 1 != 0 {
        return (exact(!negative, exponent, other), Quotient::Complete((quotient + 1) as u8 & 7));
    }
    (exact(negative, exponent, rest), Quotient::Complete(quotient as u8 & 7))
}

/// `significand / 2^63 * 2^exponent`.
fn exact(negative: bool, exponent: i32, significand: u128) -> Option<Exact> {
    (significand != 0).then(|| Exact::new(negative, exponent + 64, significand))
}
