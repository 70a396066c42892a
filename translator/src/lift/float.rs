//! Floating point: Wasm's operators, and a side exit wherever their result might not be all that happens.
//!
//! The tests are those of the interpreter's fast path (`x86::vector::float::fast`): MXCSR is in its common mode, unless the
//! operation cannot be inexact, and operands and result are ordinary. They are made for a whole group of instructions at once
//! (`group`), and what a passed test implies is not tested again in the same block.

use super::machine::{Lifter, Unlifted};
use crate::ir::{Inst, Value};
use x86::vector::float::fast::{self, bin_is_ordinary, compare_is_ordinary, un_is_ordinary};
use x86::vector::float::fast_packed::{bin_packed_is_ordinary, odd_from_second, un_packed_is_ordinary};
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use x86::{Arith, BinOp, Width};

impl Lifter<'_> {
    pub(super) fn lift_float_bin(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Value {
        let (x, y) = (self.builder.number(w, a), self.builder.number(w, b));
        match op {
            FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_) => {
                self.comparable(w, (x, a), (y, b));
                self.choose(op, w, (x, a), (y, b))
            }
            _ => {
                let number = self.builder.push(Inst::FloatBin(op, w, x, y));
                let exact = self.exact_bin(op, w, x, y, number);
                self.rounds(exact);
                [x, y, number].into_iter().for_each(|number| self.expect_number(w, number));
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
        self.expect_number(w, x);
        self.expect_number(w, y);
        let ordinary = compare_is_ordinary(self, w, a, b);
        self.needs(ordinary);
    }

    /// Minimum, maximum or comparison of two that are no NaN, each a number and its bits.
    fn choose(&mut self, op: FloatOp, w: FloatWidth, (x, a): (Value, Value), (y, b): (Value, Value)) -> Value {
        let predicate = match op {
            FloatOp::Cmp(predicate) => predicate,
            FloatOp::Min => Predicate::Lt,
            _ => Predicate::Gt,
        };
        let holds = self.holds(predicate, w, x, y);
        if let FloatOp::Cmp(_) = op {
            let (all, none) = (self.imm(w.bits().mask()), self.imm(0));
            return self.select(holds, all, none);
        }
        self.select(holds, a, b)
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
        let operand = match op {
            FloatUnOp::FromInt { .. } => a,
            _ => self.builder.number(float_width(op.source()), a),
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
            FloatUnOp::Demote => self.expect_number(float_width(op.result()), number),
            FloatUnOp::Sqrt(w) => [operand, number].into_iter().for_each(|number| self.expect_number(w, number)),
            FloatUnOp::FromInt { .. } => {}
            _ => self.expect_number(float_width(op.source()), operand),
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
        self.expect_vector(w, a);
        self.expect_vector(w, b);
        if fast::bin_rounds(op) {
            self.expect_vector(w, result);
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
            self.expect_vector(w, a);
            self.expect_vector(w, result);
            self.needs(ordinary);
        } else {
            self.needs_always(ordinary);
        }
        Ok(result)
    }

    /// CF where less, ZF where equal.
    pub(super) fn lift_float_compare(&mut self, w: FloatWidth, a: Value, b: Value) -> Value {
        let (x, y) = (self.builder.number(w, a), self.builder.number(w, b));
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
