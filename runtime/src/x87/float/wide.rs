//! 128-bit arithmetic under the transcendental functions: [`Exact`] as a floating-point number, and fixed point in Q127
//! (`value * 2^127`, values below 2).
//!
//! Results are cut, so each operation is at most 2^-126 (relative) too small.

use super::arith::exact_sum;
use super::round::Exact;

/// 1 in Q127.
pub(super) const ONE: u128 = 1 << 127;

/// The high 128 bits of a product.
fn multiply_high(a: u128, b: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a0, a1, b0, b1) = (a & LOW, a >> 64, b & LOW, b >> 64);
    let middle = a1 * b0 + ((a0 * b0) >> 64);
    let (carry, middle) = (middle >> 64, (middle & LOW) + a0 * b1);
    a1 * b1 + carry + (middle >> 64)
}

/// A product in Q127, below 2.
pub(super) fn multiply(a: u128, b: u128) -> u128 {
    multiply_high(a, b) << 1
}

impl Exact {
    /// A number in Q127 that is not 0.
    pub(super) fn from_fixed(negative: bool, value: u128) -> Exact {
        Exact::new(negative, 0, value)
    }

    /// The magnitude, which is below 2, in Q127.
    pub(super) fn to_fixed(self) -> u128 {
        match self.exponent {
            -127..=0 => self.significand >> -self.exponent,
            _ => 0,
        }
    }

    pub(super) fn negated(self) -> Exact {
        Exact { negative: !self.negative, ..self }
    }

    /// The magnitude.
    pub(super) fn abs(self) -> Exact {
        Exact { negative: false, ..self }
    }

    /// The product, cut.
    pub(super) fn times(self, other: Exact) -> Exact {
        let significand = multiply_high(self.significand, other.significand);
        Exact::new(self.negative != other.negative, self.exponent + other.exponent + 1, significand)
    }

    /// The sum, cut; `None` where it is 0.
    pub(super) fn plus(self, other: Exact) -> Option<Exact> {
        exact_sum(self, other)
    }

    /// The quotient, cut: restoring division.
    pub(super) fn over(self, divisor: Exact) -> Exact {
        let whole = self.significand >= divisor.significand;
        let mut quotient = u128::from(whole);
        let mut rest = if whole { self.significand - divisor.significand } else { self.significand };
        for _ in 0..127 {
            let carry = rest >> 127 != 0;
            rest <<= 1;
            let fits = carry || rest >= divisor.significand;
            rest = if fits { rest.wrapping_sub(divisor.significand) } else { rest };
            quotient = quotient << 1 | u128::from(fits);
        }
        Exact::new(self.negative != divisor.negative, self.exponent - divisor.exponent, quotient)
    }

    /// The same with a sticky bit: a little further from 0.
    pub(super) fn beyond(self) -> Exact {
        Exact { significand: self.significand | 1, ..self }
    }
}
