//! Names of the floating-point operations.

use crate::width::Width;
use std::cmp::Ordering;

/// Format of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FloatWidth {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary64.
    F64,
}

impl FloatWidth {
    /// Width of the bits.
    #[inline(always)]
    pub const fn bits(self) -> Width {
        match self {
            FloatWidth::F32 => Width::W32,
            FloatWidth::F64 => Width::W64,
        }
    }

    /// Bits of the fraction field: 23 or 52.
    #[inline(always)]
    pub const fn fraction_bits(self) -> u32 {
        match self {
            FloatWidth::F32 => 23,
            FloatWidth::F64 => 52,
        }
    }

    /// All bits of the exponent field, in place: also the bits of positive infinity.
    #[inline(always)]
    pub const fn infinity(self) -> u64 {
        self.bits().mask() >> 1 & !self.fraction()
    }

    /// All bits of the fraction field.
    #[inline(always)]
    pub const fn fraction(self) -> u64 {
        (1 << self.fraction_bits()) - 1
    }

    /// The sign bit.
    #[inline(always)]
    pub const fn sign(self) -> u64 {
        self.bits().sign()
    }

    /// The bit that a quiet NaN has set.
    #[inline(always)]
    pub const fn quiet(self) -> u64 {
        1 << (self.fraction_bits() - 1)
    }

    /// The NaN of a masked invalid operation: negative and quiet (SDM 1, 4.8.3.7).
    #[inline(always)]
    pub const fn default_nan(self) -> u64 {
        self.sign() | self.infinity() | self.quiet()
    }

    /// The least positive normal number.
    #[inline(always)]
    pub const fn least_normal(self) -> u64 {
        1 << self.fraction_bits()
    }
}

/// What CMPPS and its kin ask, by their immediate. Legacy encodings have the first eight; VEX encodings the 16 questions
/// that there are, of less, equal, greater and unordered, each with and without an exception for quiet NaNs (SDM volume 2,
/// table 3-1). A name that says nothing of NaNs is false of them, or true where it begins with *not*.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Predicate {
    /// a = b.
    Eq,
    /// a < b; any NaN is invalid.
    Lt,
    /// a ≤ b; any NaN is invalid.
    Le,
    /// One is a NaN.
    Unordered,
    /// Not a = b.
    Ne,
    /// Not a < b; any NaN is invalid.
    NotLt,
    /// Not a ≤ b; any NaN is invalid.
    NotLe,
    /// None is a NaN.
    Ordered,
    /// a = b, or one is a NaN.
    EqOrUnordered,
    /// Not a ≥ b; any NaN is invalid.
    NotGe,
    /// Not a > b; any NaN is invalid.
    NotGt,
    /// Nothing.
    False,
    /// a < b or a > b.
    NeAndOrdered,
    /// a ≥ b; any NaN is invalid.
    Ge,
    /// a > b; any NaN is invalid.
    Gt,
    /// Anything.
    True,
    /// As [`Predicate::Eq`]; any NaN is invalid.
    EqSignalling,
    /// a < b.
    LtQuiet,
    /// a ≤ b.
    LeQuiet,
    /// As [`Predicate::Unordered`]; any NaN is invalid.
    UnorderedSignalling,
    /// As [`Predicate::Ne`]; any NaN is invalid.
    NeSignalling,
    /// Not a < b.
    NotLtQuiet,
    /// Not a ≤ b.
    NotLeQuiet,
    /// As [`Predicate::Ordered`]; any NaN is invalid.
    OrderedSignalling,
    /// As [`Predicate::EqOrUnordered`]; any NaN is invalid.
    EqOrUnorderedSignalling,
    /// Not a ≥ b.
    NotGeQuiet,
    /// Not a > b.
    NotGtQuiet,
    /// Nothing; any NaN is invalid.
    FalseSignalling,
    /// As [`Predicate::NeAndOrdered`]; any NaN is invalid.
    NeAndOrderedSignalling,
    /// a ≥ b.
    GeQuiet,
    /// a > b.
    GtQuiet,
    /// Anything; any NaN is invalid.
    TrueSignalling,
}

impl Predicate {
    /// All, by number.
    #[rustfmt::skip]
    pub const ALL: [Predicate; 32] = {
        use Predicate::*;
        [
            Eq, Lt, Le, Unordered, Ne, NotLt, NotLe, Ordered,
            EqOrUnordered, NotGe, NotGt, False, NeAndOrdered, Ge, Gt, True,
            EqSignalling, LtQuiet, LeQuiet, UnorderedSignalling, NeSignalling, NotLtQuiet, NotLeQuiet, OrderedSignalling,
            EqOrUnorderedSignalling, NotGeQuiet, NotGtQuiet, FalseSignalling, NeAndOrderedSignalling, GeQuiet, GtQuiet,
            TrueSignalling,
        ]
    };

    /// The predicate of an immediate, of which legacy SSE looks at three bits.
    #[inline(always)]
    pub const fn from_imm(imm: u8) -> Predicate {
        Self::ALL[(imm & 7) as usize]
    }

    /// The predicate of the immediate of a VEX encoding, which looks at five bits.
    #[inline(always)]
    pub const fn from_vex_imm(imm: u8) -> Predicate {
        Self::ALL[(imm & 31) as usize]
    }

    /// Whether a quiet NaN is an invalid operand, too.
    #[inline(always)]
    pub const fn signalling(self) -> bool {
        // Of the first 16 those that ask for an order but equality; of the others the opposite.
        let number = self as u8;
        matches!(number & 15, 1 | 2 | 5 | 6 | 9 | 10 | 13 | 14) != (number >= 16)
    }

    /// For what it holds. Bit 0: equal, 1: less, 2: greater, 3: unordered.
    const fn holds_for(self) -> u8 {
        // By the low four bits of the number.
        const TRUE_OF: [u8; 16] = [1, 2, 3, 8, 14, 13, 12, 7, 9, 10, 11, 0, 6, 5, 4, 15];
        TRUE_OF[self as usize & 15]
    }

    /// What it asks of two that are no NaN: one of [`Predicate::False`], [`Predicate::Eq`], [`Predicate::Lt`],
    /// [`Predicate::Le`], [`Predicate::Gt`], [`Predicate::Ge`], [`Predicate::Ne`] and [`Predicate::True`].
    pub const fn of_numbers(self) -> Predicate {
        use Predicate::*;
        [False, Eq, Lt, Le, Gt, Ge, Ne, True][(self.holds_for() & 7) as usize]
    }

    /// Whether it holds for an order, `None` if one operand is a NaN.
    #[inline(always)]
    pub fn holds(self, order: Option<Ordering>) -> bool {
        let case = match order {
            Some(Ordering::Equal) => 0,
            Some(Ordering::Less) => 1,
            Some(Ordering::Greater) => 2,
            None => 3,
        };
        self.holds_for() >> case & 1 != 0
    }
}

/// Operations on two numbers of one format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FloatOp {
    /// Sum.
    Add,
    /// Difference.
    Sub,
    /// Product.
    Mul,
    /// Quotient.
    Div,
    /// a if a < b, else b: b where one is a NaN or both are zeros.
    Min,
    /// a if a > b, else b: b where one is a NaN or both are zeros.
    Max,
    /// Packed only: difference in even lanes, sum in odd ones.
    AddSub,
    /// All ones where the predicate holds, else 0.
    Cmp(Predicate),
}

/// How a result that is not representable is rounded, in the encoding of MXCSR.RC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Rounding {
    /// To the nearest, to the even one of two.
    Nearest,
    /// Towards negative infinity.
    Down,
    /// Towards positive infinity.
    Up,
    /// Towards zero.
    Truncate,
}

impl Rounding {
    /// The mode of a two-bit field.
    #[inline(always)]
    pub const fn from_bits(bits: u32) -> Rounding {
        match bits & 3 {
            0 => Rounding::Nearest,
            1 => Rounding::Down,
            2 => Rounding::Up,
            _ => Rounding::Truncate,
        }
    }
}

/// The immediate of ROUNDPS and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoundControl {
    /// The mode; `None`: that of MXCSR.
    pub rounding: Option<Rounding>,
    /// An inexact result raises no exception.
    pub quiet: bool,
}

impl RoundControl {
    /// Decodes the immediate.
    #[inline(always)]
    pub const fn from_imm(imm: u8) -> RoundControl {
        let rounding = if imm & 4 != 0 { None } else { Some(Rounding::from_bits(imm as u32)) };
        RoundControl { rounding, quiet: imm & 8 != 0 }
    }
}

/// Operations on one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FloatUnOp {
    /// Square root.
    Sqrt(FloatWidth),
    /// binary32: about 1 / a, with a relative error of at most 1.5 · 2^-12. Raises nothing.
    Reciprocal,
    /// binary32: about 1 / √a, with a relative error of at most 1.5 · 2^-12. Raises nothing.
    ReciprocalSqrt,
    /// To an integral number of the same format.
    Round(FloatWidth, RoundControl),
    /// binary32 to binary64.
    Promote,
    /// binary64 to binary32.
    Demote,
    /// A signed integer of 32 or 64 bits to a number.
    FromInt {
        /// Width of the integer.
        from: Width,
        /// Format of the number.
        to: FloatWidth,
    },
    /// A number to a signed integer of 32 or 64 bits; one that does not fit, or a NaN, gives the least integer.
    ToInt {
        /// Format of the number.
        from: FloatWidth,
        /// Width of the integer.
        to: Width,
        /// Rounds towards zero and not as MXCSR says.
        truncate: bool,
    },
}

impl FloatUnOp {
    /// Width of the operand.
    #[inline(always)]
    pub const fn source(self) -> Width {
        match self {
            FloatUnOp::Sqrt(w) | FloatUnOp::Round(w, _) => w.bits(),
            FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt | FloatUnOp::Promote => Width::W32,
            FloatUnOp::Demote => Width::W64,
            FloatUnOp::FromInt { from, .. } => from,
            FloatUnOp::ToInt { from, .. } => from.bits(),
        }
    }

    /// Width of the result.
    #[inline(always)]
    pub const fn result(self) -> Width {
        match self {
            FloatUnOp::Sqrt(w) | FloatUnOp::Round(w, _) => w.bits(),
            FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt | FloatUnOp::Demote => Width::W32,
            FloatUnOp::Promote => Width::W64,
            FloatUnOp::FromInt { to, .. } => to.bits(),
            FloatUnOp::ToInt { to, .. } => to,
        }
    }

    /// Lanes of the packed form: as many as fit 128 bits before and after.
    #[inline(always)]
    pub const fn lanes(self) -> u8 {
        let wider = if self.source() as u8 > self.result() as u8 { self.source() } else { self.result() };
        (16 / wider.bytes()) as u8
    }
}
