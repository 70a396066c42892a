//! x87's transcendental instructions in the runtime's interpreter, against the host's processor: in the last bit processors differ, so
//! that the other comparisons leave them out.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

use golden::generate::{Density, Random, Shape, case};
use golden::interpreter::Interpreter;
use golden::oracle::UserSpace;
use golden::row::Row;
use golden::state::X87;
use golden::{Case, Executor};
use iced_x86::Code;

/// Cases per code, and the seed; more for a long run.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Transcendental instructions, in whose last bit processors differ.
const TRANSCENDENTAL: [Code; 8] =
    [Code::Fsin, Code::Fcos, Code::Fsincos, Code::Fptan, Code::Fpatan, Code::F2xm1, Code::Fyl2x, Code::Fyl2xp1];

/// Status bits that are defined and alike: all but C0, C1 and C3.
const STATUS: u16 = !0x4300;

/// Units of the last place between two numbers of 80 bits; 0 for equal bits.
fn distance(a: u128, b: u128) -> u128 {
    // Exponent and fraction count on without the integer bit; the sign makes far neighbours.
    let place = |x: u128| (x >> 64 << 63) | x & (u128::MAX >> 65);
    place(a).abs_diff(place(b))
}

/// The largest distance between registers, or `None` where what must be equal is not.
fn apart(host: &X87, tested: &X87) -> Option<u128> {
    let alike = (host.status ^ tested.status) & STATUS == 0 && host.tags == tested.tags;
    let full = (0..8).filter(|&n| !host.is_empty(n));
    alike.then(|| full.map(|n| distance(host.registers[n], tested.registers[n])).max().unwrap_or(0))
}

/// A case; every other one with operands of moderate size.
fn transcendental(code: Code, moderate: bool, random: &mut Random) -> Option<Case> {
    let mut case = case(code, Shape::Any, Density::Sparse, random)?;
    if moderate {
        let limit = if code == Code::F2xm1 { 70 } else { 132 };
        for register in &mut case.state.x87.registers {
            let bits = random.bits();
            let high = (bits & 0x8000) | (0x3fff - 70 + (bits >> 16) % limit);
            *register = u128::from(high) << 64 | u128::from(random.bits() | 1 << 63);
        }
    }
    Some(case)
}

#[test]
fn transcendental_results_are_within_one_unit_of_the_hosts() {
    let (count, seed) = (setting("X87_CASES", 60), setting("X87_SEED", 1));
    let (mut host, mut tested) = (UserSpace::new().unwrap(), Interpreter::new());
    for code in TRANSCENDENTAL {
        let mut random = Random::new(seed ^ (code as u64) << 32);
        let cases: Vec<Case> = (0..count).filter_map(|n| transcendental(code, n % 2 == 0, &mut random)).collect();
        let outcomes = host.run_batch(&cases).into_iter().zip(tested.run_batch(&cases));
        let mut failed = Vec::new();
        for (case, (expected, actual)) in cases.iter().zip(outcomes) {
            let apart = apart(&expected.state.x87, &actual.state.x87);
            if expected.end != actual.end || apart.is_none_or(|units| units > 1) {
                let [host, interpreter] = [expected, actual].map(|outcome| Row::print(case, Some(&outcome)));
                failed.push(format!("{host}\n{interpreter}"));
            }
        }
        let shown = failed.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
        assert!(failed.is_empty(), "{code:?}: {} of {} apart:\n{shown}", failed.len(), cases.len());
        assert_eq!(cases.len(), count as usize);
    }
}
