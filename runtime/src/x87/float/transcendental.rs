//! The transcendental functions with their special operands and exceptions. SDM volume 2, F2XM1, FYL2X, FYL2XP1, FSIN,
//! FCOS, FSINCOS, FPTAN, FPATAN: the tables of results.
//!
//! They round to 64 bits whatever the precision control says, and are inexact (PE) unless the result is 0, infinite or,
//! for FCOS, 1. What the manual leaves undefined: F2XM1 outside -1 to 1, and FYL2XP1 of -1 or less, give the operand.

use super::round::{Context, Exact, Rounded};
use super::{Class, Extended, nan, raised, series};

/// The flag of a denormal operand among these.
fn denormal(operands: &[Extended]) -> u16 {
    if operands.iter().any(|x| x.class() == Class::Denormal) { raised::DE } else { 0 }
}

/// Rounds a result that counts as inexact even where it is not.
fn inexact(context: Context, exact: Exact) -> Rounded {
    let result = exact.round(context.full());
    let tiny = if result.value.class() == Class::Denormal { raised::UE } else { 0 };
    result.and(raised::PE | tiny)
}

/// A function of an angle in radians; `None` where the angle is 2^63 or more and stays.
pub(in super::super) fn trigonometric(
    context: Context,
    a: Extended,
    at_zero: Extended,
    f: impl FnOnce(Exact) -> Exact,
) -> Option<Rounded> {
    if let Some(result) = nan::of_one(a) {
        return Some(result);
    }
    match a.class() {
        Class::Infinity => return Some(Rounded::invalid()),
        Class::Zero => return Some(Rounded::new(at_zero, 0)),
        _ if a.exact().exponent > 62 => return None,
        _ => {}
    }
    let flags = denormal(&[a]);
    if context.traps(flags) {
        return Some(Rounded::new(a, flags));
    }
    Some(inexact(context, f(a.exact())).and(flags))
}

/// FSIN.
pub(in super::super) fn sine(context: Context, a: Extended) -> Option<Rounded> {
    trigonometric(context, a, a, |x| series::sine_and_cosine(x).0)
}

/// FCOS.
pub(in super::super) fn cosine(context: Context, a: Extended) -> Option<Rounded> {
    trigonometric(context, a, Extended::ONE, |x| series::sine_and_cosine(x).1)
}

/// FPTAN, without the 1 that it pushes.
pub(in super::super) fn tangent(context: Context, a: Extended) -> Option<Rounded> {
    trigonometric(context, a, a, series::tangent)
}

/// F2XM1.
pub(in super::super) fn exponential(context: Context, a: Extended) -> Rounded {
    if let Some(result) = nan::of_one(a) {
        return result;
    }
    match a.class() {
        Class::Infinity if a.is_negative() => return Rounded::new(Extended::ONE.with_sign(true), 0),
        Class::Infinity | Class::Zero => return Rounded::new(a, 0),
        _ => {}
    }
    let flags = denormal(&[a]);
    if context.traps(flags) {
        return Rounded::new(a, flags);
    }
    let exact = a.exact();
    let one = Extended::ONE.exact();
    if (exact.exponent, exact.significand) > (one.exponent, one.significand) {
        return Rounded::new(a, raised::PE);
    }
    inexact(context, series::exponential(exact)).and(flags)
}

/// `y` times a logarithm that is infinite, with its sign.
fn times_infinity(y: Extended, negative: bool) -> Rounded {
    match y.class() {
        Class::Zero => Rounded::invalid(),
        _ => Rounded::new(Extended::infinity(y.is_negative() != negative), 0),
    }
}

/// `y` times a finite logarithm, 0 or with its sign.
fn times(context: Context, y: Extended, logarithm: Option<Exact>, zero_is_negative: bool) -> Rounded {
    let negative = y.is_negative() != logarithm.map_or(zero_is_negative, |log| log.negative);
    match (y.class(), logarithm) {
        (Class::Infinity, None) => Rounded::invalid(),
        (Class::Infinity, Some(_)) => Rounded::new(Extended::infinity(negative), 0),
        (Class::Zero, _) | (_, None) => Rounded::new(Extended::zero(negative), 0),
        (_, Some(log)) => inexact(context, y.exact().times(log)),
    }
}

/// FYL2X: `y * log2(x)`.
pub(in super::super) fn logarithm(context: Context, x: Extended, y: Extended) -> Rounded {
    if let Some(result) = nan::of_two(x, y) {
        return result;
    }
    let flags = denormal(&[x, y]);
    let result = match x.class() {
        Class::Zero => match y.class() {
            Class::Infinity => times_infinity(y, true),
            Class::Zero => Rounded::invalid(),
            _ => times_infinity(y, true).and(raised::ZE),
        },
        _ if x.is_negative() => Rounded::invalid(),
        Class::Infinity => times_infinity(y, false),
        _ if context.traps(flags) => Rounded::new(y, 0),
        _ => times(context, y, series::logarithm(x.exact()), false),
    };
    with_denormal(context, result, y, flags)
}

/// FYL2XP1: `y * log2(x + 1)`.
pub(in super::super) fn logarithm_of_successor(context: Context, x: Extended, y: Extended) -> Rounded {
    if let Some(result) = nan::of_two(x, y) {
        return result;
    }
    let flags = denormal(&[x, y]);
    let result = match x.class() {
        Class::Zero => times(context, y, None, x.is_negative()),
        Class::Infinity if x.is_negative() => Rounded::invalid(),
        Class::Infinity => times_infinity(y, false),
        _ if context.traps(flags) => Rounded::new(y, 0),
        _ if x.is_negative() && x.exact().exponent >= 0 => match y.class() {
            Class::Zero | Class::Infinity => times(context, y, Some(x.exact()), true),
            _ => Rounded::new(x, raised::PE),
        },
        _ => times(context, y, series::logarithm_of_successor(x.exact()), x.is_negative()),
    };
    with_denormal(context, result, y, flags)
}

/// FPATAN: the angle of the point (x, y).
pub(in super::super) fn arc_tangent(context: Context, x: Extended, y: Extended) -> Rounded {
    if let Some(result) = nan::of_two(x, y) {
        return result;
    }
    let flags = denormal(&[x, y]);
    let negative = x.is_negative();
    let angle = |exact: Exact| inexact(context, Exact { negative: y.is_negative(), ..exact.beyond() });
    let result = match (y.class(), x.class()) {
        _ if context.traps(flags) => Rounded::new(y, 0),
        (Class::Zero, _) | (_, Class::Infinity) if !negative && y.class() != Class::Infinity => {
            Rounded::new(Extended::zero(y.is_negative()), 0)
        }
        (Class::Infinity, Class::Infinity) if negative => angle(three_quarters()),
        (Class::Infinity, Class::Infinity) => angle(series::pi(-2)),
        (Class::Zero, _) | (_, Class::Infinity) => angle(series::pi(0)),
        (Class::Infinity, _) | (_, Class::Zero) => angle(series::pi(-1)),
        _ => inexact(context, series::arc_tangent(y.exact(), x.exact())),
    };
    with_denormal(context, result, y, flags)
}

/// 3π/4.
fn three_quarters() -> Exact {
    let (half, quarter) = (series::pi(-1), series::pi(-2));
    half.plus(quarter).unwrap_or(half)
}

/// Adds a denormal operand's flag, which invalid operations and divisions by zero go before.
fn with_denormal(context: Context, result: Rounded, kept: Extended, flags: u16) -> Rounded {
    match result.raised & (raised::IE | raised::ZE) {
        0 if context.traps(flags) => Rounded::new(kept, flags),
        0 => result.and(flags),
        _ => result,
    }
}
