//! Instructions of classic BPF, as far as a filter needs them (`linux/filter.h`), on `struct seccomp_data`.

/// An instruction (`struct sock_filter`): operation, what to skip where it holds and where not, a constant.
pub(super) type Insn = u64;

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
const RETURN: u16 = 0x06;

/// Places in `struct seccomp_data`: number, architecture, and six arguments, each with its lower half first.
pub(super) const NUMBER: u32 = 0;
pub(super) const ARCHITECTURE: u32 = 4;
pub(super) const ARGUMENTS: u32 = 16;

/// A comparison of what was loaded with a constant.
#[derive(Clone, Copy)]
pub(super) enum If {
    Equal(u32),
    Greater(u32),
    GreaterOrEqual(u32),
}

fn insn(operation: u16, yes: u8, no: u8, constant: u32) -> Insn {
    u64::from(operation) | u64::from(yes) << 16 | u64::from(no) << 24 | u64::from(constant) << 32
}

pub(super) fn load(place: u32) -> Insn {
    insn(LOAD, 0, 0, place)
}

pub(super) fn and(mask: u32) -> Insn {
    insn(AND, 0, 0, mask)
}

/// Skips `yes` instructions where the comparison holds, else `no`.
pub(super) fn branch(comparison: If, yes: u8, no: u8) -> Insn {
    match comparison {
        If::Equal(value) => insn(JUMP_IF_EQUAL, yes, no, value),
        If::Greater(value) => insn(JUMP_IF_GREATER, yes, no, value),
        If::GreaterOrEqual(value) => insn(JUMP_IF_GREATER_OR_EQUAL, yes, no, value),
    }
}

/// Skips so many instructions.
pub(super) fn skip(count: usize) -> Insn {
    insn(JUMP, 0, 0, count as u32)
}

/// Ends the program: what becomes of the system call.
pub(super) fn answer(action: u32) -> Insn {
    insn(RETURN, 0, 0, action)
}

/// `body` where the comparison holds, else what follows it; a body may be longer than a branch reaches.
pub(super) fn when(comparison: If, body: Vec<Insn>) -> Vec<Insn> {
    [vec![branch(comparison, 1, 0), skip(body.len())], body].concat()
}
