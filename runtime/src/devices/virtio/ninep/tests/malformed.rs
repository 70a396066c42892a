//! Messages that no client should send: each gets an error, none panics.

use super::*;
use crate::devices::{Entropy, SeededEntropy};

/// A message of each type that has fields, as it should be.
fn well_formed() -> Vec<Vec<u8>> {
    let fields: [(u8, &[&[u8]]); 28] = [
        (8, &[&[1, 0, 0, 0]]),
        (12, &[&[1, 0, 0, 0], &[0; 4]]),
        (14, &[&[1, 0, 0, 0], &[1, 0, b'f'], &[0x42, 0, 0, 0], &[0; 8]]),
        (16, &[&[1, 0, 0, 0], &[1, 0, b's'], &[1, 0, b't'], &[0; 4]]),
        (18, &[&[1, 0, 0, 0], &[1, 0, b'n'], &[0; 16]]),
        (20, &[&[1, 0, 0, 0], &[1, 0, 0, 0], &[1, 0, b'r']]),
        (22, &[&[1, 0, 0, 0]]),
        (24, &[&[1, 0, 0, 0], &[0; 8]]),
        (26, &[&[1, 0, 0, 0], &[0xff, 1, 0, 0], &[0; 52]]),
        (30, &[&[1, 0, 0, 0], &[9; 4], &[0, 0]]),
        (32, &[&[1, 0, 0, 0], &[0, 0], &[0; 12]]),
        (40, &[&[1, 0, 0, 0], &[0; 12]]),
        (50, &[&[1, 0, 0, 0], &[0; 4]]),
        (52, &[&[1, 0, 0, 0], &[0; 25], &[0, 0]]),
        (54, &[&[1, 0, 0, 0], &[0; 21], &[0, 0]]),
        (70, &[&[1, 0, 0, 0], &[1, 0, 0, 0], &[1, 0, b'l']]),
        (72, &[&[1, 0, 0, 0], &[1, 0, b'd'], &[0; 8]]),
        (74, &[&[1, 0, 0, 0], &[1, 0, b'd'], &[1, 0, 0, 0], &[1, 0, b'e']]),
        (76, &[&[1, 0, 0, 0], &[1, 0, b'd'], &[0; 4]]),
        (100, &[&[0, 0, 1, 0], &[0, 0]]),
        (102, &[&[9; 4], &[0; 8]]),
        (104, &[&[9; 4], &[9; 4], &[0; 8]]),
        (108, &[&[0; 2]]),
        (110, &[&[1, 0, 0, 0], &[9; 4], &[1, 0], &[1, 0, b'f']]),
        (116, &[&[1, 0, 0, 0], &[0; 12]]),
        (118, &[&[1, 0, 0, 0], &[0; 8], &[3, 0, 0, 0], b"abc"]),
        (120, &[&[1, 0, 0, 0]]),
        (122, &[&[1, 0, 0, 0]]),
    ];
    let message = |(kind, fields): (u8, &[&[u8]])| {
        let mut message = [&[0, 0, 0, 0, kind, 0x34, 0x12][..], &fields.concat()].concat();
        message[0] = message.len() as u8;
        message
    };
    fields.into_iter().map(message).collect()
}

#[test]
fn every_length_but_the_right_one_is_an_error() {
    let mut client = Client::new();
    for message in well_formed() {
        let kind = message[4];
        assert_ne!(client.send(&message).err(), Some(Errno::PROTO), "type {kind}");
        for length in 7..message.len() {
            assert_eq!(client.send(&message[..length]), Err(Errno::PROTO), "type {kind}: cut with its size as it was");
            let mut cut = message[..length].to_vec();
            cut[0] = length as u8;
            assert_eq!(client.send(&cut), Err(Errno::PROTO), "type {kind}: cut at {length}");
        }
        let mut long = [&message[..], &[0]].concat();
        long[0] += 1;
        assert_eq!(client.send(&long), Err(Errno::PROTO), "type {kind}: one byte more");
        client.begin();
    }
}

#[test]
fn wrong_lengths_inside() {
    let mut client = Client::new();
    let huge = client.ask(118, |m| {
        m.u32(DIR);
        m.u64(0);
        m.u32(u32::MAX);
    });
    assert_eq!(huge, Err(Errno::PROTO));
    let names = client.ask(110, |m| {
        [DIR, 9].into_iter().for_each(|fid| m.u32(fid));
        m.u16(17);
        (0..17).for_each(|_| m.string(b".."));
    });
    assert_eq!(names, Err(Errno::PROTO), "more names than a walk may have");
    assert_eq!(client.ask(99, |_| {}), Err(Errno::OPNOTSUPP));
    assert_eq!(client.ask(0, |_| {}), Err(Errno::OPNOTSUPP));
    let long = "x".repeat(256);
    assert_eq!(client.mkdir(DIR, &long), Err(Errno::NAMETOOLONG));
    assert_eq!(client.named(72, DIR, "\u{fffd}", &[0, 0]).err(), None);
    let invalid = client.ask(72, |m| {
        m.u32(DIR);
        m.string(b"\xff");
        [0, 0].into_iter().for_each(|value| m.u32(value));
    });
    assert_eq!(invalid, Err(Errno::ILSEQ));
}

#[test]
fn long_paths_end() {
    let mut client = Client::new();
    let name = "x".repeat(200);
    client.walk(DIR, 5, &[]).unwrap();
    let refused = (0..30).find_map(|_| client.mkdir(5, &name).and_then(|_| client.walk(5, 5, &[&name])).err());
    assert_eq!(refused, Some(Errno::NAMETOOLONG));
}

#[test]
fn any_bytes_are_survived() {
    let mut client = Client::new();
    let mut source = SeededEntropy::new([9; 32]);
    let messages = well_formed();
    for round in 0..60_000usize {
        let mut message = messages[round % messages.len()].clone();
        let mut bytes = [0; 8];
        source.fill(&mut bytes);
        for pair in bytes.as_chunks::<2>().0.iter().take(1 + round % 4) {
            let at = 7 + usize::from(pair[0]) % (message.len() - 7);
            message[at] = if round % 3 == 0 { pair[1] } else { pair[1] & 3 };
        }
        // Neither a message size that later ones do not fit, nor a file of exabytes.
        if message[4] != 26 && message[4] != 118 {
            let _ = client.send(&message);
        }
    }
}
