//! The steps of SHA-1 and SHA-256. FIPS 180-4, sections 4 and 6; SDM volume 1, section 12.14, and volume 2.
//!
//! Values hold four words each; in the manual's pictures the first variable is the highest word.

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ShaOp {
    /// SHA1RNDS4, with the quarter of the 80 rounds.
    Rounds1(u8),
    /// SHA1NEXTE.
    NextE1,
    /// SHA1MSG1.
    First1,
    /// SHA1MSG2.
    Second1,
    /// SHA256RNDS2; the third value's low half holds the words to add.
    Rounds256,
    /// SHA256MSG1.
    First256,
    /// SHA256MSG2.
    Second256,
}

/// The words, highest first.
fn words(value: u128) -> [u32; 4] {
    [96, 64, 32, 0].map(|shift| (value >> shift) as u32)
}

fn joined(words: [u32; 4]) -> u128 {
    words.into_iter().fold(0, |value, word| value << 32 | u128::from(word))
}

const CONSTANTS: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

fn choice(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ !x & z
}

fn majority(x: u32, y: u32, z: u32) -> u32 {
    x & y ^ x & z ^ y & z
}

fn four_rounds(quarter: u8, state: u128, message: u128) -> u128 {
    let [mut a, mut b, mut c, mut d] = words(state);
    let mut e = 0u32;
    for word in words(message) {
        let mixed = match quarter & 3 {
            0 => choice(b, c, d),
            2 => majority(b, c, d),
            _ => b ^ c ^ d,
        };
        let constant = CONSTANTS[usize::from(quarter & 3)];
        let next = mixed.wrapping_add(a.rotate_left(5)).wrapping_add(word).wrapping_add(e).wrapping_add(constant);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    joined([a, b, c, d])
}

fn second_1(a: u128, b: u128) -> u128 {
    let ([x0, x1, x2, x3], [_, w13, w14, w15]) = (words(a), words(b));
    let w16 = (x0 ^ w13).rotate_left(1);
    joined([w16, (x1 ^ w14).rotate_left(1), (x2 ^ w15).rotate_left(1), (x3 ^ w16).rotate_left(1)])
}

fn two_rounds(cdgh: u128, abef: u128, message: u128) -> u128 {
    let ([mut c, mut d, mut g, mut h], [mut a, mut b, mut e, mut f]) = (words(cdgh), words(abef));
    for word in [message as u32, (message >> 32) as u32] {
        let sum1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let sum0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let first = choice(e, f, g).wrapping_add(sum1).wrapping_add(word).wrapping_add(h);
        let second = majority(a, b, c).wrapping_add(sum0);
        (h, g, f, e) = (g, f, e, first.wrapping_add(d));
        (d, c, b, a) = (c, b, a, first.wrapping_add(second));
    }
    joined([a, b, e, f])
}

fn small0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ x >> 3
}

fn small1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ x >> 10
}

fn first_256(a: u128, b: u128) -> u128 {
    let ([w3, w2, w1, w0], w4) = (words(a), b as u32);
    let sum = |x: u32, y: u32| x.wrapping_add(small0(y));
    joined([sum(w3, w4), sum(w2, w3), sum(w1, w2), sum(w0, w1)])
}

fn second_256(a: u128, b: u128) -> u128 {
    let ([x3, x2, x1, x0], [w15, w14, ..]) = (words(a), words(b));
    let w16 = x0.wrapping_add(small1(w14));
    let w17 = x1.wrapping_add(small1(w15));
    joined([x3.wrapping_add(small1(w17)), x2.wrapping_add(small1(w16)), w17, w16])
}

pub(super) fn step(op: ShaOp, a: u128, b: u128, c: u128) -> u128 {
    match op {
        ShaOp::Rounds1(quarter) => four_rounds(quarter, a, b),
        ShaOp::NextE1 => {
            let ([e, ..], [w, rest @ ..]) = (words(a), words(b));
            joined([w.wrapping_add(e.rotate_left(30)), rest[0], rest[1], rest[2]])
        }
        ShaOp::First1 => a ^ (a << 64 | b >> 64),
        ShaOp::Second1 => second_1(a, b),
        ShaOp::Rounds256 => two_rounds(a, b, c),
        ShaOp::First256 => first_256(a, b),
        ShaOp::Second256 => second_256(a, b),
    }
}
