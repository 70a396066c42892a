//! Floating point: groups of instructions, MXCSR's modes, exact and inexact results.

use crate::generate;
use crate::random::Random;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, Tally, compare_in, load, load_as, source};
use runtime::translated::abi::ExitReason;
use translator::lift::{Checks, Options};

/// All masked, to nearest: nothing inexact yet, or something.
const CLEAR: u32 = 0x1f80;
const INEXACT: u32 = 0x1fa0;
/// [`INEXACT`] upwards.
const UPWARDS: u32 = 0x5fa0;

/// JMP out of the code, some way on.
const OUT: [u8; 5] = [0xe9, 0, 0x10, 0, 0];

/// Operands that differ in what becomes of them: the largest number and 1.5 of its units in the last place among them, whose
/// sum's error has infinities on its way.
#[rustfmt::skip]
fn numbers64() -> Vec<u64> {
    let unit = (2f64).powi(971);
    let numbers = [
        1.0, -1.5, 3.0, 0.1, 1.0 / 3.0, -7.0e-3, 4_503_599_627_370_497.0, 9.0, 2.25, 1e-300, -1e300, unit * -1.5,
        f64::MAX, -f64::MAX, f64::MIN_POSITIVE, f64::MIN_POSITIVE * 1.5, f64::MIN_POSITIVE * 4.0, f64::MIN_POSITIVE / 8.0,
        0.0, -0.0, f64::INFINITY, f64::NAN, 2_147_483_647.5, -2_147_483_648.0, 9.3e18,
    ];
    numbers.map(f64::to_bits).to_vec()
}

#[rustfmt::skip]
fn numbers32() -> Vec<u64> {
    let unit = (2f32).powi(104);
    let numbers = [
        1.0, -1.5, 3.0, 0.1, 1.0 / 3.0, -7.0e-3, 8_388_609.0, 9.0, 2.25, 1e-30, -1e30, unit * -1.5, f32::MAX, -f32::MAX,
        f32::MIN_POSITIVE, f32::MIN_POSITIVE * 1.5, f32::MIN_POSITIVE * 4.0, f32::MIN_POSITIVE / 8.0, 0.0, -0.0,
        f32::INFINITY, f32::NAN, 2_147_483_520.0, -2_147_483_648.0, 9.3e18,
    ];
    numbers.map(|number: f32| number.to_bits().into()).to_vec()
}

/// Runs an instruction on all pairs in XMM1 and XMM2, whose upper lanes are 1.
fn on_pairs(code: &[u8], numbers: &[u64], upper: u128, mxcsr: u32) -> Tally {
    let source = source(&[(0, [code, &OUT].concat())], &[0]);
    let mut engine = load(&source);
    let mut sum = Tally::default();
    for &a in numbers {
        for &b in numbers {
            let mut state = Reference::new(BASE);
            state.mxcsr = mxcsr;
            (state.xmm[1], state.xmm[2]) = (upper | u128::from(a), upper | u128::from(b));
            state.gpr[1] = a;
            let tally = compare_in(&mut engine, &source, state, 2);
            sum.translated += tally.translated;
            sum.interpreted += tally.interpreted;
        }
    }
    sum
}

#[test]
fn results_that_are_exact_need_no_mode() {
    let doubles = numbers64();
    let singles = numbers32();
    let ones64 = u128::from(1f64.to_bits()) << 64;
    let ones32 = u128::from(1f32.to_bits()) * (1 << 32 | 1 << 64 | 1 << 96);
    // Arithmetic, square root, conversions to the other format, to and from integers, rounding: scalar forms.
    #[rustfmt::skip]
    let scalar: [&[u8]; 14] = [
        &[0x0f, 0x58, 0xca], &[0x0f, 0x5c, 0xca], &[0x0f, 0x59, 0xca], &[0x0f, 0x5e, 0xca], &[0x0f, 0x5d, 0xca],
        &[0x0f, 0x5f, 0xca], &[0x0f, 0xc2, 0xca, 1], &[0x0f, 0x51, 0xca], &[0x0f, 0x5a, 0xca], &[0x0f, 0x2d, 0xc2],
        &[0x0f, 0x2c, 0xc2], &[0x48, 0x0f, 0x2d, 0xc2], &[0x0f, 0x2a, 0xc9], &[0x48, 0x0f, 0x2a, 0xc9],
    ];
    let mut exact = 0;
    for stem in scalar {
        for (prefix, numbers, upper) in [(0xf2, &doubles, ones64), (0xf3, &singles, ones32)] {
            let code = [&[prefix], stem].concat();
            exact += on_pairs(&code, numbers, upper, CLEAR).translated;
            let rounded = on_pairs(&code, numbers, upper, INEXACT);
            assert!(rounded.translated > rounded.interpreted, "{code:x?} {rounded:?}");
            on_pairs(&code, numbers, upper, UPWARDS);
        }
    }
    for packed in [0x58, 0x5c, 0x59, 0x5e, 0x51, 0xd0] {
        for mxcsr in [CLEAR, INEXACT, UPWARDS] {
            on_pairs(&[0x66, 0x0f, packed, 0xca], &doubles, ones64, mxcsr);
        }
    }
    assert!(exact > 5000, "{exact}");
}

#[test]
fn a_mode_counts_for_what_follows_it() {
    // addsd xmm1,xmm2; ldmxcsr [rbx]; addsd xmm3,xmm2
    let code = [0xf2, 0x0f, 0x58, 0xca, 0x0f, 0xae, 0x13, 0xf2, 0x0f, 0x58, 0xda];
    let source = source(&[(0, [&code[..], &OUT].concat())], &[0]);
    let mut engine = load(&source);
    let mut translated = 0;
    for before in [CLEAR, INEXACT, UPWARDS] {
        for after in [CLEAR, INEXACT, UPWARDS] {
            let mut state = Reference::new(BASE);
            state.mxcsr = before;
            state.gpr[3] = DATA;
            state.memory[..4].copy_from_slice(&after.to_le_bytes());
            state.xmm[2] = (2f64).powi(-60).to_bits().into();
            (state.xmm[1], state.xmm[3]) = (1f64.to_bits().into(), 1f64.to_bits().into());
            translated += compare_in(&mut engine, &source, state, 10).translated;
        }
    }
    assert!(translated >= 8, "{translated}");
}

#[test]
fn a_miss_inside_a_group_leads_back_to_its_start() {
    // add rcx,[rbx]; addsd xmm1,[rbx+8]; inc rax; mulsd xmm2,[rbx+16]; movsd [rbx+24],xmm2; adc rax,rcx; addsd xmm3,[rbx+32]
    let code = [
        0x48, 0x03, 0x0b, 0xf2, 0x0f, 0x58, 0x4b, 0x08, 0x48, 0xff, 0xc0, 0xf2, 0x0f, 0x59, 0x53, 0x10, 0xf2, 0x0f,
        0x11, 0x53, 0x18, 0x48, 0x11, 0xc8, 0xf2, 0x0f, 0x58, 0x5b, 0x20,
    ];
    let source = source(&[(0, [&code[..], &OUT].concat())], &[0]);
    let (mut misses, mut rare) = (0, 0);
    let single = Options { checks: Checks::Single, ..Options::default() };
    let mut engines = [Options::default(), single].map(|options| load_as(&source, &options));
    for place in (0xfc0..0x1010).step_by(4).chain([0x1fd8, 0x1fe0, 0x1fe8, 0x1ff0, 0x1ff8, 0x2000]) {
        for odd in 0..6 {
            let mut state = Reference::new(BASE);
            state.gpr = [7, u64::MAX, 0, DATA + place, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            for slot in state.memory.chunks_exact_mut(4) {
                slot.copy_from_slice(&1.5f32.to_bits().to_le_bytes());
            }
            for (number, register) in state.xmm[1..4].iter_mut().enumerate() {
                *register = if number + 1 == odd { 1 } else { 1.25f64.to_bits().into() };
            }
            for engine in &mut engines {
                engine.map(0, true);
                engine.map(1, odd != 5);
                engine.unmap(2);
                let tally = compare_in(engine, &source, state.clone(), 20);
                misses += tally.exits(ExitReason::Miss);
                rare += tally.exits(ExitReason::Rare);
            }
        }
    }
    assert!(misses > 40 && rare > 20, "{misses} {rare}");
}

#[test]
fn random_groups_agree() {
    let floats: Vec<Vec<u8>> = generate::sse_encodings()
        .into_iter()
        .filter(|code| (0x51..0x60).contains(&code[code.len().min(3) - 1]))
        .collect();
    assert!(floats.len() > 60, "{}", floats.len());
    let mut translated = 0;
    for seed in 0..400 {
        let mut random = Random::new(6000 + seed);
        let mut code = Vec::new();
        for _ in 0..14 {
            if random.below(3) == 0 {
                code.extend(generate::insn(&mut random));
            } else {
                code.extend(&floats[random.below(floats.len() as u64) as usize]);
            }
        }
        code.extend(OUT);
        let source = source(&[(0, code)], &[0]);
        let mut engine = load(&source);
        for _ in 0..4 {
            let mut state = generate::state(&mut random, BASE);
            state.gpr[3] &= !15;
            state.mxcsr = random.pick(&[CLEAR, INEXACT, INEXACT, INEXACT, UPWARDS, 0xffa0, 0x1f20]);
            let mut number = || {
                let bits = (1.0 + random.below(1 << 20) as f64 / 1024.0).to_bits();
                if random.below(40) == 0 { random.value() } else { bits | random.below(2) << 63 }
            };
            state.xmm.iter_mut().for_each(|x| *x = u128::from(number()) << 64 | u128::from(number()));
            state.memory.chunks_exact_mut(8).for_each(|slot| slot.copy_from_slice(&number().to_le_bytes()));
            translated += compare_in(&mut engine, &source, state, 40).translated;
        }
    }
    assert!(translated > 4000, "{translated}");
}

#[test]
fn tests_that_share_an_exit_count_what_retired_once() {
    // inc rax; jmp on; inc rax; cvttsd2si rcx,xmm1; addsd xmm2,xmm2
    let code = [0x48, 0xff, 0xc0, 0xeb, 0, 0x48, 0xff, 0xc0, 0xf2, 0x48, 0x0f, 0x2c, 0xc9, 0xf2, 0x0f, 0x58, 0xd2];
    let source = source(&[(0, [&code[..], &OUT].concat())], &[0]);
    let mut engine = load(&source);
    let mut rare = 0;
    for number in [1.0, f64::NAN, 1e300, 0.5] {
        let mut state = Reference::new(BASE);
        state.mxcsr = CLEAR;
        (state.xmm[1], state.xmm[2]) = (f64::to_bits(number).into(), 1f64.to_bits().into());
        rare += compare_in(&mut engine, &source, state, 20).exits(ExitReason::Rare);
    }
    assert_eq!(rare, 3);
}
