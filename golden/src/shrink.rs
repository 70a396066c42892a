//! Differential runs: random cases on two executors, mismatches shrunk to one row each.
//!
//! Shrinking tries simplifications one at a time (a register to its default, a memory byte to zero, …), keeps those after which the two still
//! disagree, and repeats until none helps. The code itself is one instruction and stays.

use crate::case::{Case, End};
use crate::compare::{Executor, agree};
use crate::generate::{self, Density, Random, Shape};
use crate::row::{left_side, print_outcome};
use crate::state::State;
use iced_x86::Code;
use std::collections::BTreeMap;

/// What came of a differential run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differential {
    /// Cases run on both.
    pub cases: usize,
    /// Codes with at least one case.
    pub codes: usize,
    /// Codes for which no encoding was found.
    pub unencodable: Vec<Code>,
    /// Cases that the tested executor refused, by reason.
    pub refused: BTreeMap<String, usize>,
    /// Cases that disagree.
    pub mismatches: usize,
    /// One shrunk row per code that disagrees: left side, the oracle's outputs, the tested executor's.
    pub rows: Vec<[String; 3]>,
}

/// Runs `per_code` random cases of each code on `oracle` and on `tested`. The same seed gives the same cases, whatever the list of codes.
pub fn differential(
    oracle: &mut dyn Executor,
    tested: &mut dyn Executor,
    codes: &[Code],
    per_code: usize,
    seed: u64,
) -> Differential {
    let mut result = Differential::default();
    for &code in codes {
        let mut random = Random::new(seed ^ (code as u64) << 32);
        let cases: Vec<Case> = (0..per_code).filter_map(|_| random_case(code, &mut random)).collect();
        match cases.is_empty() {
            true => result.unencodable.push(code),
            false => result.codes += 1,
        }
        result.compare(&cases, oracle, tested);
    }
    result
}

fn random_case(code: Code, random: &mut Random) -> Option<Case> {
    let density = if random.one_in(4) { Density::Sparse } else { Density::Dense };
    generate::case(code, Shape::Any, density, random)
}

impl Differential {
    fn compare(&mut self, cases: &[Case], oracle: &mut dyn Executor, tested: &mut dyn Executor) {
        let (expected, actual) = (oracle.run_batch(cases), tested.run_batch(cases));
        let mut first = None;
        for ((case, expected), actual) in cases.iter().zip(&expected).zip(&actual) {
            self.cases += 1;
            if let End::Refused(reason) = &actual.end {
                *self.refused.entry(reason.clone()).or_default() += 1;
            } else if !agree(case, expected, actual) {
                self.mismatches += 1;
                first = first.or(Some(case));
            }
        }
        if let Some(case) = first {
            let case = shrink(case, |case| disagree(case, oracle, tested));
            let (expected, actual) = (oracle.run(&case), tested.run(&case));
            self.rows.push([left_side(&case), print_outcome(&case, &expected), print_outcome(&case, &actual)]);
        }
    }
}

fn disagree(case: &Case, oracle: &mut dyn Executor, tested: &mut dyn Executor) -> bool {
    let (expected, actual) = (oracle.run(case), tested.run(case));
    !matches!(actual.end, End::Refused(_)) && !agree(case, &expected, &actual)
}

/// The simplest case found for which `fails` still holds; `case` itself if none is simpler.
pub fn shrink(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    loop {
        let mut progress = false;
        for change in simplifications(&best.state) {
            let mut candidate = best.clone();
            change(&mut candidate.state);
            if candidate != best && fails(&candidate) {
                best = candidate;
                progress = true;
            }
        }
        if !progress {
            return best;
        }
    }
}

/// One change of a state.
type Change = Box<dyn Fn(&mut State)>;

fn simplifications(state: &State) -> Vec<Change> {
    let mut changes: Vec<Change> = vec![
        Box::new(|s| s.x87 = State::default().x87),
        Box::new(|s| s.ymm = State::default().ymm),
        Box::new(|s| s.memory = State::default().memory),
        Box::new(|s| s.mxcsr = State::default().mxcsr),
        Box::new(|s| s.x87.control = State::default().x87.control),
        Box::new(|s| s.x87.status &= 0x3800),
        Box::new(|s| (s.fs_base, s.gs_base) = (0, 0)),
    ];
    for n in 0..16 {
        changes.push(Box::new(move |s| s.gpr[n] = State::default().gpr[n]));
        changes.push(Box::new(move |s| s.gpr[n] &= 0xffff_ffff));
        changes.push(Box::new(move |s| s.ymm[n] = [0; 4]));
        (0..4).for_each(|lane| changes.push(Box::new(move |s| s.ymm[n][lane] = 0)));
    }
    for n in 0..8 {
        changes.push(Box::new(move |s| {
            s.x87.tags &= !(1 << n);
            s.x87.registers[n] = 0;
        }));
        changes.push(Box::new(move |s| s.x87.registers[n] = 0));
    }
    for bit in (0..64).filter(|bit| state.flags >> bit & 1 != 0) {
        changes.push(Box::new(move |s| s.flags &= !(1 << bit)));
    }
    for (address, _) in state.memory.iter() {
        changes.push(Box::new(move |s| s.memory.set_byte(address, 0)));
    }
    changes
}
