//! What the operations mean, on `u128`: the interpreter's arithmetic.

use super::lanes::*;
use super::{VecOp, VecShift, VecUnOp};
use crate::width::Width;

/// `a op b`.
#[inline(always)]
#[rustfmt::skip]
pub fn bin(op: VecOp, a: u128, b: u128) -> u128 {
    use VecOp::*;
    match op {
        V128And             => a & b,
        V128Or              => a | b,
        V128Xor             => a ^ b,
        V128Andnot          => a & !b,

        I8x16Add            => zip8(a, b, u8::wrapping_add),
        I8x16AddSatS        => zip8(a, b, |x, y| (x as i8).saturating_add(y as i8) as u8),
        I8x16AddSatU        => zip8(a, b, u8::saturating_add),
        I8x16Sub            => zip8(a, b, u8::wrapping_sub),
        I8x16SubSatS        => zip8(a, b, |x, y| (x as i8).saturating_sub(y as i8) as u8),
        I8x16SubSatU        => zip8(a, b, u8::saturating_sub),
        I8x16AvgrU          => zip8(a, b, |x, y| ((u16::from(x) + u16::from(y) + 1) >> 1) as u8),
        I8x16MinS           => zip8(a, b, |x, y| (x as i8).min(y as i8) as u8),
        I8x16MinU           => zip8(a, b, u8::min),
        I8x16MaxS           => zip8(a, b, |x, y| (x as i8).max(y as i8) as u8),
        I8x16MaxU           => zip8(a, b, u8::max),
        I8x16Eq             => equal(8, a, b),
        I8x16GtS            => zip8(a, b, |x, y| if x as i8 > y as i8 { u8::MAX } else { 0 }),
        I8x16NarrowI16x8S   => narrow16(a, b, |x| x.clamp(-0x80, 0x7f) as u8),
        I8x16NarrowI16x8U   => narrow16(a, b, |x| x.clamp(0, 0xff) as u8),
        I8x16Pshufb         => pshufb(a, b),
        I8x16Sign           => zip8(a, b, |x, y| (x as i8).wrapping_mul((y as i8).signum()) as u8),

        I16x8Add            => zip16(a, b, u16::wrapping_add),
        I16x8AddSatS        => zip16(a, b, |x, y| (x as i16).saturating_add(y as i16) as u16),
        I16x8AddSatU        => zip16(a, b, u16::saturating_add),
        I16x8Sub            => zip16(a, b, u16::wrapping_sub),
        I16x8SubSatS        => zip16(a, b, |x, y| (x as i16).saturating_sub(y as i16) as u16),
        I16x8SubSatU        => zip16(a, b, u16::saturating_sub),
        I16x8Mul            => zip16(a, b, u16::wrapping_mul),
        I16x8MulHighS       => zip16(a, b, |x, y| ((i32::from(x as i16) * i32::from(y as i16)) >> 16) as u16),
        I16x8MulHighU       => zip16(a, b, |x, y| ((u32::from(x) * u32::from(y)) >> 16) as u16),
        I16x8MulRoundQ15    => zip16(a, b, |x, y| ((i32::from(x as i16) * i32::from(y as i16) + 0x4000) >> 15) as u16),
        I16x8DotI8x16UsSat  => dot_bytes(a, b),
        I16x8AvgrU          => zip16(a, b, |x, y| ((u32::from(x) + u32::from(y) + 1) >> 1) as u16),
        I16x8MinS           => zip16(a, b, |x, y| (x as i16).min(y as i16) as u16),
        I16x8MinU           => zip16(a, b, u16::min),
        I16x8MaxS           => zip16(a, b, |x, y| (x as i16).max(y as i16) as u16),
        I16x8MaxU           => zip16(a, b, u16::max),
        I16x8Eq             => equal(16, a, b),
        I16x8GtS            => zip16(a, b, |x, y| if x as i16 > y as i16 { u16::MAX } else { 0 }),
        I16x8NarrowI32x4S   => narrow32(a, b, |x| x.clamp(-0x8000, 0x7fff) as u16),
        I16x8NarrowI32x4U   => narrow32(a, b, |x| x.clamp(0, 0xffff) as u16),
        I16x8Sign           => zip16(a, b, |x, y| (x as i16).wrapping_mul((y as i16).signum()) as u16),

        I32x4Add            => zip32(a, b, u32::wrapping_add),
        I32x4Sub            => zip32(a, b, u32::wrapping_sub),
        I32x4Mul            => zip32(a, b, u32::wrapping_mul),
        I32x4MinS           => zip32(a, b, |x, y| (x as i32).min(y as i32) as u32),
        I32x4MinU           => zip32(a, b, u32::min),
        I32x4MaxS           => zip32(a, b, |x, y| (x as i32).max(y as i32) as u32),
        I32x4MaxU           => zip32(a, b, u32::max),
        I32x4Eq             => zip32(a, b, |x, y| if x == y { u32::MAX } else { 0 }),
        I32x4GtS            => zip32(a, b, |x, y| if x as i32 > y as i32 { u32::MAX } else { 0 }),
        I32x4DotI16x8S      => zip32(a, b, |x, y| {
            let product = |shift: u32| i32::from((x >> shift) as i16) * i32::from((y >> shift) as i16);
            product(0).wrapping_add(product(16)) as u32
        }),
        I32x4Sign           => zip32(a, b, |x, y| (x as i32).wrapping_mul((y as i32).signum()) as u32),

        I64x2Add            => zip64(a, b, u64::wrapping_add),
        I64x2Sub            => zip64(a, b, u64::wrapping_sub),
        I64x2Eq             => zip64(a, b, |x, y| if x == y { u64::MAX } else { 0 }),
        I64x2GtS            => zip64(a, b, |x, y| if x as i64 > y as i64 { u64::MAX } else { 0 }),
        I64x2MulEvenI32x4S  => zip64(a, b, |x, y| (i64::from(x as i32) * i64::from(y as i32)) as u64),
        I64x2MulEvenI32x4U  => zip64(a, b, |x, y| u64::from(x as u32) * u64::from(y as u32)),
        I64x2SadI8x16U      => zip64(a, b, |x, y| {
            x.to_le_bytes().iter().zip(y.to_le_bytes()).map(|(&x, y)| u64::from(x.abs_diff(y))).sum()
        }),
    }
}

/// All ones in the lanes of `bits` bits that are equal, in all lanes at once: no carry leaves its lane.
#[inline(always)]
fn equal(bits: u32, a: u128, b: u128) -> u128 {
    let ones = u128::MAX / ((1 << bits) - 1);
    let low = u128::MAX - (ones << (bits - 1));
    let difference = a ^ b;
    // The sign bit of a lane is set where its low bits are not 0; then where any bit is not.
    let unequal = ((difference & low) + low) | difference | low;
    let equal = !unequal;
    (equal << 1).wrapping_sub(equal >> (bits - 1))
}

#[inline(always)]
fn narrow16(a: u128, b: u128, f: impl Fn(i16) -> u8) -> u128 {
    let (a, b) = (split16(a), split16(b));
    join8(std::array::from_fn(|i| f(if i < 8 { a[i] } else { b[i - 8] } as i16)))
}

#[inline(always)]
fn narrow32(a: u128, b: u128, f: impl Fn(i32) -> u16) -> u128 {
    let (a, b) = (split32(a), split32(b));
    join16(std::array::from_fn(|i| f(if i < 4 { a[i] } else { b[i - 4] } as i32)))
}

#[inline(always)]
fn pshufb(a: u128, b: u128) -> u128 {
    let bytes = split8(a);
    map8(b, |index| if index & 0x80 != 0 { 0 } else { bytes[usize::from(index & 15)] })
}

#[inline(always)]
fn dot_bytes(a: u128, b: u128) -> u128 {
    zip16(a, b, |x, y| {
        let product = |shift: u32| i32::from((x >> shift) as u8) * i32::from((y >> shift) as i8);
        (product(0) + product(8)).clamp(-0x8000, 0x7fff) as u16
    })
}

/// `op a`.
#[inline(always)]
#[rustfmt::skip]
pub fn un(op: VecUnOp, a: u128) -> u128 {
    use VecUnOp::*;
    let (lane8, lane16, lane32) = (split8(a), split16(a), split32(a));
    match op {
        V128Not              => !a,
        I8x16Abs             => map8(a, |x| (x as i8).unsigned_abs()),
        I16x8Abs             => map16(a, |x| (x as i16).unsigned_abs()),
        I32x4Abs             => map32(a, |x| (x as i32).unsigned_abs()),
        I16x8ExtendLowI8x16S => join16(std::array::from_fn(|i| lane8[i] as i8 as u16)),
        I16x8ExtendLowI8x16U => join16(std::array::from_fn(|i| lane8[i].into())),
        I32x4ExtendLowI16x8S => join32(std::array::from_fn(|i| lane16[i] as i16 as u32)),
        I32x4ExtendLowI16x8U => join32(std::array::from_fn(|i| lane16[i].into())),
        I64x2ExtendLowI32x4S => join64(std::array::from_fn(|i| lane32[i] as i32 as u64)),
        I64x2ExtendLowI32x4U => join64(std::array::from_fn(|i| lane32[i].into())),
        I16x8MinPosU         => min_position(lane16),
    }
}

fn min_position(lanes: [u16; 8]) -> u128 {
    // Of equal lanes the first is kept.
    let least = (0u128..).zip(lanes).min_by_key(|&(_, lane)| lane);
    least.map_or(0, |(index, lane)| u128::from(lane) | index << 16)
}

/// Shifts every lane by `count`, which is below the lane's width (else it counts modulo that, as in Wasm).
#[inline(always)]
#[rustfmt::skip]
pub fn shift(op: VecShift, a: u128, count: u32) -> u128 {
    use VecShift::*;
    match op {
        I16x8Shl  => map16(a, |x| x.wrapping_shl(count)),
        I16x8ShrU => map16(a, |x| x.wrapping_shr(count)),
        I16x8ShrS => map16(a, |x| (x as i16).wrapping_shr(count) as u16),
        I32x4Shl  => map32(a, |x| x.wrapping_shl(count)),
        I32x4ShrU => map32(a, |x| x.wrapping_shr(count)),
        I32x4ShrS => map32(a, |x| (x as i32).wrapping_shr(count) as u32),
        I64x2Shl  => map64(a, |x| x.wrapping_shl(count)),
        I64x2ShrU => map64(a, |x| x.wrapping_shr(count)),
    }
}

/// Byte i of the result is byte `pattern[i]` of `a` followed by `b`; the pattern counts modulo 32.
#[inline(always)]
pub fn shuffle(a: u128, b: u128, pattern: [u8; 16]) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&a.to_le_bytes());
    bytes[16..].copy_from_slice(&b.to_le_bytes());
    join8(std::array::from_fn(|i| bytes[usize::from(pattern[i] & 31)]))
}

/// Lane `index` of width `w`, zero-extended; the index counts modulo the number of lanes.
#[inline(always)]
pub fn lane(w: Width, value: u128, index: u8) -> u64 {
    (value >> lane_place(w, index)) as u64 & w.mask()
}

/// `value` with lane `index` of width `w` replaced by the low bits of `lane`.
#[inline(always)]
pub fn with_lane(w: Width, value: u128, index: u8, lane: u64) -> u128 {
    let place = lane_place(w, index);
    value & !(u128::from(w.mask()) << place) | u128::from(lane & w.mask()) << place
}

#[inline(always)]
fn lane_place(w: Width, index: u8) -> u32 {
    (u32::from(index) * w.bits()) % 128
}

/// The sign bits of the lanes of width `w`, lane 0's in bit 0.
#[inline(always)]
pub fn bitmask(w: Width, a: u128) -> u64 {
    let lanes = 128 / w.bits();
    (0..lanes).map(|i| ((a >> ((i + 1) * w.bits() - 1)) as u64 & 1) << i).sum()
}
