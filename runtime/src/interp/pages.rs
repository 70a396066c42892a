//! Maps keyed by page numbers, offsets and code addresses.
//!
//! They are asked at every write to a page with code, whenever a block is not in the front cache, and at every block of a
//! recorded run, so that their hash is a multiplication; what a guest gains by numbers that collide is its own slowness.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map with small integers as keys.
pub(crate) type PageMap<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;

/// Spreads one integer over all bits.
#[derive(Default, Clone, Copy)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }

    fn write_isize(&mut self, discriminant: isize) {
        self.write_u64(discriminant as u64);
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(number.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
