//! A small generator of pseudo-random numbers (xorshift64*, S. Vigna), so that failures repeat.

pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 20) % end
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next() as u8
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// A value that is interesting more often than chance has it.
    pub(crate) fn value(&mut self) -> u64 {
        let bits = self.below(65) as u32;
        let value = self.next().checked_shr(bits).unwrap_or(0);
        match self.below(6) {
            0 => value.wrapping_neg(),
            1 => 1u64.rotate_left(bits),
            2 => 1u64.rotate_left(bits).wrapping_sub(1),
            _ => value,
        }
    }
}
