//! Sparse files in tar archives: GNU's old format (type `S`) and its three PAX formats (0.0, 0.1, 1.0).
//! Specification: GNU tar manual, "Storing Sparse Files".
//!
//! Whatever the format, the result is a list of segments in ascending order that do not overlap, whose lengths add up
//! to what the archive stores.

use anyhow::{Context, Result, ensure};
use tar::GnuSparseHeader;

use super::pax::decimal;

/// Most segments that a file may have.
const MAX_SEGMENTS: u64 = 1 << 20;

/// `len` stored bytes that belong at `offset` of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// Where the stored bytes of a sparse file belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SparseMap {
    /// The file's length.
    pub(crate) size: u64,
    pub(crate) segments: Vec<Segment>,
}

impl SparseMap {
    /// Checks order and extent of the segments.
    pub(super) fn new(size: u64, segments: Vec<Segment>, stored: u64) -> Result<SparseMap> {
        let (mut end, mut sum) = (0u64, 0u64);
        for segment in &segments {
            ensure!(segment.offset >= end, "sparse map is not in ascending order at offset {}", segment.offset);
            end = segment.offset.checked_add(segment.len).context("sparse map overflows")?;
            ensure!(end <= size, "sparse map reaches {end}, beyond the file's {size} bytes");
            sum += segment.len;
        }
        ensure!(sum == stored, "sparse map describes {sum} bytes, the archive stores {stored}");
        Ok(SparseMap { size, segments })
    }
}

/// The used descriptors of an old GNU header or of its extension block.
pub(super) fn old_gnu(descriptors: &[GnuSparseHeader]) -> Result<Vec<Segment>> {
    let used = descriptors.iter().filter(|descriptor| !descriptor.is_empty());
    used.map(|d| Ok(Segment { offset: d.offset()?, len: d.length()? })).collect()
}

/// Format 0.1: `offset,length,offset,length…` in one record.
pub(super) fn comma_separated(map: &[u8]) -> Result<Vec<Segment>> {
    let numbers = map.split(|&b| b == b',').map(decimal).collect::<Result<Vec<_>>>().context("sparse map")?;
    pairs(&numbers)
}

/// Pairs of offset and length.
pub(super) fn pairs(numbers: &[u64]) -> Result<Vec<Segment>> {
    ensure!(numbers.len().is_multiple_of(2), "sparse map has an offset without a length");
    Ok(numbers.chunks_exact(2).map(|pair| Segment { offset: pair[0], len: pair[1] }).collect())
}

/// Format 1.0: the stored data begin with the number of segments and then their pairs, a decimal number a line, padded
/// to a multiple of 512 bytes. `next_block` gives the blocks in turn. Returns the segments and the blocks' size.
pub(super) fn from_data(mut next_block: impl FnMut() -> Result<[u8; 512]>) -> Result<(Vec<Segment>, u64)> {
    let (mut numbers, mut wanted, mut digits, mut consumed) = (Vec::new(), None, Vec::new(), 0);
    loop {
        consumed += 512;
        for byte in next_block()? {
            if byte != b'\n' {
                ensure!(digits.len() < 20, "sparse map holds a line longer than a number");
                digits.push(byte);
                continue;
            }
            let number = decimal(&digits).context("sparse map")?;
            digits.clear();
            match wanted {
                None => {
                    ensure!(number <= MAX_SEGMENTS, "sparse map of {number} segments, at most {MAX_SEGMENTS} expected");
                    wanted = Some(2 * number as usize);
                }
                Some(_) => numbers.push(number),
            }
            if wanted == Some(numbers.len()) {
                return Ok((pairs(&numbers)?, consumed));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_that_lie_are_refused() {
        let map = |size, text: &[u8], stored| SparseMap::new(size, comma_separated(text)?, stored);
        assert_eq!(map(100, b"0,10,50,5", 15).unwrap().segments[1], Segment { offset: 50, len: 5 });
        for (size, text, stored) in [
            (100, "50,5,0,10", 15),
            (100, "0,10,5,10", 20),
            (12, "0,10,50,5", 15),
            (100, "0,10,50", 10),
            (100, "0,10", 11),
            (u64::MAX, "0,5,18446744073709551610,10", 15),
        ] {
            assert!(map(size, text.as_bytes(), stored).is_err(), "{text}");
        }
    }
}
