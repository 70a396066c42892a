//! Random programs in lockstep: after any number of instructions translated code and the interpreter are in the same state, to the bit, undefined
//! flags included.

use golden::generate::{Random, sequence};
use golden::interpreter::Interpreter;
use golden::row::{Row, left_side};
use golden::wasm::Translated;
use golden::{Case, End, Outcome};

/// Programs that share a module.
const BATCH: u64 = 64;
/// After the last of these most programs have ended.
const LAST: usize = 600;

/// Programs from a seed on, each with the numbers of instructions after which states are compared.
fn programs(seed: u64, count: u64) -> Vec<(Case, usize)> {
    let mut programs = Vec::new();
    for number in 0..count {
        let mut random = Random::new(seed.wrapping_add(number) << 20);
        let length = 5 + random.below(46) as usize;
        let Some(case) = sequence(length, &mut random) else { continue };
        for most in [1 + random.below(20) as usize, 20 + random.below(60) as usize, LAST] {
            programs.push((case.clone(), most));
        }
    }
    programs
}

/// The first number of instructions after which the two differ.
fn first_difference(
    case: &Case,
    most: usize,
    interpreter: &mut Interpreter,
    wasm: &mut Translated,
) -> (usize, [Outcome; 2]) {
    for steps in 1..=most {
        let outcomes = [interpreter.run_for(case, steps), wasm.run_all_for(&[(case, steps)]).remove(0)];
        if outcomes[0] != outcomes[1] {
            return (steps, outcomes);
        }
    }
    panic!("they differ after {most} instructions only if that is the first look: {}", case.text());
}

/// Runs programs both ways; gives the number of instructions that translated code carried out.
fn agree(seed: u64, count: u64) -> u64 {
    let (mut interpreter, mut wasm) = (Interpreter::new(), Translated::new().unwrap());
    for start in (0..count).step_by(BATCH as usize) {
        let programs = programs(seed.wrapping_add(start), BATCH.min(count - start));
        let runs: Vec<_> = programs.iter().map(|(case, most)| (case, *most)).collect();
        for ((case, most), actual) in runs.iter().copied().zip(wasm.run_all_for(&runs)) {
            let expected = interpreter.run_for(case, most);
            assert!(!matches!(actual.end, End::Refused(_)), "{:?}: {}", actual.end, case.text());
            if expected != actual {
                let (steps, [expected, actual]) = first_difference(case, most, &mut interpreter, &mut wasm);
                let print = |outcome: &Outcome| Row::print(case, Some(outcome)).split_off(left_side(case).len());
                panic!(
                    "after {steps} instructions of {}\n interpreter {:?} {:x}{}\n wasm {:?} {:x}{}",
                    left_side(case),
                    expected.end,
                    expected.rip,
                    print(&expected),
                    actual.end,
                    actual.rip,
                    print(&actual)
                );
            }
        }
    }
    wasm.take_tally().translated
}

#[test]
fn random_programs_agree_at_every_instruction_count() {
    let translated = agree(1, 400);
    println!("{translated} instructions in translated code");
    assert!(translated > 10_000, "only {translated} instructions in translated code");
}

/// Tier 2. `PRELIFT_PROGRAMS` is their number, `PRELIFT_SEED` gives others.
#[test]
#[ignore = "takes minutes: tier 2"]
fn many_random_programs_agree() {
    let setting = |name: &str, default| std::env::var(name).map_or(default, |value| value.parse().expect(name));
    let programs = setting("PRELIFT_PROGRAMS", 50_000);
    let translated = agree(setting("PRELIFT_SEED", 7) << 32, programs);
    println!("{programs} programs, {translated} instructions in translated code: no difference");
}

/// A repeated MOVS whose target is the source under another name, a little further on: what was written is read again.
#[test]
fn a_copy_between_two_names_of_a_page_goes_element_by_element() {
    for (bytes, count) in [("f3 48 a5", 0x20_u64), ("f3 a4", 0x100), ("f3 48 a5", 3)] {
        let row =
            format!("{bytes} | rcx={count:x} rsi=10000100 rdi=10010108 [10000100]=0102030405060708090a0b0c0d0e0f10");
        let case = Row::parse(&row).unwrap().case;
        let expected = Interpreter::new().run_for(&case, LAST);
        let actual = Translated::new().unwrap().run_all_for(&[(&case, LAST)]).remove(0);
        assert_eq!(expected.state.memory.byte(0x1000_0110), 1, "{bytes}");
        assert_eq!(expected, actual, "{bytes}");
    }
}
