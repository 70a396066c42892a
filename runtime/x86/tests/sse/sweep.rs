//! The encodings to test: found by decoding, so that a new body is tested without being named here.

use x86::{Insn, Operand, decode};

/// An instruction's bytes, with an immediate that it may not have.
pub(crate) type Bytes = Vec<u8>;

/// Where the second operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// XMM2 or RDX; the first is XMM1 or RCX.
    Registers,
    /// 16-byte aligned, at RSI.
    AlignedMemory,
    /// Not aligned to 4 bytes, at RSI.
    MisalignedMemory,
}

/// Mandatory prefixes, with and without REX.W.
const PREFIXES: [&[u8]; 7] = [&[], &[0x66], &[0xf3], &[0xf2], &[0x66, 0x48], &[0xf3, 0x48], &[0xf2, 0x48]];
const MAPS: [&[u8]; 3] = [&[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
const IMMEDIATES: [u8; 12] = [0, 1, 2, 3, 4, 5, 7, 8, 15, 0x1b, 0x71, 0xff];

/// Every encoding that decodes to an instruction with an XMM operand, or that loads or stores MXCSR, with the number of
/// encodings of its opcode.
pub(crate) fn all(kind: Kind) -> Vec<(Bytes, usize)> {
    let mut found = Vec::new();
    for (prefix, map, opcode) in opcodes() {
        for reg in 0..8 {
            // With registers, opcodes 71 to 73 take their operation from the field that is 1 elsewhere.
            let group = map.len() == 1 && matches!(opcode, 0x71..=0x73 | 0xae);
            if reg != 1 && !group {
                continue;
            }
            let modrm = if kind == Kind::Registers { 0xc2 | reg << 3 } else { 6 | reg << 3 };
            let stem = [prefix, map, &[opcode, modrm]].concat();
            let encodings = with_immediates(&stem);
            let share = encodings.len();
            found.extend(encodings.into_iter().filter(|bytes| is_tested(bytes)).map(|bytes| (bytes, share)));
        }
    }
    found
}

fn opcodes() -> impl Iterator<Item = (&'static [u8], &'static [u8], u8)> {
    PREFIXES
        .into_iter()
        .flat_map(|prefix| MAPS.into_iter().flat_map(move |map| (0..=255).map(move |op| (prefix, map, op))))
        // The other maps' escapes.
        .filter(|(_, map, op)| map.len() > 1 || !matches!(op, 0x38 | 0x3a))
}

fn with_immediates(stem: &[u8]) -> Vec<Bytes> {
    match decode(stem) {
        Ok(_) => vec![stem.to_vec()],
        Err(_) => IMMEDIATES.iter().map(|&imm| [stem, &[imm]].concat()).collect(),
    }
}

/// Whether the bytes are just one instruction with an XMM operand, and not the same as without REX.W.
pub(crate) fn is_tested(bytes: &[u8]) -> bool {
    use x86::Mnemonic::{Ldmxcsr, Movnti, Stmxcsr};
    let Ok(insn) = decode(bytes) else { return false };
    if has_explicit_lengths(insn.mnemonic) {
        return false;
    }
    let whole = usize::from(insn.length) == bytes.len();
    let named = matches!(insn.mnemonic, Ldmxcsr | Stmxcsr | Movnti);
    whole && !ignores_rex(bytes, &insn) && (named || insn.operands.iter().any(|o| matches!(o, Operand::Xmm(_))))
}

/// Whether REX.W changes nothing.
fn ignores_rex(bytes: &[u8], insn: &Insn) -> bool {
    let Some(place) = bytes.iter().take(2).position(|&b| b == 0x48) else { return false };
    let without = [&bytes[..place], &bytes[place + 1..]].concat();
    decode(&without).is_ok_and(|plain| plain.code == insn.code)
}

/// Whether lengths are in RAX and RDX, which the frame here does not set: `golden` compares these.
fn has_explicit_lengths(mnemonic: x86::Mnemonic) -> bool {
    use x86::Mnemonic::{Pcmpestri, Pcmpestri64, Pcmpestrm, Pcmpestrm64};
    matches!(mnemonic, Pcmpestri | Pcmpestri64 | Pcmpestrm | Pcmpestrm64)
}
