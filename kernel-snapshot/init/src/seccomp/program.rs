//! From rules to instructions.
//!
//! Numbers of system calls are cut into ranges of one decision each, and a binary tree of comparisons finds the range, so that
//! each decision takes about nine comparisons (the kernel keeps a bitmap of what is allowed whatever the arguments, and does
//! not run the program for that). A decision with tests of arguments is a chain: each test that fails goes on to the next rule.

use super::insn::{ARCHITECTURE, ARGUMENTS, If, Insn, NUMBER, and, answer, branch, load, when};
use super::table::Architecture;
use anyhow::{Result, ensure};
use channel::{Comparison, Seccomp, SeccompRule, SeccompTest};
use std::collections::{BTreeMap, BTreeSet};

/// Most instructions that the kernel takes (`BPF_MAXINSNS`).
const MOST: usize = 4096;
/// `SECCOMP_RET_KILL_THREAD`: what becomes of a system call of an architecture that is not allowed.
const KILL: u32 = 0;
/// `__X32_SYSCALL_BIT`.
const X32: u32 = 1 << 30;

/// The program of a profile.
pub(super) fn compile(profile: &Seccomp) -> Result<Vec<Insn>> {
    let mut program = vec![load(ARCHITECTURE)];
    let native = Architecture::x86_64();
    let x32 = when(If::GreaterOrEqual(X32), vec![answer(KILL)]);
    program.extend(when(If::Equal(native.code), [vec![load(NUMBER)], x32, decide(profile, &native)].concat()));
    if profile.i386 {
        let i386 = Architecture::i386();
        program.extend(when(If::Equal(i386.code), [vec![load(NUMBER)], decide(profile, &i386)].concat()));
    }
    program.push(answer(KILL));
    ensure!(program.len() <= MOST, "the seccomp filter has {} instructions: expected at most {MOST}", program.len());
    Ok(program)
}

/// What becomes of one system call: the action of the first tests that hold, else another.
#[derive(Clone, PartialEq, Eq)]
struct Decision<'a> {
    tested: Vec<&'a SeccompRule>,
    otherwise: u32,
}

/// From the number, which is loaded, to an answer.
fn decide(profile: &Seccomp, architecture: &Architecture) -> Vec<Insn> {
    let named = |rule: &SeccompRule| {
        rule.names.iter().filter_map(|name| architecture.numbers.get(&**name)).copied().collect::<Vec<_>>()
    };
    let newest = profile.rules.iter().flat_map(named).max();
    // As in libseccomp, a rule that says what is done anyway is none.
    let rules = profile.rules.iter().filter(|rule| rule.action != profile.default);
    let mut calls: BTreeMap<u32, Vec<&SeccompRule>> = BTreeMap::new();
    for rule in rules {
        for number in BTreeSet::from_iter(named(rule)) {
            calls.entry(number).or_default().push(rule);
        }
    }
    let default = Decision { tested: Vec::new(), otherwise: profile.default };
    let mut ranges = vec![(0, default.clone())];
    for (number, rules) in calls {
        begin(&mut ranges, number, decision(&rules, profile.default));
        begin(&mut ranges, number + 1, default.clone());
    }
    if let (Some(newest), Some(newer)) = (newest, profile.newer) {
        begin(&mut ranges, newest + 1, Decision { tested: Vec::new(), otherwise: newer });
    }
    tree(&ranges)
}

fn decision<'a>(rules: &[&'a SeccompRule], default: u32) -> Decision<'a> {
    let (always, tested): (Vec<_>, Vec<_>) = rules.iter().copied().partition(|rule| rule.tests.is_empty());
    Decision { tested, otherwise: always.first().map_or(default, |rule| rule.action) }
}

/// Begins a range, unless it goes on as the one before.
fn begin<'a>(ranges: &mut Vec<(u32, Decision<'a>)>, number: u32, decision: Decision<'a>) {
    ranges.retain(|(start, _)| *start != number);
    if ranges.last().is_none_or(|(_, last)| *last != decision) {
        ranges.push((number, decision));
    }
}

/// Finds the range that has the number, and answers.
fn tree(ranges: &[(u32, Decision<'_>)]) -> Vec<Insn> {
    match ranges {
        [] => Vec::new(),
        [(_, decision)] => chain(decision),
        _ => {
            let (lower, upper) = ranges.split_at(ranges.len() / 2);
            [when(If::GreaterOrEqual(upper[0].0), tree(upper)), tree(lower)].concat()
        }
    }
}

fn chain(decision: &Decision<'_>) -> Vec<Insn> {
    let mut program: Vec<Insn> = decision.tested.iter().flat_map(|rule| alternative(rule)).collect();
    program.push(answer(decision.otherwise));
    program
}

/// A rule with tests: its action where all hold, else what follows. At most six tests of at most six instructions are in
/// reach of a branch.
fn alternative(rule: &SeccompRule) -> Vec<Insn> {
    let mut program = vec![answer(rule.action)];
    for test in rule.tests.iter().rev() {
        // From the end: what fails leaves over all that is there already.
        program = [compare(test, program.len() as u8), program].concat();
    }
    program
}

/// A comparison that goes on where it holds, else skips `rest` instructions after it. Halves are compared, the upper first.
fn compare(test: &SeccompTest, rest: u8) -> Vec<Insn> {
    let place = ARGUMENTS + 8 * test.argument;
    let [lower, upper] = [test.value as u32, (test.value >> 32) as u32];
    let [load_lower, load_upper] = [load(place), load(place + 4)];
    // How many instructions each branch skips to hold or to fail: those of this comparison after it, and the rest.
    let equal = |fail: u8| branch(If::Equal(upper), 0, fail);
    let above = |equal: If, holds: bool| {
        let (at_more, at_less, at_last) = if holds { (3, rest + 2, (0, rest)) } else { (rest + 3, 2, (rest, 0)) };
        vec![
            load_upper,
            branch(If::Greater(upper), at_more, 0),
            branch(If::Equal(upper), 0, at_less),
            load_lower,
            branch(equal, at_last.0, at_last.1),
        ]
    };
    match test.comparison {
        Comparison::Equal => vec![load_upper, equal(rest + 2), load_lower, branch(If::Equal(lower), 0, rest)],
        Comparison::NotEqual => vec![load_upper, equal(2), load_lower, branch(If::Equal(lower), rest, 0)],
        Comparison::Masked(mask) => vec![
            load_upper,
            and((mask >> 32) as u32),
            equal(rest + 3),
            load_lower,
            and(mask as u32),
            branch(If::Equal(lower), 0, rest),
        ],
        Comparison::Greater => above(If::Greater(lower), true),
        Comparison::GreaterOrEqual => above(If::GreaterOrEqual(lower), true),
        Comparison::LessOrEqual => above(If::Greater(lower), false),
        Comparison::Less => above(If::GreaterOrEqual(lower), false),
    }
}
