//! The steps of AES. FIPS 197, sections 4 and 5; SDM volume 1, section 12.13, and volume 2.
//!
//! Byte r + 4c of a value is row r, column c of the state. The S-box is computed from its definition: the inverse in
//! GF(2^8), then an affine map. What a byte adds to its column in a round, which is substitution and mixing, comes from tables.

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AesOp {
    /// AESENC: a round of encryption.
    Encrypt,
    /// AESENCLAST: the last round of encryption.
    EncryptLast,
    /// AESDEC: a round of decryption.
    Decrypt,
    /// AESDECLAST: the last round of decryption.
    DecryptLast,
    /// AESIMC: a round key for decryption.
    InverseMix,
    /// AESKEYGENASSIST, with the round constant.
    KeyAssist(u8),
}

const fn double(a: u8) -> u8 {
    a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 }
}

const fn multiply(a: u8, b: u8) -> u8 {
    let (mut product, mut power, mut i) = (0, a, 0);
    while i < 8 {
        if b >> i & 1 != 0 {
            product ^= power;
        }
        power = double(power);
        i += 1;
    }
    product
}

/// a^254: the inverse, and 0 of 0.
const fn inverse(a: u8) -> u8 {
    let (mut result, mut i) = (1, 0);
    while i < 254 {
        result = multiply(result, a);
        i += 1;
    }
    result
}

const fn substitution() -> ([u8; 256], [u8; 256]) {
    let (mut forward, mut back) = ([0; 256], [0; 256]);
    let mut i = 0;
    while i < 256 {
        let x = inverse(i as u8);
        let y = x ^ x.rotate_left(1) ^ x.rotate_left(2) ^ x.rotate_left(3) ^ x.rotate_left(4) ^ 0x63;
        forward[i] = y;
        back[y as usize] = i as u8;
        i += 1;
    }
    (forward, back)
}

const SUBSTITUTION: ([u8; 256], [u8; 256]) = substitution();

static BOXES: ([u8; 256], [u8; 256]) = SUBSTITUTION;

/// What a byte of the first row adds to each row of its mixed column, the first row lowest; a byte of row r adds the same
/// turned by r rows.
const fn mixed(matrix: [u8; 4], of: [u8; 256]) -> [u32; 256] {
    let (mut columns, mut i) = ([0; 256], 0);
    while i < 256 {
        let [a, b, c, d] = matrix;
        let x = of[i];
        columns[i] = u32::from_le_bytes([multiply(x, a), multiply(x, d), multiply(x, c), multiply(x, b)]);
        i += 1;
    }
    columns
}

const fn identity() -> [u8; 256] {
    let (mut bytes, mut i) = ([0; 256], 0);
    while i < 256 {
        bytes[i] = i as u8;
        i += 1;
    }
    bytes
}

/// The first rows of the circulant matrices.
const MIX: [u8; 4] = [2, 3, 1, 1];
const MIX_BACK: [u8; 4] = [14, 11, 13, 9];

static ENCRYPTED: [u32; 256] = mixed(MIX, SUBSTITUTION.0);
static DECRYPTED: [u32; 256] = mixed(MIX_BACK, SUBSTITUTION.1);
static MIXED_BACK: [u32; 256] = mixed(MIX_BACK, identity());

type State = [u8; 16];

/// Substitutes, after rotating row r by r columns: to the left, or with 3 `steps` a row to the right.
fn substitute(state: State, bytes: &[u8; 256], steps: usize) -> u128 {
    u128::from_le_bytes(std::array::from_fn(|i| bytes[usize::from(state[shifted(i, steps)])]))
}

/// Where the byte was that the rotation of rows moves to place `i`.
const fn shifted(i: usize, steps: usize) -> usize {
    (i + 4 * steps * (i % 4)) % 16
}

/// Multiplies each column by a matrix, after rotating rows as [`substitute`] does.
fn mix(state: State, columns: &[u32; 256], steps: usize) -> u128 {
    let column = |c: usize| {
        let part = |r: usize| columns[usize::from(state[shifted(4 * c + r, steps)])].rotate_left(8 * r as u32);
        u128::from(part(0) ^ part(1) ^ part(2) ^ part(3)) << (32 * c)
    };
    column(0) | column(1) | column(2) | column(3)
}

fn key_assist(key: u128, constant: u8) -> u128 {
    let substituted = substitute(key.to_le_bytes(), &BOXES.0, 0);
    let word = |index: u32| (substituted >> (32 * index)) as u32;
    let turned = |index| u128::from(word(index).rotate_right(8) ^ u32::from(constant));
    turned(3) << 96 | u128::from(word(3)) << 64 | turned(1) << 32 | u128::from(word(1))
}

pub(super) fn step(op: AesOp, a: u128, key: u128) -> u128 {
    let state = a.to_le_bytes();
    match op {
        AesOp::Encrypt => mix(state, &ENCRYPTED, 1) ^ key,
        AesOp::EncryptLast => substitute(state, &BOXES.0, 1) ^ key,
        AesOp::Decrypt => mix(state, &DECRYPTED, 3) ^ key,
        AesOp::DecryptLast => substitute(state, &BOXES.1, 3) ^ key,
        AesOp::InverseMix => mix(state, &MIXED_BACK, 0),
        AesOp::KeyAssist(constant) => key_assist(a, constant),
    }
}
