//! The generator against itself, against an executor with a planted bug, and the interpreter against the host's processor.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use golden::generate::{Density, Family, Random, Shape, case, codes, exclusion};
use golden::interpreter::Interpreter;
use golden::oracle::{Oracle, UserSpace};
use golden::shrink::differential;
use golden::{Case, Executor, Outcome};
use iced_x86::{Code, Mnemonic};

/// The host's processor, but ADC ignores the carry that comes in.
struct BrokenAdc(Oracle);

impl Executor for BrokenAdc {
    fn name(&self) -> &str {
        "broken"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        let mut case = case.clone();
        if case.instructions()[0].mnemonic() == Mnemonic::Adc {
            case.state.flags &= !1;
        }
        self.0.run(&case)
    }
}

#[test]
fn a_planted_bug_is_found_and_shrinks_to_one_short_row() {
    let mut broken = BrokenAdc(Oracle::new().unwrap());
    let codes = [Code::Adc_r32_rm32, Code::Add_r32_rm32];
    let result = differential(&mut Oracle::new().unwrap(), &mut broken, &codes, 40, 7);
    assert!(result.mismatches > 5);
    let [row] = &result.rows[..] else { panic!("expected one row, not {:?}", result.rows) };
    assert!(row[0].contains("adc") && row[0].contains("flags=C"), "{row:?}");
    let inputs = row[0].split('|').next_back().unwrap();
    assert!(inputs.split_whitespace().count() <= 4, "not shrunk: {row:?}");
}

#[test]
fn equal_seeds_give_equal_cases() {
    let make = |seed| case(Code::Paddb_xmm_xmmm128, Shape::Any, Density::Dense, &mut Random::new(seed));
    assert!(make(3).is_some());
    assert_eq!(make(3), make(3));
    assert_ne!(make(3), make(4));
}

#[test]
fn every_selected_code_runs_and_the_host_agrees_with_itself() {
    let (mut one, mut two) = (Oracle::new().unwrap(), Oracle::new().unwrap());
    for family in Family::ALL {
        let codes = codes(family);
        let result = differential(&mut one, &mut two, &codes, 12, 1);
        assert_eq!(result.mismatches, 0, "{:?}", result.rows);
        assert!(result.refused.is_empty(), "{:?}", result.refused);
        assert!(result.unencodable.is_empty(), "{:?}", result.unencodable);
        assert_eq!(result.codes, codes.len());
    }
}

#[test]
fn what_calls_the_system_is_excluded() {
    for code in [Code::Syscall, Code::Int_imm8, Code::Hlt, Code::In_AL_imm8, Code::Mov_r64_cr] {
        assert!(exclusion(code).is_some(), "{code:?}");
    }
}

fn interpreter_agrees(per_code: usize, seed: u64) {
    let (mut host, mut tested) = (UserSpace::new().unwrap(), Interpreter::new());
    for family in [Family::General, Family::Mmx, Family::Sse, Family::V2, Family::V3] {
        let result = differential(&mut host, &mut tested, &codes(family), per_code, seed);
        let rows = result.rows.iter().map(|[left, host, here]| format!("{left}\n  host => {host}\n  here => {here}\n"));
        assert!(result.rows.is_empty(), "{family:?}: {} mismatches\n{}", result.mismatches, rows.collect::<String>());
        assert!(result.refused.is_empty(), "{family:?}: {:?}", result.refused);
        assert!(result.cases > codes(family).len() * per_code / 2, "{family:?}: only {} cases", result.cases);
    }
}

#[test]
fn random_cases_agree_in_the_interpreter() {
    interpreter_agrees(150, 5);
}

/// Tier 2: `PRELIFT_SEED` gives other cases.
#[test]
#[ignore = "takes minutes: tier 2"]
fn many_random_cases_agree_in_the_interpreter() {
    let seed = std::env::var("PRELIFT_SEED").map_or(6, |seed| seed.parse().expect("PRELIFT_SEED is a number"));
    interpreter_agrees(3000, seed);
}
