//! Numbers taken apart, and put together again with one rounding.

use super::mxcsr::{IE, Mode, OE, Outcome, PE, UE};
use super::op::{FloatWidth, Rounding};

/// What kind of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Zero, or a denormal that counts as one.
    Zero,
    /// Normal or denormal.
    Finite,
    Infinite,
    Quiet,
    Signalling,
}

/// A number: (−1)^`negative` · `significand` · 2^(`exponent` − 63).
#[derive(Debug, Clone, Copy)]
pub(super) struct Number {
    pub(super) class: Class,
    pub(super) negative: bool,
    /// Binary logarithm, rounded down; only of a finite number.
    pub(super) exponent: i32,
    /// Bit 63 is set; 0 if not finite.
    pub(super) significand: u64,
    /// Its exponent field is 0, and it is not zero.
    pub(super) denormal: bool,
    pub(super) bits: u64,
}

/// Greatest exponent of a format; the least of a normal number is 1 minus that.
const fn greatest_exponent(w: FloatWidth) -> i32 {
    (w.infinity() >> (w.fraction_bits() + 1)) as i32
}

impl Number {
    pub(super) fn unpack(w: FloatWidth, mode: Mode, bits: u64) -> Number {
        let field = (bits & w.infinity()) >> w.fraction_bits();
        let fraction = bits & w.fraction();
        let denormal = field == 0 && fraction != 0 && !mode.zero_operands;
        let class = match (bits & w.infinity() == w.infinity(), fraction) {
            (true, 0) => Class::Infinite,
            (true, _) if bits & w.quiet() != 0 => Class::Quiet,
            (true, _) => Class::Signalling,
            _ if field == 0 && !denormal => Class::Zero,
            _ => Class::Finite,
        };
        let mut number = Number { class, negative: bits & w.sign() != 0, exponent: 0, significand: 0, denormal, bits };
        if class == Class::Finite {
            let significand = if denormal { fraction } else { fraction | w.least_normal() };
            let shift = significand.leading_zeros();
            number.significand = significand << shift;
            // Denormals have the scale of the least normal numbers.
            let scale = field.max(1) as i32 - greatest_exponent(w);
            number.exponent = scale + (63 - w.fraction_bits() as i32) - shift as i32;
        }
        number
    }

    pub(super) fn is_nan(self) -> bool {
        matches!(self.class, Class::Quiet | Class::Signalling)
    }

    pub(super) fn is_signalling(self) -> bool {
        self.class == Class::Signalling
    }

    pub(super) fn is_zero(self) -> bool {
        self.class == Class::Zero
    }

    pub(super) fn is_infinite(self) -> bool {
        self.class == Class::Infinite
    }

    /// The bits of a NaN, made quiet.
    pub(super) fn quieted(self, w: FloatWidth) -> u64 {
        self.bits | w.quiet()
    }

    /// The bits as they are, or those of a zero where the number counts as one.
    pub(super) fn kept(self, w: FloatWidth) -> u64 {
        if self.is_zero() { signed(w, self.negative, 0) } else { self.bits }
    }
}

/// `magnitude` with a sign.
pub(super) fn signed(w: FloatWidth, negative: bool, magnitude: u64) -> u64 {
    if negative { w.sign() | magnitude } else { magnitude }
}

/// The result of an invalid operation.
pub(super) fn invalid(w: FloatWidth) -> Outcome<u64> {
    Outcome { value: w.default_nan(), flags: IE }
}

/// `significand` without its low `drop` bits, rounded, and whether that is inexact.
pub(super) fn round_at(rounding: Rounding, negative: bool, significand: u128, drop: u32) -> (u128, bool) {
    const HALF: u128 = 1 << 127;
    let kept = significand.checked_shr(drop).unwrap_or(0);
    // What is dropped, its first bit in bit 127.
    let rest = match drop {
        0 => 0,
        1..=128 => significand << (128 - drop),
        _ => u128::from(significand != 0),
    };
    let up = match rounding {
        Rounding::Nearest => rest > HALF || rest == HALF && kept & 1 != 0,
        Rounding::Down => negative && rest != 0,
        Rounding::Up => !negative && rest != 0,
        Rounding::Truncate => false,
    };
    (kept + u128::from(up), rest != 0)
}

/// The number (−1)^`negative` · `significand` · 2^(`exponent` − 127), rounded to format `w`. Bit 127 of the significand
/// is set; bits shifted out of it may stand as bit 0.
pub(super) fn pack(w: FloatWidth, mode: Mode, negative: bool, exponent: i32, significand: u128) -> Outcome<u64> {
    let greatest = greatest_exponent(w);
    let drop = 127 - w.fraction_bits();
    let (kept, inexact) = round_at(mode.rounding, negative, significand, drop);
    let carried = kept >> (w.fraction_bits() + 1) != 0;
    let rounded = exponent + i32::from(carried);
    if rounded > greatest {
        let result = overflow(w, mode.rounding, negative);
        return if mode.overflow_unmasked { unbounded(result.value, OE, inexact) } else { result };
    }
    if rounded < 1 - greatest && mode.underflow_unmasked {
        return unbounded(signed(w, negative, 0), UE, inexact);
    }
    if rounded < 1 - greatest {
        return tiny(w, mode, negative, 1 - greatest - exponent, significand);
    }
    // Adding takes the significand's leading bit, or its carry, into the exponent field.
    let field = (i64::from(exponent + greatest - 1) as u64) << w.fraction_bits();
    let value = signed(w, negative, field.wrapping_add(kept as u64));
    Outcome { value, flags: if inexact { PE } else { 0 } }
}

fn overflow(w: FloatWidth, rounding: Rounding, negative: bool) -> Outcome<u64> {
    let to_infinity = match rounding {
        Rounding::Nearest => true,
        Rounding::Down => negative,
        Rounding::Up => !negative,
        Rounding::Truncate => false,
    };
    let magnitude = if to_infinity { w.infinity() } else { w.infinity() - 1 };
    Outcome { value: signed(w, negative, magnitude), flags: OE | PE }
}

/// A result whose overflow or underflow is unmasked: it is not used, and counts as inexact only if it would be without
/// a bound on the exponent (SDM 1, 4.9.1.4 and 4.9.1.5).
fn unbounded(value: u64, exception: u32, inexact: bool) -> Outcome<u64> {
    Outcome { value, flags: if inexact { exception | PE } else { exception } }
}

/// Packs a number that even rounded is `below` powers of two less than the least normal number.
fn tiny(w: FloatWidth, mode: Mode, negative: bool, below: i32, significand: u128) -> Outcome<u64> {
    if mode.zero_results {
        return Outcome { value: signed(w, negative, 0), flags: UE | PE };
    }
    let drop = 127 - w.fraction_bits() + below as u32;
    let (kept, inexact) = round_at(mode.rounding, negative, significand, drop);
    Outcome { value: signed(w, negative, kept as u64), flags: if inexact { UE | PE } else { 0 } }
}
