//! Which numbers are *ordinary*: they pass every operation's own test (`x86::vector::float::fast`), and that is told by the
//! exponent alone. They are not too *small*, which zeros and denormals are, and what is below twice the least normal number, since
//! a result there may have been tiny; nor too *large*, infinite or a NaN.
//!
//! Of a number it is asked what its use needs, and not what follows from others: what is too large shows in what arithmetic
//! makes of it. All of a group ([`super::group`]) are looked at together, lanes of vectors as they are.

use super::machine::Lifter;
use crate::ir::{Inst, Type, Value};
use x86::vector::VecOp;
use x86::vector::float::FloatOp;
use x86::vector::float::FloatWidth::{self, F32, F64};
use x86::{Arith, BinOp, Vector, Width};

/// The ends of the range of ordinary numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ends {
    small: bool,
    large: bool,
}

impl Ends {
    /// Too small.
    pub(super) const SMALL: Ends = Ends { small: true, large: false };
    /// Too large.
    pub(super) const LARGE: Ends = Ends { small: false, large: true };
    /// Both.
    pub(super) const BOTH: Ends = Ends { small: true, large: true };

    fn and(self, other: Ends) -> Ends {
        Ends { small: self.small || other.small, large: self.large || other.large }
    }
}

/// A number, or a vector of numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    width: FloatWidth,
    value: Value,
    /// What they must not be.
    wanted: Ends,
    /// What they are not if the others are as they must be.
    implied: Ends,
}

/// The upper 32 bits of the lanes of two vectors of binary64.
const UPPER_WORDS: [u8; 16] = [4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31];

impl Lifter<'_> {
    /// Unless a number, or all of a vector, is neither the conditions are looked at.
    pub(super) fn expect(&mut self, width: FloatWidth, value: Value, neither: Ends) {
        let constant = self.passes(width, value);
        let numbers = self.numbers(width, value);
        numbers.wanted = numbers.wanted.and(neither);
        if constant {
            numbers.implied = Ends::BOTH;
        }
    }

    /// It is neither if the other numbers are as they must be.
    pub(super) fn implied(&mut self, width: FloatWidth, value: Value, neither: Ends) {
        let numbers = self.numbers(width, value);
        numbers.implied = numbers.implied.and(neither);
    }

    /// Arithmetic: infinite operands and NaNs show in the result, but for a divisor, of which 0 comes.
    pub(super) fn expect_arithmetic(&mut self, op: FloatOp, width: FloatWidth, operands: [Value; 2], result: Value) {
        for operand in operands {
            self.expect(width, operand, Ends::SMALL);
            self.implied(width, operand, Ends::LARGE);
        }
        // Sums that are tiny are exact.
        let exact = !matches!(op, FloatOp::Mul | FloatOp::Div);
        self.expect(width, result, if exact { Ends::LARGE } else { Ends::BOTH });
    }

    fn numbers(&mut self, width: FloatWidth, value: Value) -> &mut Numbers {
        let group = self.group();
        let place = group.numbers.iter().position(|n| (n.width, n.value) == (width, value));
        let place = place.unwrap_or_else(|| {
            let none = Ends::default();
            group.numbers.push(Numbers { width, value, wanted: none, implied: none });
            group.numbers.len() - 1
        });
        &mut group.numbers[place]
    }

    /// Whether it is a constant that passes as an operand: 0 or normal.
    fn passes(&self, w: FloatWidth, value: Value) -> bool {
        let region = &self.builder.region;
        let bits = w.bits().bits();
        let lane = |lanes: u128, lane: u8| (lanes >> (u32::from(lane) * bits)) as u64 & w.bits().mask();
        let passes = |number: u64| {
            let magnitude = number & !w.sign();
            magnitude == 0 || (w.least_normal()..w.infinity()).contains(&magnitude)
        };
        match *region.inst(value) {
            Inst::FromBits(_, bits) => region.constant(bits).is_some_and(passes),
            Inst::VecLaneFloat(_, a, index) => match *region.inst(a) {
                Inst::VecConst(lanes) => passes(lane(lanes, index)),
                _ => false,
            },
            Inst::VecConst(lanes) => (0..(128 / bits) as u8).all(|index| passes(lane(lanes, index))),
            _ => false,
        }
    }

    /// Not 0 if there is a number that is not ordinary.
    pub(super) fn odd_lanes(&mut self, w: FloatWidth, numbers: &[Numbers]) -> Option<Value> {
        let tested = |end: fn(Ends) -> bool| {
            let tested = numbers.iter().filter(|n| n.width == w && end(n.wanted) && !end(n.implied));
            tested.map(|n| n.value).collect::<Vec<_>>()
        };
        let (small, large) = (tested(|ends| ends.small), tested(|ends| ends.large));
        let (place, infinity) = if w == F32 { (23, 0xff) } else { (20, 0x7ff) };
        let words = |word: u32| u128::from(word) * 0x1_0000_0001_0000_0001_0000_0001;
        let mut lanes = Width::W32;
        let small = self.magnitudes(w, small).map(|(magnitudes, of)| {
            lanes = of;
            let least = self.vec_const(words(2 << place));
            let smallest = self.all_in_one(VecOp::I32x4MinS, magnitudes);
            self.vec_bin(VecOp::I32x4GtS, least, smallest)
        });
        let large = self.magnitudes(w, large).map(|(magnitudes, of)| {
            let last = self.vec_const(words((infinity << place) - 1));
            let largest = self.all_in_one(VecOp::I32x4MaxS, magnitudes);
            (self.vec_bin(VecOp::I32x4GtS, largest, last), of)
        });
        match (small, large) {
            (None, None) => None,
            (Some(small), None) => Some(self.vec_bitmask(lanes, small)),
            (None, Some((large, _))) => Some(self.vec_bitmask(Width::W32, large)),
            // Where lanes have 64 bits the lower word of what was not put together says nothing of what is too small.
            (Some(small), Some((large, Width::W32))) if lanes == Width::W64 => {
                let (small, large) = (self.vec_bitmask(lanes, small), self.vec_bitmask(Width::W32, large));
                Some(self.bin(BinOp::Or, Width::W64, small, large))
            }
            (Some(small), Some((large, _))) => {
                let odd = self.vec_bin(VecOp::V128Or, small, large);
                Some(self.vec_bitmask(lanes, odd))
            }
        }
    }

    /// Numbers without their sign, exponents first, in 32-bit lanes; or in the upper ones of 64-bit lanes, and 0 in the lower,
    /// if there is one vector of these.
    fn magnitudes(&mut self, w: FloatWidth, numbers: Vec<Value>) -> Option<(Vec<Value>, Width)> {
        let region = &self.builder.region;
        let (mut vectors, single): (Vec<Value>, Vec<Value>) =
            numbers.into_iter().partition(|value| region.inst(*value).ty() == Type::Vec);
        // What a loop does not change comes first: the engine takes it, and what is made of it alone, out of the loop.
        vectors.sort_by_key(|value| !matches!(region.inst(*value), Inst::Get(_)));
        for numbers in single.chunks(16 / w.bits().bytes() as usize) {
            vectors.push(self.joined(w, numbers));
        }
        let mut lanes = Width::W32;
        let mut without_sign = 0x7fff_ffff_7fff_ffff_7fff_ffff_7fff_ffff;
        if w == F64 && vectors.len() == 1 {
            lanes = Width::W64;
            without_sign = 0x7fff_ffff_0000_0000_7fff_ffff_0000_0000;
        } else if w == F64 {
            let pairs = vectors.chunks(2);
            let upper = pairs.map(|pair| self.vec_shuffle(pair[0], pair[pair.len() - 1], UPPER_WORDS));
            vectors = upper.collect();
        }
        let without_sign = self.vec_const(without_sign);
        let magnitudes = vectors.into_iter().map(|vector| self.vec_bin(VecOp::V128And, vector, without_sign));
        let magnitudes: Vec<Value> = magnitudes.collect();
        (!magnitudes.is_empty()).then_some((magnitudes, lanes))
    }

    fn all_in_one(&mut self, op: VecOp, vectors: Vec<Value>) -> Value {
        let all = vectors.into_iter().reduce(|a, b| self.vec_bin(op, a, b));
        all.unwrap_or_else(|| self.vec_const(0))
    }

    /// A vector that has all of these numbers, and no others.
    fn joined(&mut self, w: FloatWidth, numbers: &[Value]) -> Value {
        let mut all = match *self.builder.region.inst(numbers[0]) {
            Inst::VecLaneFloat(F64, vector, 0) if numbers.len() == 2 => vector,
            _ => self.builder.push(Inst::VecSplatFloat(w, numbers[0])),
        };
        for (lane, &number) in (1..).zip(&numbers[1..]) {
            all = self.builder.push(Inst::VecWithLaneFloat(w, all, lane, number));
        }
        all
    }
}
