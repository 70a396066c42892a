//! Loops whose checks are made before them: page ends, missing pages, steps of any sign, and the budget ending anywhere.

use crate::engine::Engine;
use crate::random::Random;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, Tally, compare_in, either, load_as, source};
use runtime::translated::abi::ExitReason;
use translator::lift::{LoopChecks, Options, RegionSource};

/// Instructions that access memory off RBX, RSI or RDI, some with RCX; the last four bytes are the displacement.
const ACCESSES: [&[u8]; 9] = [
    &[0x48, 0x8b, 0x83],       // mov rax, [rbx+…]
    &[0x48, 0x03, 0x84, 0xcb], // add rax, [rbx+rcx*8+…]
    &[0x48, 0x89, 0x86],       // mov [rsi+…], rax
    &[0x48, 0x31, 0x96],       // xor [rsi+…], rdx
    &[0x88, 0x84, 0x0f],       // mov [rdi+rcx+…], al
    &[0x0f, 0x10, 0x83],       // movups xmm0, [rbx+…]
    &[0x66, 0x0f, 0xd4, 0x86], // paddq xmm0, [rsi+…]
    &[0x0f, 0x28, 0x8f],       // movaps xmm1, [rdi+…]
    &[0x0f, 0x29, 0x87],       // movaps [rdi+…], xmm0
];
/// ADD of a constant to RBX, RSI, RDI, RCX.
const MOVES: [[u8; 3]; 4] = [[0x48, 0x81, 0xc3], [0x48, 0x81, 0xc6], [0x48, 0x81, 0xc7], [0x48, 0x81, 0xc1]];
const STEPS: [i32; 12] = [1, 2, 8, 12, 16, 24, 200, -1, -8, -16, -40, 300];
/// What counts R11 down; R12 is 0.
const COUNTS: [&[u8]; 5] = [
    &[0x41, 0xff, 0xcb],                         // dec r11d
    &[0x49, 0xff, 0xcb],                         // dec r11
    &[0x49, 0x83, 0xeb, 0x01],                   // sub r11, 1
    &[0x49, 0x83, 0xc3, 0xff],                   // add r11, -1
    &[0x4d, 0x8d, 0x5b, 0xff, 0x4d, 0x39, 0xe3], // lea r11, [r11-1]; cmp r11, r12
];
/// MOV R9, [RBX+RAX] of what RAX has in its low bits.
const SCATTERED: [u8; 9] = [0x25, 0xff, 0x0f, 0, 0, 0x4c, 0x8b, 0x0c, 0x03];

fn access(random: &mut Random) -> Vec<u8> {
    let mut code = ACCESSES[random.below(ACCESSES.len() as u64) as usize].to_vec();
    code.extend((16 * random.below(6) as i32 - 32).to_le_bytes());
    code
}

/// A loop that R11 counts, which may skip some of its accesses, and sometimes moves in the middle.
fn random_loop(random: &mut Random) -> Vec<u8> {
    let mut code = Vec::new();
    let moved = random.below(16);
    let mut moves: Vec<Vec<u8>> = (0..4)
        .filter(|bit| moved & 1 << bit != 0)
        .map(|register| {
            let step = STEPS[random.below(STEPS.len() as u64) as usize];
            let step = if register == 3 { step.signum() } else { step };
            [&MOVES[register][..], &step.to_le_bytes()].concat()
        })
        .collect();
    for _ in 0..1 + random.below(7) {
        match random.below(6) {
            0 => {
                let skipped = access(random);
                code.extend([0xa8, 0x01, 0x74, skipped.len() as u8]);
                code.extend(skipped);
            }
            1 => code.extend(SCATTERED),
            2 => code.extend(moves.pop().unwrap_or_default()),
            _ => code.extend(access(random)),
        }
    }
    moves.iter().for_each(|step| code.extend(step));
    code.extend(COUNTS[random.below(COUNTS.len() as u64) as usize]);
    // jnz; jmp out
    code.extend([0x0f, 0x85]);
    let back = -(code.len() as i32 + 4);
    code.extend(back.to_le_bytes());
    code.extend([0xe9, 0xf7, 0x0f, 0, 0]);
    code
}

fn state(random: &mut Random) -> Reference {
    let mut state = Reference::new(BASE);
    for register in [3, 6, 7] {
        state.gpr[register] = DATA + 0x200 + 16 * random.below(0x380) + if random.below(4) == 0 { 4 } else { 0 };
    }
    (state.gpr[0], state.gpr[1], state.gpr[2]) = (random.next(), random.below(64), random.next());
    state.gpr[11] = 1 + random.below(300);
    state.xmm[0] = random.next().into();
    state.memory.iter_mut().for_each(|byte| *byte = random.next() as u8);
    state
}

#[test]
fn loops_agree() {
    let (mut translated, mut left, mut missed) = (0, 0, 0);
    for seed in 0..250 {
        let mut random = Random::new(9000 + seed);
        let code = random_loop(&mut random);
        let source = RegionSource { privilege: either(seed), ..source(&[(0, code)], &[0]) };
        let mut engine = load_as(&source, &Options::default());
        for round in 0..3 {
            let start = state(&mut random);
            if round == 2 {
                engine.unmap(random.below(4));
                engine.map(random.below(4), false);
            }
            let tally = compare_in(&mut engine, &source, start, 20 + random.below(3000));
            (translated, missed) = (translated + tally.translated, missed + tally.exits(ExitReason::Miss));
            left += tally.exits(ExitReason::Budget);
        }
    }
    assert!(translated > 100_000 && left > 100 && missed > 500, "{translated} {left} {missed}");
}

/// How a loop of `xor [rsi+…], rdx` and `add rsi, step` from `start` runs.
fn walk(options: &Options, start: u64, step: i32) -> Tally {
    let mut code = [&[0x48u8, 0x31, 0x96, 0, 0, 0, 0][..], &MOVES[1], &step.to_le_bytes()].concat();
    code.extend([0x41, 0xff, 0xcb, 0x75, 0xed, 0xe9, 0xf7, 0x0f, 0, 0]);
    let source = source(&[(0, code)], &[0]);
    let mut engine: Engine = load_as(&source, options);
    let mut state = Reference::new(BASE);
    (state.gpr[2], state.gpr[6], state.gpr[11]) = (0x0102_0304_0506_0708, start, 900);
    compare_in(&mut engine, &source, state, 1_000_000)
}

/// What leaves a loop does so as often as with the checks in it: only where an access lies in two pages.
#[test]
fn page_ends_are_no_misses() {
    for (start, step) in [(DATA, 8), (DATA + 4, 8), (DATA + 0x3ff8, -8), (DATA + 0x3f00, -16), (DATA + 0xffc, 1)] {
        let in_place = Options { loop_checks: LoopChecks::InPlace, ..Options::default() };
        let [hoisted, plain] = [Options::default(), in_place].map(|options| walk(&options, start, step));
        assert_eq!(hoisted.exits, plain.exits, "{start:#x} {step}");
    }
}
