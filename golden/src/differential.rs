//! Differential runs: random cases on the host's processor, and on executors that must agree with it.
//!
//! Cases are made per code (a *form*: mnemonic, operand kinds and encoding), several states for each encoding, so that generated Wasm runs
//! them in one region. The first mismatch of each form and executor is shrunk to one row, for `rows/found.txt`.

use crate::case::{Case, End, Outcome};
use crate::compare::{Executor, agree};
use crate::generate::{self, Amount, Random};
use crate::row::{left_side, print_outcome};
use crate::shrink::shrink;
use anyhow::{Result, ensure};
use iced_x86::Code;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What was run of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The code.
    pub code: Code,
    /// Different encodings.
    pub encodings: BTreeSet<Vec<u8>>,
    /// Cases.
    pub cases: usize,
    /// Those that end in an exception on the host's processor.
    pub faults: usize,
}

/// A case that an executor gets wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The executor's name.
    pub executor: String,
    /// The code.
    pub code: Code,
    /// The shrunk row's left side.
    pub left: String,
    /// What the host's processor gives.
    pub expected: String,
    /// What the executor gives.
    pub actual: String,
}

/// What came of differential runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differential {
    /// The forms.
    pub forms: Vec<Form>,
    /// Outcomes that were refused, by executor and reason.
    pub refused: BTreeMap<String, usize>,
    /// Outcomes that disagree.
    pub mismatches: usize,
    /// The first of each form and executor.
    pub rows: Vec<Mismatch>,
}

impl Differential {
    /// Nothing has run yet of these codes.
    pub fn of(codes: &[Code]) -> Differential {
        let form = |&code| Form { code, encodings: BTreeSet::new(), cases: 0, faults: 0 };
        let forms = codes.iter().map(form).collect();
        Differential { forms, refused: BTreeMap::new(), mismatches: 0, rows: Vec::new() }
    }

    /// Runs random cases of each form on `oracle` and on all of `tested`. The same seed gives the same cases of a code, whatever the others.
    pub fn run(
        &mut self,
        oracle: &mut dyn Executor,
        tested: &mut [&mut dyn Executor],
        amount: Amount,
        seed: u64,
    ) -> &mut Differential {
        for number in 0..self.forms.len() {
            let code = self.forms[number].code;
            let mut random = Random::new(seed ^ (code as u64) << 32);
            let cases = generate::cases(code, amount, &mut random);
            let expected = oracle.run_batch(&cases);
            self.forms[number].count(&cases, &expected);
            for tested in tested.iter_mut() {
                self.compare(code, &cases, &expected, oracle, *tested);
            }
        }
        self
    }

    fn compare(
        &mut self,
        code: Code,
        cases: &[Case],
        expected: &[Outcome],
        oracle: &mut dyn Executor,
        tested: &mut dyn Executor,
    ) {
        let mut first = None;
        for ((case, expected), actual) in cases.iter().zip(expected).zip(tested.run_batch(cases)) {
            if let End::Refused(reason) = &actual.end {
                *self.refused.entry(format!("{}: {reason}", tested.name())).or_default() += 1;
            } else if !agree(case, expected, &actual) {
                self.mismatches += 1;
                first = first.or(Some(case));
            }
        }
        let known = |row: &Mismatch| row.code == code && row.executor == tested.name();
        if let Some(case) = first.filter(|_| !self.rows.iter().any(known)) {
            self.rows.push(Mismatch::of(code, case, oracle, tested));
        }
    }

    /// Cases that ran, each on every executor.
    pub fn cases(&self) -> usize {
        self.forms.iter().map(|form| form.cases).sum()
    }

    /// That every form ran, and all executors agree on all cases.
    ///
    /// # Errors
    /// The mismatches as rows, what was refused, and forms of which no case was found.
    pub fn verdict(&self) -> Result<()> {
        ensure!(self.rows.is_empty() && self.refused.is_empty(), "{self}");
        let missing: Vec<Code> = self.forms.iter().filter(|form| form.cases == 0).map(|form| form.code).collect();
        ensure!(missing.is_empty(), "no case was found of {missing:?}");
        Ok(())
    }

    /// Cases per form, a line each.
    pub fn table(&self) -> String {
        let line = |form: &Form| {
            let Form { code, encodings, cases, faults } = form;
            format!(
                "{:<44} {:>5} encodings {cases:>7} cases {faults:>6} faults\n",
                format!("{code:?}"),
                encodings.len()
            )
        };
        self.forms.iter().map(line).collect()
    }
}

impl fmt::Display for Differential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Mismatch { executor, left, expected, actual, .. } in &self.rows {
            writeln!(f, "{left}\n  host => {expected}\n  {executor} => {actual}")?;
        }
        self.refused.iter().try_for_each(|(reason, count)| writeln!(f, "refused {count} times by {reason}"))?;
        let encodings: usize = self.forms.iter().map(|form| form.encodings.len()).sum();
        let (forms, cases, mismatches) = (self.forms.len(), self.cases(), self.mismatches);
        write!(f, "{cases} cases of {encodings} encodings of {forms} forms: {mismatches} mismatches")
    }
}

impl Form {
    fn count(&mut self, cases: &[Case], outcomes: &[Outcome]) {
        self.encodings.extend(cases.iter().map(|case| case.code().to_vec()));
        self.cases += cases.len();
        self.faults += outcomes.iter().filter(|outcome| matches!(outcome.end, End::Fault(_))).count();
    }
}

impl Mismatch {
    /// The mismatch that `case` shrinks to.
    fn of(code: Code, case: &Case, oracle: &mut dyn Executor, tested: &mut dyn Executor) -> Mismatch {
        let case = shrink(case, |case| disagree(case, oracle, tested));
        let (expected, actual) = (oracle.run(&case), tested.run(&case));
        Mismatch {
            executor: tested.name().into(),
            code,
            left: left_side(&case),
            expected: print_outcome(&case, &expected),
            actual: print_outcome(&case, &actual),
        }
    }
}

fn disagree(case: &Case, oracle: &mut dyn Executor, tested: &mut dyn Executor) -> bool {
    let (expected, actual) = (oracle.run(case), tested.run(case));
    !matches!(actual.end, End::Refused(_)) && !agree(case, &expected, &actual)
}
