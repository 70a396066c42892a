//! Floating-point numbers, as f32 and f64, and vectors of them: one line an operation.
//!
//! Wasm's operators give what x86's do wherever the tests of `x86::vector::float::fast` hold; the lifter has put these in.

use super::emit::Emitter;
use crate::ir::{Inst, Value};
use FloatWidth::{F32, F64};
use anyhow::{Result, bail};
use x86::Width;
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate, RoundControl, Rounding};

impl Emitter<'_> {
    /// Puts a number on the stack.
    pub(super) fn float(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.get_local(local);
            return Ok(());
        }
        match *self.region.inst(value) {
            Inst::FromBits(F64, bits) => {
                self.wide(bits)?;
                self.op().f64_reinterpret_i64();
            }
            Inst::FromBits(F32, bits) => {
                self.narrow(bits)?;
                self.op().f32_reinterpret_i32();
            }
            Inst::VecLaneFloat(w, vector, index) => {
                self.vector(vector)?;
                let mut sink = self.op();
                if w == F32 {
                    sink.f32x4_extract_lane(index)
                } else {
                    sink.f64x2_extract_lane(index)
                };
            }
            Inst::FloatBin(op, w, a, b) => {
                self.float(a)?;
                self.float(b)?;
                self.float_operator(op, w)?;
            }
            Inst::FloatUn(op, a) => self.float_unary(op, a)?,
            ref other => bail!("{other:?} is no number"),
        }
        Ok(())
    }

    fn float_operator(&mut self, op: FloatOp, w: FloatWidth) -> Result<()> {
        let mut sink = self.op();
        match (op, w) {
            (FloatOp::Add, F32) => sink.f32_add(),
            (FloatOp::Add, F64) => sink.f64_add(),
            (FloatOp::Sub, F32) => sink.f32_sub(),
            (FloatOp::Sub, F64) => sink.f64_sub(),
            (FloatOp::Mul, F32) => sink.f32_mul(),
            (FloatOp::Mul, F64) => sink.f64_mul(),
            (FloatOp::Div, F32) => sink.f32_div(),
            (FloatOp::Div, F64) => sink.f64_div(),
            _ => bail!("{op:?} was not expanded"),
        };
        Ok(())
    }

    fn float_unary(&mut self, op: FloatUnOp, a: Value) -> Result<()> {
        match op {
            FloatUnOp::FromInt { from: Width::W32, .. } => self.narrow(a)?,
            FloatUnOp::FromInt { .. } => self.wide(a)?,
            _ => self.float(a)?,
        }
        let mut sink = self.op();
        match op {
            FloatUnOp::Sqrt(F32) => sink.f32_sqrt(),
            FloatUnOp::Sqrt(F64) => sink.f64_sqrt(),
            FloatUnOp::Promote => sink.f64_promote_f32(),
            FloatUnOp::Demote => sink.f32_demote_f64(),
            FloatUnOp::FromInt { from: Width::W32, to: F32 } => sink.f32_convert_i32_s(),
            FloatUnOp::FromInt { from: Width::W32, to: F64 } => sink.f64_convert_i32_s(),
            FloatUnOp::FromInt { to: F32, .. } => sink.f32_convert_i64_s(),
            FloatUnOp::FromInt { to: F64, .. } => sink.f64_convert_i64_s(),
            FloatUnOp::Round(w, control) => return self.rounding(w, control),
            FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt | FloatUnOp::ToInt { .. } => {
                bail!("{op:?} gives no number that Wasm computes")
            }
        };
        Ok(())
    }

    /// Rounds the number on the stack. MXCSR's mode is to nearest: the lifter has tested it.
    fn rounding(&mut self, w: FloatWidth, control: RoundControl) -> Result<()> {
        let mut sink = self.op();
        match (control.rounding.unwrap_or(Rounding::Nearest), w) {
            (Rounding::Nearest, F32) => sink.f32_nearest(),
            (Rounding::Nearest, F64) => sink.f64_nearest(),
            (Rounding::Down, F32) => sink.f32_floor(),
            (Rounding::Down, F64) => sink.f64_floor(),
            (Rounding::Up, F32) => sink.f32_ceil(),
            (Rounding::Up, F64) => sink.f64_ceil(),
            (Rounding::Truncate, F32) => sink.f32_trunc(),
            (Rounding::Truncate, F64) => sink.f64_trunc(),
        };
        Ok(())
    }

    /// Puts the integer that a number converts to on the stack, as i32 or i64 by its width.
    pub(super) fn number_to_integer(&mut self, op: FloatUnOp, a: Value) -> Result<()> {
        let FloatUnOp::ToInt { from, to, truncate } = op else { bail!("{op:?} gives no integer") };
        self.float(a)?;
        if !truncate {
            self.rounding(from, RoundControl { rounding: None, quiet: false })?;
        }
        let mut sink = self.op();
        match (from, to) {
            (F32, Width::W32) => sink.i32_trunc_sat_f32_s(),
            (F64, Width::W32) => sink.i32_trunc_sat_f64_s(),
            (F32, _) => sink.i64_trunc_sat_f32_s(),
            (F64, _) => sink.i64_trunc_sat_f64_s(),
        };
        Ok(())
    }

    /// Puts the truth of a comparison of two numbers on the stack.
    pub(super) fn float_comparison(&mut self, predicate: Predicate, w: FloatWidth, a: Value, b: Value) -> Result<()> {
        self.float(a)?;
        self.float(b)?;
        let mut sink = self.op();
        match (predicate, w) {
            (Predicate::Eq, F32) => sink.f32_eq(),
            (Predicate::Eq, F64) => sink.f64_eq(),
            (Predicate::Ne, F32) => sink.f32_ne(),
            (Predicate::Ne, F64) => sink.f64_ne(),
            (Predicate::Lt, F32) => sink.f32_lt(),
            (Predicate::Lt, F64) => sink.f64_lt(),
            (Predicate::Le, F32) => sink.f32_le(),
            (Predicate::Le, F64) => sink.f64_le(),
            (Predicate::Ge, F32) => sink.f32_ge(),
            (Predicate::Ge, F64) => sink.f64_ge(),
            (Predicate::Gt, F32) => sink.f32_gt(),
            (Predicate::Gt, F64) => sink.f64_gt(),
            _ => bail!("{predicate:?} was not folded"),
        };
        Ok(())
    }

    pub(super) fn with_lane_float(&mut self, w: FloatWidth, a: Value, index: u8, lane: Value) -> Result<()> {
        self.vector(a)?;
        self.float(lane)?;
        let mut sink = self.op();
        if w == F32 {
            sink.f32x4_replace_lane(index)
        } else {
            sink.f64x2_replace_lane(index)
        };
        Ok(())
    }

    pub(super) fn splat_float(&mut self, w: FloatWidth, a: Value) -> Result<()> {
        self.float(a)?;
        let mut sink = self.op();
        match w {
            F32 => sink.f32x4_splat(),
            F64 => sink.f64x2_splat(),
        };
        Ok(())
    }

    pub(super) fn vector_float(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Result<()> {
        // Wasm's pseudo-minimum gives its first operand where x86 gives its second.
        let swapped = matches!(op, FloatOp::Min | FloatOp::Max);
        let (first, second) = if swapped { (b, a) } else { (a, b) };
        self.vector(first)?;
        self.vector(second)?;
        if w == F32 { self.vector_operator32(op) } else { self.vector_operator64(op) }
    }

    fn vector_operator32(&mut self, op: FloatOp) -> Result<()> {
        let mut sink = self.op();
        match op {
            FloatOp::Add => sink.f32x4_add(),
            FloatOp::Sub => sink.f32x4_sub(),
            FloatOp::Mul => sink.f32x4_mul(),
            FloatOp::Div => sink.f32x4_div(),
            FloatOp::Min => sink.f32x4_pmin(),
            FloatOp::Max => sink.f32x4_pmax(),
            FloatOp::Cmp(Predicate::Eq) => sink.f32x4_eq(),
            FloatOp::Cmp(Predicate::Ne) => sink.f32x4_ne(),
            FloatOp::Cmp(Predicate::Lt) => sink.f32x4_lt(),
            FloatOp::Cmp(Predicate::Le) => sink.f32x4_le(),
            FloatOp::Cmp(Predicate::Ge) => sink.f32x4_ge(),
            FloatOp::Cmp(Predicate::Gt) => sink.f32x4_gt(),
            FloatOp::AddSub | FloatOp::Cmp(_) => bail!("{op:?} was not expanded"),
        };
        Ok(())
    }

    fn vector_operator64(&mut self, op: FloatOp) -> Result<()> {
        let mut sink = self.op();
        match op {
            FloatOp::Add => sink.f64x2_add(),
            FloatOp::Sub => sink.f64x2_sub(),
            FloatOp::Mul => sink.f64x2_mul(),
            FloatOp::Div => sink.f64x2_div(),
            FloatOp::Min => sink.f64x2_pmin(),
            FloatOp::Max => sink.f64x2_pmax(),
            FloatOp::Cmp(Predicate::Eq) => sink.f64x2_eq(),
            FloatOp::Cmp(Predicate::Ne) => sink.f64x2_ne(),
            FloatOp::Cmp(Predicate::Lt) => sink.f64x2_lt(),
            FloatOp::Cmp(Predicate::Le) => sink.f64x2_le(),
            FloatOp::Cmp(Predicate::Ge) => sink.f64x2_ge(),
            FloatOp::Cmp(Predicate::Gt) => sink.f64x2_gt(),
            FloatOp::AddSub | FloatOp::Cmp(_) => bail!("{op:?} was not expanded"),
        };
        Ok(())
    }

    pub(super) fn vector_float_unary(&mut self, op: FloatUnOp, a: Value) -> Result<()> {
        self.vector(a)?;
        if let FloatUnOp::ToInt { from, truncate: false, .. } = op {
            self.vector_rounding(from, Rounding::Nearest);
        }
        let mut sink = self.op();
        match op {
            FloatUnOp::Sqrt(F32) => sink.f32x4_sqrt(),
            FloatUnOp::Sqrt(F64) => sink.f64x2_sqrt(),
            FloatUnOp::Promote => sink.f64x2_promote_low_f32x4(),
            FloatUnOp::Demote => sink.f32x4_demote_f64x2_zero(),
            FloatUnOp::FromInt { from: Width::W32, to: F32 } => sink.f32x4_convert_i32x4_s(),
            FloatUnOp::FromInt { from: Width::W32, to: F64 } => sink.f64x2_convert_low_i32x4_s(),
            FloatUnOp::ToInt { from: F32, to: Width::W32, .. } => sink.i32x4_trunc_sat_f32x4_s(),
            FloatUnOp::ToInt { from: F64, to: Width::W32, .. } => sink.i32x4_trunc_sat_f64x2_s_zero(),
            FloatUnOp::Round(w, control) => {
                self.vector_rounding(w, control.rounding.unwrap_or(Rounding::Nearest));
                return Ok(());
            }
            _ => bail!("{op:?} has no form for vectors"),
        };
        Ok(())
    }

    fn vector_rounding(&mut self, w: FloatWidth, rounding: Rounding) {
        let mut sink = self.op();
        match (rounding, w) {
            (Rounding::Nearest, F32) => sink.f32x4_nearest(),
            (Rounding::Nearest, F64) => sink.f64x2_nearest(),
            (Rounding::Down, F32) => sink.f32x4_floor(),
            (Rounding::Down, F64) => sink.f64x2_floor(),
            (Rounding::Up, F32) => sink.f32x4_ceil(),
            (Rounding::Up, F64) => sink.f64x2_ceil(),
            (Rounding::Truncate, F32) => sink.f32x4_trunc(),
            (Rounding::Truncate, F64) => sink.f64x2_trunc(),
        };
    }
}
