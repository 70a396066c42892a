//! binary16: VCVTPH2PS and VCVTPS2PH. SDM volume 1, section 14.4.
//!
//! Widening raises but invalid, whatever MXCSR says of denormals; narrowing obeys DAZ and not FTZ.

use super::mxcsr::{DE, IE, Mode, OE, Outcome, PE, UE};
use super::number::{Class, Number, round_at};
use super::op::{FloatWidth, Rounding};

const F32: FloatWidth = FloatWidth::F32;
const FRACTION_BITS: u32 = 10;
const INFINITY: u64 = 0x7c00;
const QUIET: u64 = 0x200;
/// Exponents of normal numbers.
const GREATEST: i32 = 15;
const LEAST: i32 = -14;

/// binary16 to binary32.
pub(super) fn widen(a: u64) -> Outcome<u64> {
    let sign = (a & 0x8000) << 16;
    let (field, fraction) = (a >> FRACTION_BITS & 0x1f, a & 0x3ff);
    let shift = F32.fraction_bits() - FRACTION_BITS;
    let plain = |magnitude: u64| Outcome { value: sign | magnitude, flags: 0 };
    match (field, fraction) {
        (0, 0) => plain(0),
        (0, _) => {
            // 2^-24 times the fraction, exact.
            let leading = 63 - fraction.leading_zeros();
            let field = u64::from(leading + 127 - 24);
            plain(field << 23 | (fraction << (23 - leading)) & F32.fraction())
        }
        (0x1f, 0) => plain(F32.infinity()),
        (0x1f, _) => {
            let flags = if fraction & QUIET == 0 { IE } else { 0 };
            Outcome { value: sign | F32.infinity() | F32.quiet() | fraction << shift, flags }
        }
        _ => plain((field + 127 - 15) << 23 | fraction << shift),
    }
}

/// binary32 to binary16; `rounding` where the instruction names one.
pub(super) fn narrow(rounding: Option<Rounding>, mode: Mode, a: u64) -> Outcome<u64> {
    let x = Number::unpack(F32, mode, a);
    let sign = if x.negative { 0x8000 } else { 0 };
    let payload = (x.bits & F32.fraction()) >> (F32.fraction_bits() - FRACTION_BITS);
    match x.class {
        Class::Zero => Outcome { value: sign, flags: 0 },
        Class::Infinite => Outcome { value: sign | INFINITY, flags: 0 },
        Class::Quiet => Outcome { value: sign | INFINITY | payload, flags: 0 },
        Class::Signalling => Outcome { value: sign | INFINITY | QUIET | payload, flags: IE },
        Class::Finite => {
            let flags = if x.denormal { DE } else { 0 };
            let result = finite(rounding.unwrap_or(mode.rounding), mode, x);
            Outcome { value: sign | result.value, flags: result.flags | flags }
        }
    }
}

/// The magnitude of a finite number that is not zero.
fn finite(rounding: Rounding, mode: Mode, x: Number) -> Outcome<u64> {
    let drop = 63 - FRACTION_BITS;
    let significand = u128::from(x.significand);
    let (kept, inexact) = round_at(rounding, x.negative, significand, drop);
    let rounded = x.exponent + i32::from(kept >> (FRACTION_BITS + 1) != 0);
    let imprecise = if inexact { PE } else { 0 };
    if rounded > GREATEST {
        let to_infinity = match rounding {
            Rounding::Nearest => true,
            Rounding::Down => x.negative,
            Rounding::Up => !x.negative,
            Rounding::Truncate => false,
        };
        let imprecise = if mode.overflow_unmasked { imprecise } else { PE };
        return Outcome { value: if to_infinity { INFINITY } else { INFINITY - 1 }, flags: OE | imprecise };
    }
    if rounded < LEAST {
        let (kept, lost) = round_at(rounding, x.negative, significand, drop + (LEAST - x.exponent) as u32);
        let flags = match (mode.underflow_unmasked, lost) {
            (true, _) => UE | imprecise,
            (false, true) => UE | PE,
            (false, false) => 0,
        };
        return Outcome { value: kept as u64, flags };
    }
    // Adding takes the leading bit, or the carry, into the exponent field.
    let field = ((x.exponent + GREATEST - 1) as u64).wrapping_shl(FRACTION_BITS);
    Outcome { value: field.wrapping_add(kept as u64), flags: imprecise }
}
