//! Byte patterns for [`super::Vector::vec_shuffle`]. Lanes 0 and up are those of the first value, followed by those of
//! the second.

/// Bytes of the result's lanes, each given by the lane it is; all bytes of a lane at once.
#[inline(always)]
const fn bytes<const LANES: usize>(lanes: [u8; LANES]) -> [u8; 16] {
    let size = 16 / LANES;
    let ones = u128::from_le_bytes([1; 16]);
    let lane_ones = ones >> (128 - 8 * size);
    // Each byte's place in its lane.
    let mut pattern = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100 & (ones * (size as u128 - 1));
    let mut i = 0;
    while i < LANES {
        pattern += (lanes[i] as u128 * size as u128 * lane_ones) << (8 * size * i);
        i += 1;
    }
    pattern.to_le_bytes()
}

/// Low lanes of both values in turn: PUNPCKL and UNPCKL with `LANES` lanes.
#[inline(always)]
pub const fn interleave_low<const LANES: usize>() -> [u8; 16] {
    interleave::<LANES>(0)
}

/// High lanes of both values in turn: PUNPCKH and UNPCKH with `LANES` lanes.
#[inline(always)]
pub const fn interleave_high<const LANES: usize>() -> [u8; 16] {
    interleave::<LANES>(LANES / 2)
}

#[inline(always)]
const fn interleave<const LANES: usize>(first: usize) -> [u8; 16] {
    let mut lanes = [0; LANES];
    let mut i = 0;
    while i < LANES {
        lanes[i] = (first + i / 2 + (i % 2) * LANES) as u8;
        i += 1;
    }
    bytes(lanes)
}

/// Lanes 0, 2, 4, … (`odd` = 0) or 1, 3, 5, … (`odd` = 1) of both values: the operands of horizontal operations.
#[inline(always)]
pub const fn every_second<const LANES: usize>(odd: u8) -> [u8; 16] {
    let mut lanes = [0; LANES];
    let mut i = 0;
    while i < LANES {
        lanes[i] = 2 * i as u8 + odd;
        i += 1;
    }
    bytes(lanes)
}

/// 64-bit lanes.
#[inline(always)]
pub const fn lanes64(lanes: [u8; 2]) -> [u8; 16] {
    bytes(lanes)
}

/// 32-bit lanes.
#[inline(always)]
pub const fn lanes32(lanes: [u8; 4]) -> [u8; 16] {
    bytes(lanes)
}

/// PSHUFD: any four lanes of the first value.
#[inline(always)]
pub const fn pshufd(imm: u8) -> [u8; 16] {
    bytes([imm & 3, imm >> 2 & 3, imm >> 4 & 3, imm >> 6])
}

/// SHUFPS: two lanes of the first value, two of the second.
#[inline(always)]
pub const fn shufps(imm: u8) -> [u8; 16] {
    bytes([imm & 3, imm >> 2 & 3, 4 + (imm >> 4 & 3), 4 + (imm >> 6)])
}

/// SHUFPD: one lane of each.
#[inline(always)]
pub const fn shufpd(imm: u8) -> [u8; 16] {
    bytes([imm & 1, 2 + (imm >> 1 & 1)])
}

/// PSHUFLW (`base` 0) and PSHUFHW (`base` 4): four 16-bit lanes from `base` on are chosen among themselves.
#[inline(always)]
pub const fn pshufw(imm: u8, base: usize) -> [u8; 16] {
    let mut lanes = [0, 1, 2, 3, 4, 5, 6, 7];
    let mut i = 0;
    while i < 4 {
        lanes[base + i] = base as u8 + (imm >> (2 * i) & 3);
        i += 1;
    }
    bytes(lanes)
}

/// 16 bytes of both values from byte `first` on, counted modulo 32.
#[inline(always)]
pub const fn window(first: u8) -> [u8; 16] {
    let mut pattern = [0; 16];
    let mut i = 0;
    while i < 16 {
        pattern[i] = (first + i as u8) & 31;
        i += 1;
    }
    pattern
}

/// Lane i of the second value where bit i of `imm` is set, else of the first: PBLENDW, BLENDPS, BLENDPD.
#[inline(always)]
pub const fn blend<const LANES: usize>(imm: u8) -> [u8; 16] {
    let mut lanes = [0; LANES];
    let mut i = 0;
    while i < LANES {
        lanes[i] = i as u8 + (imm >> i & 1) * LANES as u8;
        i += 1;
    }
    bytes(lanes)
}
