//! The file system of a new layer: an empty ext4 as `mke2fs` makes it, of which `empty.txt` has all that is not zero.
//!
//! A line is an address (hexadecimal, in bytes) and what is there: bytes, or `BYTE*COUNT`. The test `empty_layer` makes it anew,
//! and has the command. A file system of 16 GiB takes 14 blocks: all its tables are in one place, marked as zeroed or not in use,
//! and there are no copies of the superblock.

/// Size of the file system in bytes.
pub(super) const SIZE: u64 = 16 << 30;

const LISTING: &str = include_str!("empty.txt");

/// What is not zero: address and bytes.
pub(super) fn runs() -> impl Iterator<Item = (u64, Vec<u8>)> {
    LISTING.lines().map(|line| run(line).expect("the test `empty_layer` wrote the line"))
}

fn run(line: &str) -> Option<(u64, Vec<u8>)> {
    let mut words = line.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    let mut bytes = Vec::new();
    for word in words {
        match word.split_once('*') {
            Some((byte, count)) => bytes.resize(bytes.len() + count.parse::<usize>().ok()?, number(byte)?),
            None => {
                for at in (0..word.len()).step_by(2) {
                    bytes.push(number(word.get(at..at + 2)?)?);
                }
            }
        }
    }
    Some((address, bytes))
}

fn number(digits: &str) -> Option<u8> {
    u8::from_str_radix(digits, 16).ok()
}
