//! Names of the operations. "x86 only" marks those that Wasm has no single operator for.

/// Operations on two 128-bit values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VecOp {
    /// Bitwise and.
    V128And,
    /// Bitwise or.
    V128Or,
    /// Bitwise exclusive or.
    V128Xor,
    /// a and not b (PANDN has its operands the other way round).
    V128Andnot,

    /// Sum.
    I8x16Add,
    /// Signed saturating sum.
    I8x16AddSatS,
    /// Unsigned saturating sum.
    I8x16AddSatU,
    /// Difference.
    I8x16Sub,
    /// Signed saturating difference.
    I8x16SubSatS,
    /// Unsigned saturating difference.
    I8x16SubSatU,
    /// (a + b + 1) / 2, unsigned.
    I8x16AvgrU,
    /// Signed minimum.
    I8x16MinS,
    /// Unsigned minimum.
    I8x16MinU,
    /// Signed maximum.
    I8x16MaxS,
    /// Unsigned maximum.
    I8x16MaxU,
    /// All ones where equal, else 0.
    I8x16Eq,
    /// All ones where a > b, signed, else 0.
    I8x16GtS,
    /// The 16-bit lanes of a, then of b, saturated to signed 8 bits.
    I8x16NarrowI16x8S,
    /// The signed 16-bit lanes of a, then of b, saturated to unsigned 8 bits.
    I8x16NarrowI16x8U,
    /// x86 only: byte i is byte b[i] & 15 of a, or 0 where bit 7 of b[i] is set (Wasm's swizzle: where b[i] > 15).
    I8x16Pshufb,
    /// x86 only: a negated, kept or 0 where b is negative, positive or 0.
    I8x16Sign,

    /// Sum.
    I16x8Add,
    /// Signed saturating sum.
    I16x8AddSatS,
    /// Unsigned saturating sum.
    I16x8AddSatU,
    /// Difference.
    I16x8Sub,
    /// Signed saturating difference.
    I16x8SubSatS,
    /// Unsigned saturating difference.
    I16x8SubSatU,
    /// Low half of the product.
    I16x8Mul,
    /// x86 only: high half of the signed product.
    I16x8MulHighS,
    /// x86 only: high half of the unsigned product.
    I16x8MulHighU,
    /// x86 only: (a b + 2^14) / 2^15, signed, without the saturation of Wasm's Q15 product.
    I16x8MulRoundQ15,
    /// x86 only: sums of neighbouring products of unsigned bytes of a and signed bytes of b, saturated.
    I16x8DotI8x16UsSat,
    /// (a + b + 1) / 2, unsigned.
    I16x8AvgrU,
    /// Signed minimum.
    I16x8MinS,
    /// Unsigned minimum.
    I16x8MinU,
    /// Signed maximum.
    I16x8MaxS,
    /// Unsigned maximum.
    I16x8MaxU,
    /// All ones where equal, else 0.
    I16x8Eq,
    /// All ones where a > b, signed, else 0.
    I16x8GtS,
    /// The 32-bit lanes of a, then of b, saturated to signed 16 bits.
    I16x8NarrowI32x4S,
    /// The signed 32-bit lanes of a, then of b, saturated to unsigned 16 bits.
    I16x8NarrowI32x4U,
    /// x86 only: see [`VecOp::I8x16Sign`].
    I16x8Sign,

    /// Sum.
    I32x4Add,
    /// Difference.
    I32x4Sub,
    /// Low half of the product.
    I32x4Mul,
    /// Signed minimum.
    I32x4MinS,
    /// Unsigned minimum.
    I32x4MinU,
    /// Signed maximum.
    I32x4MaxS,
    /// Unsigned maximum.
    I32x4MaxU,
    /// All ones where equal, else 0.
    I32x4Eq,
    /// All ones where a > b, signed, else 0.
    I32x4GtS,
    /// Sums of neighbouring products of signed 16-bit lanes.
    I32x4DotI16x8S,
    /// x86 only: see [`VecOp::I8x16Sign`].
    I32x4Sign,

    /// Sum.
    I64x2Add,
    /// Difference.
    I64x2Sub,
    /// All ones where equal, else 0.
    I64x2Eq,
    /// All ones where a > b, signed, else 0.
    I64x2GtS,
    /// x86 only: signed products of the even 32-bit lanes.
    I64x2MulEvenI32x4S,
    /// x86 only: unsigned products of the even 32-bit lanes.
    I64x2MulEvenI32x4U,
    /// x86 only: in each half the sum of the eight absolute differences of unsigned bytes.
    I64x2SadI8x16U,
}

/// Operations on one 128-bit value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VecUnOp {
    /// Bitwise complement.
    V128Not,
    /// Absolute value; the least number stays.
    I8x16Abs,
    /// Absolute value; the least number stays.
    I16x8Abs,
    /// Absolute value; the least number stays.
    I32x4Abs,
    /// The low lanes, sign-extended.
    I16x8ExtendLowI8x16S,
    /// The low lanes, zero-extended.
    I16x8ExtendLowI8x16U,
    /// The low lanes, sign-extended.
    I32x4ExtendLowI16x8S,
    /// The low lanes, zero-extended.
    I32x4ExtendLowI16x8U,
    /// The low lanes, sign-extended.
    I64x2ExtendLowI32x4S,
    /// The low lanes, zero-extended.
    I64x2ExtendLowI32x4U,
    /// x86 only: the least unsigned 16-bit lane, its index in the next lane, and 0.
    I16x8MinPosU,
}

/// Shifts of every lane by one count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum VecShift {
    /// Left.
    I16x8Shl,
    /// Right, unsigned.
    I16x8ShrU,
    /// Right, signed.
    I16x8ShrS,
    /// Left.
    I32x4Shl,
    /// Right, unsigned.
    I32x4ShrU,
    /// Right, signed.
    I32x4ShrS,
    /// Left.
    I64x2Shl,
    /// Right, unsigned.
    I64x2ShrU,
}

impl VecShift {
    /// Bits of a lane.
    pub const fn lane_bits(self) -> u64 {
        match self {
            VecShift::I16x8Shl | VecShift::I16x8ShrU | VecShift::I16x8ShrS => 16,
            VecShift::I32x4Shl | VecShift::I32x4ShrU | VecShift::I32x4ShrS => 32,
            VecShift::I64x2Shl | VecShift::I64x2ShrU => 64,
        }
    }

    /// Whether lanes fill with their sign.
    pub const fn signed(self) -> bool {
        matches!(self, VecShift::I16x8ShrS | VecShift::I32x4ShrS)
    }
}
