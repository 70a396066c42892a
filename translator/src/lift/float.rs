//! Floating point: Wasm's operators, and a side exit wherever their result might not be all that happens.
//!
//! The tests are those of the interpreter's fast path (`x86::vector::float::fast`): MXCSR is in its common mode, unless the
//! operation cannot be inexact, and operands and result are ordinary. What a passed test implies is not tested again in the
//! same block.

use super::machine::{Lifter, Unlifted};
use crate::ir::{Inst, Value};
use runtime::translated::abi::ExitReason;
use x86::vector::float::fast::{self, bin_is_ordinary, compare_is_ordinary, un_is_ordinary};
use x86::vector::float::fast_packed::{bin_packed_is_ordinary, odd_from_second, un_packed_is_ordinary};
use x86::vector::float::mxcsr::{QUICK, QUICK_BITS};
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use x86::{Arith, BinOp, Compare, Machine, Width};

impl Lifter<'_> {
    /// Leaves unless the condition holds; from here on it does.
    fn assume(&mut self, condition: Value) {
        match *self.builder.region.inst(condition) {
            Inst::ConstBool(true) => {}
            Inst::Both(a, b) => {
                self.assume(a);
                self.assume(b);
            }
            _ if !self.assumed.insert(condition) => {}
            _ => {
                let failed = self.not(condition);
                let exit = self.side_exit(ExitReason::Rare);
                self.builder.push(Inst::ExitIf { condition: failed, exit });
            }
        }
    }

    /// Leaves unless MXCSR is in the common mode.
    fn assume_quick(&mut self) {
        let mxcsr = self.mxcsr();
        let mode = self.and_imm(mxcsr, QUICK_BITS.into());
        let common = self.imm(QUICK.into());
        let quick = self.compare(Compare::Eq, Width::W32, mode, common);
        self.assume(quick);
    }

    pub(super) fn lift_float_bin(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Value {
        let (x, y) = (self.builder.number(w, a), self.builder.number(w, b));
        match op {
            FloatOp::Min | FloatOp::Max | FloatOp::Cmp(_) => {
                let ordinary = compare_is_ordinary(self, w, a, b);
                self.assume(ordinary);
                self.choose(op, w, (x, a), (y, b))
            }
            _ => {
                self.assume_quick();
                let number = self.builder.push(Inst::FloatBin(op, w, x, y));
                let result = self.builder.bits(w, number);
                let ordinary = bin_is_ordinary(self, op, w, a, b, result);
                self.assume(ordinary);
                if matches!(op, FloatOp::Mul | FloatOp::Div) {
                    let implied = fast::not_denormal(self, w, result);
                    self.assumed.insert(implied);
                }
                result
            }
        }
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
        if fast::un_rounds(op) {
            self.assume_quick();
        }
        let operand = match op {
            FloatUnOp::FromInt { .. } => a,
            _ => self.builder.number(float_width(op.source()), a),
        };
        let result = self.builder.push(Inst::FloatUn(op, operand));
        let result = match op {
            FloatUnOp::ToInt { .. } => result,
            _ => self.builder.bits(float_width(op.result()), result),
        };
        let ordinary = un_is_ordinary(self, op, a, result);
        self.assume(ordinary);
        Ok(result)
    }

    pub(super) fn lift_float_bin_packed(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Value {
        if fast::bin_rounds(op) {
            self.assume_quick();
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
        let ordinary = bin_packed_is_ordinary(self, op, w, a, b, result);
        self.assume(ordinary);
        result
    }

    pub(super) fn lift_float_un_packed(&mut self, op: FloatUnOp, a: Value) -> Result<Value, Unlifted> {
        if matches!(op, FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt) {
            return Err(Unlifted);
        }
        if fast::un_rounds(op) {
            self.assume_quick();
        }
        let result = self.builder.push(Inst::VecFloatUn(op, a));
        let ordinary = un_packed_is_ordinary(self, op, a, result);
        self.assume(ordinary);
        Ok(result)
    }

    /// CF where less, ZF where equal.
    pub(super) fn lift_float_compare(&mut self, w: FloatWidth, a: Value, b: Value) -> Value {
        let ordinary = compare_is_ordinary(self, w, a, b);
        self.assume(ordinary);
        let (x, y) = (self.builder.number(w, a), self.builder.number(w, b));
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
