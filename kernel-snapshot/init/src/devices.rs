//! Which devices the container may use: a control group's filter, as runc makes it from a container's rules.
//!
//! A BPF program of the type `BPF_PROG_TYPE_CGROUP_DEVICE` (Linux, Documentation/admin-guide/cgroup-v2.rst, "Device controller")
//! is asked at each open and mknod; its context is access and kind, major and minor number, 32 bits each. The last rule that
//! fits says what may be done; where none does, nothing may.

use crate::boot::CONTAINER_CGROUP;
use crate::syscalls;
use anyhow::{Context, Result};
use channel::{ANY_ACCESS, DEVICE_RULES, DeviceKind, DeviceRule};
use rustix::fs::{Mode, OFlags};

/// Sets the filter of the container's control group: these rules, then those for any container.
pub(crate) fn restrict(rules: &[DeviceRule]) -> Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let group =
        rustix::fs::open(CONTAINER_CGROUP, flags, Mode::empty()).context("open the container's control group")?;
    syscalls::attach_device_filter(&group, &filter(rules)).context("filter the container's devices")
}

/// Registers: the context is in 1, the answer in 0.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const ACCESS: u8 = 2;
const KIND: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const REST: u8 = 6;

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
fn insn(operation: u8, to: u8, from: u8, offset: i16, immediate: u32) -> u64 {
    let head = [operation, from << 4 | to];
    let [o0, o1] = offset.to_le_bytes();
    let [i0, i1, i2, i3] = immediate.to_le_bytes();
    u64::from_le_bytes([head[0], head[1], o0, o1, i0, i1, i2, i3])
}

/// The program.
fn filter(rules: &[DeviceRule]) -> Vec<u64> {
    let mut program = vec![
        insn(LOAD_32, ACCESS, CONTEXT, 0, 0),
        insn(LOAD_32, MAJOR, CONTEXT, 4, 0),
        insn(LOAD_32, MINOR, CONTEXT, 8, 0),
        insn(COPY, KIND, ACCESS, 0, 0),
        insn(AND, KIND, 0, 0, 0xffff),
        insn(SHIFT_RIGHT, ACCESS, 0, 0, 16),
    ];
    for one in rules.iter().chain(&DEVICE_RULES).rev() {
        program.extend(rule(one));
        if fits_all(one) {
            // The kernel takes no program with instructions that are never reached.
            return program;
        }
    }
    program.extend(answer(false));
    program
}

fn fits_all(rule: &DeviceRule) -> bool {
    let DeviceRule { kind, major, minor, access, .. } = *rule;
    kind.is_none() && major.is_none() && minor.is_none() && access == ANY_ACCESS
}

/// Answers where the rule fits, else goes on behind it.
fn rule(rule: &DeviceRule) -> Vec<u64> {
    let kind = rule.kind.map(|kind| match kind {
        DeviceKind::Block => 1,
        DeviceKind::Character => 2,
    });
    let mut program = answer(rule.allow).to_vec();
    for (register, value) in [(MINOR, rule.minor), (MAJOR, rule.major), (KIND, kind)] {
        program = [unless(register, value, &program), program].concat();
    }
    if rule.access != ANY_ACCESS {
        // What is allowed must be all that is asked for; what is denied, a part of it.
        let (skip, bits) =
            if rule.allow { (SKIP_UNLESS_EQUAL, !rule.access & ANY_ACCESS) } else { (SKIP_IF_EQUAL, rule.access) };
        let asked = [insn(COPY, REST, ACCESS, 0, 0), insn(AND, REST, 0, 0, bits)];
        program = [&asked[..], &[insn(skip, REST, 0, program.len() as i16, 0)], &program].concat();
    }
    program
}

/// Skips `rest` unless a register has this value.
fn unless(register: u8, value: Option<u32>, rest: &[u64]) -> Vec<u64> {
    value.map(|value| insn(SKIP_UNLESS_EQUAL, register, 0, rest.len() as i16, value)).into_iter().collect()
}

/// Ends the program: whether the access is allowed.
fn answer(allowed: bool) -> [u64; 2] {
    [insn(SET, ANSWER, 0, 0, u32::from(allowed)), insn(EXIT, 0, 0, 0, 0)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use channel::{MKNOD, READ, WRITE};

    const BLOCK: u32 = 1;
    const CHARACTER: u32 = 2;

    /// What the program says of an access, read as the kernel's interpreter does.
    fn allows(rules: &[DeviceRule], access: u32, kind: u32, major: u32, minor: u32) -> bool {
        let (program, context) = (filter(rules), [access << 16 | kind, major, minor]);
        let (mut registers, mut at) = ([0u32; 16], 0);
        loop {
            let [operation, pair, o0, _, immediate @ ..] = program[at].to_le_bytes();
            let (to, from, value) = (usize::from(pair & 15), usize::from(pair >> 4), u32::from_le_bytes(immediate));
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
        for (major, minor) in [(1, 3), (1, 9), (5, 0), (5, 2), (136, 0), (136, 77)] {
            assert!(allows(&[], READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(!allows(&[], READ, BLOCK, major, minor), "{major}:{minor}");
            assert!(allows(&[], MKNOD, BLOCK, major, minor), "{major}:{minor}");
        }
        for (major, minor) in [(1, 1), (1, 11), (5, 3), (10, 229), (254, 0)] {
            assert!(!allows(&[], READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(!allows(&[], MKNOD | READ, CHARACTER, major, minor), "{major}:{minor}");
            assert!(allows(&[], MKNOD, CHARACTER, major, minor), "{major}:{minor}");
        }
    }

    #[test]
    fn the_last_rule_that_fits_counts() {
        let any = DeviceRule { allow: true, kind: None, major: None, minor: None, access: ANY_ACCESS };
        let memory = DeviceRule { allow: false, major: Some(1), access: WRITE, ..any };
        for (access, kind, major, minor, expected) in [
            (READ, BLOCK, 7, 0, true),
            (READ, CHARACTER, 1, 1, true),
            (WRITE, CHARACTER, 1, 1, false),
            (READ | WRITE, CHARACTER, 1, 1, false),
            (READ | WRITE, BLOCK, 7, 0, true),
            // Those for any container come last.
            (WRITE, CHARACTER, 1, 3, true),
        ] {
            assert_eq!(allows(&[any, memory], access, kind, major, minor), expected, "{access} {kind} {major}:{minor}");
        }
    }

    #[test]
    fn nothing_follows_a_rule_that_fits_all() {
        let none = DeviceRule { allow: false, kind: None, major: None, minor: None, access: ANY_ACCESS };
        let memory = DeviceRule { allow: true, major: Some(1), ..none };
        let rules = [memory, none];
        assert_eq!(filter(&rules).last_chunk(), Some(&answer(false)));
        assert_eq!(filter(&rules), filter(&[none]));
        assert!(allows(&rules, READ, CHARACTER, 1, 3) && !allows(&rules, READ, CHARACTER, 1, 1));
    }
}
