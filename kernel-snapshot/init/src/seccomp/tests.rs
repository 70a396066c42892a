//! Filters, run by an interpreter of classic BPF as the kernel's.

use super::program::compile;
use channel::{Comparison, Seccomp, SeccompRule, SeccompTest};

const ALLOW: u32 = 0x7fff_0000;
const KILL: u32 = 0;
const EPERM: u32 = 0x0005_0001;
const ENOSYS: u32 = 0x0005_0026;

const X86_64: u32 = 0xc000_003e;
const I386: u32 = 0x4000_0003;

/// What a program says of a system call.
fn run(program: &[u64], architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    let mut data = [number.to_le_bytes(), architecture.to_le_bytes(), [0; 4], [0; 4]].concat();
    data.extend(arguments.iter().flat_map(|argument| argument.to_le_bytes()));
    let (mut accumulator, mut at) = (0, 0);
    loop {
        let insn = program[at];
        let (yes, no, constant) = ((insn >> 16) as u8, (insn >> 24) as u8, (insn >> 32) as u32);
        at += 1;
        let mut branch = |holds: bool| at += usize::from(if holds { yes } else { no });
        match insn as u16 {
            0x20 => accumulator = u32::from_le_bytes(data[constant as usize..][..4].try_into().unwrap()),
            0x54 => accumulator &= constant,
            0x05 => at += constant as usize,
            0x15 => branch(accumulator == constant),
            0x25 => branch(accumulator > constant),
            0x35 => branch(accumulator >= constant),
            0x06 => return constant,
            other => panic!("operation {other:#x}"),
        }
    }
}

fn rule(names: &[&str], action: u32, tests: &[SeccompTest]) -> SeccompRule {
    SeccompRule { names: names.iter().map(ToString::to_string).collect(), action, tests: tests.to_vec() }
}

fn test(argument: u32, comparison: Comparison, value: u64) -> SeccompTest {
    SeccompTest { argument, comparison, value }
}

#[test]
fn each_call_has_its_rule_and_others_the_default() {
    let rules = vec![rule(&["read", "write", "close", "no_such_call"], ALLOW, &[]), rule(&["reboot"], KILL, &[])];
    let program = compile(&Seccomp { default: EPERM, newer: Some(ENOSYS), rules, ..Seccomp::default() }).unwrap();
    let expected = |number| match number {
        0 | 1 | 3 => ALLOW,
        169 => KILL,
        170.. => ENOSYS,
        _ => EPERM,
    };
    for number in 0..600 {
        assert_eq!(run(&program, X86_64, number, [0; 6]), expected(number), "{number}");
        assert_eq!(run(&program, X86_64, number | 1 << 30, [0; 6]), KILL, "{number} of x32");
        assert_eq!(run(&program, I386, number, [0; 6]), KILL, "{number} of i386");
    }
}

#[test]
fn programs_of_32_bits_have_numbers_of_their_own() {
    let rules = vec![rule(&["read", "waitpid"], EPERM, &[])];
    let program = compile(&Seccomp { default: ALLOW, i386: true, rules, ..Seccomp::default() }).unwrap();
    for (architecture, number, action) in
        [(X86_64, 0, EPERM), (X86_64, 3, ALLOW), (I386, 3, EPERM), (I386, 7, EPERM), (I386, 0, ALLOW), (1, 0, KILL)]
    {
        assert_eq!(run(&program, architecture, number, [0; 6]), action, "{number} of {architecture:#x}");
    }
}

#[test]
fn comparisons_are_of_64_bits() {
    const VALUES: [u64; 9] = [0, 1, 2, 0xffff_ffff, 1 << 32, (1 << 32) + 1, (2 << 32) + 1, u64::MAX - 1, u64::MAX];
    type Holds = fn(u64, u64) -> bool;
    let rows: [(Comparison, Holds); 8] = [
        (Comparison::Equal, |a, b| a == b),
        (Comparison::NotEqual, |a, b| a != b),
        (Comparison::Less, |a, b| a < b),
        (Comparison::LessOrEqual, |a, b| a <= b),
        (Comparison::Greater, |a, b| a > b),
        (Comparison::GreaterOrEqual, |a, b| a >= b),
        (Comparison::Masked(u64::MAX), |a, b| a == b),
        (Comparison::Masked(0x1_0000_0001), |a, b| a & 0x1_0000_0001 == b),
    ];
    for (comparison, holds) in rows {
        for value in VALUES {
            // The rule has a test before and one behind, so that every way out of each leads to the right place.
            for place in 0..3 {
                let mut tests = vec![test(1, Comparison::Equal, 7), test(4, Comparison::Equal, 8)];
                tests.insert(place, test(5, comparison, value));
                let rules =
                    vec![rule(&["openat"], KILL, &tests), rule(&["openat"], EPERM, &[test(0, Comparison::Equal, 9)])];
                let program = compile(&Seccomp { default: ALLOW, rules, ..Seccomp::default() }).unwrap();
                for argument in VALUES {
                    let call = |first, second| run(&program, X86_64, 257, [first, second, 0, 0, 8, argument]);
                    let expected = if holds(argument, value) { KILL } else { ALLOW };
                    assert_eq!(call(0, 7), expected, "{argument:#x} {comparison:?} {value:#x}");
                    assert_eq!((call(0, 6), call(9, 6)), (ALLOW, EPERM));
                }
            }
        }
    }
}

#[test]
fn tests_come_before_a_rule_without_and_what_is_done_anyway_is_no_rule() {
    let rules = vec![
        rule(&["clone"], ALLOW, &[]),
        rule(&["clone"], KILL, &[test(0, Comparison::Equal, 1)]),
        rule(&["clone", "fork"], EPERM, &[test(0, Comparison::Equal, 2)]),
        rule(&["vfork"], EPERM, &[]),
    ];
    let program = compile(&Seccomp { default: EPERM, rules, ..Seccomp::default() }).unwrap();
    let clone = |argument| run(&program, X86_64, 56, [argument, 0, 0, 0, 0, 0]);
    assert_eq!([clone(0), clone(1), clone(2)], [ALLOW, KILL, ALLOW]);
}

#[test]
fn a_filter_of_too_many_instructions_is_refused() {
    let tests = |value| [0, 1, 2, 3, 4, 5].map(|argument| test(argument, Comparison::Masked(3), value));
    let rules = (0..120).map(|value| rule(&["read"], KILL, &tests(value))).collect();
    let error = compile(&Seccomp { default: ALLOW, rules, ..Seccomp::default() }).unwrap_err().to_string();
    assert!(error.contains("expected at most 4096"), "{error}");
}
