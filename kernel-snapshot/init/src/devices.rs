//! Which devices the container may use: a control group's filter, as Docker's default rules have runc make it.
//!
//! A BPF program of the type `BPF_PROG_TYPE_CGROUP_DEVICE` (Linux, Documentation/admin-guide/cgroup-v2.rst, "Device controller")
//! is asked at each open and mknod; its context is access and kind, major and minor number, 32 bits each. Any node may be
//! made; nothing but [`ALLOWED`] can be opened.

use crate::boot::CONTAINER_CGROUP;
use crate::syscalls;
use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags};

/// Character devices by major and minor number; without a minor number, all of them.
#[rustfmt::skip]
const ALLOWED: [(i32, Option<i32>); 9] = [
    (1, Some(3)),   // null
    (1, Some(5)),   // zero
    (1, Some(7)),   // full
    (1, Some(8)),   // random
    (1, Some(9)),   // urandom
    (5, Some(0)),   // tty
    (5, Some(1)),   // console
    (5, Some(2)),   // ptmx
    (136, None),    // the other sides of pseudo terminals
];

/// `BPF_DEVCG_ACC_MKNOD` alone, in the upper half of the context's first word,
const MKNOD: i32 = 1;
/// and `BPF_DEVCG_DEV_CHAR` in its lower half.
const CHARACTER: i32 = 2;

/// Sets the filter of the container's control group.
pub(crate) fn restrict() -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let group =
        rustix::fs::open(CONTAINER_CGROUP, flags, Mode::empty()).context("open the container's control group")?;
    syscalls::attach_device_filter(&group, &filter()).context("filter the container's devices")
}

/// Registers: the context is in 1, the answer in 0.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const ACCESS: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// Operations (Linux, Documentation/bpf/instruction-set.rst).
const LOAD_32: u8 = 0x61;
const COPY: u8 = 0xbf;
const SET: u8 = 0xb7;
const AND: u8 = 0x57;
const SHIFT_RIGHT: u8 = 0x77;
const SKIP_IF_EQUAL: u8 = 0x15;
const SKIP_UNLESS_EQUAL: u8 = 0x55;
const EXIT: u8 = 0x95;

/// An instruction (`struct bpf_insn`): operation, destination and source register, offset, immediate.
fn insn(operation: u8, to: u8, from: u8, offset: i16, immediate: i32) -> u64 {
    let head = [operation, from << 4 | to];
    let [o0, o1] = offset.to_le_bytes();
    let [i0, i1, i2, i3] = immediate.to_le_bytes();
    u64::from_le_bytes([head[0], head[1], o0, o1, i0, i1, i2, i3])
}

/// Skips so many instructions unless a register has this value.
fn unless(register: u8, value: i32, count: i16) -> u64 {
    insn(SKIP_UNLESS_EQUAL, register, 0, count, value)
}

/// Ends the program: whether the access is allowed.
fn answer(allowed: bool) -> [u64; 2] {
    [insn(SET, ANSWER, 0, 0, i32::from(allowed)), insn(EXIT, 0, 0, 0, 0)]
}

/// The program.
fn filter() -> Vec<u64> {
    let mut program = vec![
        insn(LOAD_32, ACCESS, CONTEXT, 0, 0),
        insn(LOAD_32, MAJOR, CONTEXT, 4, 0),
        insn(LOAD_32, MINOR, CONTEXT, 8, 0),
        insn(COPY, KIND, ACCESS, 0, 0),
        insn(AND, KIND, 0, 0, 0xffff),
        insn(SHIFT_RIGHT, ACCESS, 0, 0, 16),
    ];
    program.push(unless(ACCESS, MKNOD, 2));
    program.extend(answer(true));
    program.push(insn(SKIP_IF_EQUAL, KIND, 0, 2, CHARACTER));
    program.extend(answer(false));
    for (major, minor) in ALLOWED {
        program.push(unless(MAJOR, major, if minor.is_some() { 3 } else { 2 }));
        program.extend(minor.map(|minor| unless(MINOR, minor, 2)));
        program.extend(answer(true));
    }
    program.extend(answer(false));
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program says of an access, read as the kernel's interpreter does.
    fn allows(access: i32, kind: i32, major: i32, minor: i32) -> bool {
        let (program, context) = (filter(), [access << 16 | kind, major, minor]);
        let (mut registers, mut at) = ([0i32; 16], 0);
        loop {
            let [operation, pair, o0, _, immediate @ ..] = program[at].to_le_bytes();
            let (to, from, value) = (usize::from(pair & 15), usize::from(pair >> 4), i32::from_le_bytes(immediate));
            at += 1;
            match operation {
                LOAD_32 => registers[to] = context[usize::from(o0) / 4],
                COPY => registers[to] = registers[from],
                SET => registers[to] = value,
                AND => registers[to] &= value,
                SHIFT_RIGHT => registers[to] >>= value,
                SKIP_IF_EQUAL => at += usize::from(o0) * usize::from(registers[to] == value),
                SKIP_UNLESS_EQUAL => at += usize::from(o0) * usize::from(registers[to] != value),
                EXIT => return registers[0] == 1,
                other => panic!("operation {other:#x}"),
            }
        }
    }

    #[test]
    fn nodes_can_be_made_and_dockers_be_used() {
        const READ: i32 = 2;
        const BLOCK: i32 = 1;
        for (major, minor) in [(1, 3), (1, 9), (5, 0), (5, 2), (136, 0), (136, 77)] {
            assert!(allows(READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(!allows(READ, BLOCK, major, minor), "{major}:{minor}");
            assert!(allows(MKNOD, BLOCK, major, minor), "{major}:{minor}");
        }
        for (major, minor) in [(1, 1), (1, 11), (5, 3), (10, 229), (254, 0)] {
            assert!(!allows(READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(!allows(MKNOD | READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(allows(MKNOD, CHARACTER, major, minor), "{major}:{minor}");
        }
    }
}
