//! Integer expressions. A value is wanted as i64 (zero-extended) or as i32 (its low 32 bits, *narrow*); asking for what is
//! wanted lets 32-bit code be 32-bit operators, with extensions only where a whole register is written.

use super::emit::{BASE, Emitter, unaligned};
use super::shared::Shared;
use crate::ir::{Inst, Value};
use anyhow::{Result, bail, ensure};
use wasm_encoder::ValType;
use x86::vector::float::{FloatUnOp, FloatWidth};
use x86::{BinOp, UnOp, Width};

/// The low half of an i64.
const LOW: u64 = 0xffff_ffff;

impl Emitter<'_> {
    /// Puts an integer on the stack as i64.
    pub(super) fn wide(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.get_local(local);
            return Ok(());
        }
        match *self.region.inst(value) {
            Inst::Const(constant) => drop(self.op().i64_const(constant as i64)),
            Inst::Base => self.get_local(BASE),
            Inst::Read(field) => self.read_field(field),
            Inst::Budget(retired) => self.remaining(retired),
            Inst::Temp(temp) => {
                let local = self.temp(temp);
                self.get_local(local);
            }
            Inst::Distance { access, address } => self.distance(access, address)?,
            Inst::Get(reg) => {
                let local = self.register(reg);
                self.get_local(local);
            }
            Inst::FlagsWord { op, operands: [dst, src, carry] } => {
                self.wide(dst)?;
                self.narrow(op)?;
                self.wide(src)?;
                self.wide(carry)?;
                let function = self.addresses.shared(Shared::FlagsWord);
                self.op().call(function);
            }
            Inst::Int(_) => self.extended(value)?,
            // The same as where 32 bits are wanted, and shorter.
            Inst::Bin(BinOp::And, _, _, mask) if self.region.constant(mask).is_some_and(|m| m <= LOW) => {
                self.extended(value)?;
            }
            Inst::Bin(op, Width::W64, a, b) => {
                self.wide(a)?;
                self.wide(b)?;
                self.wide_operator(op)?;
            }
            Inst::Bin(op @ (BinOp::And | BinOp::Or | BinOp::Xor), _, a, b) if !self.is_narrow(a, b) => {
                self.wide(a)?;
                self.wide(b)?;
                self.wide_operator(op)?;
            }
            Inst::Bin(BinOp::MulHighUnsigned | BinOp::MulHighSigned, ..) | Inst::Bin(..) => self.extended(value)?,
            Inst::Un(op, w, a) => self.wide_unary(value, op, w, a)?,
            Inst::Select(condition, then, other) => {
                self.wide(then)?;
                self.wide(other)?;
                self.truth(condition)?;
                self.op().select();
            }
            Inst::Load(w, pointer, offset) => {
                let offset = offset + self.place(pointer)?;
                match w {
                    Width::W8 => self.op().i64_load8_u(unaligned(offset)),
                    Width::W16 => self.op().i64_load16_u(unaligned(offset)),
                    Width::W32 => self.op().i64_load32_u(unaligned(offset)),
                    Width::W64 => self.op().i64_load(unaligned(offset)),
                };
            }
            Inst::VecLane(Width::W64, vector, half) => {
                self.vector(vector)?;
                self.op().i64x2_extract_lane(half);
            }
            Inst::VecLane(..) | Inst::VecBitmask(..) => self.extended(value)?,
            Inst::Bits(FloatWidth::F64, number) => {
                self.float(number)?;
                self.op().i64_reinterpret_f64();
            }
            Inst::Bits(FloatWidth::F32, _) | Inst::FloatUn(FloatUnOp::ToInt { to: Width::W32, .. }, _) => {
                self.extended(value)?;
            }
            Inst::FloatUn(op, a) => self.number_to_integer(op, a)?,
            Inst::HelpInt(op, operands) => self.help_integer(op, operands)?,
            ref other => bail!("{other:?} is no integer that can be lowered"),
        }
        Ok(())
    }

    fn is_narrow(&self, a: Value, b: Value) -> bool {
        let narrow = |v: Value| matches!(self.region.inst(v), Inst::Bin(_, Width::W8 | Width::W16 | Width::W32, ..));
        narrow(a) || narrow(b)
    }

    fn extended(&mut self, value: Value) -> Result<()> {
        self.narrow(value)?;
        self.op().i64_extend_i32_u();
        Ok(())
    }

    fn wide_operator(&mut self, op: BinOp) -> Result<()> {
        let mut sink = self.op();
        match op {
            BinOp::Add => sink.i64_add(),
            BinOp::Sub => sink.i64_sub(),
            BinOp::Mul => sink.i64_mul(),
            BinOp::DivUnsigned => sink.i64_div_u(),
            BinOp::RemUnsigned => sink.i64_rem_u(),
            BinOp::DivSigned => sink.i64_div_s(),
            BinOp::RemSigned => sink.i64_rem_s(),
            BinOp::And => sink.i64_and(),
            BinOp::Or => sink.i64_or(),
            BinOp::Xor => sink.i64_xor(),
            BinOp::Shl => sink.i64_shl(),
            BinOp::Shr => sink.i64_shr_u(),
            BinOp::Sar => sink.i64_shr_s(),
            BinOp::Rotl => sink.i64_rotl(),
            BinOp::Rotr => sink.i64_rotr(),
            BinOp::MulHighUnsigned | BinOp::MulHighSigned => return self.high_half(op),
        };
        Ok(())
    }

    /// Puts the high half of the product of two numbers on the stack.
    fn high_half(&mut self, op: BinOp) -> Result<()> {
        ensure!(self.region.wide_products, "{op:?} at 64 bits was not expanded");
        match op {
            BinOp::MulHighSigned => self.op().i64_mul_wide_s(),
            _ => self.op().i64_mul_wide_u(),
        };
        let high = self.scratch(ValType::I64);
        self.op().local_set(high).drop().local_get(high);
        self.give_back(ValType::I64, high);
        Ok(())
    }

    fn wide_unary(&mut self, value: Value, op: UnOp, w: Width, a: Value) -> Result<()> {
        match (op, w) {
            (UnOp::SignExtend, Width::W32) => {
                self.narrow(a)?;
                self.op().i64_extend_i32_s();
            }
            (UnOp::SignExtend, _) => {
                self.wide(a)?;
                let mut sink = self.op();
                if w == Width::W8 {
                    sink.i64_extend8_s()
                } else {
                    sink.i64_extend16_s()
                };
            }
            (UnOp::Neg, Width::W64) => {
                self.op().i64_const(0);
                self.wide(a)?;
                self.op().i64_sub();
            }
            (_, Width::W64) => {
                self.wide(a)?;
                match op {
                    UnOp::Not => self.op().i64_const(-1).i64_xor(),
                    UnOp::Popcnt => self.op().i64_popcnt(),
                    UnOp::Clz => self.op().i64_clz(),
                    UnOp::Ctz => self.op().i64_ctz(),
                    _ => bail!("{op:?} was not folded"),
                };
            }
            _ => self.extended(value)?,
        }
        Ok(())
    }

    /// Puts the low 32 bits of an integer on the stack as i32.
    pub(super) fn narrow(&mut self, value: Value) -> Result<()> {
        if self.held(value).is_some() {
            return self.wrapped(value);
        }
        match *self.region.inst(value) {
            Inst::Const(constant) => drop(self.op().i32_const(constant as i32)),
            Inst::Int(truth) => self.truth(truth)?,
            Inst::Bin(op, w, a, b) => self.narrow_binary(value, op, w, a, b)?,
            Inst::Un(op, w, a) => self.narrow_unary(value, op, w, a)?,
            Inst::Select(condition, then, other) => {
                self.narrow(then)?;
                self.narrow(other)?;
                self.truth(condition)?;
                self.op().select();
            }
            Inst::Load(w, pointer, offset) => {
                let offset = offset + self.place(pointer)?;
                match w {
                    Width::W8 => self.op().i32_load8_u(unaligned(offset)),
                    Width::W16 => self.op().i32_load16_u(unaligned(offset)),
                    Width::W32 | Width::W64 => self.op().i32_load(unaligned(offset)),
                };
            }
            Inst::VecLane(..) | Inst::VecBitmask(..) => self.narrow_of_vector(value)?,
            Inst::Bits(FloatWidth::F32, number) => {
                self.float(number)?;
                self.op().i32_reinterpret_f32();
            }
            Inst::FloatUn(op @ FloatUnOp::ToInt { to: Width::W32, .. }, a) => self.number_to_integer(op, a)?,
            _ => self.wrapped(value)?,
        }
        Ok(())
    }

    fn wrapped(&mut self, value: Value) -> Result<()> {
        self.wide(value)?;
        self.op().i32_wrap_i64();
        Ok(())
    }

    fn narrow_binary(&mut self, value: Value, op: BinOp, w: Width, a: Value, b: Value) -> Result<()> {
        use BinOp::{Add, And, Mul, Or, Sar, Shl, Shr, Sub, Xor};
        let short = self.region.possible(b) < 32;
        match (op, w) {
            (And, _) if self.region.constant(b).is_some_and(|mask| mask & LOW == LOW) => self.narrow(a),
            (And | Or | Xor, _) | (Add | Sub | Mul, Width::W32 | Width::W64) => self.narrow_operator(op, a, b),
            (Shl, Width::W64) if short => self.narrow_operator(op, a, b),
            (Shr, Width::W64) if short && self.region.possible(a) <= LOW => self.narrow_operator(op, a, b),
            (Sar, Width::W64) if short => match *self.region.inst(a) {
                Inst::Un(UnOp::SignExtend, Width::W32, x) if self.held(a).is_none() => self.narrow_operator(op, x, b),
                _ => self.wrapped(value),
            },
            (_, Width::W64) => self.wrapped(value),
            (_, Width::W32) => self.binary32(op, a, b),
            _ => {
                self.binary_small(op, w, a, b)?;
                self.op().i32_const(w.mask() as i32).i32_and();
                Ok(())
            }
        }
    }

    fn narrow_operator(&mut self, op: BinOp, a: Value, b: Value) -> Result<()> {
        self.narrow(a)?;
        self.narrow(b)?;
        let mut sink = self.op();
        match op {
            BinOp::Add => sink.i32_add(),
            BinOp::Sub => sink.i32_sub(),
            BinOp::Mul => sink.i32_mul(),
            BinOp::DivUnsigned => sink.i32_div_u(),
            BinOp::RemUnsigned => sink.i32_rem_u(),
            BinOp::DivSigned => sink.i32_div_s(),
            BinOp::RemSigned => sink.i32_rem_s(),
            BinOp::And => sink.i32_and(),
            BinOp::Or => sink.i32_or(),
            BinOp::Xor => sink.i32_xor(),
            BinOp::Shl => sink.i32_shl(),
            BinOp::Shr => sink.i32_shr_u(),
            BinOp::Sar => sink.i32_shr_s(),
            BinOp::Rotl => sink.i32_rotl(),
            BinOp::Rotr => sink.i32_rotr(),
            BinOp::MulHighUnsigned | BinOp::MulHighSigned => bail!("{op:?} is not one operator"),
        };
        Ok(())
    }

    fn binary32(&mut self, op: BinOp, a: Value, b: Value) -> Result<()> {
        let signed = op == BinOp::MulHighSigned;
        if !signed && op != BinOp::MulHighUnsigned {
            return self.narrow_operator(op, a, b);
        }
        for operand in [a, b] {
            self.narrow(operand)?;
            let mut sink = self.op();
            if signed {
                sink.i64_extend_i32_s()
            } else {
                sink.i64_extend_i32_u()
            };
        }
        self.op().i64_mul().i64_const(32).i64_shr_u().i32_wrap_i64();
        Ok(())
    }

    /// 8 and 16 bits, in i32 operators; the caller cuts the result.
    fn binary_small(&mut self, op: BinOp, w: Width, a: Value, b: Value) -> Result<()> {
        match op {
            BinOp::Sar => {
                self.narrow_signed(w, a)?;
                self.narrow(b)?;
                self.op().i32_shr_s();
            }
            BinOp::DivSigned | BinOp::RemSigned | BinOp::MulHighSigned => {
                self.narrow_signed(w, a)?;
                self.narrow_signed(w, b)?;
                match op {
                    BinOp::DivSigned => self.op().i32_div_s(),
                    BinOp::RemSigned => self.op().i32_rem_s(),
                    _ => self.op().i32_mul().i32_const(w.bits() as i32).i32_shr_u(),
                };
            }
            BinOp::MulHighUnsigned => {
                self.narrow_operator(BinOp::Mul, a, b)?;
                self.op().i32_const(w.bits() as i32).i32_shr_u();
            }
            BinOp::Rotl | BinOp::Rotr => {
                // Copies side by side fill 32 bits; rotating those rotates each.
                let copies = if w == Width::W8 { 0x0101_0101 } else { 0x0001_0001 };
                self.narrow(a)?;
                self.op().i32_const(copies).i32_mul();
                self.narrow(b)?;
                let mut sink = self.op();
                if op == BinOp::Rotl {
                    sink.i32_rotl()
                } else {
                    sink.i32_rotr()
                };
            }
            _ => self.narrow_operator(op, a, b)?,
        }
        Ok(())
    }

    /// Low bits of a value of width `w`, sign-extended to i32.
    pub(super) fn narrow_signed(&mut self, w: Width, value: Value) -> Result<()> {
        self.narrow(value)?;
        match w {
            Width::W8 => drop(self.op().i32_extend8_s()),
            Width::W16 => drop(self.op().i32_extend16_s()),
            Width::W32 | Width::W64 => {}
        }
        Ok(())
    }

    fn narrow_unary(&mut self, value: Value, op: UnOp, w: Width, a: Value) -> Result<()> {
        match (op, w) {
            (UnOp::SignExtend, _) => return self.narrow_signed(w, a),
            (UnOp::Not, Width::W64) => {
                self.narrow(a)?;
                self.op().i32_const(-1).i32_xor();
            }
            (UnOp::Not, _) => {
                self.narrow(a)?;
                self.op().i32_const(w.mask() as i32).i32_xor();
            }
            (UnOp::Neg, _) => {
                self.op().i32_const(0);
                self.narrow(a)?;
                self.op().i32_sub();
                if w < Width::W32 {
                    self.op().i32_const(w.mask() as i32).i32_and();
                }
            }
            (_, Width::W64) => return self.wrapped(value),
            _ => {
                self.narrow(a)?;
                let spare = 32 - w.bits() as i32;
                match op {
                    UnOp::Popcnt => drop(self.op().i32_popcnt()),
                    UnOp::Clz if spare == 0 => drop(self.op().i32_clz()),
                    UnOp::Clz => drop(self.op().i32_clz().i32_const(spare).i32_sub()),
                    UnOp::Ctz if spare == 0 => drop(self.op().i32_ctz()),
                    // A bit above the value ends the count.
                    UnOp::Ctz => drop(self.op().i32_const(1 << w.bits()).i32_or().i32_ctz()),
                    _ => bail!("{op:?} was not folded"),
                }
            }
        }
        Ok(())
    }
}
