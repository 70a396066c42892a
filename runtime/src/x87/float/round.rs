//! Rounding an exact result once. SDM volume 1, sections 4.8.4, 8.1.5 and 8.5.4 to 8.5.6.
//!
//! Tininess is detected after rounding, as if the exponent were unbounded. An overflow or underflow that is not masked
//! leaves a result whose exponent is moved by 24,576.

use super::extended::{BIAS, INTEGER, MIN};
use super::raised::{OE, PE, UE};
use super::{Extended, raised};

/// By how much the exponent of a result is moved when overflow or underflow is not masked.
const WRAP: i32 = 24576;

/// Rounding control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Direction {
    Nearest,
    Down,
    Up,
    Zero,
}

/// What the control word says of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Context {
    pub(in super::super) direction: Direction,
    /// Bits of a significand: 24, 53 or 64.
    pub(in super::super) precision: u32,
    /// The exceptions that are masked.
    pub(in super::super) masked: u16,
}

impl Context {
    /// What a control word says. The reserved precision is 64 bits.
    pub(in super::super) fn new(control: u16) -> Context {
        let direction = match control >> 10 & 3 {
            0 => Direction::Nearest,
            1 => Direction::Down,
            2 => Direction::Up,
            _ => Direction::Zero,
        };
        let precision = match control >> 8 & 3 {
            0 => 24,
            2 => 53,
            _ => 64,
        };
        Context { direction, precision, masked: control & 0x3f }
    }

    /// The same at full precision, for operations that precision control leaves alone.
    pub(in super::super) fn full(self) -> Context {
        Context { precision: 64, ..self }
    }

    /// Whether one of these exceptions is not masked.
    pub(super) fn traps(self, exceptions: u16) -> bool {
        exceptions & !self.masked & 0x3f != 0
    }
}

/// A format that numbers are rounded to.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Format {
    /// Bits of the significand.
    pub(super) precision: u32,
    /// Least exponent of a normal number.
    pub(super) min: i32,
    /// Greatest exponent.
    pub(super) max: i32,
}

/// IEEE single precision.
pub(in super::super) const SINGLE: Format = Format { precision: 24, min: -126, max: 127 };
/// IEEE double precision.
pub(in super::super) const DOUBLE: Format = Format { precision: 53, min: -1022, max: 1023 };

/// A result with what it raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Rounded<T = Extended> {
    pub(in super::super) value: T,
    /// The exceptions, as in the status word.
    pub(in super::super) raised: u16,
    /// Rounding made the magnitude larger: C1.
    pub(in super::super) up: bool,
}

impl<T> Rounded<T> {
    pub(in super::super) fn new(value: T, raised: u16) -> Rounded<T> {
        Rounded { value, raised, up: false }
    }

    pub(in super::super) fn and(self, raised: u16) -> Rounded<T> {
        Rounded { raised: self.raised | raised, ..self }
    }
}

impl Rounded {
    /// The answer to an invalid operation.
    pub(super) fn invalid() -> Rounded {
        Rounded::new(Extended::INDEFINITE, raised::IE)
    }
}

/// A number that is not 0: `significand / 2^127 * 2^exponent`, bit 127 set. Bit 0 is sticky.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Exact {
    pub(super) negative: bool,
    pub(super) exponent: i32,
    pub(super) significand: u128,
}

/// `value >> count`, with bit 0 set if a one was lost.
pub(super) fn shift_right_sticky(value: u128, count: u32) -> u128 {
    match count {
        0 => value,
        1..128 => value >> count | u128::from(value << (128 - count) != 0),
        _ => u128::from(value != 0),
    }
}

/// A significand that was cut.
#[derive(Clone, Copy)]
pub(super) struct Cut {
    /// The kept bits at the top, the rest 0; all 0 with `carry`.
    pub(super) significand: u128,
    /// It was rounded up to the next power of two.
    pub(super) carry: bool,
    pub(super) inexact: bool,
    pub(super) up: bool,
}

/// Keeps the top `keep` bits (0 to 127) of a significand.
pub(super) fn cut(negative: bool, significand: u128, keep: u32, direction: Direction) -> Cut {
    let lost_mask = u128::MAX >> keep;
    let (kept, lost) = (significand & !lost_mask, significand & lost_mask);
    let half = lost_mask / 2 + 1;
    // 2^(128 - keep), which with nothing kept does not fit: then rounding up carries.
    let step = lost_mask.wrapping_add(1);
    let up = match direction {
        Direction::Nearest => lost > half || lost == half && kept & step != 0,
        Direction::Down => negative && lost != 0,
        Direction::Up => !negative && lost != 0,
        Direction::Zero => false,
    };
    let (significand, carry) = match (up, keep) {
        (false, _) => (kept, false),
        (true, 0) => (0, true),
        (true, _) => kept.overflowing_add(step),
    };
    Cut { significand, carry, inexact: lost != 0, up }
}

/// A number in a format, before the exponent's range is looked at.
pub(super) struct Fitted {
    /// Top-aligned in 64 bits; without bit 63 it is denormal, at exponent `min`.
    pub(super) significand: u64,
    pub(super) exponent: i32,
    pub(super) inexact: bool,
    pub(super) up: bool,
}

impl Exact {
    /// From any significand that is not 0.
    pub(super) fn new(negative: bool, exponent: i32, significand: u128) -> Exact {
        let shift = significand.leading_zeros();
        Exact { negative, exponent: exponent - shift as i32, significand: significand << shift }
    }

    /// Rounds to `precision` bits with an unbounded exponent.
    pub(super) fn unbounded(self, precision: u32, direction: Direction) -> Fitted {
        let cut = cut(self.negative, self.significand, precision, direction);
        let (significand, exponent) = match cut.carry {
            true => (INTEGER, self.exponent + 1),
            false => ((cut.significand >> 64) as u64, self.exponent),
        };
        Fitted { significand, exponent, inexact: cut.inexact, up: cut.up }
    }

    /// Rounds a number below the least normal one to a multiple of the least denormal one.
    pub(super) fn denormal(self, format: Format, direction: Direction) -> Fitted {
        let significand = shift_right_sticky(self.significand, (format.min - self.exponent) as u32);
        let cut = cut(self.negative, significand, format.precision, direction);
        let significand = (cut.significand >> 64) as u64;
        Fitted { significand, exponent: format.min, inexact: cut.inexact, up: cut.up }
    }

    /// Rounds to a register's format.
    pub(super) fn round(self, context: Context) -> Rounded {
        let format = Format { precision: context.precision, min: MIN, max: BIAS };
        let fitted = self.unbounded(format.precision, context.direction);
        let tiny = fitted.exponent < format.min;
        if tiny && context.traps(UE) {
            return self.wrapped(&fitted, WRAP, UE);
        }
        if self.exponent < format.min {
            let fitted = self.denormal(format, context.direction);
            let biased = (fitted.significand >> 63) as u16;
            let value = Extended { high: biased, significand: fitted.significand }.with_sign(self.negative);
            let raised = if fitted.inexact { PE | if tiny { UE } else { 0 } } else { 0 };
            return Rounded { value, raised, up: fitted.up };
        }
        if fitted.exponent > format.max {
            if context.traps(OE) {
                return self.wrapped(&fitted, -WRAP, OE);
            }
            let up = overflows_to_infinity(self.negative, context.direction);
            let infinity = Extended::infinity(self.negative);
            let value = if up { infinity } else { Extended::largest(self.negative, context.precision) };
            return Rounded { value, raised: OE | PE, up };
        }
        let value = Extended::normal(self.negative, fitted.exponent, fitted.significand);
        Rounded { value, raised: if fitted.inexact { PE } else { 0 }, up: fitted.up }
    }

    /// The result of an overflow or underflow that is not masked. What does not fit even so (FSCALE only) is infinity or 0.
    fn wrapped(self, fitted: &Fitted, by: i32, raised: u16) -> Rounded {
        let exponent = fitted.exponent + by;
        if exponent > BIAS {
            return Rounded { value: Extended::infinity(self.negative), raised: raised | PE, up: true };
        }
        if exponent < MIN {
            return Rounded::new(Extended::zero(self.negative), raised | PE);
        }
        let value = Extended::normal(self.negative, exponent, fitted.significand);
        Rounded { value, raised: raised | if fitted.inexact { PE } else { 0 }, up: fitted.up }
    }
}

/// Whether a number too large rounds to infinity and not to the largest finite number.
pub(super) fn overflows_to_infinity(negative: bool, direction: Direction) -> bool {
    match direction {
        Direction::Nearest => true,
        Direction::Down => negative,
        Direction::Up => !negative,
        Direction::Zero => false,
    }
}
