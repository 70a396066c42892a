//! What nearly all operations are: two normal numbers, all 64 bits of precision, a normal result. In halves of 64 bits, since
//! Wasm has no wider integers; the rest is [`super::arith`]'s, whose results these are.

use super::arith::Binary;
use super::extended::{BIAS, INTEGER, MIN};
use super::round::{Context, Direction, Rounded};
use super::{Extended, raised};

const HALF: u64 = 1 << 63;

/// A number that is not 0: `(high + low / 2^64) / 2^63 * 2^exponent`, bit 63 of `high` set. Bit 0 of `low` is sticky.
struct Wide {
    negative: bool,
    exponent: i32,
    high: u64,
    low: u64,
}

/// A normal number's sign, exponent and significand.
type Parts = (bool, i32, u64);

#[inline(always)]
fn parts(x: Extended) -> Option<Parts> {
    let biased = i32::from(x.high & 0x7fff);
    let normal = x.significand & INTEGER != 0 && (BIAS + MIN..=BIAS + BIAS).contains(&biased);
    normal.then_some((x.is_negative(), biased - BIAS, x.significand))
}

/// `a op b`, if it is of this kind.
#[inline(always)]
pub(in super::super) fn binary(op: Binary, context: Context, a: Extended, b: Extended) -> Option<Rounded> {
    if context.precision != 64 {
        return None;
    }
    let (a, b) = (parts(a)?, parts(b)?);
    match op {
        Binary::Add => sum(a, b)?,
        Binary::Sub => sum(a, (!b.0, b.1, b.2))?,
        Binary::Mul => product(a, b),
        Binary::Div => quotient(a, b),
    }
    .round(context.direction)
}

/// `None` where it is 0.
#[inline(always)]
fn sum(a: Parts, b: Parts) -> Option<Wide> {
    let (large, small) = if (a.1, a.2) >= (b.1, b.2) { (a, b) } else { (b, a) };
    let (negative, exponent, first) = large;
    let (high, low) = shifted(small.2, (exponent - small.1) as u32);
    if negative != small.0 {
        let (rest, borrow) = (low.wrapping_neg(), u64::from(low != 0));
        return Wide { negative, exponent, high: first - high - borrow, low: rest }.normalized();
    }
    let (total, carry) = first.overflowing_add(high);
    Some(match carry {
        false => Wide { negative, exponent, high: total, low },
        true => {
            let low = total << 63 | low >> 1 | low & 1;
            Wide { negative, exponent: exponent + 1, high: total >> 1 | INTEGER, low }
        }
    })
}

/// `significand / 2^count`, with what lies beyond 128 bits in the last.
#[inline(always)]
fn shifted(significand: u64, count: u32) -> (u64, u64) {
    match count {
        0 => (significand, 0),
        1..64 => (significand >> count, significand << (64 - count)),
        64 => (0, significand),
        65..128 => (0, significand >> (count - 64) | u64::from(significand << (128 - count) != 0)),
        _ => (0, 1),
    }
}

#[inline(always)]
fn product(a: Parts, b: Parts) -> Wide {
    let (high, low) = multiply(a.2, b.2);
    let (negative, exponent) = (a.0 != b.0, a.1 + b.1);
    match high & INTEGER {
        0 => Wide { negative, exponent, high: high << 1 | low >> 63, low: low << 1 },
        _ => Wide { negative, exponent: exponent + 1, high, low },
    }
}

/// Halves of the product of 128 bits, by products of halves: what Wasm's compilers call a function for.
#[inline(always)]
fn multiply(a: u64, b: u64) -> (u64, u64) {
    const LOW: u64 = 0xffff_ffff;
    let [(a0, a1), (b0, b1)] = [a, b].map(|x| (x & LOW, x >> 32));
    let (first, second) = (a1 * b0, a0 * b1);
    // Else the compiler makes one product of 128 bits of it.
    let half = core::hint::black_box(32u32);
    let middle = ((a0 * b0) >> half) + (first & LOW) + (second & LOW);
    (a1 * b1 + (first >> 32) + (second >> 32) + (middle >> 32), a.wrapping_mul(b))
}

#[inline(always)]
fn quotient(a: Parts, b: Parts) -> Wide {
    // The quotient has 64 bits: the dividend is so aligned.
    let less = a.2 < b.2;
    let dividend = if less { (a.2, 0) } else { (a.2 >> 1, a.2 << 63) };
    let (high, rest) = divide(dividend, b.2);
    let low = match rest.cmp(&(b.2 - rest)) {
        _ if rest == 0 => 0,
        core::cmp::Ordering::Less => 1,
        core::cmp::Ordering::Equal => HALF,
        core::cmp::Ordering::Greater => HALF | 1,
    };
    Wide { negative: a.0 != b.0, exponent: a.1 - b.1 - i32::from(less), high, low }
}

/// 128 bits by 64 of which the highest is set: quotient, which fits in 64, and rest. Knuth, The Art of Computer Programming,
/// volume 2, section 4.3.1, algorithm D, with two digits of 32 bits.
#[inline(always)]
fn divide((high, low): (u64, u64), divisor: u64) -> (u64, u64) {
    let (first, rest) = digit(high, low >> 32, divisor);
    let (second, rest) = digit(rest, low & 0xffff_ffff, divisor);
    (first << 32 | second, rest)
}

/// `(rest * 2^32 + next) / divisor`, below 2^32, and what it leaves.
#[inline(always)]
fn digit(rest: u64, next: u64, divisor: u64) -> (u64, u64) {
    let (high, low) = (divisor >> 32, divisor & 0xffff_ffff);
    let mut digit = rest / high;
    // Wasm has one instruction for the quotient and another for the rest, and each divides.
    let mut left = rest - digit * high;
    while digit >> 32 != 0 || digit * low > (left << 32 | next) {
        digit -= 1;
        left += high;
        if left >> 32 != 0 {
            break;
        }
    }
    (digit, (rest << 32 | next).wrapping_sub(digit.wrapping_mul(divisor)))
}

/// The bits of a number in IEEE double precision, rounded to nearest, and whether that is inexact and larger: of 0, and where
/// both are normal.
#[inline(always)]
pub(in super::super) fn to_double(x: Extended) -> Option<(u64, u16, bool)> {
    narrowed(x, 52, 1023)
}

/// [`to_double`] in single precision.
#[inline(always)]
pub(in super::super) fn to_single(x: Extended) -> Option<(u64, u16, bool)> {
    narrowed(x, 23, 127)
}

#[inline(always)]
fn narrowed(x: Extended, fraction: u32, bias: i32) -> Option<(u64, u16, bool)> {
    let sign = u64::from(x.is_negative()) * ((2 * bias as u64 + 2) << fraction);
    if x.significand == 0 && x.high & 0x7fff == 0 {
        return Some((sign, 0, false));
    }
    let (_, exponent, significand) = parts(x)?;
    let (kept, rest) = (significand >> (63 - fraction), significand << (fraction + 1));
    let up = rest > HALF || rest == HALF && kept & 1 != 0;
    // The integer bit, and a carry into the next, add to the exponent.
    let bits = ((exponent + bias - 1) as u64) << fraction;
    let bits = bits.wrapping_add(kept).wrapping_add(up.into());
    let largest = (2 * bias as u64 + 1) << fraction;
    let fits = exponent > -bias && exponent <= bias && bits < largest;
    fits.then_some((bits | sign, if rest != 0 { raised::PE } else { 0 }, up))
}

impl Wide {
    #[inline(always)]
    fn normalized(mut self) -> Option<Wide> {
        if self.high == 0 {
            (self.high, self.low) = (self.low, 0);
            self.exponent -= 64;
        }
        let shift = self.high.leading_zeros();
        if shift == 64 {
            return None;
        }
        if shift > 0 {
            (self.high, self.low) = (self.high << shift | self.low >> (64 - shift), self.low << shift);
        }
        self.exponent -= shift as i32;
        Some(self)
    }

    /// Rounds to 64 bits; `None` where the result is not normal.
    #[inline(always)]
    fn round(self, direction: Direction) -> Option<Rounded> {
        let inexact = self.low != 0;
        let up = match direction {
            Direction::Nearest => self.low > HALF || self.low == HALF && self.high & 1 != 0,
            Direction::Down => self.negative && inexact,
            Direction::Up => !self.negative && inexact,
            Direction::Zero => false,
        };
        let (significand, carry) = self.high.overflowing_add(up.into());
        let exponent = self.exponent + i32::from(carry);
        // A number below the least normal one is tiny, or not, before it is rounded: that is for the other path to say.
        if self.exponent < MIN || exponent > BIAS {
            return None;
        }
        let value = Extended::normal(self.negative, exponent, significand | INTEGER);
        Some(Rounded { value, raised: if inexact { raised::PE } else { 0 }, up })
    }
}
