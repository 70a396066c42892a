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

/// What a byte of each row adds to the rows of its mixed column, the first row lowest.
type Columns = [[u32; 256]; 4];

const fn mixed(matrix: [u8; 4], of: [u8; 256]) -> Columns {
    let (mut columns, mut i) = ([[0; 256]; 4], 0);
    while i < 256 {
        let [a, b, c, d] = matrix;
        let x = of[i];
        let first = u32::from_le_bytes([multiply(x, a), multiply(x, d), multiply(x, c), multiply(x, b)]);
        let mut row = 0;
        while row < 4 {
            columns[row][i] = first.rotate_left(8 * row as u32);
            row += 1;
        }
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

static ENCRYPTED: Columns = mixed(MIX, SUBSTITUTION.0);
static DECRYPTED: Columns = mixed(MIX_BACK, SUBSTITUTION.1);
static MIXED_BACK: Columns = mixed(MIX_BACK, identity());

/// The state's halves of 64 bits, the largest integers that Wasm has.
type Halves = [u64; 2];

fn halves(value: u128) -> Halves {
    [value as u64, (value >> 64) as u64]
}

#[inline(always)]
fn byte(state: Halves, i: usize) -> usize {
    usize::from((state[i / 8] >> (8 * (i % 8))) as u8)
}

/// Substitutes, after rotating row r by r columns: to the left, or with 3 `steps` a row to the right.
#[inline(always)]
fn substitute(state: Halves, bytes: &[u8; 256], steps: usize) -> Halves {
    let part = |i: usize| u64::from(bytes[byte(state, shifted(i, steps))]) << (8 * (i % 8));
    [0, 8].map(|first| (first..first + 8).fold(0, |half, i| half | part(i)))
}

/// Where the byte was that the rotation of rows moves to place `i`.
const fn shifted(i: usize, steps: usize) -> usize {
    (i + 4 * steps * (i % 4)) % 16
}

/// Multiplies each column by a matrix, after rotating rows as [`substitute`] does.
#[inline(always)]
fn mix(state: Halves, columns: &Columns, steps: usize) -> Halves {
    let column = |c: usize| {
        let part = |r: usize| columns[r][byte(state, shifted(4 * c + r, steps))];
        u64::from(part(0) ^ part(1) ^ part(2) ^ part(3))
    };
    [column(0) | column(1) << 32, column(2) | column(3) << 32]
}

fn key_assist(key: u128, constant: u8) -> u128 {
    let substituted = substitute(halves(key), &BOXES.0, 0);
    let word = |index: usize| (substituted[index / 2] >> (32 * (index % 2))) as u32;
    let turned = |index| u128::from(word(index).rotate_right(8) ^ u32::from(constant));
    turned(3) << 96 | u128::from(word(3)) << 64 | turned(1) << 32 | u128::from(word(1))
}

/// A round of encryption, or the `last` one, without its key.
#[inline(always)]
pub fn encrypt(state: Halves, last: bool) -> Halves {
    if last { substitute(state, &BOXES.0, 1) } else { mix(state, &ENCRYPTED, 1) }
}

/// A round of decryption.
#[inline(always)]
pub fn decrypt(state: Halves, last: bool) -> Halves {
    if last { substitute(state, &BOXES.1, 3) } else { mix(state, &DECRYPTED, 3) }
}

pub(super) fn step(op: AesOp, a: u128, key: u128) -> u128 {
    let state = halves(a);
    let (result, key) = match op {
        AesOp::Encrypt => (encrypt(state, false), key),
        AesOp::EncryptLast => (encrypt(state, true), key),
        AesOp::Decrypt => (decrypt(state, false), key),
        AesOp::DecryptLast => (decrypt(state, true), key),
        AesOp::InverseMix => (mix(state, &MIXED_BACK, 0), 0),
        AesOp::KeyAssist(constant) => return key_assist(a, constant),
    };
    (u128::from(result[1]) << 64 | u128::from(result[0])) ^ key
}
