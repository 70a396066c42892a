//! The abstract machine that instruction bodies are written over.
//!
//! [`Arith`] is arithmetic on values, [`Vector`] that on 128-bit values, [`Machine`] adds state: registers, memory, flags,
//! control. The interpreter's values are integers, the lifter's are IR values; a body cannot tell.

use crate::flags::{FlagOp, Flags};
use crate::insn::{Gpr, Insn, Segment};
use crate::integer::IntegerOp;
use crate::privileged::Privileged;
use crate::vector::float::{FloatOp, FloatUnOp, FloatWidth, LargeFloatOp};
use crate::vector::{LargeOp, Vector};
use crate::width::Width;

/// Operations on two integers of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BinOp {
    /// Sum, modulo 2^w.
    Add,
    /// Difference, modulo 2^w.
    Sub,
    /// Low w bits of the product.
    Mul,
    /// High w bits of the unsigned product.
    MulHighUnsigned,
    /// High w bits of the signed product.
    MulHighSigned,
    /// Unsigned quotient; the divisor is not 0.
    DivUnsigned,
    /// Unsigned remainder; the divisor is not 0.
    RemUnsigned,
    /// Signed quotient, towards 0; the divisor is not 0 and the quotient representable.
    DivSigned,
    /// Signed remainder; the divisor is not 0 and the quotient representable.
    RemSigned,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Left shift; the count is below w.
    Shl,
    /// Unsigned right shift; the count is below w.
    Shr,
    /// Signed right shift; the count is below w.
    Sar,
    /// Left rotation; the count is below w.
    Rotl,
    /// Right rotation; the count is below w.
    Rotr,
}

/// Operations on one integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum UnOp {
    /// Bitwise complement.
    Not,
    /// Two's complement.
    Neg,
    /// Number of one bits.
    Popcnt,
    /// Number of leading zero bits; w for 0.
    Clz,
    /// Number of trailing zero bits; w for 0.
    Ctz,
    /// Bytes in reverse order (32 and 64 bits).
    Bswap,
    /// Sign extension from w to 64 bits.
    SignExtend,
    /// Zero extension from w to 64 bits: cuts a value to w.
    Truncate,
}

/// Comparisons of two integers of one width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Compare {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Unsigned less.
    LtUnsigned,
    /// Unsigned less or equal.
    LeUnsigned,
    /// Signed less.
    LtSigned,
    /// Signed less or equal.
    LeSigned,
}

/// Arithmetic on values.
pub trait Arith {
    /// An integer of up to 64 bits, held zero-extended.
    type Int: Copy;
    /// A truth value.
    type Bool: Copy;

    /// A constant.
    fn imm(&mut self, value: u64) -> Self::Int;
    /// `a op b` at width `w`.
    fn bin(&mut self, op: BinOp, w: Width, a: Self::Int, b: Self::Int) -> Self::Int;
    /// `op a` at width `w`.
    fn un(&mut self, op: UnOp, w: Width, a: Self::Int) -> Self::Int;
    /// `a op b` at width `w`.
    fn compare(&mut self, op: Compare, w: Width, a: Self::Int, b: Self::Int) -> Self::Bool;
    /// 1 for true, 0 for false.
    fn int(&mut self, b: Self::Bool) -> Self::Int;
    /// `then` where the condition holds, else `other`; both are computed.
    fn select(&mut self, condition: Self::Bool, then: Self::Int, other: Self::Int) -> Self::Int;
    /// Negation.
    fn not(&mut self, b: Self::Bool) -> Self::Bool;
    /// Conjunction; both are computed.
    fn both(&mut self, a: Self::Bool, b: Self::Bool) -> Self::Bool;
    /// Disjunction; both are computed.
    fn either(&mut self, a: Self::Bool, b: Self::Bool) -> Self::Bool;

    /// [`BinOp::Add`].
    #[inline(always)]
    fn add(&mut self, w: Width, a: Self::Int, b: Self::Int) -> Self::Int {
        self.bin(BinOp::Add, w, a, b)
    }
    /// [`BinOp::Sub`].
    #[inline(always)]
    fn sub(&mut self, w: Width, a: Self::Int, b: Self::Int) -> Self::Int {
        self.bin(BinOp::Sub, w, a, b)
    }
    /// [`BinOp::And`] at 64 bits, which serves every width.
    #[inline(always)]
    fn and(&mut self, a: Self::Int, b: Self::Int) -> Self::Int {
        self.bin(BinOp::And, Width::W64, a, b)
    }
    /// [`BinOp::Or`] at 64 bits, which serves every width.
    #[inline(always)]
    fn or(&mut self, a: Self::Int, b: Self::Int) -> Self::Int {
        self.bin(BinOp::Or, Width::W64, a, b)
    }
    /// [`BinOp::Xor`] at 64 bits, which serves every width.
    #[inline(always)]
    fn xor(&mut self, a: Self::Int, b: Self::Int) -> Self::Int {
        self.bin(BinOp::Xor, Width::W64, a, b)
    }
    /// `a` and a constant mask.
    #[inline(always)]
    fn and_imm(&mut self, a: Self::Int, mask: u64) -> Self::Int {
        let mask = self.imm(mask);
        self.and(a, mask)
    }
    /// Left shift of the 64-bit value by a constant below 64.
    #[inline(always)]
    fn shl_imm(&mut self, a: Self::Int, count: u32) -> Self::Int {
        let count = self.imm(count.into());
        self.bin(BinOp::Shl, Width::W64, a, count)
    }
    /// Unsigned right shift of the 64-bit value by a constant below 64.
    #[inline(always)]
    fn shr_imm(&mut self, a: Self::Int, count: u32) -> Self::Int {
        let count = self.imm(count.into());
        self.bin(BinOp::Shr, Width::W64, a, count)
    }
    /// Whether `a` is 0 (at 64 bits, which serves every width).
    #[inline(always)]
    fn is_zero(&mut self, a: Self::Int) -> Self::Bool {
        let zero = self.imm(0);
        self.compare(Compare::Eq, Width::W64, a, zero)
    }
    /// Whether `a` is not 0.
    #[inline(always)]
    fn is_nonzero(&mut self, a: Self::Int) -> Self::Bool {
        let zero = self.imm(0);
        self.compare(Compare::Ne, Width::W64, a, zero)
    }
    /// Whether the sign bit of `a` at width `w` is set.
    #[inline(always)]
    fn is_negative(&mut self, w: Width, a: Self::Int) -> Self::Bool {
        let zero = self.imm(0);
        self.compare(Compare::LtSigned, w, a, zero)
    }
}

/// An address that no access is allowed at.
pub const NOT_CANONICAL: u64 = 1 << 63;

/// The machine: state and control.
pub trait Machine: Vector + Privileged {
    /// Why an instruction did not complete: a fault in the interpreter, "not liftable" in the lifter.
    type Stop;

    /// The whole 64-bit register.
    fn gpr(&mut self, r: Gpr) -> Self::Int;
    /// Sets the whole 64-bit register.
    fn set_gpr(&mut self, r: Gpr, value: Self::Int);
    /// Base of FS or GS; 0 for the other segments.
    fn segment_base(&mut self, segment: Segment) -> Self::Int;
    /// Linear address, in compatibility mode, of an access of `size` bytes (0 for one of unknown size) at an offset below
    /// 2^32 in a segment. Where the segment does not allow it this is an address that the access faults at. A machine that
    /// has 64-bit mode alone is never asked.
    fn segmented(&mut self, _segment: Segment, _offset: Self::Int, _size: u64) -> Self::Int {
        self.imm(NOT_CANONICAL)
    }
    /// How much of RSP counts in compatibility mode: SS.B. A machine that has 64-bit mode alone is never asked.
    fn stack_width(&mut self) -> Width {
        Width::W64
    }
    /// Address of the instruction's first byte.
    fn rip(&mut self) -> Self::Int;

    /// Loads `w` from a linear address.
    ///
    /// # Errors
    /// The fault.
    fn load(&mut self, w: Width, address: Self::Int) -> Result<Self::Int, Self::Stop>;
    /// Stores `w` to a linear address.
    ///
    /// # Errors
    /// The fault; nothing was written.
    fn store(&mut self, w: Width, address: Self::Int, value: Self::Int) -> Result<(), Self::Stop>;
    /// Loads, for an instruction that goes on to store to the same place: faults as a write does, before anything is
    /// computed.
    ///
    /// # Errors
    /// The fault.
    fn load_for_store(&mut self, w: Width, address: Self::Int) -> Result<Self::Int, Self::Stop>;

    /// Copies `bytes`, elements of width `w`, upwards. On either side they lie in one page, and `to` is not behind the first
    /// of those that are read.
    ///
    /// # Errors
    /// The fault of the first element; nothing was written.
    fn copy(&mut self, w: Width, to: Self::Int, from: Self::Int, bytes: Self::Int) -> Result<(), Self::Stop>;
    /// Fills `bytes`, which lie in one page, with elements of width `w`.
    ///
    /// # Errors
    /// The fault of the first element; nothing was written.
    fn fill(&mut self, w: Width, to: Self::Int, value: Self::Int, bytes: Self::Int) -> Result<(), Self::Stop>;

    /// Whether a repeated string instruction does one element at a time, which is the machine's one function's to do: the
    /// lifter's never does.
    fn by_element(&mut self) -> bool {
        false
    }

    /// Whether the privilege level is 0.
    fn in_kernel(&mut self) -> bool;
    /// RFLAGS without the arithmetic flags.
    fn system_flags(&mut self) -> Self::Int;
    /// Sets RFLAGS but for the arithmetic flags. Where what was off (an interrupt, a trap) may be on afterwards,
    /// [`Privileged::opens`] comes before.
    fn set_system_flags(&mut self, value: Self::Int);
    /// Exchanges the base of GS and IA32_KERNEL_GS_BASE.
    fn swap_gs_base(&mut self);

    /// Sets all six arithmetic flags, lazily: see [`FlagOp`] for what the operands mean.
    fn set_flags(&mut self, op: FlagOp, w: Width, dst: Self::Int, src: Self::Int, carry: Self::Int);
    /// The arithmetic flags as the last setter left them.
    fn flags(&mut self) -> Flags<Self::Int>;
    /// Keeps the flags that were there before the instruction where `condition` does not hold. Called right after
    /// [`Machine::set_flags`], with what [`Machine::flags`] gave before it.
    fn keep_flags_unless(&mut self, condition: Self::Bool, before: Flags<Self::Int>);

    /// Goes to a linear address after this instruction.
    fn jump(&mut self, target: Self::Int);
    /// Goes to the address at `distance` from the instruction's first byte if the condition holds.
    fn branch(&mut self, condition: Self::Bool, distance: i64);
    /// Goes to the address at `distance` from the instruction's first byte.
    fn jump_near(&mut self, distance: i64);
    /// Whether a rare case applies. The interpreter answers the condition. The lifter leaves the region through a side
    /// exit where it holds, so that the interpreter takes this instruction, and answers `false`. Nothing may have
    /// been written before.
    fn rare(&mut self, condition: Self::Bool) -> bool;

    /// Carries out an operation that the runtime has one function for. Nothing may have been written before.
    ///
    /// # Errors
    /// The fault.
    fn helper(&mut self, insn: &Insn) -> Result<(), Self::Stop>;
    /// The instruction has no body: #UD, logged.
    fn undefined(&mut self, insn: &Insn) -> Self::Stop;
    /// #DE.
    fn divide_error(&mut self) -> Self::Stop;
    /// #GP(0).
    fn general_protection(&mut self) -> Self::Stop;

    /// An XMM register.
    fn xmm(&mut self, number: u8) -> Self::Vec;
    /// Sets an XMM register (bits above 127 of the YMM register stay, as legacy SSE has it).
    fn set_xmm(&mut self, number: u8, value: Self::Vec);
    /// Loads 16 bytes, of any alignment.
    ///
    /// # Errors
    /// The fault.
    fn load_vec(&mut self, address: Self::Int) -> Result<Self::Vec, Self::Stop>;
    /// Stores 16 bytes, of any alignment.
    ///
    /// # Errors
    /// The fault; nothing was written.
    fn store_vec(&mut self, address: Self::Int, value: Self::Vec) -> Result<(), Self::Stop>;

    /// Bits 128 to 255 of a YMM register.
    fn ymm_high(&mut self, number: u8) -> Self::Vec;
    /// Sets bits 128 to 255 of a YMM register.
    fn set_ymm_high(&mut self, number: u8, value: Self::Vec);
    /// Loads 32 bytes, of any alignment, low half first.
    ///
    /// # Errors
    /// The fault.
    fn load_wide(&mut self, address: Self::Int) -> Result<[Self::Vec; 2], Self::Stop>;
    /// Stores 32 bytes, of any alignment, low half first.
    ///
    /// # Errors
    /// The fault; nothing was written.
    fn store_wide(&mut self, address: Self::Int, halves: [Self::Vec; 2]) -> Result<(), Self::Stop>;

    /// Called once by every legacy instruction that uses XMM registers or MXCSR, before anything else.
    ///
    /// # Errors
    /// #UD where CR0.EM is set or CR4.OSFXSR is clear, #NM where CR0.TS is set (SDM 3A, 13.1).
    fn sse_available(&mut self) -> Result<(), Self::Stop>;
    /// Called once by every VEX instruction that uses vector registers or MXCSR, before anything else.
    ///
    /// # Errors
    /// #UD where CR4.OSXSAVE is clear or XCR0 lacks SSE or AVX, #NM where CR0.TS is set (SDM 1, 14.8 and 14.9).
    fn avx_available(&mut self) -> Result<(), Self::Stop>;
    /// MXCSR.
    fn mxcsr(&mut self) -> Self::Int;
    /// Sets MXCSR; the value has no reserved bit.
    fn set_mxcsr(&mut self, value: Self::Int);
    /// `a op b` on the bits of two numbers, under MXCSR: [`crate::vector::float::bin`].
    ///
    /// # Errors
    /// #XM for an unmasked exception; MXCSR's flags are set, nothing else has changed.
    fn float_bin(&mut self, op: FloatOp, w: FloatWidth, a: Self::Int, b: Self::Int) -> Result<Self::Int, Self::Stop>;
    /// `op a` on the bits of a number, under MXCSR: [`crate::vector::float::un`].
    ///
    /// # Errors
    /// As [`Machine::float_bin`].
    fn float_un(&mut self, op: FloatUnOp, a: Self::Int) -> Result<Self::Int, Self::Stop>;
    /// `a op b` in every lane: [`crate::vector::float::bin_packed`].
    ///
    /// # Errors
    /// As [`Machine::float_bin`], for the flags of all lanes together.
    fn float_bin_packed(
        &mut self,
        op: FloatOp,
        w: FloatWidth,
        a: Self::Vec,
        b: Self::Vec,
    ) -> Result<Self::Vec, Self::Stop>;
    /// `op a` in the low lanes, as many as fit 128 bits both before and after; the rest of the result is 0:
    /// [`crate::vector::float::un_packed`].
    ///
    /// # Errors
    /// As [`Machine::float_bin_packed`].
    fn float_un_packed(&mut self, op: FloatUnOp, a: Self::Vec) -> Result<Self::Vec, Self::Stop>;
    /// Compares as COMISD (`signalling`: a quiet NaN is an invalid operand too) or UCOMISD; gives ZF, PF and CF as a
    /// word of flags: [`crate::vector::float::compare`].
    ///
    /// # Errors
    /// As [`Machine::float_bin`].
    fn float_compare(
        &mut self,
        w: FloatWidth,
        signalling: bool,
        a: Self::Int,
        b: Self::Int,
    ) -> Result<Self::Int, Self::Stop>;
    /// [`Machine::float_bin_packed`] of both halves of 256 bits.
    ///
    /// # Errors
    /// As [`Machine::float_bin`], for the flags of all lanes together.
    fn float_bin_wide(
        &mut self,
        op: FloatOp,
        w: FloatWidth,
        a: [Self::Vec; 2],
        b: [Self::Vec; 2],
    ) -> Result<[Self::Vec; 2], Self::Stop>;
    /// [`Machine::float_un_packed`] of both halves of 256 bits.
    ///
    /// # Errors
    /// As [`Machine::float_bin_wide`].
    fn float_un_wide(&mut self, op: FloatUnOp, a: [Self::Vec; 2]) -> Result<[Self::Vec; 2], Self::Stop>;
    /// `op` of 128 or 256 bits, under MXCSR: [`crate::vector::float::large()`]. The lifter leaves for it.
    ///
    /// # Errors
    /// As [`Machine::float_bin_wide`].
    fn float_large<const N: usize>(
        &mut self,
        op: LargeFloatOp,
        operands: [[Self::Vec; N]; 3],
    ) -> Result<[Self::Vec; N], Self::Stop>;
    /// `op` of up to three values: [`crate::vector::large::large`]. Translated code calls it.
    ///
    /// # Errors
    /// That the machine does not carry it out.
    fn vec_large(&mut self, op: LargeOp, operands: [Self::Vec; 3]) -> Result<Self::Vec, Self::Stop>;
    /// `op` of up to three integers: [`crate::integer::compute`]. Translated code calls it.
    ///
    /// # Errors
    /// That the machine does not carry it out.
    fn int_large(&mut self, op: IntegerOp, operands: [Self::Int; 3]) -> Result<Self::Int, Self::Stop>;
}
