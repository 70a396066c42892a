//! Operands worth testing: edges of all formats, and noise, from a fixed seed.

use crate::machine::{BASE, MEMORY, State};
use crate::sweep::Kind;

const F32: [u32; 30] = [
    0,
    1,
    2,
    0x0000_1234,
    0x0040_0000,
    0x007f_ffff,
    0x0080_0000,
    0x0080_0001,
    0x00ff_ffff,
    0x0100_0000,
    0x1f80_0000,
    0x2000_0001,
    0x3300_0000,
    0x3f00_0000,
    0x3f7f_ffff,
    0x3f80_0000,
    0x3f80_0001,
    0x3fc0_0000,
    0x4020_0000,
    0x4b00_0001,
    0x4eff_ffff,
    0x4f00_0000,
    0x5eff_ffff,
    0x5f00_0000,
    0x7f00_0000,
    0x7f7f_ffff,
    0x7f80_0000,
    0x7f80_0001,
    0x7fc0_0000,
    0x7fff_1234,
];
const F64: [u64; 36] = [
    0,
    1,
    3,
    0x0008_0000_0000_0000,
    0x000f_ffff_ffff_ffff,
    0x0010_0000_0000_0000,
    0x0010_0000_0000_0001,
    0x001f_ffff_ffff_ffff,
    0x0020_0000_0000_0000,
    0x1ff0_0000_0000_0001,
    0x2000_0000_0000_0000,
    0x3690_0000_0000_0001,
    0x36a0_0000_0000_0000,
    0x380f_ffff_ffff_ffff,
    0x380f_ffff_e000_0000,
    0x3810_0000_0000_0000,
    0x3fdf_ffff_ffff_ffff,
    0x3fe0_0000_0000_0000,
    0x3ff0_0000_0000_0000,
    0x3ff0_0000_0000_0001,
    0x3ff8_0000_0000_0000,
    0x4004_0000_0000_0000,
    0x41df_ffff_ffc0_0000,
    0x41df_ffff_ffe0_0000,
    0x41e0_0000_0000_0000,
    0x41e0_0000_0010_0000,
    0x4330_0000_0000_0001,
    0x43df_ffff_ffff_ffff,
    0x43e0_0000_0000_0000,
    0x47ef_ffff_e000_0000,
    0x47ef_ffff_f000_0000,
    0x7fe0_0000_0000_0000,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7ff0_0000_0000_0001,
    0x7ff8_0000_0000_1234,
];
const SMALL: [u8; 8] = [0, 1, 7, 15, 0x7f, 0x80, 0x81, 0xff];

fn with_signs<T: Copy>(magnitudes: &[T], negate: impl Fn(T) -> T) -> Vec<T> {
    magnitudes.iter().flat_map(|&x| [x, negate(x)]).collect()
}

/// Both signs of the edges of binary32, in every lane.
pub(crate) fn edges32() -> Vec<u128> {
    with_signs(&F32, |x| x | 1 << 31).iter().map(|&x| u128::from(x) * 0x1_00000001_00000001_00000001).collect()
}

/// Both signs of the edges of binary64, in both lanes.
pub(crate) fn edges64() -> Vec<u128> {
    with_signs(&F64, |x| x | 1 << 63).iter().map(|&x| u128::from(x) << 64 | u128::from(x)).collect()
}

/// All pairs.
pub(crate) fn pairs(values: &[u128]) -> Vec<[u128; 2]> {
    values.iter().flat_map(|&a| values.iter().map(move |&b| [a, b])).collect()
}

/// A source of states.
pub(crate) struct Values {
    seed: u64,
}

impl Values {
    pub(crate) fn new() -> Values {
        Values { seed: 0x9e37_79b9_7f4a_7c15 }
    }

    fn next(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 32) as usize % limit
    }

    fn float32(&mut self) -> u32 {
        let sign = (self.next() >> 63) as u32;
        match self.below(4) {
            0 => self.next() as u32,
            1 => (self.next() as u32 & 0x00ff_ffff) + 0x3f00_0000,
            _ => F32[self.below(F32.len())] | sign << 31,
        }
    }

    fn float64(&mut self) -> u64 {
        let sign = self.next() >> 63;
        match self.below(4) {
            0 => self.next(),
            1 => (self.next() & 0x00ff_ffff_ffff_ffff) + 0x3f80_0000_0000_0000,
            _ => F64[self.below(F64.len())] | sign << 63,
        }
    }

    /// 64 bits of one of several kinds.
    fn half(&mut self, kind: usize) -> u64 {
        match kind {
            0 => self.float64(),
            1 => u64::from(self.float32()) << 32 | u64::from(self.float32()),
            2 => u64::from_le_bytes(std::array::from_fn(|_| SMALL[self.below(SMALL.len())])),
            3 => self.below(80) as u64,
            _ => self.next(),
        }
    }

    fn vector(&mut self, kind: usize) -> u128 {
        u128::from(self.half(kind)) << 64 | u128::from(self.half(kind))
    }

    fn mxcsr(&mut self) -> u32 {
        let random = self.next() as u32 & 0xe07f;
        match self.below(4) {
            0 => 0x1fa0 | self.next() as u32 & 0x1f,
            1 => random | self.next() as u32 & 0x1f80,
            _ => random | 0x1f80,
        }
    }

    /// Operands that are alike, so that they meet: numbers of one format, or integers.
    pub(crate) fn state(&mut self, kind: Kind) -> State {
        let alike = self.below(5);
        let offset = if kind == Kind::MisalignedMemory { 17 } else { 16 };
        let mut state = State::default();
        for register in 0..3 {
            state.xmm[register] = self.vector(alike);
        }
        if self.below(8) == 0 {
            state.xmm[2] = state.xmm[1];
        }
        for register in [1, 2] {
            state.gpr[register] = self.half(if alike == 1 { 4 } else { alike });
        }
        (state.gpr[6], state.gpr[7]) = (BASE + offset, BASE + offset);
        for place in 0..MEMORY / 16 {
            let bytes = self.vector(alike).to_le_bytes();
            state.memory[16 * place..][..16].copy_from_slice(&bytes);
        }
        let operand = self.vector(alike).to_le_bytes();
        state.memory[offset as usize..][..16].copy_from_slice(&operand);
        state.mxcsr = self.mxcsr();
        state
    }
}
