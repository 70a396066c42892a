//! Sources of entropy: the host's by way of a trait, and a generator that depends on its seed alone.

/// Where random bytes come from.
pub trait Entropy {
    /// Fills `into` with random bytes.
    fn fill(&mut self, into: &mut [u8]);

    /// How many bytes were given so far: what a snapshot keeps of a reproducible source. 0 for others.
    fn position(&self) -> u64 {
        0
    }

    /// Goes to where [`Entropy::position`] was when the snapshot was taken. Nothing for others.
    fn seek(&mut self, _position: u64) {}
}

/// The ChaCha20 key stream (RFC 8439, 2.3, with a 64-bit counter and nonce 0): the same bytes for the same seed.
#[derive(Debug, Clone)]
pub struct SeededEntropy {
    key: [u32; 8],
    position: u64,
}

const BLOCK: u64 = 64;

impl SeededEntropy {
    /// A generator with this key.
    pub fn new(seed: [u8; 32]) -> SeededEntropy {
        let mut key = [0; 8];
        for (word, bytes) in key.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        SeededEntropy { key, position: 0 }
    }

    fn block(&self, counter: u64) -> [u8; BLOCK as usize] {
        let mut initial = [0; 16];
        initial[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        initial[4..12].copy_from_slice(&self.key);
        initial[12] = counter as u32;
        initial[13] = (counter >> 32) as u32;
        let mut state = initial;
        for _ in 0..10 {
            for column in 0..4 {
                quarter_round(&mut state, [column, column + 4, column + 8, column + 12]);
            }
            for diagonal in 0..4 {
                let [b, c, d] = [1, 2, 3].map(|row| 4 * row + (diagonal + row) % 4);
                quarter_round(&mut state, [diagonal, b, c, d]);
            }
        }
        let mut bytes = [0; BLOCK as usize];
        for ((out, state), initial) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(state).zip(initial) {
            *out = state.wrapping_add(initial).to_le_bytes();
        }
        bytes
    }
}

fn quarter_round(state: &mut [u32; 16], [a, b, c, d]: [usize; 4]) {
    for (left, right) in [(16, 12), (8, 7)] {
        state[a] = state[a].wrapping_add(state[b]);
        state[d] = (state[d] ^ state[a]).rotate_left(left);
        state[c] = state[c].wrapping_add(state[d]);
        state[b] = (state[b] ^ state[c]).rotate_left(right);
    }
}

impl Entropy for SeededEntropy {
    fn fill(&mut self, into: &mut [u8]) {
        let mut rest = into;
        while !rest.is_empty() {
            let block = self.block(self.position / BLOCK);
            let from = &block[(self.position % BLOCK) as usize..];
            let length = from.len().min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            now.copy_from_slice(&from[..length]);
            self.position = self.position.wrapping_add(length as u64);
            rest = later;
        }
    }

    fn position(&self) -> u64 {
        self.position
    }

    fn seek(&mut self, position: u64) {
        self.position = position;
    }
}
