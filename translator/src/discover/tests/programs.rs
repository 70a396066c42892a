//! Small programs: which blocks and entries they give.

use super::*;
use crate::discover::{Directory, Guess, InlineCap, Region, RegionId, Target};

fn offsets(region: &Region) -> Vec<u32> {
    region.blocks.iter().map(|block| block.offset).collect()
}

#[rustfmt::skip]
const LOOP: [u8; 0x21] = [
    0x31, 0xc0,                         // 00 xor eax, eax
    0xff, 0xc0,                         // 02 inc eax
    0x83, 0xf8, 0x0a,                   // 04 cmp eax, 10
    0x75, 0xf9,                         // 07 jne 02
    0xe8, 0x12, 0, 0, 0,                // 09 call 20
    0x85, 0xc0,                         // 0e test eax, eax
    0x74, 0x02,                         // 10 je 14
    0x0f, 0x0b,                         // 12 ud2
    0xc3,                               // 14 ret
    0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc,
    0xc3,                               // 20 ret
];

fn loop_profile() -> Profile {
    let blocks = [
        (0x00, block(9, 4, 1)),
        (0x02, block(7, 3, 8)),
        // An interrupt came here once.
        (0x04, block(5, 2, 1)),
        (0x09, block(5, 1, 1)),
        (0x0e, block(4, 2, 1)),
        (0x14, block(1, 1, 1)),
        (0x20, block(1, 1, 1)),
    ];
    profile(KERNEL, &LOOP, &blocks)
}

#[test]
fn a_loop_with_a_call() {
    let found = find(&loop_profile(), &with(Coverage::Reachable));
    let [region] = &found.regions[..] else { panic!("{found:?}") };
    assert_eq!((region.base, region.name.as_str()), (0xffff_ffff_8100_0000, "kernel:0xffffffff81000100"));
    assert_eq!(offsets(region), [0x100, 0x102, 0x109, 0x10e, 0x112, 0x114, 0x120]);
    // Its start, the loop's head, the return point, and what is called.
    assert_eq!(region.entries, [0x100, 0x102, 0x10e, 0x120]);
    assert_eq!(region.weight, 4 + 8 * 3 + 2 + 1 + 2 + 1 + 1);
    assert_eq!(region.code().ranges, [(0x100, LOOP[..0x15].to_vec()), (0x120, vec![0xc3])]);
    assert_eq!((found.report.kernel.ran, found.report.kernel.taken), (35, 35));
    assert_eq!((found.report.kernel.cold_blocks, found.report.kernel.unknown), (1, 0));
}

#[test]
fn only_what_ran() {
    let found = find(&loop_profile(), &with(Coverage::Hot));
    assert_eq!(offsets(&found.regions[0]), [0x100, 0x102, 0x109, 0x10e, 0x114, 0x120]);
    let often = Options { threshold: 5, ..with(Coverage::Hot) };
    let found = find(&loop_profile(), &often);
    assert_eq!(offsets(&found.regions[0]), [0x102]);
    assert_eq!(found.report.kernel.cold, found.report.kernel.ran - found.report.kernel.taken);
}

#[test]
fn the_budget_drops_the_coldest() {
    let found = find(&loop_profile(), &Options { max_bytes: 10, ..Options::default() });
    assert_eq!((found.report.cut, offsets(&found.regions[0])), (Some(crate::discover::Rank::Ran(1)), vec![0x102]));
    assert_eq!(found.regions[0].entries, [0x102]);
}

#[test]
fn the_interpreter_comes_back_after_its_instruction() {
    let code = [0x90, 0x0f, 0xa2, 0x90, 0xc3];
    let blocks = [(0, block(3, 2, 5)), (3, block(2, 2, 5))];
    let found = find(&profile(KERNEL, &code, &blocks), &Options::default());
    assert_eq!(found.regions[0].entries, [0x100, 0x103]);
    assert_eq!(found.report.kernel.left_to_interpreter, 5);
}

#[test]
fn indirect_jumps_have_their_targets() {
    // jmp rax; (int3); nop; nop; ret: the second NOP is where the jump went.
    let code = [0xff, 0xe0, 0xcc, 0x90, 0x90, 0xc3];
    let mut profile = profile(KERNEL, &code, &[(0, block(2, 1, 3)), (3, block(3, 3, 1)), (4, block(2, 2, 2))]);
    profile.indirect.insert((KERNEL, at(KERNEL, 4)), 2);
    profile.indirect.insert((KERNEL, at(KERNEL, 3)), 1);
    profile.indirect.insert((KERNEL, at(KERNEL, 5)), 9);
    let found = find(&profile, &Options::default());
    let [region] = &found.regions[..] else { panic!("{found:?}") };
    assert_eq!(region.entries, [0x100, 0x103, 0x104]);
    // Nothing began at 5: that is no target.
    assert_eq!(region.guesses, [Guess { offset: 0x100, targets: vec![(0x104, 2), (0x103, 1)] }]);
}

#[test]
fn exits_lead_to_other_regions() {
    // jmp +0x1000, into the middle of: nop; nop; ret.
    let mut code = vec![0xe9, 0xfc, 0x0f, 0, 0];
    code.resize(0x1000, 0xcc);
    code.extend([0x90, 0x90, 0xc3]);
    let blocks = [(0, block(5, 1, 1)), (0x1000, block(3, 3, 1)), (0x1001, block(2, 2, 1))];
    let found = find(&profile(KERNEL, &code, &blocks), &Options::default());
    let [from, to] = &found.regions[..] else { panic!("{found:?}") };
    assert_eq!(to.entries, [0x100, 0x101]);
    let directory = Directory::new(&found.regions);
    let target = Target { region: RegionId(1), entry: 1, base_delta: 0x1000 };
    assert_eq!(directory.seen_from(from).resolve(0x1101), Some(target));
    assert_eq!(directory.seen_from(from).resolve(0x1102), None);
    let back = Target { region: RegionId(0), entry: 0, base_delta: -0x1000 };
    assert_eq!(directory.seen_from(to).resolve(-0xf00), Some(back));
}

#[test]
fn nothing_is_known_beside_a_page_of_memory() {
    // A MOV that goes on in the next page; what follows is another mapping's.
    let start = CodeAddress { mode: Mode::User, address: 0x5ffd };
    let code = [0x90, 0xb8, 1, 0, 0, 0, 0x90, 0x90, 0xc3];
    let blocks = [(0, block(1, 1, 1)), (1, block(5, 1, 1)), (6, block(3, 3, 1))];
    let found = find(&profile(start, &code, &blocks), &Options::default());
    let [first, second] = &found.regions[..] else { panic!("{found:?}") };
    assert_eq!((first.base, first.code().ranges), (0x5000, vec![(0xffd, vec![0x90])]));
    assert_eq!((second.base, second.code().ranges), (0x6000, vec![(3, vec![0x90, 0x90, 0xc3])]));
    assert_eq!(Directory::new(&found.regions).seen_from(first).resolve(0x1003), None);
    assert_eq!(found.report.user.unknown, 1);
}

#[test]
fn a_jump_between_the_bytes_of_an_instruction() {
    // je 3; lock inc [rax]: the jump passes over the prefix.
    let code = [0x74, 0x01, 0xf0, 0xff, 0x00, 0xc3];
    let blocks = [(0, block(2, 1, 2)), (2, block(4, 2, 1)), (3, block(3, 2, 1))];
    let found = find(&profile(KERNEL, &code, &blocks), &Options::default());
    let region = &found.regions[0];
    assert_eq!(offsets(region), [0x100, 0x102, 0x103, 0x105]);
    assert_eq!(region.code().ranges, [(0x100, code.to_vec())]);
    assert_eq!(found.report.kernel.taken, 6);
}

#[test]
fn a_small_callee_is_inlined_where_it_is_called_often() {
    // call f; dec eax; jne to the call; ret. f, far enough to be another function: inc eax; ret.
    let mut code = vec![0xe8, 0xfb, 0, 0, 0, 0xff, 0xc8, 0x75, 0xf7, 0xc3];
    code.resize(0x100, 0xcc);
    code.extend([0xff, 0xc0, 0xc3]);
    let found = |count: u64, options: &Options| {
        let blocks =
            [(0, block(5, 1, count)), (5, block(4, 2, count)), (9, block(1, 1, 1)), (0x100, block(3, 2, count))];
        find(&profile(KERNEL, &code, &blocks), options)
    };
    let often = found(100, &Options::default());
    let [caller, callee] = &often.regions[..] else { panic!("{often:?}") };
    let [inlined] = &caller.inlined[..] else { panic!("{caller:?}") };
    assert_eq!((inlined.caller, inlined.site, inlined.entry), (0, 0x100, 0x200));
    assert_eq!(inlined.blocks, callee.blocks);
    assert_eq!(caller.code().ranges, [(0x100, code[..10].to_vec()), (0x200, code[0x100..].to_vec())]);
    // The callee's own region is there for other callers, and for where the interpreter leaves off.
    assert_eq!((offsets(callee), callee.inlined.len()), (vec![0x200], 0));
    let nothing = Options { inline: InlineCap::NOTHING, ..Options::default() };
    for none in [found(20, &Options::default()), found(100, &nothing)] {
        assert!(none.regions.iter().all(|region| region.inlined.is_empty()), "{none:?}");
    }
}
