//! To and from the integers and floating-point numbers of memory. SDM volume 1, section 8.3.4, 8.3.6 and table 4-7.

use super::extended::INTEGER;
use super::round::{Context, DOUBLE, Direction, Exact, Format, Rounded, SINGLE, cut, overflows_to_infinity};
use super::{Class, Extended, nan, raised};

/// An operand as an instruction sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Operand {
    pub(in super::super) value: Extended,
    /// It was denormal in the narrower format that it came from.
    pub(in super::super) denormal: bool,
}

impl From<Extended> for Operand {
    fn from(value: Extended) -> Operand {
        Operand { value, denormal: false }
    }
}

impl Operand {
    /// Widens a single-precision number; a signaling NaN stays one.
    pub(in super::super) fn from_single(bits: u32) -> Operand {
        widen(SINGLE, bits.into())
    }

    /// Widens a double-precision number; a signaling NaN stays one.
    pub(in super::super) fn from_double(bits: u64) -> Operand {
        widen(DOUBLE, bits)
    }

    pub(super) fn is_denormal(self) -> bool {
        self.denormal || self.value.class() == Class::Denormal
    }
}

impl Format {
    /// Bits of the fraction.
    fn fraction(self) -> u32 {
        self.precision - 1
    }

    /// Bits of the exponent's field.
    fn exponent_bits(self) -> u32 {
        (self.max + 1).ilog2() + 1
    }

    fn sign(self, negative: bool) -> u64 {
        u64::from(negative) << (self.fraction() + self.exponent_bits())
    }

    /// The exponent's field with all ones.
    fn special(self) -> u64 {
        (1 << self.exponent_bits()) - 1
    }
}

fn widen(format: Format, bits: u64) -> Operand {
    let negative = bits >> (format.fraction() + format.exponent_bits()) & 1 != 0;
    let biased = bits >> format.fraction() & format.special();
    let fraction = bits << (63 - format.fraction()) & !INTEGER;
    let value = match (biased, fraction) {
        (0, 0) => Extended::zero(negative),
        (0, _) => {
            let exact = Exact::new(negative, format.min, u128::from(fraction) << 64);
            Extended::normal(negative, exact.exponent, (exact.significand >> 64) as u64)
        }
        _ if biased == format.special() => Extended { significand: INTEGER | fraction, ..Extended::infinity(negative) },
        _ => Extended::normal(negative, biased as i32 - format.max, INTEGER | fraction),
    };
    Operand { value, denormal: biased == 0 && fraction != 0 }
}

/// What FLD of a narrower format leaves in the register, and the exceptions.
pub(in super::super) fn quieted(operand: Operand) -> (Extended, u16) {
    match nan::of_one(operand.value) {
        Some(result) => (result.value, result.raised),
        None => (operand.value, if operand.denormal { raised::DE } else { 0 }),
    }
}

/// An integer, which always fits.
pub(in super::super) fn from_integer(value: i64) -> Extended {
    if value == 0 {
        return Extended::ZERO;
    }
    let exact = Exact::new(value < 0, 127, value.unsigned_abs().into());
    Extended::normal(exact.negative, exact.exponent, (exact.significand >> 64) as u64)
}

/// Rounds a normal or denormal number to an integer: its magnitude, or `None` from 2^64 on.
fn round_to_integer(a: Extended, direction: Direction) -> Option<Rounded<u64>> {
    let exact = a.exact();
    if exact.exponent > 63 {
        return None;
    }
    // Below one half only sign and "not 0" count.
    let (significand, bits) = match exact.exponent {
        -1..=63 => (exact.significand, exact.exponent + 1),
        _ => (1, 0),
    };
    let cut = cut(a.is_negative(), significand, bits as u32, direction);
    let kept = if bits == 0 { 0 } else { (cut.significand >> (128 - bits)) as u64 };
    let flags = if cut.inexact { raised::PE } else { 0 };
    let magnitude = match (cut.carry, bits) {
        (false, _) => kept,
        (true, 64) => return None,
        (true, _) => 1 << bits,
    };
    Some(Rounded { value: magnitude, raised: flags, up: cut.up })
}

/// The magnitude of an integer not above `limit`, or `None` where the conversion is invalid.
pub(super) fn magnitude(a: Extended, limit: u64, direction: Direction) -> Option<Rounded<u64>> {
    match a.class() {
        Class::Zero => Some(Rounded::new(0, 0)),
        Class::Normal | Class::Denormal => round_to_integer(a, direction).filter(|rounded| rounded.value <= limit),
        _ => None,
    }
}

/// A signed integer of `bits` bits; the integer indefinite where the number does not fit.
pub(in super::super) fn to_integer(a: Extended, bits: u32, direction: Direction) -> Rounded<u64> {
    let limit = (1 << (bits - 1)) - u64::from(!a.is_negative());
    match magnitude(a, limit, direction) {
        Some(rounded) if a.is_negative() => Rounded { value: rounded.value.wrapping_neg(), ..rounded },
        Some(rounded) => rounded,
        None => Rounded::new(1 << (bits - 1), raised::IE),
    }
}

/// FRNDINT.
pub(in super::super) fn to_integral(context: Context, a: Extended) -> Rounded {
    if let Some(result) = nan::of_one(a) {
        return result;
    }
    let denormal = if a.class() == Class::Denormal { raised::DE } else { 0 };
    if !matches!(a.class(), Class::Normal | Class::Denormal) || context.traps(denormal) {
        return Rounded::new(a, denormal);
    }
    match a.exact().exponent {
        63.. => Rounded::new(a, 0),
        _ => match round_to_integer(a, context.direction) {
            Some(Rounded { value: 0, raised, up }) => Rounded { value: Extended::zero(a.is_negative()), raised, up },
            Some(Rounded { value, raised, up }) => {
                let exact = Exact::new(a.is_negative(), 127, value.into());
                let value = Extended::normal(exact.negative, exact.exponent, (exact.significand >> 64) as u64);
                Rounded { value, raised, up }
            }
            None => Rounded::new(a, 0),
        },
    }
    .and(denormal)
}

/// A single- or double-precision number. Overflow or underflow that is not masked is all that is
/// raised, and the value means nothing.
pub(in super::super) fn to_float(context: Context, format: Format, a: Extended) -> Rounded<u64> {
    let sign = format.sign(a.is_negative());
    let special = format.special() << format.fraction();
    let nan =
        |x: Extended| format.sign(x.is_negative()) | special | (x.significand & !INTEGER) >> (63 - format.fraction());
    if let Some(result) = nan::of_one(a) {
        return Rounded::new(nan(result.value), result.raised);
    }
    match a.class() {
        Class::Zero => Rounded::new(sign, 0),
        Class::Infinity => Rounded::new(sign | special, 0),
        _ => {
            let narrowed = narrow(context, format, a.exact());
            Rounded { value: narrowed.value | sign, ..narrowed }
        }
    }
}

/// Exponent and fraction of a finite number in a narrower format.
fn narrow(context: Context, format: Format, exact: Exact) -> Rounded<u64> {
    let fitted = exact.unbounded(format.precision, context.direction);
    let tiny = fitted.exponent < format.min;
    if tiny && context.traps(raised::UE) {
        return Rounded::new(0, raised::UE);
    }
    let fitted = if exact.exponent < format.min { exact.denormal(format, context.direction) } else { fitted };
    if fitted.exponent > format.max {
        if context.traps(raised::OE) {
            return Rounded::new(0, raised::OE);
        }
        let up = overflows_to_infinity(exact.negative, context.direction);
        let infinity = format.special() << format.fraction();
        return Rounded { value: infinity - u64::from(!up), raised: raised::OE | raised::PE, up };
    }
    let raised = if fitted.inexact { raised::PE | if tiny { raised::UE } else { 0 } } else { 0 };
    // A denormal number has no integer bit, and so the exponent field 0.
    let biased = if fitted.significand & INTEGER != 0 { fitted.exponent + format.max } else { 0 };
    let fraction = (fitted.significand & !INTEGER) >> (63 - format.fraction());
    let value = (biased as u64) << format.fraction() | fraction;
    Rounded { value, raised, up: fitted.up }
}
