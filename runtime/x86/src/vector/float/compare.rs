//! Comparisons: CMPPS, MINPS, MAXPS, COMISS and their kin. SDM volume 1, section 11.5.2.1, and volume 2.

use super::exact::denormal;
use super::fast;
use super::mxcsr::{IE, Mode, Outcome};
use super::number::Number;
use super::op::{FloatWidth, Predicate};
use crate::flags::bit;
use std::cmp::Ordering;

/// How x stands to y; `None` if one is a NaN.
fn order(x: Number, y: Number) -> Option<Ordering> {
    if x.is_nan() || y.is_nan() {
        return None;
    }
    // Zeros are equal; otherwise sign, then magnitude, decides.
    let key = |n: Number| {
        let rank = if n.is_infinite() { i32::MAX } else { n.exponent };
        let magnitude = if n.is_zero() { 0 } else { (i128::from(rank) + (1 << 31)) << 64 | i128::from(n.significand) };
        if n.negative { -magnitude } else { magnitude }
    };
    Some(key(x).cmp(&key(y)))
}

/// What a comparison raises: invalid for NaNs, or else denormal.
fn raised(signalling: bool, x: Number, y: Number) -> u32 {
    if x.is_nan() || y.is_nan() {
        return if signalling || x.is_signalling() || y.is_signalling() { IE } else { 0 };
    }
    denormal(x, y)
}

pub(super) fn cmp(predicate: Predicate, w: FloatWidth, x: Number, y: Number) -> Outcome<u64> {
    let holds = predicate.holds(order(x, y));
    let value = if holds { w.bits().mask() } else { 0 };
    Outcome { value, flags: raised(predicate.signalling(), x, y) }
}

/// Minimum or maximum; the second operand where they are equal or one is a NaN.
pub(super) fn extreme(greatest: bool, w: FloatWidth, x: Number, y: Number) -> Outcome<u64> {
    let wanted = if greatest { Ordering::Greater } else { Ordering::Less };
    let kept = if order(x, y) == Some(wanted) { x } else { y };
    Outcome { value: kept.kept(w), flags: raised(true, x, y) }
}

/// COMISD (`signalling`) or UCOMISD: ZF, PF and CF as a word of flags.
#[inline]
pub fn compare(w: FloatWidth, signalling: bool, mxcsr: u32, a: u64, b: u64) -> Outcome<u64> {
    if let Some(value) = fast::compare(w, a, b) {
        return Outcome { value, flags: 0 };
    }
    let mode = Mode::of(mxcsr);
    let (x, y) = (Number::unpack(w, mode, a), Number::unpack(w, mode, b));
    Outcome { value: flags_of(order(x, y)), flags: raised(signalling, x, y) }
}

/// The flags that COMISD leaves for an order.
pub(super) fn flags_of(order: Option<Ordering>) -> u64 {
    match order {
        None => bit::ZF | bit::PF | bit::CF,
        Some(Ordering::Less) => bit::CF,
        Some(Ordering::Equal) => bit::ZF,
        Some(Ordering::Greater) => 0,
    }
}
