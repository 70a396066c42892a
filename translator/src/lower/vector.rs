//! 128-bit values: one line an operation.

use super::emit::{Emitter, at, unaligned};
use crate::ir::{Inst, Value};
use anyhow::{Result, bail};
use core::mem::offset_of;
use runtime::cpu::Cpu;
use x86::Width;
use x86::vector::{VecOp, VecShift, VecUnOp};

/// Moves the even 32-bit lanes to the low half, as the pattern of a swizzle.
const EVEN: i128 = 0x0b0a_0908_0302_0100_0b0a_0908_0302_0100;

impl Emitter<'_> {
    /// Puts a vector on the stack.
    pub(super) fn vector(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.get_local(local);
            return Ok(());
        }
        match *self.region.inst(value) {
            Inst::Get(reg) => {
                let local = self.register(reg);
                self.get_local(local);
            }
            Inst::VecConst(constant) => self.vector_constant(constant),
            Inst::LoadVec(pointer, offset) => {
                let offset = offset + self.place(pointer)?;
                self.op().v128_load(unaligned(offset));
            }
            Inst::LoadLow(w, pointer, offset) => {
                let offset = offset + self.place(pointer)?;
                match w {
                    Width::W32 => self.op().v128_load32_zero(unaligned(offset)),
                    _ => self.op().v128_load64_zero(unaligned(offset)),
                };
            }
            Inst::VecFrom(low, high) => self.vector_of(low, high)?,
            Inst::VecWithLane(w, a, index, lane) => self.with_lane(w, a, index, lane)?,
            Inst::VecBin(op, a, b) => self.vector_binary(op, a, b)?,
            Inst::VecUn(op, a) => {
                self.vector(a)?;
                self.vector_unary(op)?;
            }
            Inst::VecShift(op, a, count) => {
                self.vector(a)?;
                self.narrow(count)?;
                self.vector_shift(op);
            }
            Inst::VecShuffle(a, b, pattern) => {
                self.vector(a)?;
                self.vector(b)?;
                self.op().i8x16_shuffle(pattern);
            }
            Inst::VecWithLaneFloat(w, a, index, lane) => self.with_lane_float(w, a, index, lane)?,
            Inst::HelpVec(op, operands) => self.help_vector(op, operands)?,
            Inst::VecSplatFloat(w, a) => self.splat_float(w, a)?,
            Inst::VecFloatBin(op, w, a, b) => self.vector_float(op, w, a, b)?,
            Inst::VecFloatUn(op, a) => self.vector_float_unary(op, a)?,
            ref other => bail!("{other:?} is no vector"),
        }
        Ok(())
    }

    /// Puts a constant on the stack. The engine would take one of a loop's seldom computed tests out of the loop, and keep a
    /// register for it; so it is made of a byte that is loaded, of which the engine does not know that it is 0.
    fn vector_constant(&mut self, constant: u128) {
        if !self.seldom || !self.in_loop() {
            self.op().v128_const(constant as i128);
            return;
        }
        // Generations are in bits 48 to 63.
        let zero = at(self.cpu(offset_of!(Cpu, kernel_generation)), 1);
        let [low, high] = [constant as i64, (constant >> 64) as i64];
        self.op().i32_const(0).i64_load8_u(zero).i64_const(low).i64_or().i64x2_splat();
        if high != low {
            self.op().i32_const(0).i64_load8_u(zero).i64_const(high).i64_or().i64x2_replace_lane(1);
        }
    }

    fn vector_of(&mut self, low: Value, high: Value) -> Result<()> {
        if self.region.constant(high) == Some(0) {
            self.op().v128_const(0);
            self.wide(low)?;
            self.op().i64x2_replace_lane(0);
            return Ok(());
        }
        self.wide(low)?;
        self.op().i64x2_splat();
        if low != high {
            self.wide(high)?;
            self.op().i64x2_replace_lane(1);
        }
        Ok(())
    }

    fn with_lane(&mut self, w: Width, a: Value, index: u8, lane: Value) -> Result<()> {
        self.vector(a)?;
        if w == Width::W64 {
            self.wide(lane)?
        } else {
            self.narrow(lane)?
        }
        match w {
            Width::W8 => self.op().i8x16_replace_lane(index),
            Width::W16 => self.op().i16x8_replace_lane(index),
            Width::W32 => self.op().i32x4_replace_lane(index),
            Width::W64 => self.op().i64x2_replace_lane(index),
        };
        Ok(())
    }

    /// Puts a lane below 64 bits, or a mask of sign bits, on the stack as i32.
    pub(super) fn narrow_of_vector(&mut self, value: Value) -> Result<()> {
        match *self.region.inst(value) {
            Inst::VecLane(w, a, index) => {
                self.vector(a)?;
                match w {
                    Width::W8 => self.op().i8x16_extract_lane_u(index),
                    Width::W16 => self.op().i16x8_extract_lane_u(index),
                    Width::W32 => self.op().i32x4_extract_lane(index),
                    Width::W64 => self.op().i64x2_extract_lane(index).i32_wrap_i64(),
                };
            }
            Inst::VecBitmask(w, a) => {
                self.vector(a)?;
                match w {
                    Width::W8 => self.op().i8x16_bitmask(),
                    Width::W16 => self.op().i16x8_bitmask(),
                    Width::W32 => self.op().i32x4_bitmask(),
                    Width::W64 => self.op().i64x2_bitmask(),
                };
            }
            ref other => bail!("{other:?} is not taken from a vector"),
        }
        Ok(())
    }

    fn vector_binary(&mut self, op: VecOp, a: Value, b: Value) -> Result<()> {
        let even = matches!(op, VecOp::I64x2MulEvenI32x4S | VecOp::I64x2MulEvenI32x4U);
        for operand in [a, b] {
            self.vector(operand)?;
            if even {
                self.op().v128_const(EVEN).i8x16_swizzle();
            }
        }
        self.vector_operator(op)
    }

    #[rustfmt::skip]
    fn vector_operator(&mut self, op: VecOp) -> Result<()> {
        use VecOp::*;
        let mut sink = self.op();
        match op {
            V128And             => sink.v128_and(),
            V128Or              => sink.v128_or(),
            V128Xor             => sink.v128_xor(),
            V128Andnot          => sink.v128_andnot(),
            I8x16Add            => sink.i8x16_add(),
            I8x16AddSatS        => sink.i8x16_add_sat_s(),
            I8x16AddSatU        => sink.i8x16_add_sat_u(),
            I8x16Sub            => sink.i8x16_sub(),
            I8x16SubSatS        => sink.i8x16_sub_sat_s(),
            I8x16SubSatU        => sink.i8x16_sub_sat_u(),
            I8x16AvgrU          => sink.i8x16_avgr_u(),
            I8x16MinS           => sink.i8x16_min_s(),
            I8x16MinU           => sink.i8x16_min_u(),
            I8x16MaxS           => sink.i8x16_max_s(),
            I8x16MaxU           => sink.i8x16_max_u(),
            I8x16Eq             => sink.i8x16_eq(),
            I8x16GtS            => sink.i8x16_gt_s(),
            I8x16NarrowI16x8S   => sink.i8x16_narrow_i16x8_s(),
            I8x16NarrowI16x8U   => sink.i8x16_narrow_i16x8_u(),
            I8x16Pshufb         => sink.i8x16_swizzle(),
            I16x8Add            => sink.i16x8_add(),
            I16x8AddSatS        => sink.i16x8_add_sat_s(),
            I16x8AddSatU        => sink.i16x8_add_sat_u(),
            I16x8Sub            => sink.i16x8_sub(),
            I16x8SubSatS        => sink.i16x8_sub_sat_s(),
            I16x8SubSatU        => sink.i16x8_sub_sat_u(),
            I16x8Mul            => sink.i16x8_mul(),
            I16x8AvgrU          => sink.i16x8_avgr_u(),
            I16x8MinS           => sink.i16x8_min_s(),
            I16x8MinU           => sink.i16x8_min_u(),
            I16x8MaxS           => sink.i16x8_max_s(),
            I16x8MaxU           => sink.i16x8_max_u(),
            I16x8Eq             => sink.i16x8_eq(),
            I16x8GtS            => sink.i16x8_gt_s(),
            I16x8NarrowI32x4S   => sink.i16x8_narrow_i32x4_s(),
            I16x8NarrowI32x4U   => sink.i16x8_narrow_i32x4_u(),
            I32x4Add            => sink.i32x4_add(),
            I32x4Sub            => sink.i32x4_sub(),
            I32x4Mul            => sink.i32x4_mul(),
            I32x4MinS           => sink.i32x4_min_s(),
            I32x4MinU           => sink.i32x4_min_u(),
            I32x4MaxS           => sink.i32x4_max_s(),
            I32x4MaxU           => sink.i32x4_max_u(),
            I32x4Eq             => sink.i32x4_eq(),
            I32x4GtS            => sink.i32x4_gt_s(),
            I32x4DotI16x8S      => sink.i32x4_dot_i16x8_s(),
            I64x2Add            => sink.i64x2_add(),
            I64x2Sub            => sink.i64x2_sub(),
            I64x2Eq             => sink.i64x2_eq(),
            I64x2GtS            => sink.i64x2_gt_s(),
            I64x2MulEvenI32x4S  => sink.i64x2_extmul_low_i32x4_s(),
            I64x2MulEvenI32x4U  => sink.i64x2_extmul_low_i32x4_u(),
            I8x16Sign | I16x8Sign | I32x4Sign | I16x8MulHighS | I16x8MulHighU | I16x8MulRoundQ15
            | I16x8DotI8x16UsSat | I64x2SadI8x16U => bail!("{op:?} was not expanded"),
        };
        Ok(())
    }

    #[rustfmt::skip]
    fn vector_unary(&mut self, op: VecUnOp) -> Result<()> {
        use VecUnOp::*;
        let mut sink = self.op();
        match op {
            V128Not              => sink.v128_not(),
            I8x16Abs             => sink.i8x16_abs(),
            I16x8Abs             => sink.i16x8_abs(),
            I32x4Abs             => sink.i32x4_abs(),
            I16x8ExtendLowI8x16S => sink.i16x8_extend_low_i8x16_s(),
            I16x8ExtendLowI8x16U => sink.i16x8_extend_low_i8x16_u(),
            I32x4ExtendLowI16x8S => sink.i32x4_extend_low_i16x8_s(),
            I32x4ExtendLowI16x8U => sink.i32x4_extend_low_i16x8_u(),
            I64x2ExtendLowI32x4S => sink.i64x2_extend_low_i32x4_s(),
            I64x2ExtendLowI32x4U => sink.i64x2_extend_low_i32x4_u(),
            I16x8MinPosU         => bail!("{op:?} was not expanded"),
        };
        Ok(())
    }

    #[rustfmt::skip]
    fn vector_shift(&mut self, op: VecShift) {
        use VecShift::*;
        let mut sink = self.op();
        match op {
            I16x8Shl  => sink.i16x8_shl(),
            I16x8ShrU => sink.i16x8_shr_u(),
            I16x8ShrS => sink.i16x8_shr_s(),
            I32x4Shl  => sink.i32x4_shl(),
            I32x4ShrU => sink.i32x4_shr_u(),
            I32x4ShrS => sink.i32x4_shr_s(),
            I64x2Shl  => sink.i64x2_shl(),
            I64x2ShrU => sink.i64x2_shr_u(),
        };
    }
}
