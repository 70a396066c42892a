//! The 80-bit format. SDM volume 1, section 4.2.2 and table 8-3 (unsupported encodings).

use super::round::Exact;

/// Exponent of infinities and NaNs, biased.
const SPECIAL: u16 = 0x7fff;
/// What the exponent is biased by.
pub(super) const BIAS: i32 = 16383;
/// Least exponent of a normal number.
pub(super) const MIN: i32 = 1 - BIAS;
/// The integer bit of the significand.
pub(super) const INTEGER: u64 = 1 << 63;
/// The bit that makes a NaN quiet.
const QUIET: u64 = 1 << 62;

/// An 80-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Extended {
    /// Sign (bit 15) and biased exponent.
    pub(in super::super) high: u16,
    /// Integer bit (bit 63) and fraction.
    pub(in super::super) significand: u64,
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Class {
    Zero,
    Normal,
    /// Exponent 0: denormal, or pseudo-denormal with the integer bit set.
    Denormal,
    Infinity,
    QuietNan,
    SignalingNan,
    /// Pseudo-NaN, pseudo-infinity, unnormal.
    Unsupported,
}

#[rustfmt::skip]
impl Extended {
    pub(in super::super) const ZERO: Extended       = Extended { high: 0,      significand: 0 };
    pub(in super::super) const ONE: Extended        = Extended { high: 0x3fff, significand: INTEGER };
    /// The QNaN that answers an invalid operation.
    pub(in super::super) const INDEFINITE: Extended = Extended { high: 0xffff, significand: INTEGER | QUIET };
}

impl Extended {
    pub(in super::super) fn infinity(negative: bool) -> Extended {
        Extended { high: SPECIAL, significand: INTEGER }.with_sign(negative)
    }

    pub(in super::super) fn zero(negative: bool) -> Extended {
        Extended::ZERO.with_sign(negative)
    }

    /// The largest finite number whose significand has `precision` bits.
    pub(super) fn largest(negative: bool, precision: u32) -> Extended {
        Extended { high: SPECIAL - 1, significand: u64::MAX << (64 - precision) }.with_sign(negative)
    }

    pub(in super::super) fn is_negative(self) -> bool {
        self.high >> 15 != 0
    }

    pub(in super::super) fn with_sign(self, negative: bool) -> Extended {
        Extended { high: self.high & SPECIAL | u16::from(negative) << 15, ..self }
    }

    pub(in super::super) fn class(self) -> Class {
        let integer = self.significand & INTEGER != 0;
        match self.high & SPECIAL {
            0 if self.significand == 0 => Class::Zero,
            0 => Class::Denormal,
            _ if !integer => Class::Unsupported,
            SPECIAL if self.significand == INTEGER => Class::Infinity,
            SPECIAL if self.significand & QUIET != 0 => Class::QuietNan,
            SPECIAL => Class::SignalingNan,
            _ => Class::Normal,
        }
    }

    pub(in super::super) fn is_nan(self) -> bool {
        matches!(self.class(), Class::QuietNan | Class::SignalingNan)
    }

    /// Whether an operation on it is invalid whatever the other operand is.
    pub(super) fn is_invalid(self) -> bool {
        matches!(self.class(), Class::SignalingNan | Class::Unsupported)
    }

    /// A NaN, quiet.
    pub(super) fn quiet(self) -> Extended {
        Extended { significand: self.significand | QUIET, ..self }
    }

    /// The value of a normal or denormal number, normalised.
    pub(super) fn exact(self) -> Exact {
        let biased = i32::from(self.high & SPECIAL).max(1);
        Exact::new(self.is_negative(), biased - BIAS, u128::from(self.significand) << 64)
    }

    /// A normal number; `exponent` is in its range.
    pub(super) fn normal(negative: bool, exponent: i32, significand: u64) -> Extended {
        Extended { high: (exponent + BIAS) as u16, significand }.with_sign(negative)
    }
}
