//! The generator against itself and against an executor with a planted bug; the interpreter and generated Wasm against the host's processor.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use golden::differential::Differential;
use golden::generate::{Amount, Density, Family, Random, Shape, case, codes, exclusion};
use golden::interpreter::Interpreter;
use golden::oracle::{Oracle, UserSpace};
use golden::wasm::Translated;
use golden::{Case, Executor, Outcome};
use iced_x86::{Code, Mnemonic};
use std::time::{Duration, Instant};

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
    let mut result = Differential::of(&codes);
    result.run(&mut Oracle::new().unwrap(), &mut [&mut broken], Amount { encodings: 20, states: 2 }, 7);
    assert!(result.mismatches > 5 && result.verdict().is_err());
    let [row] = &result.rows[..] else { panic!("expected one row, not {:?}", result.rows) };
    assert!(row.left.contains("adc") && row.left.contains("flags=C"), "{row:?}");
    let inputs = row.left.split('|').next_back().unwrap();
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
    let mut result = Differential::of(&all_codes());
    result.run(&mut one, &mut [&mut two], Amount { encodings: 6, states: 2 }, 1);
    result.verdict().unwrap();
}

#[test]
fn what_calls_the_system_is_excluded() {
    for code in [Code::Syscall, Code::Int_imm8, Code::Hlt, Code::In_AL_imm8, Code::Mov_r64_cr] {
        assert!(exclusion(code).is_some(), "{code:?}");
    }
}

/// The interpreter and generated Wasm.
fn tested() -> (Interpreter, Translated) {
    (Interpreter::new(), Translated::new().unwrap())
}

fn all_codes() -> Vec<Code> {
    Family::ALL.into_iter().flat_map(codes).collect()
}

#[test]
fn random_cases_agree_with_the_host() {
    let (mut host, (mut interpreter, mut wasm)) = (UserSpace::new().unwrap(), tested());
    let mut result = Differential::of(&all_codes());
    result.run(&mut host, &mut [&mut interpreter, &mut wasm], Amount { encodings: 3, states: 12 }, 5);
    result.verdict().unwrap();
    assert!(result.cases() > 30 * result.forms.len(), "{result}");
    assert!(wasm.take_tally().whole > result.cases() / 4);
}

/// A number from the environment.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}: expected a number")))
}

/// Tier 2. `PRELIFT_INPUTS` are the cases of each form (10,000), `PRELIFT_SECONDS` the time after which no further round starts, `PRELIFT_SEED`
/// gives other cases.
#[test]
#[ignore = "takes half an hour: tier 2"]
fn the_long_run_agrees_with_the_host() {
    const ROUND: Amount = Amount { encodings: 10, states: 50 };
    let (inputs, seed) = (setting("PRELIFT_INPUTS", 10_000) as usize, setting("PRELIFT_SEED", 6));
    let end = Instant::now() + Duration::from_secs(setting("PRELIFT_SECONDS", 1 << 30));
    let (mut host, (mut interpreter, mut wasm)) = (UserSpace::new().unwrap(), tested());
    let mut result = Differential::of(&all_codes());
    for round in 0..inputs.div_ceil(ROUND.encodings * ROUND.states) as u64 {
        result.run(&mut host, &mut [&mut interpreter, &mut wasm], ROUND, seed.wrapping_add(round << 48));
        println!("round {round}, seed {seed}: {result}");
        if Instant::now() > end {
            break;
        }
    }
    println!("{}{}{result}", result.table(), wasm.take_tally());
    result.verdict().unwrap();
}
