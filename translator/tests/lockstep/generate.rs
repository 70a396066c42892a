//! Random programs: instructions from a table of encodings, in blocks that branch to one another.
//!
//! RBX and RSP point into the data and are not written but by pushes and pops.

use crate::random::Random;
use crate::reference::{DATA, Reference};

/// How an instruction's operands are encoded.
#[derive(Clone, Copy)]
enum Form {
    /// ModRM, both operands any.
    Any,
    /// ModRM with memory only.
    Memory,
    /// ModRM, its register field one of these extensions.
    Group(&'static [u8]),
    /// The same with an immediate byte.
    GroupByte(&'static [u8]),
    /// The same with an immediate of the operand's size.
    GroupWhole(&'static [u8]),
    /// ModRM and an immediate byte.
    AnyByte,
    /// ModRM and an immediate of the operand's size.
    AnyWhole,
    /// The register in the opcode.
    Opcode,
    /// Nothing.
    Plain,
}

use Form::*;

/// Opcode bytes, whether operands are bytes, and the form.
#[rustfmt::skip]
const TABLE: &[(&[u8], bool, Form)] = &[
    (&[0x00], true, Any), (&[0x01], false, Any), (&[0x02], true, Any), (&[0x03], false, Any),
    (&[0x08], true, Any), (&[0x09], false, Any), (&[0x0b], false, Any),
    (&[0x10], true, Any), (&[0x11], false, Any), (&[0x13], false, Any),
    (&[0x18], true, Any), (&[0x19], false, Any), (&[0x1b], false, Any),
    (&[0x20], true, Any), (&[0x21], false, Any), (&[0x23], false, Any),
    (&[0x28], true, Any), (&[0x29], false, Any), (&[0x2b], false, Any),
    (&[0x30], true, Any), (&[0x31], false, Any), (&[0x33], false, Any),
    (&[0x38], true, Any), (&[0x39], false, Any), (&[0x3b], false, Any),
    (&[0x80], true, GroupByte(&[0, 1, 2, 3, 4, 5, 6, 7])), (&[0x81], false, GroupWhole(&[0, 1, 2, 3, 4, 5, 6, 7])),
    (&[0x83], false, GroupByte(&[0, 1, 2, 3, 4, 5, 6, 7])),
    (&[0x84], true, Any), (&[0x85], false, Any), (&[0x86], true, Any), (&[0x87], false, Any),
    (&[0x88], true, Any), (&[0x89], false, Any), (&[0x8a], true, Any), (&[0x8b], false, Any),
    (&[0x8d], false, Memory), (&[0x63], false, Any), (&[0x69], false, AnyWhole), (&[0x6b], false, AnyByte),
    (&[0xc0], true, GroupByte(&[0, 1, 4, 5, 7])), (&[0xc1], false, GroupByte(&[0, 1, 4, 5, 7])),
    (&[0xd0], true, Group(&[0, 1, 2, 3, 4, 5, 7])), (&[0xd1], false, Group(&[0, 1, 2, 3, 4, 5, 7])),
    (&[0xd2], true, Group(&[0, 1, 4, 5, 7])), (&[0xd3], false, Group(&[0, 1, 4, 5, 7])),
    (&[0xf6], true, Group(&[2, 3, 4, 5])), (&[0xf7], false, Group(&[2, 3, 4, 5, 6, 7])),
    (&[0xfe], true, Group(&[0, 1])), (&[0xff], false, Group(&[0, 1])),
    (&[0xc6], true, GroupByte(&[0])), (&[0xc7], false, GroupWhole(&[0])),
    (&[0x98], false, Plain), (&[0x99], false, Plain), (&[0x9e], false, Plain), (&[0x9f], false, Plain),
    (&[0xf5], false, Plain), (&[0xf8], false, Plain), (&[0xf9], false, Plain), (&[0x90], false, Plain),
    (&[0x0f, 0xc8], false, Opcode), (&[0x50], false, Opcode), (&[0x58], false, Opcode),
    (&[0x0f, 0xaf], false, Any), (&[0x0f, 0xb6], false, Any), (&[0x0f, 0xb7], false, Any),
    (&[0x0f, 0xbe], false, Any), (&[0x0f, 0xbf], false, Any),
    (&[0x0f, 0xb0], true, Any), (&[0x0f, 0xb1], false, Any), (&[0x0f, 0xc0], true, Any), (&[0x0f, 0xc1], false, Any),
    (&[0x0f, 0xa4], false, AnyByte), (&[0x0f, 0xa5], false, Any), (&[0x0f, 0xac], false, AnyByte), (&[0x0f, 0xad], false, Any),
    (&[0x0f, 0xa3], false, Any), (&[0x0f, 0xab], false, Any), (&[0x0f, 0xb3], false, Any), (&[0x0f, 0xbb], false, Any),
    (&[0x0f, 0xba], false, GroupByte(&[4, 5, 6, 7])),
    (&[0x0f, 0xbc], false, Any), (&[0x0f, 0xbd], false, Any),
    (&[0xf3, 0x0f, 0xbc], false, Any), (&[0xf3, 0x0f, 0xbd], false, Any), (&[0xf3, 0x0f, 0xb8], false, Any),
    (&[0x0f, 0x40], false, Any), (&[0x0f, 0x90], true, Group(&[0])),
];

/// Registers that may be written.
const FREE: [u8; 12] = [0, 1, 2, 6, 7, 8, 9, 10, 12, 13, 14, 15];
/// Byte registers without REX: AL, CL, DL, AH, CH, DH.
const LEGACY_BYTE: [u8; 6] = [0, 1, 2, 4, 5, 6];

/// One instruction.
pub(crate) fn insn(random: &mut Random) -> Vec<u8> {
    loop {
        let bytes = encode(random);
        let Ok(insn) = x86::decode(&bytes) else { continue };
        if usize::from(insn.length) == bytes.len() {
            return bytes;
        }
    }
}

fn encode(random: &mut Random) -> Vec<u8> {
    let (opcode, byte, form) = random.pick(TABLE);
    let mut opcode = opcode.to_vec();
    if matches!(opcode[..], [0x0f, 0x40 | 0x90]) {
        opcode[1] |= random.byte() & 15;
    }
    let short = !byte && random.below(5) == 0;
    let wide = random.below(3) == 0;
    // MOVZX and MOVSX from a byte name byte registers too.
    let legacy = (byte || matches!(opcode[..], [0x0f, 0xb6 | 0xbe])) && random.below(2) == 0 && !matches!(form, Opcode);
    let register = |random: &mut Random| if legacy { random.pick(&LEGACY_BYTE) } else { random.pick(&FREE) };
    let (mut reg, rm) = (register(random), register(random));
    if let Group(extensions) | GroupByte(extensions) | GroupWhole(extensions) = form {
        reg = random.pick(extensions);
    }
    let memory = matches!(form, Memory) || random.below(3) == 0;
    let mut bytes = Vec::new();
    if short {
        bytes.push(0x66);
    }
    if opcode[0] == 0xf3 {
        bytes.push(opcode.remove(0));
    }
    let base = random.pick(&[3u8, 4]);
    let rm = if memory { base } else { rm };
    if !legacy {
        bytes.push(0x40 | u8::from(wide) << 3 | (reg >> 3) << 2 | rm >> 3);
    }
    if let Opcode = form {
        *opcode.last_mut().expect("one byte at least") |= rm & 7;
        if memory {
            // Not RBX or RSP.
            *opcode.last_mut().expect("one byte at least") &= !7;
        }
    }
    bytes.extend(&opcode);
    if !matches!(form, Opcode | Plain) {
        bytes.extend(modrm(random, memory, reg & 7, rm & 7));
    }
    match form {
        GroupByte(_) | AnyByte => bytes.push(random.byte()),
        GroupWhole(_) | AnyWhole => {
            let size = if short && (legacy || !wide) { 2 } else { 4 };
            bytes.extend(&random.value().to_le_bytes()[..size]);
        }
        _ => {}
    }
    bytes
}

fn modrm(random: &mut Random, memory: bool, reg: u8, rm: u8) -> Vec<u8> {
    if !memory {
        return vec![0xc0 | reg << 3 | rm];
    }
    let displacement = random.byte();
    if rm == 4 { vec![0x44 | reg << 3, 0x24, displacement] } else { vec![0x40 | reg << 3 | rm, displacement] }
}

/// A start: random registers, RBX and RSP in the data.
pub(crate) fn state(random: &mut Random, rip: u64) -> Reference {
    let mut state = Reference::new(rip);
    state.gpr.iter_mut().for_each(|r| *r = random.value());
    state.memory.iter_mut().for_each(|b| *b = random.byte());
    state.xmm.iter_mut().for_each(|x| *x = u128::from(random.value()) << 64 | u128::from(random.value()));
    state.gpr[3] = DATA + 0x1000 + random.below(0x1000);
    state.gpr[4] = DATA + 0x2000 + random.below(0x1000);
    state.flags.dst = random.value() & x86::flags::bit::ARITHMETIC;
    state
}

/// Blocks of random instructions, each ending in a conditional branch or jump to another, the last in a jump out.
pub(crate) fn program(random: &mut Random, blocks: usize, length: u64) -> Vec<(i64, Vec<u8>)> {
    let mut bodies: Vec<Vec<u8>> = Vec::new();
    for _ in 0..blocks {
        let mut body = Vec::new();
        (0..random.below(length + 1)).for_each(|_| body.extend(insn(random)));
        bodies.push(body);
    }
    // A jump takes 5 bytes, a conditional one 6; the choice is made first, so that offsets are known.
    let conditional: Vec<bool> = (0..blocks).map(|_| random.below(5) != 0).collect();
    let mut offsets = Vec::new();
    let mut at = 0i64;
    for (body, conditional) in bodies.iter().zip(&conditional) {
        offsets.push(at);
        at += body.len() as i64 + if *conditional { 6 } else { 5 };
    }
    offsets.push(at);
    let mut made = Vec::new();
    for (number, mut body) in bodies.into_iter().enumerate() {
        let target = offsets[random.below(blocks as u64 + 1) as usize];
        if conditional[number] {
            body.extend([0x0f, 0x80 | random.byte() & 15]);
        } else {
            body.push(0xe9);
        }
        let end = offsets[number] + body.len() as i64 + 4;
        body.extend(((target - end) as i32).to_le_bytes());
        made.push((offsets[number], body));
    }
    made
}

/// Every SSE encoding with its XMM and general registers 1 and 2, or with memory at RBX.
pub(crate) fn sse_encodings() -> Vec<Vec<u8>> {
    const PREFIXES: [&[u8]; 7] = [&[], &[0x66], &[0xf3], &[0xf2], &[0x66, 0x48], &[0xf3, 0x48], &[0xf2, 0x48]];
    const MAPS: [&[u8]; 3] = [&[0x0f], &[0x0f, 0x38], &[0x0f, 0x3a]];
    let mut found = Vec::new();
    for prefix in PREFIXES {
        for map in MAPS {
            for opcode in 0..=255u8 {
                for modrm in [0xca, 0x0b, 0xd2, 0xe2, 0xf2, 0xfa] {
                    found.extend(sse_encoding(&[prefix, map, &[opcode, modrm]].concat()));
                }
            }
        }
    }
    found
}

fn sse_encoding(stem: &[u8]) -> Option<Vec<u8>> {
    use x86::Operand::Xmm;
    let bytes = [stem, &[0x4e]].concat();
    let insn = x86::decode(&bytes).ok()?;
    // RBX, the base, is not to be written.
    let plain = !insn.operands.iter().any(|o| matches!(o, x86::Operand::Mmx(_) | x86::Operand::Gpr(x86::Gpr::RBX)));
    let vector = insn.operands.iter().any(|o| matches!(o, Xmm(_)));
    let legacy = !format!("{:?}", insn.code).starts_with("VEX");
    (plain && vector && legacy).then(|| bytes[..usize::from(insn.length)].to_vec())
}
