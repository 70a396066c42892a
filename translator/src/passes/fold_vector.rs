//! Vector operations that only x86 has, in terms of those that Wasm has; and what is known of a vector's halves.

use crate::ir::{Builder, Inst, Value};
use x86::vector::float::FloatWidth;
use x86::vector::{VecOp, VecShift, VecUnOp};
use x86::{BinOp, Compare, Width};

/// The high 16 bits of each 32-bit lane of two vectors.
const HIGH_HALVES: [u8; 16] = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];
/// The low 16 bits of each.
const LOW_HALVES: [u8; 16] = [0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29];
/// The high half of a vector, in the low half.
const UPPER: [u8; 16] = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];

fn repeated(lane: u64) -> u128 {
    u128::from(lane) << 64 | u128::from(lane)
}

impl Builder<'_> {
    /// A vector of its halves.
    pub fn vec_from(&mut self, low: Value, high: Value) -> Value {
        match (self.region.constant(low), self.region.constant(high)) {
            (Some(low), Some(high)) => self.push(Inst::VecConst(u128::from(high) << 64 | u128::from(low))),
            (None, Some(0)) => match *self.region.inst(low) {
                // Nothing can have been stored since.
                Inst::Load(w @ (Width::W32 | Width::W64), pointer, offset) if self.is_recent(low) => {
                    self.push(Inst::LoadLow(w, pointer, offset))
                }
                _ => self.push(Inst::VecFrom(low, high)),
            },
            _ => self.push(Inst::VecFrom(low, high)),
        }
    }

    /// Lane `index` of width `w`.
    pub fn vec_lane(&mut self, w: Width, a: Value, index: u8) -> Value {
        match *self.region.inst(a) {
            Inst::VecFrom(low, _) if index == 0 => self.un(x86::UnOp::Truncate, w, low),
            Inst::VecFrom(_, high) if w == Width::W64 => high,
            Inst::VecConst(constant) => {
                let lane = (constant >> (u32::from(index) * w.bits())) as u64 & w.mask();
                self.constant(lane)
            }
            Inst::VecWithLane(set, _, place, lane) if set == w && place == index => lane,
            Inst::VecWithLaneFloat(set, _, place, lane) if set.bits() == w && place == index => self.bits(set, lane),
            _ => self.push(Inst::VecLane(w, a, index)),
        }
    }

    /// `a` with lane `index` of width `w` replaced.
    pub fn vec_with_lane(&mut self, w: Width, a: Value, index: u8, lane: Value) -> Value {
        let a = self.apart_from(w, a, index);
        match *self.region.inst(lane) {
            Inst::Bits(set, number) if set.bits() == w => self.push(Inst::VecWithLaneFloat(set, a, index, number)),
            // As a number it stays in a vector register.
            Inst::VecLane(from, vector, place) if from == w && w >= Width::W32 => {
                let number_width = if w == Width::W32 { FloatWidth::F32 } else { FloatWidth::F64 };
                let number = self.push(Inst::VecLaneFloat(number_width, vector, place));
                self.push(Inst::VecWithLaneFloat(number_width, a, index, number))
            }
            _ => self.push(Inst::VecWithLane(w, a, index, lane)),
        }
    }

    /// What `a` is but for a lane, which does not matter.
    fn apart_from(&mut self, w: Width, a: Value, index: u8) -> Value {
        match *self.region.inst(a) {
            Inst::VecWithLane(set, rest, place, _) if set == w && place == index => self.apart_from(w, rest, index),
            Inst::VecWithLaneFloat(set, rest, place, _) if set.bits() == w && place == index => {
                self.apart_from(w, rest, index)
            }
            Inst::LoadLow(loaded, ..) if loaded <= w && index == 0 => self.vec_constant(0),
            Inst::VecFrom(_, high) if w == Width::W64 && index == 0 && self.region.constant(high) == Some(0) => {
                self.vec_constant(0)
            }
            _ => a,
        }
    }

    /// The bits of a number.
    pub fn bits(&mut self, w: FloatWidth, number: Value) -> Value {
        match *self.region.inst(number) {
            Inst::FromBits(_, bits) => bits,
            Inst::VecLaneFloat(_, a, index) => self.push(Inst::VecLane(w.bits(), a, index)),
            _ => self.push(Inst::Bits(w, number)),
        }
    }

    /// The number of some bits.
    pub fn number(&mut self, w: FloatWidth, bits: Value) -> Value {
        match *self.region.inst(bits) {
            Inst::Bits(_, number) => number,
            Inst::Load(lane, pointer, offset) if lane == w.bits() && self.is_recent(bits) => {
                let low = self.push(Inst::LoadLow(lane, pointer, offset));
                self.push(Inst::VecLaneFloat(w, low, 0))
            }
            Inst::VecLane(lane, a, index) if lane == w.bits() => self.push(Inst::VecLaneFloat(w, a, index)),
            _ => self.push(Inst::FromBits(w, bits)),
        }
    }

    /// `a op b`.
    pub fn vec_bin(&mut self, op: VecOp, a: Value, b: Value) -> Value {
        use VecOp::*;
        match op {
            I8x16Pshufb => {
                let mask = self.vec_constant(repeated(0x8f8f_8f8f_8f8f_8f8f));
                let index = self.vec_bin(V128And, b, mask);
                self.push(Inst::VecBin(op, a, index))
            }
            I8x16Sign => self.signed(I8x16GtS, I8x16Eq, I8x16Sub, a, b),
            I16x8Sign => self.signed(I16x8GtS, I16x8Eq, I16x8Sub, a, b),
            I32x4Sign => self.signed(I32x4GtS, I32x4Eq, I32x4Sub, a, b),
            I16x8MulHighS => {
                let (low, high) = self.products(VecUnOp::I32x4ExtendLowI16x8S, a, b);
                self.push(Inst::VecShuffle(low, high, HIGH_HALVES))
            }
            I16x8MulHighU => {
                let (low, high) = self.products(VecUnOp::I32x4ExtendLowI16x8U, a, b);
                self.push(Inst::VecShuffle(low, high, HIGH_HALVES))
            }
            I16x8MulRoundQ15 => self.rounded_products(a, b),
            I16x8DotI8x16UsSat => self.dot_bytes(a, b),
            I64x2SadI8x16U => self.sum_of_differences(a, b),
            _ => self.push(Inst::VecBin(op, a, b)),
        }
    }

    /// `op a`.
    pub fn vec_un(&mut self, op: VecUnOp, a: Value) -> Value {
        match op {
            VecUnOp::I16x8MinPosU => self.least_lane(a),
            _ => self.push(Inst::VecUn(op, a)),
        }
    }

    fn vec_constant(&mut self, value: u128) -> Value {
        self.push(Inst::VecConst(value))
    }

    fn vec_shift(&mut self, op: VecShift, a: Value, count: u64) -> Value {
        let count = self.constant(count);
        self.push(Inst::VecShift(op, a, count))
    }

    /// `a` negated where `b` is negative, 0 where `b` is 0.
    fn signed(&mut self, greater: VecOp, equal: VecOp, subtract: VecOp, a: Value, b: Value) -> Value {
        let zero = self.vec_constant(0);
        let negative = self.vec_bin(greater, zero, b);
        let flipped = self.vec_bin(VecOp::V128Xor, a, negative);
        let value = self.vec_bin(subtract, flipped, negative);
        let none = self.vec_bin(equal, b, zero);
        self.vec_bin(VecOp::V128Andnot, value, none)
    }

    /// 32-bit products of the low and of the high four 16-bit lanes.
    fn products(&mut self, extend: VecUnOp, a: Value, b: Value) -> (Value, Value) {
        let (a0, b0) = (self.vec_un(extend, a), self.vec_un(extend, b));
        let (a1, b1) = (self.push(Inst::VecShuffle(a, a, UPPER)), self.push(Inst::VecShuffle(b, b, UPPER)));
        let (a1, b1) = (self.vec_un(extend, a1), self.vec_un(extend, b1));
        (self.vec_bin(VecOp::I32x4Mul, a0, b0), self.vec_bin(VecOp::I32x4Mul, a1, b1))
    }

    fn rounded_products(&mut self, a: Value, b: Value) -> Value {
        let (low, high) = self.products(VecUnOp::I32x4ExtendLowI16x8S, a, b);
        let half = self.vec_constant(repeated(0x0000_4000_0000_4000));
        let rounded = [low, high].map(|product| {
            let sum = self.vec_bin(VecOp::I32x4Add, product, half);
            self.vec_shift(VecShift::I32x4ShrS, sum, 15)
        });
        self.push(Inst::VecShuffle(rounded[0], rounded[1], LOW_HALVES))
    }

    /// Neighbouring products fit 16 bits; only their sum saturates.
    fn dot_bytes(&mut self, a: Value, b: Value) -> Value {
        let low = self.vec_constant(repeated(0x00ff_00ff_00ff_00ff));
        let a_even = self.vec_bin(VecOp::V128And, a, low);
        let b_even = self.vec_shift(VecShift::I16x8Shl, b, 8);
        let b_even = self.vec_shift(VecShift::I16x8ShrS, b_even, 8);
        let a_odd = self.vec_shift(VecShift::I16x8ShrU, a, 8);
        let b_odd = self.vec_shift(VecShift::I16x8ShrS, b, 8);
        let even = self.vec_bin(VecOp::I16x8Mul, a_even, b_even);
        let odd = self.vec_bin(VecOp::I16x8Mul, a_odd, b_odd);
        self.vec_bin(VecOp::I16x8AddSatS, even, odd)
    }

    fn sum_of_differences(&mut self, a: Value, b: Value) -> Value {
        let (x, y) = (self.vec_bin(VecOp::I8x16SubSatU, a, b), self.vec_bin(VecOp::I8x16SubSatU, b, a));
        let distance = self.vec_bin(VecOp::V128Or, x, y);
        let low = self.vec_constant(repeated(0x00ff_00ff_00ff_00ff));
        let even = self.vec_bin(VecOp::V128And, distance, low);
        let odd = self.vec_shift(VecShift::I16x8ShrU, distance, 8);
        let pairs = self.vec_bin(VecOp::I16x8Add, even, odd);
        let ones = self.vec_constant(repeated(0x0001_0001_0001_0001));
        let fours = self.vec_bin(VecOp::I32x4DotI16x8S, pairs, ones);
        let upper = self.vec_shift(VecShift::I64x2ShrU, fours, 32);
        let low = self.vec_constant(repeated(0xffff_ffff));
        let lower = self.vec_bin(VecOp::V128And, fours, low);
        self.vec_bin(VecOp::I64x2Add, lower, upper)
    }

    fn least_lane(&mut self, a: Value) -> Value {
        let mut least = self.vec_lane(Width::W16, a, 0);
        let mut place = self.constant(0);
        for index in 1..8 {
            let lane = self.vec_lane(Width::W16, a, index);
            let less = self.compare(Compare::LtUnsigned, Width::W16, lane, least);
            let here = self.constant(index.into());
            least = self.select(less, lane, least);
            place = self.select(less, here, place);
        }
        let count = self.constant(16);
        let place = self.bin(BinOp::Shl, Width::W64, place, count);
        let low = self.bin(BinOp::Or, Width::W64, place, least);
        let none = self.constant(0);
        self.vec_from(low, none)
    }
}
