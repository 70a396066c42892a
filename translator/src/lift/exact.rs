//! Whether a result is exact: what a program needs whose arithmetic never was inexact, so that MXCSR says nothing yet and an
//! inexact result would have to be entered there.
//!
//! Each condition is sufficient, of ordinary results. A product is exact if the significands are short; a quotient and a root
//! are if the product that leads back is; the error of a sum is Knuth's (volume 2, 4.2.2, theorem C).

use super::machine::Lifter;
use crate::ir::{Inst, Value};
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use x86::{Arith, BinOp, Compare, UnOp, Width};

impl Lifter<'_> {
    fn float(&mut self, op: FloatOp, w: FloatWidth, x: Value, y: Value) -> Value {
        self.builder.push(Inst::FloatBin(op, w, x, y))
    }

    fn same(&mut self, w: FloatWidth, x: Value, y: Value) -> Value {
        self.builder.push(Inst::FloatCompare(Predicate::Eq, w, x, y))
    }

    /// Whether `result` is `x op y` to the last bit.
    pub(super) fn exact_bin(&mut self, op: FloatOp, w: FloatWidth, x: Value, y: Value, result: Value) -> Value {
        match op {
            FloatOp::Mul => self.short(w, x, y),
            FloatOp::Div => {
                let short = self.short(w, result, y);
                let product = self.float(FloatOp::Mul, w, result, y);
                let back = self.same(w, product, x);
                self.both(short, back)
            }
            _ => {
                let second = self.float(FloatOp::Sub, w, result, x);
                let first = self.float(FloatOp::Sub, w, result, second);
                let lost = self.float(FloatOp::Sub, w, x, first);
                let gained = match op {
                    FloatOp::Add => self.float(FloatOp::Sub, w, second, y),
                    _ => self.float(FloatOp::Add, w, y, second),
                };
                // Infinities, which the largest numbers lead to, have no difference.
                let zero = self.imm(0);
                let zero = self.builder.number(w, zero);
                let error = self.float(FloatOp::Sub, w, lost, gained);
                self.same(w, error, zero)
            }
        }
    }

    /// Whether the product of two numbers has no more bits than fit.
    fn short(&mut self, w: FloatWidth, x: Value, y: Value) -> Value {
        let bits = w.fraction_bits() + 1;
        let zeros = [x, y].map(|number| {
            let word = self.builder.bits(w, number);
            let fraction = self.and_imm(word, w.fraction());
            let end = self.imm(1 << bits);
            let fraction = self.bin(BinOp::Or, Width::W64, fraction, end);
            self.un(UnOp::Ctz, Width::W64, fraction)
        });
        let sum = self.bin(BinOp::Add, Width::W64, zeros[0], zeros[1]);
        let least = self.imm(bits.into());
        self.compare(Compare::LeUnsigned, Width::W64, least, sum)
    }

    /// Whether `result` is `op` of the operand, both as the instruction `FloatUn` has them, to the last bit.
    pub(super) fn exact_un(&mut self, op: FloatUnOp, operand: Value, result: Value) -> Value {
        match op {
            FloatUnOp::Sqrt(w) => {
                let short = self.short(w, result, result);
                let square = self.float(FloatOp::Mul, w, result, result);
                let back = self.same(w, square, operand);
                self.both(short, back)
            }
            FloatUnOp::Round(w, _) => self.same(w, result, operand),
            FloatUnOp::Demote => {
                let back = self.builder.push(Inst::FloatUn(FloatUnOp::Promote, result));
                self.same(FloatWidth::F64, back, operand)
            }
            FloatUnOp::ToInt { from, to, .. } => {
                let back = self.builder.push(Inst::FloatUn(FloatUnOp::FromInt { from: to, to: from }, result));
                self.same(from, back, operand)
            }
            FloatUnOp::FromInt { from, to } => {
                // From minus to plus 2^53, or 2^24.
                let most = self.imm(2 << to.fraction_bits());
                let shifted = self.bin(BinOp::Add, from, operand, most);
                let end = self.imm((4 << to.fraction_bits()) & from.mask());
                self.compare(Compare::LtUnsigned, from, shifted, end)
            }
            FloatUnOp::Promote | FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt => self.builder.truth(true),
        }
    }
}
