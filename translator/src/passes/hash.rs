//! A hash of few numbers that seldom gives two of them the same place.

/// Multipliers that are tried for a size.
const TRIES: u32 = 500;

/// `(number * factor) >> shift`, of 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hash {
    /// An odd number.
    pub factor: u32,
    /// 32 less the bits of a place's number.
    pub shift: u32,
}

impl Hash {
    fn place(self, offset: i64) -> usize {
        (offset as u32).wrapping_mul(self.factor) as usize >> self.shift
    }

    /// What is at each place.
    fn places(self, offsets: &[i64]) -> Vec<Vec<i64>> {
        let mut places = vec![Vec::new(); 1 << (u32::BITS - self.shift)];
        offsets.iter().for_each(|offset| places[self.place(*offset)].push(*offset));
        places
    }
}

/// A hash for some offsets, of which only the low 32 bits count, and what is at each of its places: at most four times as many
/// places as offsets.
pub fn find(offsets: &[i64]) -> (Hash, Vec<Vec<i64>>) {
    let bits = offsets.len().next_power_of_two().ilog2() + 1;
    let factors = (1..=TRIES).map(|number| number.wrapping_mul(0x9e37_79b9) | 1);
    let hashes = factors.map(|factor| Hash { factor, shift: u32::BITS - bits });
    // How many comparisons it takes to find all.
    let cost = |hash: &Hash| hash.places(offsets).iter().map(|at| at.len() * (at.len() + 1) / 2).sum::<usize>();
    let best = hashes.min_by_key(cost).expect("some are tried");
    (best, best.places(offsets))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_offset_has_a_place_and_few_share_one() {
        let offsets: Vec<i64> = (0..150).map(|number| 0x1234 + number * number * 7).collect();
        let (hash, places) = find(&offsets);
        assert!(places.len() <= 4 * offsets.len());
        for offset in &offsets {
            assert!(places[hash.place(*offset)].contains(offset));
        }
        let alone = places.iter().filter(|at| at.len() == 1).count();
        assert!(alone > offsets.len() / 2, "{alone}");
        assert_eq!(find(&[8]).1.concat(), [8]);
    }
}
