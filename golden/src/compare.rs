//! Runs rows on an executor and reports where it departs from them.
//!
//! `known-failures.txt` lists rows that an executor is known to fail, a line each: `executor: bytes (text) | inputs ## reason`. A listed row that
//! passes is reported as [`Report::fixed`]: the entry must go.

use crate::case::{Case, End, Outcome};
use crate::makers;
use crate::row::{Row, left_side, print_outcome};
use crate::undefined::Undefined;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::fmt;

/// Whatever runs cases: the host's processor, the interpreter, generated Wasm.
pub trait Executor {
    /// Short name, as in `known-failures.txt`.
    fn name(&self) -> &str;
    /// Runs one case until RIP leaves its code or a fault occurs. What cannot be run is [`End::Refused`].
    fn run(&mut self, case: &Case) -> Outcome;
    /// Runs many cases; outcomes in the same order.
    fn run_batch(&mut self, cases: &[Case]) -> Vec<Outcome> {
        cases.iter().map(|case| self.run(case)).collect()
    }
}

/// Mismatches that a report keeps as rows.
const SHOWN: usize = 20;

/// What came of comparing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Rows that agree.
    pub passed: usize,
    /// Rows that disagree and are not known to.
    pub failed: usize,
    /// Rows that disagree and are listed in the known failures.
    pub known: usize,
    /// Rows that the executor refused, by its reason.
    pub refused: BTreeMap<String, usize>,
    /// Known failures (left sides) that pass.
    pub fixed: Vec<String>,
    /// The first mismatches: left side, expected right side, actual right side.
    pub mismatches: Vec<[String; 3]>,
}

impl Report {
    /// Whether nothing failed and no known failure passes. Refused rows do not count against it: see [`Report::refused`].
    pub fn is_ok(&self) -> bool {
        self.failed == 0 && self.fixed.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refused: usize = self.refused.values().sum();
        writeln!(
            f,
            "{} passed, {} failed, {} known failures, {refused} refused",
            self.passed, self.failed, self.known
        )?;
        for [left, expected, actual] in &self.mismatches {
            writeln!(f, "{left}\n  expected => {expected}\n  actual   => {actual}")?;
        }
        for left in &self.fixed {
            writeln!(f, "passes, but is a known failure (remove the entry): {left}")?;
        }
        self.refused.iter().try_for_each(|(reason, count)| writeln!(f, "refused {count}: {reason}"))
    }
}

/// The rows that one executor is known to fail, with the reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownFailures(BTreeMap<String, String>);

impl KnownFailures {
    /// Entries of `executor` in the text of a known-failures file. Every entry must have a reason.
    pub fn parse(text: &str, executor: &str) -> Result<KnownFailures> {
        let mut known = BTreeMap::new();
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty() && !l.starts_with('#')) {
            let at = || format!("known failures, line {}", number + 1);
            let (name, rest) = line.split_once(": ").with_context(|| format!("{}: expected `executor: row`", at()))?;
            let (row, reason) = rest.split_once(" ## ").with_context(|| format!("{}: expected ` ## reason`", at()))?;
            ensure!(!reason.trim().is_empty(), "{}: expected a reason", at());
            let row = Row::parse(row).with_context(at)?;
            if name == executor {
                known.insert(left_side(&row.case), reason.trim().to_owned());
            }
        }
        Ok(KnownFailures(known))
    }
}

/// Whether two outcomes of a case agree in all that is defined, or in which makers do not differ. At a timeout or refusal no state is
/// compared.
pub fn agree(case: &Case, expected: &Outcome, actual: &Outcome) -> bool {
    if expected.end == End::Timeout || actual.end == End::Timeout {
        return expected.end == actual.end;
    }
    let undefined = Undefined::after(case, &expected.end);
    let clear = |outcome: &Outcome| {
        let mut outcome = outcome.clone();
        undefined.clear(&mut outcome.state);
        makers::settle(case, &mut outcome);
        outcome
    };
    let (expected, actual) = (clear(expected), clear(actual));
    expected == actual || makers::both_may(case, &expected, &actual)
}

/// Runs all rows and compares. Rows that are not blessed count as failed.
pub fn compare(executor: &mut dyn Executor, rows: &[Row], known: &KnownFailures) -> Report {
    let cases: Vec<Case> = rows.iter().map(|row| row.case.clone()).collect();
    let actual = executor.run_batch(&cases);
    let mut report = Report::default();
    for (row, actual) in rows.iter().zip(&actual) {
        report.count(row, actual, known);
    }
    report
}

impl Report {
    fn count(&mut self, row: &Row, actual: &Outcome, known: &KnownFailures) {
        let left = left_side(&row.case);
        let is_known = known.0.contains_key(&left);
        if let End::Refused(reason) = &actual.end {
            *self.refused.entry(reason.clone()).or_default() += 1;
        } else if row.expected.as_ref().is_some_and(|expected| agree(&row.case, expected, actual)) {
            self.passed += 1;
            if is_known {
                self.fixed.push(left);
            }
        } else if is_known {
            self.known += 1;
        } else {
            self.failed += 1;
            if self.mismatches.len() < SHOWN {
                let expected =
                    row.expected.as_ref().map_or_else(|| "not blessed".into(), |e| print_outcome(&row.case, e));
                self.mismatches.push([left, expected, print_outcome(&row.case, actual)]);
            }
        }
    }
}
