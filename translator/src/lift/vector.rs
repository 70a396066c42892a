//! 128-bit values: one IR instruction an operation. What Wasm has no operator for is expanded by `passes::fold_vector`.

use super::machine::Lifter;
use crate::ir::{Inst, Value};
use x86::vector::{VecOp, VecShift, VecUnOp};
use x86::{Vector, Width};

impl Vector for Lifter<'_> {
    type Vec = Value;

    fn vec_const(&mut self, value: u128) -> Value {
        self.builder.push(Inst::VecConst(value))
    }
    fn vec_from(&mut self, low: Value, high: Value) -> Value {
        self.builder.vec_from(low, high)
    }
    fn vec_half(&mut self, value: Value, half: u8) -> Value {
        self.builder.vec_lane(Width::W64, value, half)
    }
    fn vec_lane(&mut self, w: Width, value: Value, index: u8) -> Value {
        self.builder.vec_lane(w, value, index)
    }
    fn vec_with_lane(&mut self, w: Width, value: Value, index: u8, lane: Value) -> Value {
        self.builder.vec_with_lane(w, value, index, lane)
    }
    fn vec_bin(&mut self, op: VecOp, a: Value, b: Value) -> Value {
        self.builder.vec_bin(op, a, b)
    }
    fn vec_un(&mut self, op: VecUnOp, a: Value) -> Value {
        self.builder.vec_un(op, a)
    }
    fn vec_shift(&mut self, op: VecShift, a: Value, count: Value) -> Value {
        self.builder.push(Inst::VecShift(op, a, count))
    }
    fn vec_shuffle(&mut self, a: Value, b: Value, pattern: [u8; 16]) -> Value {
        self.builder.push(Inst::VecShuffle(a, b, pattern))
    }
    fn vec_bitmask(&mut self, w: Width, a: Value) -> Value {
        self.builder.push(Inst::VecBitmask(w, a))
    }
}
