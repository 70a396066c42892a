//! The tests.

use crate::engine::{Engine, FIRST_FUNCTION};
use crate::generate;
use crate::random::Random;
use crate::reference::{DATA, Reference};
use crate::run::{BASE, compare, compare_in, either, load, load_as, source};
use core::mem::offset_of;
use runtime::cpu::Cpu;
use runtime::translated::abi::ExitReason;
use translator::lift::{
    Calls, Chain, Inlined, NoTargets, Options, Privilege, Products, RegionSource, TailCalls, Targets, Twins,
};
use x86::{FlagOp, Flags, Width};

#[test]
fn straight_lines_agree() {
    let mut translated = 0;
    for seed in 0..150 {
        let mut random = Random::new(seed);
        let mut code = Vec::new();
        (0..12).for_each(|_| code.extend(generate::insn(&mut random)));
        let source = RegionSource { privilege: either(seed), ..source(&[(0, code)], &[0]) };
        let state = generate::state(&mut random, BASE);
        translated += compare(&source, state, 1000, |_| {}).translated;
    }
    assert!(translated > 1000, "{translated}");
}

#[test]
fn graphs_agree_to_the_last_instruction_of_the_budget() {
    let (mut translated, mut budget) = (0, 0);
    for seed in 0..120 {
        let mut random = Random::new(1000 + seed);
        let blocks = generate::program(&mut random, 8, 5);
        let mut entries = vec![0];
        for (offset, _) in &blocks[1..] {
            if random.below(4) == 0 {
                entries.push(*offset);
            }
        }
        let state = generate::state(&mut random, BASE);
        let tally = compare(&source(&blocks, &entries), state, 500 + random.below(100), |_| {});
        translated += tally.translated;
        budget += tally.exits(ExitReason::Budget);
    }
    assert!(translated > 5000 && budget > 10, "{translated} {budget}");
}

#[test]
fn misses_are_precise() {
    let mut misses = 0;
    for seed in 0..100 {
        let mut random = Random::new(2000 + seed);
        let blocks = generate::program(&mut random, 6, 8);
        let entries: Vec<i64> = blocks.iter().map(|(offset, _)| *offset).collect();
        let state = generate::state(&mut random, BASE);
        let source = RegionSource { privilege: either(seed / 2), ..source(&blocks, &entries) };
        let tally = compare(&source, state, 300, |engine| {
            engine.map(1, seed % 2 == 0);
            engine.unmap(2);
        });
        misses += tally.exits(ExitReason::Miss);
    }
    assert!(misses > 100, "{misses}");
}

#[test]
fn groups_of_the_kernel_may_lie_in_two_pages_that_lie_one_behind_the_other() {
    // mov rax,[rsi]; mov [rsi+16],rax; mov rbx,[rsi+28]; and the same in a loop that ends at once: xor r8d,r8d; …; dec ecx; jnz
    let accesses = b"\x48\x8b\x06\x48\x89\x46\x10\x48\x8b\x5e\x1c".to_vec();
    let looped = [b"\x45\x31\xc0", &accesses[..], b"\xff\xc9\x75\xf1"].concat();
    for (code, count, before) in [(accesses, 3, (0, 0)), (looped, 6, (3, 1))] {
        let source = RegionSource { privilege: Privilege::Kernel, ..source(&[(0, code)], &[0]) };
        // The whole group, and its last access, lie across the end of the page.
        for start in [DATA + 0xff0, DATA + 0xfe8, DATA + 0xfe0] {
            let mut engine = load(&source);
            let mut state = Reference::new(BASE);
            (state.gpr[6], state.gpr[1]) = (start, 1);
            let tally = compare_in(&mut engine, &source, state.clone(), 100);
            assert_eq!((tally.translated, tally.exits(ExitReason::Miss)), (count, 0), "{start:#x}");
            for (page, other) in [(1, 5), (0, 1)] {
                let mut engine = load(&source);
                engine.map_to(page, other, true);
                engine.load(&state, 100);
                assert_eq!(engine.call(0, BASE, 0), ExitReason::Miss, "page {page} lies at {other}");
                let (bytes, retired) = before;
                assert_eq!((engine.state().rip, engine.budget()), (BASE + bytes, 100 - retired));
            }
        }
    }
}

#[test]
fn groups_of_a_program_may_lie_in_two_pages() {
    // mov rax,[rsi]; mov [rsi+16],rax; mov rbx,[rsi+28]; mov rdx,[rdi]; mov [rdi+8],rdx; add rdx,[rdi+20]; cmp rax,[rsi]; jb
    let code =
        b"\x48\x8b\x06\x48\x89\x46\x10\x48\x8b\x5e\x1c\x48\x8b\x17\x48\x89\x57\x08\x48\x03\x57\x14\x48\x3b\x06\x72\x40";
    let source = source(&[(0, code.to_vec())], &[0]);
    for twins in [Twins::Written, Twins::Omitted] {
        // In one page, and in two without an access that is.
        for (first, second) in [(0xf00, 0xf80), (0xf00, 0xff0), (0xfe8, 0xf00), (0xfe8, 0x2ff0)] {
            let mut engine = load_as(&source, &Options { twins, ..Options::default() });
            let mut state = generate::state(&mut Random::new(5000), BASE);
            (state.gpr[6], state.gpr[7]) = (DATA + first, DATA + second);
            let tally = compare_in(&mut engine, &source, state, 100);
            assert_eq!((tally.translated, tally.exits(ExitReason::Miss)), (8, 0), "{twins:?} {first:#x} {second:#x}");
        }
    }
}

#[test]
fn dividends_of_128_bits_are_divided_where_the_quotient_fits() {
    // div rbx; mov r8,rdx
    let source = source(&[(0, b"\x48\xf7\xf3\x49\x89\xd0".to_vec())], &[0]);
    let mut engine = load(&source);
    for (high, divisor, translated) in [(0, 7, 2), (6, 7, 2), (u64::MAX - 1, u64::MAX, 2), (7, 7, 0), (0, 0, 0)] {
        for low in [0, 1, 0x1234_5678_9abc_def0, u64::MAX] {
            let mut state = Reference::new(BASE);
            (state.gpr[0], state.gpr[2], state.gpr[3]) = (low, high, divisor);
            let tally = compare_in(&mut engine, &source, state, 100);
            assert_eq!(tally.translated, translated, "{high:#x}:{low:#x} / {divisor:#x}");
        }
    }
}

#[test]
fn products_of_128_bits_agree_with_and_without_the_engine_s() {
    for products in [Products::Halves, Products::Wide] {
        // mul rbx; mov r8,rdx; imul rcx; mov r9,rdx; mulx r10,r11,rsi; mul ebx; mul bx
        let code = b"\x48\xf7\xe3\x49\x89\xd0\x48\xf7\xe9\x49\x89\xd1\xc4\x62\xa3\xf6\xd6\xf7\xe3\x66\xf7\xe3";
        let source = source(&[(0, code.to_vec())], &[0]);
        let mut engine = load_as(&source, &Options { products, ..Options::default() });
        for seed in 0..200 {
            let state = generate::state(&mut Random::new(5000 + seed), BASE);
            let tally = compare_in(&mut engine, &source, state, 100);
            assert_eq!(tally.translated, 7, "{products:?}");
        }
    }
}

#[test]
fn a_stale_region_leaves_at_once() {
    let source = source(&[(0, vec![0x48, 0xff, 0xc0, 0xc3])], &[0]);
    let mut engine = Engine::new(std::slice::from_ref(&source), &NoTargets, &Options::default());
    let state = Reference::new(BASE);
    engine.load(&state, 100);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Stale);
    engine.bind(source.index, BASE + 4096);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Stale, "bound elsewhere");
    assert_eq!((engine.state().rip, engine.budget()), (BASE, 100));
    engine.bind(source.index, BASE);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Miss, "the stack is not there");
    assert_eq!((engine.state().gpr[0], engine.budget()), (1, 99));
}

/// The number of the entry point at an offset of the first region.
fn entry_at(engine: &Engine, offset: i64) -> u32 {
    engine.regions[0].entries.iter().position(|entry| *entry == offset).expect("an entry point") as u32
}

#[test]
fn a_return_goes_through_the_jump_cache() {
    // call +3; jmp out / inc rax; ret
    let source = source(&[(0, vec![0xe8, 5, 0, 0, 0, 0xe9, 0xf6, 0x0f, 0, 0, 0x48, 0xff, 0xc0, 0xc3])], &[0]);
    let options = Options { calls: Calls::Chained, ..Options::default() };
    let mut engine = Engine::new(std::slice::from_ref(&source), &NoTargets, &options);
    engine.bind(source.index, BASE);
    // The callee is an entry point too, which the call looks up.
    engine.cache(BASE + 10, 0, BASE, entry_at(&engine, 10));
    let mut state = Reference::new(BASE);
    state.gpr[4] = DATA + 0x1000;
    engine.load(&state, 100);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Next);
    assert_eq!((engine.state().rip, engine.budget()), (BASE + 5, 97));
    engine.cache(BASE + 5, 0, BASE, entry_at(&engine, 5));
    engine.load(&state, 100);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Next);
    assert_eq!((engine.state().rip, engine.budget(), engine.state().gpr[0]), (BASE + 0x1000, 96, 1));
    engine.set_cpu64(offset_of!(Cpu, user_generation), 6 << 48);
    assert_eq!(engine.call(0, BASE, 0), ExitReason::Stale);
}

#[test]
fn vector_instructions_agree() {
    let encodings = generate::sse_encodings();
    assert!(encodings.len() > 300, "{}", encodings.len());
    let mut translated = 0;
    for (seed, chunk) in encodings.chunks(4).enumerate() {
        let mut random = Random::new(3000 + seed as u64);
        let code = chunk.concat();
        let source = source(&[(0, code)], &[0]);
        let mut engine = load(&source);
        for _ in 0..10 {
            let mut state = generate::state(&mut random, BASE);
            state.gpr[3] &= !15;
            translated += compare_in(&mut engine, &source, state, 10).translated;
        }
    }
    assert!(translated > 2000, "{translated}");
}

#[test]
fn any_flags_may_meet_an_entry_point_that_reads_them() {
    // lahf; seto al; jmp out
    let source = source(&[(0, vec![0x9f, 0x0f, 0x90, 0xc0, 0xe9, 0xf7, 0x0f, 0, 0])], &[0]);
    let mut random = Random::new(4000);
    let mut engine = load(&source);
    for op in FlagOp::ALL {
        for width in Width::ALL {
            let mut state = generate::state(&mut random, BASE);
            let (dst, src) = (random.value() & width.mask(), random.value() & width.mask());
            let src = if matches!(op, FlagOp::Inc | FlagOp::Dec | FlagOp::Mul) { src & 1 } else { src };
            state.flags = Flags { op, width, dst, src, carry: random.below(2) };
            let tally = compare_in(&mut engine, &source, state, 100);
            assert_eq!((tally.translated, tally.exits(ExitReason::Next)), (3, 1), "{op:?} {width:?}");
        }
    }
}

/// Two regions: the first calls the second, which returns to it, to the jump cache, or to the dispatcher.
#[test]
fn regions_chain() {
    struct Second;
    impl Targets for Second {
        fn resolve(&self, offset: i64) -> Option<Chain> {
            let chain = Chain { function_index: FIRST_FUNCTION + 1, base_delta: 0x1000, entry: 1 };
            (offset == 0x1003).then_some(chain)
        }
    }
    // inc rax; call second / int3; inc rdx; ret
    let first = source(&[(0, vec![0x48, 0xff, 0xc0, 0xe8, 0xfb, 0x0f, 0, 0, 0xcc])], &[0]);
    let mut second = source(&[(0, vec![0x90, 0x90, 0x90]), (3, vec![0x48, 0xff, 0xc2, 0xc3])], &[0, 3]);
    second.index = 4;
    for (tail_calls, calls, expected) in [
        (TailCalls::Yes, Calls::Paired, (ExitReason::Unlifted, 8, 4)),
        (TailCalls::Yes, Calls::Chained, (ExitReason::Next, 8, 4)),
        (TailCalls::No, Calls::Paired, (ExitReason::Next, 0x1003, 2)),
    ] {
        let options = Options { tail_calls, calls, ..Options::default() };
        let mut engine = Engine::new(&[first.clone(), second.clone()], &Second, &options);
        engine.bind(first.index, BASE);
        engine.bind(second.index, BASE + 0x1000);
        let mut state = Reference::new(BASE);
        state.gpr[4] = DATA + 0x1000;
        engine.load(&state, 100);
        assert_eq!((engine.call(0, BASE, 0), engine.state().rip - BASE, 100 - engine.budget()), expected);
    }
}

/// An indirect call and an indirect jump to where they were seen to go, and elsewhere. The jump cache is empty.
#[test]
fn guesses_are_tried_before_the_jump_cache() {
    struct Seen;
    impl Targets for Seen {
        fn resolve(&self, _: i64) -> Option<Chain> {
            None
        }
        fn guesses(&self, site: i64) -> Vec<(i64, Chain)> {
            let chain = |entry| Chain { function_index: FIRST_FUNCTION + 1, base_delta: 0x1000, entry };
            if site == 1 { vec![(0x1000, chain(0)), (0x1003, chain(1))] } else { Vec::new() }
        }
    }
    let mut second = source(&[(0, vec![0xc3]), (3, vec![0x48, 0xff, 0xc0, 0xc3])], &[0, 3]);
    second.index = 4;
    // nop; call rdx / nop; jmp rdx; then int3
    for (code, back) in [(0xd2, Some((ExitReason::Unlifted, BASE + 3))), (0xe2, None)] {
        let first = source(&[(0, vec![0x90, 0xff, code, 0xcc])], &[0]);
        let mut engine = Engine::new(&[first, second.clone()], &Seen, &Options::default());
        engine.bind(3, BASE);
        engine.bind(4, BASE + 0x1000);
        for (target, retired) in [(0x1000, 3), (0x1003, 4), (0x1004, 2)] {
            let mut state = Reference::new(BASE);
            (state.gpr[2], state.gpr[4]) = (BASE + target, DATA + 0x1000);
            engine.load(&state, 100);
            // Where nobody called, the RET finds a zero on the stack.
            let elsewhere = (ExitReason::Next, if retired == 2 { BASE + target } else { 0 });
            let expected = if retired == 2 { elsewhere } else { back.unwrap_or(elsewhere) };
            assert_eq!((engine.call(0, BASE, 0), engine.state().rip), expected, "{code:#x} {target:#x}");
            assert_eq!(100 - engine.budget(), retired);
        }
    }
}

/// A loop that calls a function that calls itself, as deep as RCX says: more often than there is room for, too.
#[test]
fn calls_and_returns_agree() {
    // call f; dec ebx; jnz back; jmp out
    let main = vec![0xe8, 0x0b, 0, 0, 0, 0xff, 0xcb, 0x75, 0xf7, 0xe9, 0xf7, 0x0f, 0, 0];
    // f: inc rax; dec ecx; jz end; call f; end: inc ecx; ret
    let function = vec![0x48, 0xff, 0xc0, 0xff, 0xc9, 0x74, 0x05, 0xe8, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xc1, 0xc3];
    let source = source(&[(0, main), (0x10, function)], &[0]);
    for (depth, lookups) in [(1, 0), (20, 0), (1000, 1)] {
        let mut engine = load(&source);
        for (entry, offset) in engine.regions[0].entries.clone().into_iter().enumerate() {
            engine.cache(BASE.wrapping_add_signed(offset), 0, BASE, entry as u32);
        }
        let mut state = Reference::new(BASE);
        (state.gpr[1], state.gpr[3], state.gpr[4]) = (depth, 3, DATA + 0x2000);
        let tally = compare_in(&mut engine, &source, state, 100_000);
        assert_eq!(tally.interpreted, 0, "{depth}");
        // The last exit is the jump out; frames that found no room return by way of the dispatcher.
        assert!(
            tally.exits(ExitReason::Next) > 3 * lookups && (lookups > 0) == (tally.exits(ExitReason::Next) > 1),
            "{tally:?}"
        );
    }
}

/// The same with the callee inlined, up to three times one inside another, and the budget ending at every instruction.
#[test]
fn inlined_callees_agree() {
    let main = vec![0xe8, 0x0b, 0, 0, 0, 0xff, 0xcb, 0x75, 0xf7, 0xe9, 0xf7, 0x0f, 0, 0];
    let function = vec![0x48, 0xff, 0xc0, 0xff, 0xc9, 0x74, 0x05, 0xe8, 0xf4, 0xff, 0xff, 0xff, 0xff, 0xc1, 0xc3];
    let mut source = source(&[(0, main), (0x10, function)], &[0]);
    let callee = source.blocks[1].clone();
    for frame in 0..3 {
        let site = if frame == 0 { 0 } else { 0x17 };
        source.inlined.push(Inlined { caller: frame, site, entry: 0x10, blocks: vec![callee.clone()] });
        for (depth, budget) in (1..6).flat_map(|depth| (1..60).map(move |budget| (depth, budget))) {
            let mut state = Reference::new(BASE);
            (state.gpr[1], state.gpr[3], state.gpr[4]) = (depth, 3, DATA + 0x2000);
            compare(&source, state, budget, |_| {});
        }
        let mut engine = load(&source);
        let mut state = Reference::new(BASE);
        (state.gpr[1], state.gpr[3], state.gpr[4]) = (frame as u64 + 1, 3, DATA + 0x2000);
        // As the loop leaves them, or the interpreter would take the first call.
        (state.flags.op, state.flags.width) = (FlagOp::Dec, Width::W32);
        let tally = compare_in(&mut engine, &source, state, 1000);
        assert_eq!((tally.interpreted, tally.exits(ExitReason::Next)), (0, 1), "{frame}: {tally:?}");
    }
}

/// A function of random instructions, and its inlined copy. Where pages are missing, and where RSP comes back wrong too.
#[test]
fn inlined_random_code_agrees() {
    let (mut translated, mut misses) = (0, 0);
    for seed in 0..200 {
        let mut random = Random::new(7000 + seed);
        let mut some = |count: u64| (0..count).flat_map(|_| generate::insn(&mut random)).collect::<Vec<u8>>();
        let (mut main, mut function) = (some(3), some(5));
        let (site, entry) = (main.len() as i64, 0x800);
        main.push(0xe8);
        main.extend((entry as i32 - site as i32 - 5).to_le_bytes());
        main.extend(some(4));
        function.push(0xc3);
        let mut source = source(&[(0, main), (entry, function)], &[0]);
        let blocks = vec![source.blocks[1].clone()];
        source.inlined.push(Inlined { caller: 0, site, entry, blocks });
        let mut state = generate::state(&mut random, BASE);
        state.gpr[4] = DATA + 0x2000;
        let tally = compare(&source, state, 100, |engine| {
            if seed % 3 == 0 {
                engine.unmap(seed % 4);
            }
        });
        translated += tally.translated;
        misses += tally.exits(ExitReason::Miss);
    }
    assert!(translated > 1500 && misses > 20, "{translated} {misses}");
}

/// A callee that returns two bytes further on than it was called from.
#[test]
fn an_inlined_callee_may_return_elsewhere() {
    // call f; inc eax (skipped); inc edx; jmp out
    let main = vec![0xe8, 0x0b, 0, 0, 0, 0xff, 0xc0, 0xff, 0xc2, 0xe9, 0xf7, 0x0f, 0, 0];
    // f: add qword [rsp], 2; ret
    let function = vec![0x48, 0x83, 0x04, 0x24, 0x02, 0xc3];
    let mut source = source(&[(0, main), (0x10, function)], &[0]);
    let blocks = vec![source.blocks[1].clone()];
    source.inlined.push(Inlined { caller: 0, site: 0, entry: 0x10, blocks });
    let mut state = Reference::new(BASE);
    state.gpr[4] = DATA + 0x2000;
    let tally = compare(&source, state, 100, |_| {});
    assert_eq!((tally.translated, tally.interpreted, tally.exits(ExitReason::Next)), (3, 2, 1));
}

/// A callee that ends with a jump to another function, which returns for it, and one that jumps to a computed address: the regions
/// that wait further up are not lost.
#[test]
fn who_an_inlined_callee_jumps_to_returns_for_it() {
    // call f; jmp out
    let main = vec![0xe8, 0x1b, 0, 0, 0, 0xe9, 0xf6, 0x0f, 0, 0];
    // f: call g; dec ebx; jnz f; ret
    let outer = vec![0xe8, 0x1b, 0, 0, 0, 0xff, 0xcb, 0x75, 0xf7, 0xc3];
    // h: inc ecx; ret
    let last = vec![0xff, 0xc1, 0xc3];
    // g: inc rax; jmp h, or jmp rsi
    for jump in [[0xeb, 0x1b], [0xff, 0xe6]] {
        let inner = [&[0x48, 0xff, 0xc0], &jump[..]].concat();
        let code = [(0, main.clone()), (0x20, outer.clone()), (0x40, inner), (0x60, last.clone())];
        let mut source = source(&code, &[0, 0x20, 0x60]);
        let blocks = vec![source.blocks[2].clone()];
        source.inlined.push(Inlined { caller: 0, site: 0x20, entry: 0x40, blocks });
        for budget in 1..60 {
            let mut state = Reference::new(BASE);
            (state.gpr[3], state.gpr[4], state.gpr[6]) = (5, DATA + 0x2000, BASE + 0x60);
            compare(&source, state, budget, |_| {});
        }
        let mut engine = load(&source);
        for (entry, offset) in engine.regions[0].entries.clone().into_iter().enumerate() {
            engine.cache(BASE.wrapping_add_signed(offset), 0, BASE, entry as u32);
        }
        let mut state = Reference::new(BASE);
        (state.gpr[3], state.gpr[4], state.gpr[6]) = (5, DATA + 0x2000, BASE + 0x60);
        // As the loop leaves them, or the interpreter would take the first call.
        (state.flags.op, state.flags.width) = (FlagOp::Dec, Width::W32);
        let tally = compare_in(&mut engine, &source, state, 1000);
        assert_eq!((tally.interpreted, tally.exits(ExitReason::Next)), (0, 1), "{tally:?}");
    }
}

#[test]
fn an_access_across_pages_leaves() {
    // mov eax,[rbx]; mov [rbx],al; jmp out
    let source = source(&[(0, vec![0x8b, 0x03, 0x88, 0x03, 0xe9, 0xf7, 0x0f, 0, 0])], &[0]);
    let mut engine = load(&source);
    for (offset, misses) in [(0xffcu64, 0), (0xffd, 1), (0xfff, 1), (0x1000, 0)] {
        let mut state = generate::state(&mut Random::new(5000), BASE);
        state.gpr[3] = DATA + offset;
        let tally = compare_in(&mut engine, &source, state, 100);
        assert_eq!(tally.exits(ExitReason::Miss), misses, "{offset:#x}");
    }
}

/// Names the entry points that the jump at an offset goes to.
struct Jumping(i64, Vec<i64>);

impl Targets for Jumping {
    fn resolve(&self, _offset: i64) -> Option<Chain> {
        None
    }

    fn jumps(&self, site: i64) -> Vec<i64> {
        if site == self.0 { self.1.clone() } else { Vec::new() }
    }
}

/// A dispatch loop, as interpreters have it: the operations follow one another inside the region, with the flags that each
/// leaves, and only what the profile did not name leaves it.
#[test]
fn indirect_jumps_within_a_region_stay_there() {
    // mov rax, [rbx]; add rbx, 8; jmp rax
    let dispatch = vec![0x48, 0x8b, 0x03, 0x48, 0x83, 0xc3, 0x08, 0xff, 0xe0];
    // inc rcx; add rcx, rdx; adc rcx, rdx; rol rcx, 3; setc cl; xor edx, ecx: and back to the dispatch
    let operations: [&[u8]; 6] = [
        &[0x48, 0xff, 0xc1],
        &[0x48, 0x01, 0xd1],
        &[0x48, 0x11, 0xd1],
        &[0x48, 0xc1, 0xc1, 3],
        &[0x0f, 0x92, 0xc1],
        &[0x31, 0xca],
    ];
    let mut blocks = vec![(0, dispatch)];
    for (offset, operation) in (1..).map(|number| 0x40 * number).zip(operations) {
        let back = -(offset as i32 + operation.len() as i32 + 5);
        blocks.push((offset, [operation, &[0xe9], &back.to_le_bytes()].concat()));
    }
    let entries: Vec<i64> = blocks.iter().map(|(offset, _)| *offset).collect();
    let source = source(&blocks, &entries);
    for known in [1, 2, 6] {
        let targets = Jumping(7, entries[1..=known].to_vec());
        let mut engine = Engine::new(std::slice::from_ref(&source), &targets, &Options::default());
        engine.bind(source.index, BASE);
        for seed in 0..40 {
            let mut random = Random::new(11_000 + seed);
            let mut state = Reference::new(BASE);
            (state.gpr[1], state.gpr[2], state.gpr[3]) = (random.next(), random.next(), DATA);
            let most = if seed % 2 == 0 { known } else { entries.len() - 1 };
            let mut unnamed = 0;
            for place in 0..200 {
                let number = 1 + random.below(most as u64) as usize;
                unnamed += u32::from(number > known);
                let to = if place == 199 { BASE + 0x2000 } else { BASE + entries[number] as u64 };
                state.memory[8 * place..8 * place + 8].copy_from_slice(&to.to_le_bytes());
            }
            let budget = if seed % 4 < 2 { 100_000 } else { 1 + random.below(600) };
            let tally = compare_in(&mut engine, &source, state, budget);
            assert!(tally.exits(ExitReason::Next) <= unnamed + 1, "{known} {seed}: {tally:?}");
            assert!(budget < 1000 || tally.translated > 700, "{known} {seed}: {tally:?}");
        }
    }
}
