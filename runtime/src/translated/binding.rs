//! The regions' descriptions: which bytes a region was translated from, and which code leads to which entry.
//!
//! Written by the linker ([`encode`]), read in place by the runtime ([`Bindings`]). Little-endian `u32` unless said:
//!
//! ```text
//! magic, version, regions, ranges, entries, bytes, bits of a bucket's number
//! regions × { mode, first range, number of ranges, home (u64) }
//! ranges  × { offset from the region's base, length, first byte in `bytes` }
//! buckets × { first entry }                                                   and the number of entries
//! entries × { region, offset from the base, lower half of its key (u16), entry number (u16) }   ascending by key, region, entry
//! bytes
//! ```
//!
//! An entry's key is made of the mode, its offset in its page and the first instruction there ([`key`]), so that a block
//! of code knows from one bucket, the entries whose keys have the same upper bits, whether some region might begin there. More bytes
//! than that the two sides need not have in common: a region may hold no more of the code there than one instruction. Of a key the
//! bucket and 16 bits tell nearly all others; who is taken for another has other bytes.

use crate::profile::Mode;
use core::ops::Range;

const MAGIC: u32 = u32::from_le_bytes(*b"bind");
const VERSION: u32 = 4;
const HEADER: usize = 28;
const REGION: usize = 20;
const RANGE: usize = 12;
const ENTRY: usize = 12;

/// What one region was translated from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionCode {
    /// Whose code it is.
    pub mode: Mode,
    /// Where its base was when it was found, as a [`CodeAddress`](crate::profile::CodeAddress).
    pub home: u64,
    /// Offsets of the entries from the base, by entry number.
    pub entries: Vec<u32>,
    /// Offsets from the base and bytes: ascending, disjoint. The base is page-aligned.
    pub ranges: Vec<(u32, Vec<u8>)>,
}

impl RegionCode {
    /// The instruction at an offset; empty if the region has none there.
    fn instruction_at(&self, offset: u32) -> &[u8] {
        let holder = self.ranges.iter().find(|(start, bytes)| (*start..*start + bytes.len() as u32).contains(&offset));
        let code = holder.map_or(&[][..], |(start, bytes)| &bytes[(offset - start) as usize..]);
        x86::decode(code).map_or(&[], |insn| &code[..insn.length.into()])
    }
}

/// The key of code that begins at `offset` in its page with an instruction: up to eight bytes of it, cut at the page's end.
pub fn key(mode: Mode, offset: u32, instruction: &[u8]) -> u64 {
    let within = offset & 0xfff;
    let take = instruction.len().min(8).min((0x1000 - within) as usize);
    let mut word = [0; 8];
    word[..take].copy_from_slice(&instruction[..take]);
    let mixed = (u64::from_le_bytes(word) ^ (u64::from(within) << 1 | mode as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}

/// Writes the descriptions of all regions, by number.
pub fn encode(regions: &[RegionCode]) -> Vec<u8> {
    let mut tables = [Vec::new(), Vec::new(), Vec::new()];
    let mut bytes = Vec::new();
    let mut entries = Vec::new();
    let mut ranges = 0u32;
    let put = |table: &mut Vec<u8>, word: u32| table.extend(word.to_le_bytes());
    for (number, region) in regions.iter().enumerate() {
        for word in [region.mode as u32, ranges, region.ranges.len() as u32] {
            put(&mut tables[0], word);
        }
        tables[0].extend(region.home.to_le_bytes());
        ranges += region.ranges.len() as u32;
        for (offset, code) in &region.ranges {
            for word in [*offset, code.len() as u32, bytes.len() as u32] {
                put(&mut tables[1], word);
            }
            bytes.extend_from_slice(code);
        }
        // Further ones, if there ever were a region with so many, are not found, and what begins there is interpreted.
        for (&offset, entry) in region.entries.iter().zip(0..=u16::MAX) {
            let key = key(region.mode, offset, region.instruction_at(offset));
            entries.push((key, number as u32, entry, offset));
        }
    }
    entries.sort_unstable();
    for (key, region, entry, offset) in &entries {
        for word in [*region, *offset, u32::from(*entry) << 16 | *key as u32 & 0xffff] {
            put(&mut tables[2], word);
        }
    }
    // Some two entries a bucket.
    let bits = entries.len().checked_ilog2().map_or(0, |bits| bits.saturating_sub(1));
    let first = |bucket: usize| entries.partition_point(|(key, ..)| bucket_of(*key, bits) < bucket) as u32;
    let buckets = (0..=1 << bits).flat_map(|bucket| first(bucket).to_le_bytes()).collect();
    let header = [MAGIC, VERSION, regions.len() as u32, ranges, entries.len() as u32, bytes.len() as u32, bits];
    let header = header.into_iter().flat_map(u32::to_le_bytes).collect();
    let [regions, ranges, entries] = tables;
    [header, regions, ranges, buckets, entries, bytes].concat()
}

/// The number of a key's bucket: its upper `bits` bits.
fn bucket_of(key: u64, bits: u32) -> usize {
    key.checked_shr(u64::BITS - bits).unwrap_or(0) as usize
}

/// An entry of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPoint {
    /// The region.
    pub region: u32,
    /// The entry's number.
    pub entry: u32,
    /// Its offset from the region's base.
    pub offset: u32,
}

/// The descriptions, read in place.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bindings<'a> {
    regions: &'a [u8],
    ranges: &'a [u8],
    bucket_bits: u32,
    buckets: &'a [u8],
    entries: &'a [u8],
    bytes: &'a [u8],
}

fn word(table: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*table[at..].first_chunk().expect("the tables are whole"))
}

fn long(table: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*table[at..].first_chunk().expect("the tables are whole"))
}

impl<'a> Bindings<'a> {
    /// Reads what [`encode`] wrote; `None` if it is not that.
    pub fn parse(data: &'a [u8]) -> Option<Bindings<'a>> {
        if data.len() < HEADER || word(data, 0) != MAGIC || word(data, 4) != VERSION {
            return None;
        }
        let size = |index: usize, unit: usize| (word(data, 4 * index) as usize).checked_mul(unit);
        let (regions, rest) = data[HEADER..].split_at_checked(size(2, REGION)?)?;
        let (ranges, rest) = rest.split_at_checked(size(3, RANGE)?)?;
        let bucket_bits = word(data, 24);
        let buckets = 1usize.checked_shl(bucket_bits)?.checked_add(1)?.checked_mul(4)?;
        let (buckets, rest) = rest.split_at_checked(buckets)?;
        let (entries, rest) = rest.split_at_checked(size(4, ENTRY)?)?;
        let bytes = rest.get(..size(5, 1)?)?;
        // What comes after needs no look at them again.
        let count = entries.len() / ENTRY;
        let inside = buckets.chunks_exact(4).all(|first| word(first, 0) as usize <= count);
        inside.then_some(Bindings { regions, ranges, bucket_bits, buckets, entries, bytes })
    }

    /// Number of regions.
    pub fn len(&self) -> usize {
        self.regions.len() / REGION
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// The last word of an entry.
    fn entry_word(&self, index: usize) -> u32 {
        word(self.entries, index * ENTRY + 8)
    }

    /// The entries whose keys have the upper bits of this one.
    fn bucket(&self, key: u64) -> Range<usize> {
        if self.entries.is_empty() {
            return 0..0;
        }
        let bucket = bucket_of(key, self.bucket_bits);
        word(self.buckets, 4 * bucket) as usize..word(self.buckets, 4 * bucket + 4) as usize
    }

    /// Entries whose code may begin with what the key was made of.
    pub fn candidates(&self, key: u64) -> impl Iterator<Item = EntryPoint> + use<'a> {
        let this = *self;
        self.bucket(key).filter(move |&index| this.entry_word(index) as u16 == key as u16).map(move |index| {
            EntryPoint {
                region: word(this.entries, index * ENTRY),
                entry: this.entry_word(index) >> 16,
                offset: word(this.entries, index * ENTRY + 4),
            }
        })
    }

    /// Whose code the region is: 0 for the kernel's.
    pub fn mode(&self, region: u32) -> u32 {
        word(self.regions, region as usize * REGION)
    }

    /// Where the region's base was when it was found.
    pub fn home(&self, region: u32) -> u64 {
        long(self.regions, region as usize * REGION + 12)
    }

    /// The region's ranges: offset from the base, and bytes. Ranges that the data does not hold are empty.
    pub fn ranges(&self, region: u32) -> impl Iterator<Item = (u32, &'a [u8])> + use<'a> {
        let this = *self;
        let at = region as usize * REGION;
        let (first, count) = (word(self.regions, at + 4) as usize, word(self.regions, at + 8) as usize);
        (first..first + count).map_while(move |index| {
            let range = this.ranges.get(index * RANGE..(index + 1) * RANGE)?;
            let (from, length) = (word(range, 8) as usize, word(range, 4) as usize);
            Some((word(range, 0), this.bytes.get(from..from.checked_add(length)?)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regions() -> Vec<RegionCode> {
        vec![
            RegionCode {
                mode: Mode::Kernel,
                home: 0xffff_ffff_8100_0000,
                entries: vec![0x10],
                ranges: vec![(0x10, vec![0x90; 20])],
            },
            RegionCode {
                mode: Mode::User,
                home: 0x2000,
                entries: vec![0xffc, 0x10],
                ranges: vec![(0x10, vec![0x90, 0xc3]), (0xffc, vec![0x48, 0xb8, 3, 4, 5, 6, 7, 8, 9, 10, 0xc3])],
            },
        ]
    }

    #[test]
    fn entries_are_found_by_their_code() {
        let data = encode(&regions());
        let bindings = Bindings::parse(&data).unwrap();
        assert_eq!(bindings.len(), 2);
        assert_eq!([0, 1].map(|region| bindings.home(region)), [0xffff_ffff_8100_0000, 0x2000]);
        let found: Vec<_> = bindings.candidates(key(Mode::Kernel, 0x10, &[0x90])).collect();
        assert_eq!(found, [EntryPoint { region: 0, entry: 0, offset: 0x10 }]);
        // At the end of a page only the bytes before it count.
        let found: Vec<_> = bindings.candidates(key(Mode::User, 0x2ffc, &[0x48, 0xb8, 3, 4])).collect();
        assert_eq!(found, [EntryPoint { region: 1, entry: 0, offset: 0xffc }]);
        assert_eq!(bindings.candidates(key(Mode::User, 0x10, &[0xc3])).count(), 0);
        let ranges: Vec<_> = bindings.ranges(1).collect();
        assert_eq!(ranges, [(0x10, &[0x90, 0xc3][..]), (0xffc, &[0x48, 0xb8, 3, 4, 5, 6, 7, 8, 9, 10, 0xc3][..])]);
    }

    #[test]
    fn every_entry_of_many_is_found_and_no_other() {
        let code = |number: u16| [&[0x66, 0xb8][..], &number.to_le_bytes()].concat();
        let region = |number: u16| {
            let offset = u32::from(number) % 0xff0;
            RegionCode { mode: Mode::User, home: 0, entries: vec![offset], ranges: vec![(offset, code(number))] }
        };
        let data = encode(&(0..3000).map(region).collect::<Vec<_>>());
        let bindings = Bindings::parse(&data).unwrap();
        for number in 0..3000 {
            let found: Vec<_> =
                bindings.candidates(key(Mode::User, u32::from(number) % 0xff0, &code(number))).collect();
            assert_eq!(found.iter().map(|entry| entry.region).collect::<Vec<_>>(), [u32::from(number)]);
            assert_eq!(bindings.candidates(key(Mode::User, 0xff8, &code(number))).count(), 0);
        }
        assert_eq!([0, 1, u64::MAX - 1, u64::MAX].map(|key| bindings.candidates(key).count()), [0; 4]);
    }

    #[test]
    fn damaged_descriptions_are_refused() {
        let data = encode(&regions());
        for cut in 0..data.len() {
            assert!(Bindings::parse(&data[..cut]).is_none(), "cut at {cut}");
        }
        assert!(Bindings::parse(&[0xff; 64]).is_none());
    }
}
