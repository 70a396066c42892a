//! The steps of AES. FIPS 197, sections 4 and 5; SDM volume 1, section 12.13, and volume 2.
//!
//! Byte r + 4c of a value is row r, column c of the state. The S-box is computed from its definition: the inverse in
//! GF(2^8), then an affine map.

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

static BOXES: ([u8; 256], [u8; 256]) = substitution();

type State = [u8; 16];

fn substitute(state: State) -> State {
    state.map(|byte| BOXES.0[usize::from(byte)])
}

fn substitute_back(state: State) -> State {
    state.map(|byte| BOXES.1[usize::from(byte)])
}

/// Rotates row r by r columns: to the left, or with 3 `steps` a row to the right.
fn shift_rows(state: State, steps: usize) -> State {
    std::array::from_fn(|i| state[(i + 4 * steps * (i % 4)) % 16])
}

/// Multiplies each column by a circulant matrix, whose first row this is.
fn mix(state: State, row: [u8; 4]) -> State {
    std::array::from_fn(|i| {
        let (column, r) = (i / 4 * 4, i % 4);
        (0..4).fold(0, |sum, k| sum ^ multiply(state[column + k], row[(k + 4 - r) % 4]))
    })
}

const MIX: [u8; 4] = [2, 3, 1, 1];
const MIX_BACK: [u8; 4] = [14, 11, 13, 9];

fn key_assist(key: u128, constant: u8) -> u128 {
    let substituted = u128::from_le_bytes(substitute(key.to_le_bytes()));
    let word = |index: u32| (substituted >> (32 * index)) as u32;
    let turned = |index| u128::from(word(index).rotate_right(8) ^ u32::from(constant));
    turned(3) << 96 | u128::from(word(3)) << 64 | turned(1) << 32 | u128::from(word(1))
}

pub(super) fn step(op: AesOp, a: u128, key: u128) -> u128 {
    let state = a.to_le_bytes();
    let forward = |state| substitute(shift_rows(state, 1));
    let back = |state| substitute_back(shift_rows(state, 3));
    let (state, key) = match op {
        AesOp::Encrypt => (mix(forward(state), MIX), key),
        AesOp::EncryptLast => (forward(state), key),
        AesOp::Decrypt => (mix(back(state), MIX_BACK), key),
        AesOp::DecryptLast => (back(state), key),
        AesOp::InverseMix => (mix(state, MIX_BACK), 0),
        AesOp::KeyAssist(constant) => return key_assist(a, constant),
    };
    u128::from_le_bytes(state) ^ key
}
