//! Every optimisation has a switch, for bisecting: code made without it is other code, and does the same.

use crate::engine::{Engine, FIRST_FUNCTION};
use crate::generate;
use crate::random::Random;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, Tally, compare_in, source};
use runtime::translated::abi::ExitReason;
use translator::lift::{
    BranchHints, Calls, Chain, Checks, ColdChecks, FloatTests, Guesses, Helpers, Jumps, LoopChecks, Options, Peeling,
    Placement, Privilege, Products, RegionSource, Registers, SystemCode, TailCalls, Targets, Twins, WriteBack,
};

type Switch = (&'static str, fn(&mut Options));

#[rustfmt::skip]
const SWITCHES: [Switch; 17] = [
    ("tail calls",      |options| options.tail_calls = TailCalls::No),
    ("paired calls",    |options| options.calls = Calls::Chained),
    ("local jumps",     |options| options.jumps = Jumps::Chained),
    ("system code",     |options| options.system = SystemCode::Left),
    ("grouped checks",  |options| options.checks = Checks::Single),
    ("twins",           |options| options.twins = Twins::Omitted),
    ("called checks",   |options| options.cold_checks = ColdChecks::Inline),
    ("hoisted checks",  |options| options.loop_checks = LoopChecks::InPlace),
    ("peeling",         |options| options.peeling = Peeling::Omitted),
    ("registers",       |options| options.registers = Registers::InPlace),
    ("ladder",          |options| options.write_back = WriteBack::All),
    ("placement",       |options| options.placement = Placement::AtEnds),
    ("branch hints",    |options| options.branch_hints = BranchHints::Omitted),
    ("guesses",         |options| options.guesses = Guesses::Omitted),
    ("float groups",    |options| options.float_tests = FloatTests::Single),
    ("helpers",         |options| options.helpers = Helpers::Left),
    ("halves",          |options| options.products = Products::Wide),
];

/// Where the program's parts are.
const LOOP: i64 = 0x40;
const CALLED: i64 = 0x100;
const GUESSED: i64 = 0x110;
const AGAIN: i64 = 0x140;
/// Its indirect call, and its indirect jump.
const CALL_SITE: i64 = 0x0b;
const JUMP_SITE: i64 = 0x0e;

/// Where the indirect call and the indirect jump went.
struct Seen;

impl Targets for Seen {
    fn resolve(&self, _: i64) -> Option<Chain> {
        None
    }

    fn guesses(&self, site: i64) -> Vec<(i64, Chain)> {
        let chain = Chain { function_index: FIRST_FUNCTION, base_delta: 0, entry: 3 };
        if site == CALL_SITE { vec![(GUESSED, chain)] } else { Vec::new() }
    }

    fn jumps(&self, site: i64) -> Vec<i64> {
        if site == JUMP_SITE { vec![LOOP] } else { Vec::new() }
    }
}

/// Something of all that has a switch.
fn program() -> RegionSource {
    let main = vec![
        0x41, 0xbb, 20, 0, 0, 0, // mov r11d, 20
        0xe8, 0xf5, 0, 0, 0, // call CALLED
        0x41, 0xff, 0xd5, // call r13
        0x41, 0xff, 0xe6, // jmp r14
    ];
    let walk = vec![
        0x48, 0x8b, 0x03, // LOOP: mov rax, [rbx]
        0x48, 0x03, 0x43, 0x08, // add rax, [rbx+8]
        0x48, 0x89, 0x43, 0x10, // mov [rbx+16], rax
        0xf2, 0x0f, 0x58, 0xc1, // addsd xmm0, xmm1
        0xf2, 0x0f, 0x59, 0xd1, // mulsd xmm2, xmm1
        0xf2, 0x48, 0x0f, 0x38, 0xf1, 0xc8, // crc32 rcx, rax
        0x48, 0x83, 0xc3, 0x18, // add rbx, 24
        0x41, 0xff, 0xcb, // dec r11d
        0x75, 0xde, // jnz LOOP
        0x48, 0xf7, 0xe7, // mul rdi
        0x41, 0xff, 0xcc, // dec r12d
        0x0f, 0x85, 0x92, 0xff, 0xff, 0xff, // jnz 0
        0x78, 0x05, // js: never
        0xe9, 0xcb, 0, 0, 0, // jmp AGAIN
        0x0f, 0x31, // rdtsc
        0xe9, 0, 0x10, 0, 0, // jmp out
    ];
    let again = vec![
        0xe8, 0xbb, 0xff, 0xff, 0xff, // AGAIN: call CALLED
        0x41, 0xff, 0xcf, // dec r15d
        0x75, 0xf6, // jnz AGAIN
        0xe9, 0, 0x10, 0, 0, // jmp out
    ];
    // inc rsi; ret, and inc rdi; ret
    let (called, guessed) = (vec![0x48, 0xff, 0xc6, 0xc3], vec![0x48, 0xff, 0xc7, 0xc3]);
    source(
        &[(0, main), (LOOP, walk), (CALLED, called), (GUESSED, guessed), (AGAIN, again)],
        &[0, LOOP, CALLED, GUESSED],
    )
}

/// Code of the kernel that is said never to run.
fn dead_code() -> RegionSource {
    let code = vec![
        0x48, 0x8b, 0x03, // mov rax, [rbx]
        0x48, 0x03, 0x43, 0x08, // add rax, [rbx+8]
        0x48, 0x87, 0x41, 0x10, // xchg [rcx+16], rax
        0xe9, 0, 0x10, 0, 0, // jmp out
    ];
    let mut source = RegionSource { privilege: Privilege::Kernel, ..source(&[(0, code)], &[0]) };
    source.blocks[0].runs = Some(0);
    source
}

fn state(random: &mut Random) -> Reference {
    let mut state = generate::state(random, BASE);
    (state.gpr[3], state.gpr[4]) = (DATA + 8 * random.below(0x80), DATA + 0x3800);
    state.gpr[1] = state.gpr[3];
    (state.gpr[12], state.gpr[13], state.gpr[14]) = (4, BASE + GUESSED as u64, BASE + LOOP as u64);
    state.gpr[15] = 5;
    state.xmm[..3].fill(1.0f64.to_bits().into());
    state
}

fn load(source: &RegionSource, options: &Options) -> Engine {
    let mut engine = Engine::new(std::slice::from_ref(source), &Seen, options);
    engine.bind(source.index, BASE);
    engine
}

/// The code, and what the engine is told of it.
fn code(engine: &Engine) -> (Vec<u8>, Vec<(u32, bool)>) {
    let region = &engine.regions[0];
    let hints = region.hints.iter().map(|hint| (hint.place, hint.taken)).collect();
    (region.function.clone().into_raw_body(), hints)
}

/// To the end, and with pages missing and the budget ending anywhere.
fn runs(engine: &mut Engine, source: &RegionSource) -> Tally {
    let whole = compare_in(engine, source, state(&mut Random::new(1)), 10_000);
    for seed in 0..150 {
        let mut random = Random::new(12_000 + seed);
        let start = state(&mut random);
        engine.unmap(random.below(4));
        engine.map(random.below(4), seed % 3 == 0);
        compare_in(engine, source, start, random.below(800));
    }
    whole
}

#[test]
fn code_without_an_optimisation_is_other_code_and_does_the_same() {
    // How much is translated at least, of all and without an optimisation.
    let programs = [(program(), 700, 500), (dead_code(), 2, 1)];
    let usual = programs.each_ref().map(|(source, least, _)| {
        let mut engine = load(source, &Options::default());
        let whole = runs(&mut engine, source);
        assert!(whole.translated > *least && whole.interpreted < 20, "{whole:?}");
        (code(&engine), whole.translated + whole.interpreted)
    });
    for (name, switch) in SWITCHES {
        let mut options = Options::default();
        switch(&mut options);
        let mut same = true;
        for ((source, _, least), (usual, retired)) in programs.iter().zip(&usual) {
            let mut engine = load(source, &options);
            same &= code(&engine) == *usual;
            let whole = runs(&mut engine, source);
            assert_eq!(whole.translated + whole.interpreted, *retired, "without {name}");
            assert!(whole.translated > *least, "without {name}: {whole:?}");
        }
        assert!(!same, "without {name} the code is the same");
    }
}

#[test]
fn random_programs_agree_without_each_optimisation() {
    for (name, switch) in SWITCHES {
        let mut options = Options::default();
        switch(&mut options);
        let (mut translated, mut left) = (0, 0);
        for seed in 0..8 {
            let mut random = Random::new(13_000 + seed);
            let blocks = generate::program(&mut random, 6, 6);
            let source = source(&blocks, &[0, blocks[3].0]);
            let start = generate::state(&mut random, BASE);
            let mut engine = load(&source, &options);
            engine.unmap(seed % 4);
            let tally = compare_in(&mut engine, &source, start, 300);
            translated += tally.translated;
            left += tally.exits(ExitReason::Miss) + tally.exits(ExitReason::Budget);
        }
        assert!(translated > 150 && left > 4, "without {name}: {translated} {left}");
    }
}
