//! The codec: round trip, every truncation, and what each kind of damage is reported as.

use super::*;
use std::collections::VecDeque;

#[derive(Debug, PartialEq)]
struct Sample {
    small: u8,
    list: [u32; 3],
    maybe: Option<u64>,
    flag: bool,
    queue: VecDeque<u8>,
}
crate::fields!(Sample { small, list, maybe, flag, queue } where |sample: &Sample| sample.small < 10, "a digit");

fn sample() -> Sample {
    Sample { small: 7, list: [1, u32::MAX, 3], maybe: Some(1 << 40), flag: true, queue: VecDeque::from([1, 2, 3]) }
}

fn encoded(sample: &Sample) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.section("outer", 1, |writer| writer.section("sample", 2, |writer| writer.field(sample)));
    writer.into_bytes()
}

fn decode(bytes: &[u8]) -> Result<Sample, CodecError> {
    let mut reader = Reader::new(bytes);
    let sample = reader.section("outer", 1, |reader| reader.section("sample", 2, |reader| reader.field()))?;
    reader.finish()?;
    Ok(sample)
}

#[test]
fn round_trip() {
    assert_eq!(decode(&encoded(&sample())), Ok(sample()));
}

#[test]
fn every_truncation_is_an_error() {
    let bytes = encoded(&sample());
    for length in 0..bytes.len() {
        assert!(matches!(decode(&bytes[..length]), Err(CodecError::Truncated { .. })), "cut at {length}");
    }
}

#[test]
fn damage_is_named() {
    let other = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
    let mut bytes = encoded(&sample());
    bytes.push(0);
    assert_eq!(other(&bytes), "snapshot section \"\", offset 63: expected the section's end, 1 bytes left");
    bytes.pop();
    bytes[17] = b'x';
    assert_eq!(other(&bytes), "snapshot section \"outer\", offset 16: expected section \"sample\", found \"xample\"");
    bytes[17] = b's';
    bytes[23] = 3;
    assert_eq!(other(&bytes), "snapshot section \"sample\", offset 16: expected version 2, found 3");
    assert_eq!(
        other(&encoded(&Sample { small: 10, ..sample() })),
        "snapshot section \"sample\", before offset 63: expected a digit"
    );
}

#[test]
fn a_section_is_read_to_its_end() {
    let mut writer = Writer::new();
    writer.section("long", 1, |writer| writer.bytes(b"abc"));
    let bytes = writer.into_bytes();
    let read = Reader::new(&bytes).section("long", 1, |reader| reader.field::<u32>());
    assert_eq!(read, Err(CodecError::Trailing { section: "long", offset: 19, left: 3 }));
}

#[test]
fn a_length_of_2_to_the_64_does_not_wrap() {
    let mut bytes = encoded(&sample());
    bytes[8..16].fill(0xff);
    assert!(matches!(decode(&bytes), Err(CodecError::Truncated { expected: u64::MAX, .. })));
}
