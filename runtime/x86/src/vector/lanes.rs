//! 128-bit values as arrays of lanes, in a shape that LLVM turns into vector instructions.

macro_rules! lanes {
    ($lane:ty, $count:literal, $split:ident, $join:ident, $zip:ident, $map:ident) => {
        /// The lanes, least significant first.
        #[inline(always)]
        pub(super) fn $split(a: u128) -> [$lane; $count] {
            const SIZE: usize = size_of::<$lane>();
            let bytes = a.to_le_bytes();
            std::array::from_fn(|i| <$lane>::from_le_bytes(std::array::from_fn(|k| bytes[i * SIZE + k])))
        }

        /// The value that the lanes make.
        #[inline(always)]
        pub(super) fn $join(lanes: [$lane; $count]) -> u128 {
            // Halves, built in registers: bytes stored one by one and loaded together would stall.
            let half = |lanes: &[$lane]| {
                lanes
                    .iter()
                    .rev()
                    .fold(0u64, |half, &lane| half.checked_shl(<$lane>::BITS).unwrap_or(0) | u64::from(lane))
            };
            let (low, high) = lanes.split_at($count / 2);
            u128::from(half(high)) << 64 | u128::from(half(low))
        }

        /// `f` of each pair of lanes.
        #[inline(always)]
        pub(super) fn $zip(a: u128, b: u128, f: impl Fn($lane, $lane) -> $lane) -> u128 {
            let (a, b) = ($split(a), $split(b));
            $join(std::array::from_fn(|i| f(a[i], b[i])))
        }

        /// `f` of each lane.
        #[inline(always)]
        pub(super) fn $map(a: u128, f: impl Fn($lane) -> $lane) -> u128 {
            let a = $split(a);
            $join(std::array::from_fn(|i| f(a[i])))
        }
    };
}

lanes!(u8, 16, split8, join8, zip8, map8);
lanes!(u16, 8, split16, join16, zip16, map16);
lanes!(u32, 4, split32, join32, zip32, map32);
lanes!(u64, 2, split64, join64, zip64, map64);
