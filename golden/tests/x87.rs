//! Random x87 and MMX cases in the runtime's interpreter, against the host's processor.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use golden::generate::{Family, codes};
use golden::interpreter::Interpreter;
use golden::oracle::Oracle;
use golden::shrink::differential;
use golden::{Case, End, Executor, Fault, Outcome};

/// The host without its kernel: an address of the upper half is not mapped.
struct Host(Oracle);

impl Executor for Host {
    fn name(&self) -> &str {
        "host"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        self.run_batch(std::slice::from_ref(case)).remove(0)
    }

    fn run_batch(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let mut outcomes = self.0.run_batch(cases);
        for outcome in &mut outcomes {
            if let End::Fault(Fault::Page { address, present, .. }) = &mut outcome.end {
                *present &= *address >> 63 == 0;
            }
        }
        outcomes
    }
}

/// Cases per code, and the seed; more for a long run.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn random_cases_agree_with_the_host() {
    let (cases, seed) = (setting("X87_CASES", 60), setting("X87_SEED", 1));
    let (mut host, mut tested) = (Host(Oracle::new().unwrap()), Interpreter::new());
    for family in [Family::X87, Family::Mmx] {
        let result = differential(&mut host, &mut tested, &codes(family), cases as usize, seed);
        for [left, expected, actual] in &result.rows {
            println!("{left}\n  host        => {expected}\n  interpreter => {actual}");
        }
        assert!(result.cases > 1000 && result.refused.is_empty(), "{family:?}: refused {:?}", result.refused);
        assert_eq!(result.mismatches, 0, "{family:?}");
    }
}
