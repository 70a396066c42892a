//! The three processor levels: what CPUID reports, what XCR0 says, and what raises #UD are one and the same.

use golden::generate::{Density, Family, Random, Shape, case, codes};
use golden::interpreter::Interpreter;
use golden::row::Row;
use golden::{End, Executor, Fault};
use iced_x86::{Code, CpuidFeature as F, Mnemonic};
use translator::lift::Privilege;
use x86::Level;

/// Leaf, subleaf, register (EAX, ECX, EDX, EBX as in the encoding of registers) and bits of features.
type Word = (u32, u32, usize, &'static [(F, u32)]);

/// SDM volume 2, CPUID.
#[rustfmt::skip]
const BITS: [Word; 7] = [
    (1, 0, 1, &[(F::SSE3, 0), (F::PCLMULQDQ, 1), (F::SSSE3, 9), (F::FMA, 12), (F::CMPXCHG16B, 13), (F::SSE4_1, 19), (F::SSE4_2, 20),
                (F::MOVBE, 22), (F::POPCNT, 23), (F::AES, 25), (F::XSAVE, 26), (F::AVX, 28), (F::F16C, 29), (F::RDRAND, 30)]),
    (1, 0, 2, &[(F::FPU, 0), (F::TSC, 4), (F::MSR, 5), (F::CX8, 8), (F::CMOV, 15), (F::CLFSH, 19), (F::MMX, 23), (F::FXSR, 24),
                (F::SSE, 25), (F::SSE2, 26)]),
    (7, 0, 3, &[(F::FSGSBASE, 0), (F::BMI1, 3), (F::AVX2, 5), (F::BMI2, 8), (F::INVPCID, 10), (F::RDSEED, 18), (F::ADX, 19),
                (F::CLFLUSHOPT, 23), (F::CLWB, 24), (F::SHA, 29)]),
    (7, 0, 1, &[(F::RDPID, 22)]),
    (0xd, 1, 0, &[(F::XSAVEOPT, 0), (F::XSAVEC, 1)]),
    (0x8000_0001, 0, 1, &[(F::LZCNT, 5)]),
    (0x8000_0001, 0, 2, &[(F::SYSCALL, 11), (F::RDTSCP, 27)]),
];

fn user(level: Level) -> Interpreter {
    Interpreter::of(level, Privilege::User)
}

/// Runs a row's code.
fn run(machine: &mut Interpreter, row: &str) -> golden::Outcome {
    machine.run(&Row::parse(row).unwrap().case)
}

/// EAX, ECX, EDX, EBX of a leaf.
fn cpuid(machine: &mut Interpreter, leaf: u32, subleaf: u32) -> [u32; 4] {
    let state = run(machine, &format!("0f a2 | rax={leaf:x} rcx={subleaf:x}")).state;
    [0, 1, 2, 3].map(|register| state.gpr[register] as u32)
}

/// Whether CPUID reports a feature; `None` if no bit is known for it.
fn reported(machine: &mut Interpreter, feature: F) -> Option<bool> {
    let rows = BITS.iter().find_map(|(leaf, subleaf, register, bits)| {
        let (_, bit) = bits.iter().find(|(name, _)| *name == feature)?;
        Some((*leaf, *subleaf, *register, *bit))
    });
    rows.map(|(leaf, subleaf, register, bit)| cpuid(machine, leaf, subleaf)[register] >> bit & 1 != 0)
}

#[test]
fn cpuid_reports_what_a_level_has() {
    for level in Level::ALL {
        let mut machine = user(level);
        let features: Vec<(F, bool)> = BITS
            .iter()
            .flat_map(|row| row.3)
            .map(|(feature, _)| (*feature, reported(&mut machine, *feature).unwrap()))
            .collect();
        let find = |feature: &F| features.iter().find(|(name, _)| name == feature).map(|(_, reported)| *reported);
        let mut judged = 0;
        for code in Code::values().filter(|code| code.op_code().mode64() && code.op_code().is_instruction()) {
            let all: Option<Vec<bool>> = code.cpuid_features().iter().map(find).collect();
            let Some(all) = all else { continue };
            let hint = x86::level::least(code) == Some(Level::V1) && !all.iter().all(|reported| *reported);
            assert!(
                hint || level.has(code) == all.iter().all(|reported| *reported),
                "{}: {code:?} {all:?}",
                level.name()
            );
            assert!(!hint || code.mnemonic() == Mnemonic::Prefetchw, "{code:?} is not reported at {}", level.name());
            judged += 1;
        }
        assert!(judged > 1000, "only {judged} codes judged");
    }
}

#[test]
fn xsave_and_xcr0_are_there_with_avx_alone() {
    for level in Level::ALL {
        let mut machine = user(level);
        let outcome = run(&mut machine, "0f 01 d0 | rax=ffff rdx=ffff");
        let osxsave = cpuid(&mut machine, 1, 0)[1] >> 27 & 1;
        let components = cpuid(&mut machine, 0xd, 0);
        if level < Level::V3 {
            assert_eq!((outcome.end, osxsave, components), (End::Fault(Fault::InvalidOpcode), 0, [0; 4]));
        } else {
            assert_eq!((outcome.end, osxsave), (End::Done, 1));
            assert_eq!((outcome.state.gpr[0], outcome.state.gpr[2]), (u64::from(components[0]), 0));
            assert_eq!(components[0], 7);
        }
    }
}

#[test]
fn what_a_level_lacks_is_undefined_and_nothing_else() {
    // Undefined on purpose; and what a processor that ignores their prefix takes for BSF and BSR.
    let other = [Mnemonic::Ud0, Mnemonic::Ud1, Mnemonic::Ud2, Mnemonic::Tzcnt, Mnemonic::Lzcnt];
    for level in Level::ALL {
        let mut machine = user(level);
        for code in Family::ALL.into_iter().flat_map(codes).filter(|code| !other.contains(&code.mnemonic())) {
            let mut random = Random::new(code as u64);
            let case = case(code, Shape::Any, Density::Dense, &mut random).unwrap();
            let outcome = machine.run(&case);
            let undefined = outcome.end == End::Fault(Fault::InvalidOpcode);
            assert_eq!(undefined, !level.has(code), "{} at {}: {:?}", case.text(), level.name(), outcome.end);
        }
    }
}
