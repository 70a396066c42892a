//! Conversions between formats and integers, and rounding to integral numbers.

use super::exact::denormal;
use super::mxcsr::{IE, Mode, Outcome, PE};
use super::number::{Class, Number, pack, round_at, signed};
use super::op::{FloatWidth, RoundControl, Rounding};
use crate::width::Width;

/// CVTSS2SD, CVTSD2SS. A NaN keeps the leading bits of its fraction.
pub(super) fn format(from: FloatWidth, to: FloatWidth, mode: Mode, a: u64) -> Outcome<u64> {
    let x = Number::unpack(from, mode, a);
    match x.class {
        Class::Zero => Outcome::plain(signed(to, x.negative, 0)),
        Class::Infinite => Outcome::plain(signed(to, x.negative, to.infinity())),
        Class::Finite => pack(to, mode, x.negative, x.exponent, u128::from(x.significand) << 64).with(denormal(x, x)),
        Class::Quiet | Class::Signalling => {
            // The fraction's first bit comes to bit 63, and from there to its place in the other format.
            let fraction = (x.quieted(from) & from.fraction()) << (64 - from.fraction_bits());
            let payload = fraction >> (64 - to.fraction_bits());
            let flags = if x.is_signalling() { IE } else { 0 };
            Outcome { value: signed(to, x.negative, to.infinity() | payload), flags }
        }
    }
}

/// CVTSI2SD and its kin.
pub(super) fn from_int(from: Width, to: FloatWidth, mode: Mode, a: u64) -> Outcome<u64> {
    let value = from.sign_extend(a) as i64;
    if value == 0 {
        return Outcome::plain(0);
    }
    let magnitude = value.unsigned_abs();
    let shift = magnitude.leading_zeros();
    pack(to, mode, value < 0, 63 - shift as i32, u128::from(magnitude << shift) << 64)
}

/// The integral magnitude nearest to a finite number whose exponent is below 64, and whether it is inexact.
fn integral(x: Number, rounding: Rounding) -> (u128, bool) {
    // An exponent below −1 leaves a remainder of less than a half, whatever its exact value.
    let drop = 127 - x.exponent.max(-2);
    round_at(rounding, x.negative, u128::from(x.significand) << 64, drop as u32)
}

/// CVTSD2SI, CVTTSD2SI and their kin. Denormal operands raise inexact alone.
pub(super) fn to_int(from: FloatWidth, to: Width, truncate: bool, mode: Mode, a: u64) -> Outcome<u64> {
    let x = Number::unpack(from, mode, a);
    let rounding = if truncate { Rounding::Truncate } else { mode.rounding };
    let indefinite = Outcome { value: to.sign(), flags: IE };
    match x.class {
        Class::Zero => Outcome::plain(0),
        Class::Finite if x.exponent < 64 => {
            let (magnitude, inexact) = integral(x, rounding);
            let limit = u128::from(to.sign()) - u128::from(!x.negative);
            if magnitude > limit {
                return indefinite;
            }
            let magnitude = magnitude as u64;
            let value = if x.negative { magnitude.wrapping_neg() } else { magnitude } & to.mask();
            Outcome { value, flags: if inexact { PE } else { 0 } }
        }
        _ => indefinite,
    }
}

/// ROUNDSD and its kin. Denormal operands raise inexact alone.
pub(super) fn round(w: FloatWidth, control: RoundControl, mode: Mode, a: u64) -> Outcome<u64> {
    let x = Number::unpack(w, mode, a);
    match x.class {
        Class::Signalling => Outcome { value: x.quieted(w), flags: IE },
        Class::Quiet => Outcome::plain(x.quieted(w)),
        Class::Finite if x.exponent < w.fraction_bits() as i32 => {
            let (magnitude, inexact) = integral(x, control.rounding.unwrap_or(mode.rounding));
            // The magnitude has at most as many bits as a significand, so that its conversion is exact.
            let packed = from_int(Width::W64, w, mode, magnitude as u64);
            let flags = if inexact && !control.quiet { PE } else { 0 };
            Outcome { value: signed(w, x.negative, packed.value), flags }
        }
        _ => Outcome::plain(x.kept(w)),
    }
}
