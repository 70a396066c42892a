//! Values that find bugs: edges of integers, floats of 32, 64 and 80 bits.

use super::Random;

/// An integer of `bits` bits, zero-extended: mostly an edge.
pub(super) fn integer(bits: u32, random: &mut Random) -> u64 {
    let mask = u64::MAX >> (64 - bits);
    let top = 1_u64 << (bits - 1);
    let value = match random.below(16) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => top,
        4 => top - 1,
        5 => top + 1,
        6 => u64::MAX - 1,
        7 => random.pick(&[
            0x7f,
            0x80,
            0xff,
            0x100,
            0x7fff,
            0x8000,
            0xffff,
            0x10000,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
        ]),
        8 => random.pick(&[0x5555_5555_5555_5555, 0xaaaa_aaaa_aaaa_aaaa, 0x0f0f_0f0f_0f0f_0f0f, 0x8080_8080_8080_8080]),
        9 => 1 << random.below(64),
        10 => random.below(17),
        _ => random.bits(),
    };
    value & mask
}

/// Bits of a 32-bit float: zeros, denormals, normals, infinities, quiet and signalling NaNs; often small numbers.
pub(super) fn single(random: &mut Random) -> u32 {
    #[rustfmt::skip]
    const EDGES: [u32; 20] = [
        0, 0x8000_0000, 1, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x8080_0000, 0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000,
        0xffc0_1234, 0x7f80_0001, 0xffa0_0000, 0x3f80_0000, 0xbf80_0000, 0x4b00_0001, 0x4f00_0000, 0xcf00_0000,
    ];
    match random.below(4) {
        0 => random.bits() as u32,
        1 => (random.below(2000) as f32 / 8.0 - 100.0).to_bits(),
        _ => random.pick(&EDGES),
    }
}

/// Bits of a 64-bit float, as [`single`].
pub(super) fn double(random: &mut Random) -> u64 {
    #[rustfmt::skip]
    const EDGES: [u64; 22] = [
        0, 1 << 63, 1, 1 << 63 | 1, 0x000f_ffff_ffff_ffff, 0x0010_0000_0000_0000, 0x7fef_ffff_ffff_ffff, 0xffef_ffff_ffff_ffff,
        0x7ff0_0000_0000_0000, 0xfff0_0000_0000_0000, 0x7ff8_0000_0000_0000, 0xfff8_0000_0000_4321, 0x7ff0_0000_0000_0001,
        0xfff4_0000_0000_0000, 0x3ff0_0000_0000_0000, 0xbff0_0000_0000_0000, 0x4330_0000_0000_0001, 0x41e0_0000_0000_0000,
        0xc1e0_0000_0000_0000, 0x43e0_0000_0000_0000, 0xc3e0_0000_0000_0000, 0x36a0_0000_0000_0000,
    ];
    match random.below(4) {
        0 => random.bits(),
        1 => (random.below(2000) as f64 / 8.0 - 100.0).to_bits(),
        _ => random.pick(&EDGES),
    }
}

/// Bits of an 80-bit float, unnormals and pseudo-denormals among them.
pub(super) fn extended(random: &mut Random) -> u128 {
    const ONE: u64 = 1 << 63;
    #[rustfmt::skip]
    const EDGES: [(u16, u64); 20] = [
        (0, 0), (0x8000, 0), (0, 1), (0, ONE - 1), (0, ONE), (1, ONE), (0x7ffe, u64::MAX), (0xfffe, u64::MAX), (0x7fff, ONE), (0xffff, ONE),
        (0x7fff, 3 << 62), (0xffff, 3 << 62 | 77), (0x7fff, ONE | 1), (0x3fff, ONE), (0xbfff, ONE), (0x3ffe, ONE), (0x403e, u64::MAX), (0xc03e, ONE),
        (0x4000, 0), (0x7fff, 0),
    ];
    let (exponent, mantissa) = match random.below(4) {
        0 => ((0x3fe0 + random.below(0x60) as u16) | (random.bits() as u16 & 0x8000), random.bits() | ONE),
        1 => (random.bits() as u16, random.bits() | ONE),
        2 => (0x4000 + random.below(10) as u16, ONE | random.below(1 << 12) << 51),
        _ => random.pick(&EDGES),
    };
    u128::from(exponent) << 64 | u128::from(mantissa)
}

/// What the lanes of an operand are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Integer(u32),
    Single,
    Double,
    Extended,
    Decimal,
}

impl Lane {
    /// `bytes` bytes of such lanes.
    pub(super) fn bytes(self, bytes: usize, random: &mut Random) -> Vec<u8> {
        let mut out = Vec::new();
        while out.len() < bytes {
            match self {
                Lane::Integer(bits) => out.extend(&integer(bits, random).to_le_bytes()[..bits as usize / 8]),
                Lane::Single => out.extend(single(random).to_le_bytes()),
                Lane::Double => out.extend(double(random).to_le_bytes()),
                Lane::Extended => out.extend(&extended(random).to_le_bytes()[..10]),
                Lane::Decimal => out.push((random.below(10) << 4 | random.below(10)) as u8),
            }
        }
        out.truncate(bytes);
        out
    }
}
