//! Floating point: Wasm's operators, and a side exit wherever their result might not be all that happens.
//!
//! The tests are those of the interpreter's fast path (`x86::vector::float::fast`): MXCSR is in its common mode, unless the
//! operation cannot be inexact, and operands and result are ordinary. They are made for a whole group of instructions at once
//! (`group`), and what a passed test implies is not tested again in the same block.

use super::machine::{Lifter, Unlifted};
use super::ordinary::Ends;
use crate::ir::{Inst, Value};
use x86::vector::float::fast::{self, bin_is_ordinary, compare_is_ordinary, un_is_ordinary};
use x86::vector::float::fast_packed::{bin_packed_is_ordinary, odd_from_second, un_packed_is_ordinary};
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use x86::{Arith, BinOp, Width};

impl Lifter<'_> {
    /// A number, and its bits, which need not be loaded twice.
    fn number(&mut self, w: FloatWidth, bits: Value) -> (Value, Value) {
        let number = self.builder.number(w, bits);
        (number, self.builder.bits(w, number))
    }

    pub(super) fn lift_float_bin(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Value {
        let [(x, a), (y, b)] = [self.number(w, a), self.number(w, b)];
        match op {
            FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_) => {
                self.comparable(w, (x, a), (y, b));
                self.choose(op, w, x, y)
            }
            _ => {
                let number = self.builder.push(Inst::FloatBin(op, w, x, y));
                let exact = self.exact_bin(op, w, x, y, number);
                self.rounds(exact);
                self.expect_arithmetic(op, w, [x, y], number);
                let result = self.builder.bits(w, number);
                let ordinary = bin_is_ordinary(self, op, w, a, b, result);
                self.needs(ordinary);
                if matches!(op, FloatOp::Mul | FloatOp::Div) {
                    let implied = fast::not_denormal(self, w, result);
                    self.tested.insert(implied);
                }
                result
            }
        }
    }

    /// Both are to be no NaN and no denormal; each is a number and its bits.
    fn comparable(&mut self, w: FloatWidth, (x, a): (Value, Value), (y, b): (Value, Value)) {
        self.expect(w, x, Ends::BOTH);
        self.expect(w, y, Ends::BOTH);
        let ordinary = compare_is_ordinary(self, w, a, b);
        self.needs(ordinary);
    }

    /// Minimum, maximum or comparison of two that are no NaN, each a number and its bits.
    fn choose(&mut self, op: FloatOp, w: FloatWidth, x: Value, y: Value) -> Value {
        if let FloatOp::Cmp(predicate) = op {
            let holds = self.holds(predicate, w, x, y);
            let (all, none) = (self.imm(w.bits().mask()), self.imm(0));
            return self.select(holds, all, none);
        }
        // Wasm has x86's choice of vectors only.
        let [x, y] = [x, y].map(|number| self.low_lane_of(w, number));
        let chosen = self.builder.push(Inst::VecFloatBin(op, w, x, y));
        let number = self.builder.push(Inst::VecLaneFloat(w, chosen, 0));
        self.implied(w, number, Ends::BOTH);
        self.builder.bits(w, number)
    }

    /// A vector whose first lane is a number.
    fn low_lane_of(&mut self, w: FloatWidth, number: Value) -> Value {
        match *self.builder.region.inst(number) {
            Inst::VecLaneFloat(_, vector, 0) => vector,
            _ => self.builder.push(Inst::VecSplatFloat(w, number)),
        }
    }

    fn holds(&mut self, predicate: Predicate, w: FloatWidth, x: Value, y: Value) -> Value {
        match predicate.of_numbers() {
            Predicate::True => self.builder.truth(true),
            Predicate::False => self.builder.truth(false),
            predicate => self.builder.push(Inst::FloatCompare(predicate, w, x, y)),
        }
    }

    pub(super) fn lift_float_un(&mut self, op: FloatUnOp, a: Value) -> Result<Value, Unlifted> {
        if matches!(op, FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt) {
            return Err(Unlifted);
        }
        let (operand, a) = match op {
            FloatUnOp::FromInt { .. } => (a, a),
            _ => self.number(float_width(op.source()), a),
        };
        let number = self.builder.push(Inst::FloatUn(op, operand));
        if fast::un_rounds(op) {
            let exact = self.exact_un(op, operand, number);
            self.rounds(exact);
        }
        let result = match op {
            FloatUnOp::ToInt { .. } => number,
            _ => self.builder.bits(float_width(op.result()), number),
        };
        let ordinary = un_is_ordinary(self, op, a, result);
        if let FloatUnOp::ToInt { .. } = op {
            self.needs_always(ordinary);
            return Ok(result);
        }
        self.needs(ordinary);
        match op {
            FloatUnOp::Demote => self.expect(float_width(op.result()), number, Ends::BOTH),
            FloatUnOp::Sqrt(w) => self.expect_root(w, operand, number),
            FloatUnOp::FromInt { .. } => {}
            _ => self.expect(float_width(op.source()), operand, Ends::BOTH),
        }
        Ok(result)
    }

    pub(super) fn lift_float_bin_packed(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Value {
        if fast::bin_rounds(op) {
            let unknown = self.builder.truth(false);
            self.rounds(unknown);
        }
        let result = match op {
            FloatOp::AddSub => {
                let difference = self.builder.push(Inst::VecFloatBin(FloatOp::Sub, w, a, b));
                let sum = self.builder.push(Inst::VecFloatBin(FloatOp::Add, w, a, b));
                self.builder.push(Inst::VecShuffle(difference, sum, odd_from_second(w)))
            }
            FloatOp::Cmp(predicate) => match predicate.of_numbers() {
                Predicate::True => self.builder.push(Inst::VecConst(u128::MAX)),
                Predicate::False => self.builder.push(Inst::VecConst(0)),
                predicate => self.builder.push(Inst::VecFloatBin(FloatOp::Cmp(predicate), w, a, b)),
            },
            _ => self.builder.push(Inst::VecFloatBin(op, w, a, b)),
        };
        if fast::bin_rounds(op) {
            self.expect_arithmetic(op, w, [a, b], result);
        } else {
            self.expect(w, a, Ends::BOTH);
            self.expect(w, b, Ends::BOTH);
            if let FloatOp::Min | FloatOp::Max = op {
                self.implied(w, result, Ends::BOTH);
            }
        }
        let ordinary = bin_packed_is_ordinary(self, op, w, a, b, result);
        self.needs(ordinary);
        result
    }

    pub(super) fn lift_float_un_packed(&mut self, op: FloatUnOp, a: Value) -> Result<Value, Unlifted> {
        if matches!(op, FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt) {
            return Err(Unlifted);
        }
        if fast::un_rounds(op) {
            let unknown = self.builder.truth(false);
            self.rounds(unknown);
        }
        let result = self.builder.push(Inst::VecFloatUn(op, a));
        let ordinary = un_packed_is_ordinary(self, op, a, result);
        if let FloatUnOp::Sqrt(w) = op {
            self.expect_root(w, a, result);
            self.needs(ordinary);
        } else {
            self.needs_always(ordinary);
        }
        Ok(result)
    }

    /// What is negative or too large shows in the root, which is not too small if its square is not.
    fn expect_root(&mut self, w: FloatWidth, square: Value, root: Value) {
        self.expect(w, square, Ends::SMALL);
        self.implied(w, square, Ends::LARGE);
        self.expect(w, root, Ends::LARGE);
        self.implied(w, root, Ends::SMALL);
    }

    /// CF where less, ZF where equal.
    pub(super) fn lift_float_compare(&mut self, w: FloatWidth, a: Value, b: Value) -> Value {
        let [(x, a), (y, b)] = [self.number(w, a), self.number(w, b)];
        self.comparable(w, (x, a), (y, b));
        let less = self.builder.push(Inst::FloatCompare(Predicate::Lt, w, x, y));
        let equal = self.builder.push(Inst::FloatCompare(Predicate::Eq, w, x, y));
        let (carry, zero) = (self.int(less), self.int(equal));
        let zero = self.shl_imm(zero, x86::flags::bit::ZF.trailing_zeros());
        self.bin(BinOp::Or, Width::W64, carry, zero)
    }
}

/// The format of numbers of a width.
fn float_width(w: Width) -> FloatWidth {
    if w == Width::W32 { FloatWidth::F32 } else { FloatWidth::F64 }
}
