//! Code that nothing names: functions between functions, and places that only computed jumps lead to.

use super::files::{CODE_IN_IMAGE, image_of, tiny_elf, tiny_elf_with_data};
use super::*;
use crate::discover::ImageCode;
use crate::discover::elf::{ElfCode, Segment};
use crate::discover::sweep::{Places, sweep};

#[rustfmt::skip]
const CODE: [u8; 0x30] = [
    0xe8, 0x0b, 0, 0, 0,                // 00 call 10
    0xc3,                               // 05 ret
    0xcc, 0xcc,
    0x31, 0xc0, 0xc3,                   // 08 xor eax, eax; ret: a pointer leads here
    0x90, 0x90, 0x90, 0x90, 0x90,
    0x48, 0x8d, 0x05, 0xe9, 0x0f, 0, 0, // 10 lea rax, [rip+…]: the table
    0xff, 0xe0,                         // 17 jmp rax
    0xc3,                               // 19 ret
    0xf8, 0xc3,                         // 1a clc; ret
    0x31, 0xc0,                         // 1c xor eax, eax: a pointer leads here, and it runs on into zeros
    0, 0,
    0xf8, 0xc3,                         // 20 clc; ret: who knows
    0xcc, 0xcc, 0xcc, 0xcc,
    0x48, 0x8d, 0x3d, 0xdb, 0xff, 0xff, 0xff, // 26 lea rdi, [rip-…]: 08
    0xc3,                               // 2d ret
    0xcc, 0xcc,
];

/// [`CODE`] at 0x1000, and data at 0x2000: a jump table with two entries, and two pointers.
fn stripped() -> (ElfCode, Vec<u8>) {
    let table = [0x1019i32 - 0x2000, 0x101a - 0x2000, 0, 0].map(i32::to_le_bytes);
    let pointers = [0x1008u64, 0x101c].map(u64::to_le_bytes);
    let bytes = [&CODE[..], table.as_flattened(), pointers.as_flattened()].concat();
    let code = ElfCode {
        segments: vec![Segment { address: 0x1000, file: 0..CODE.len() }],
        text: std::iter::once(0x1000..0x1000 + CODE.len() as u64).collect(),
        data: vec![Segment { address: 0x2000, file: CODE.len()..bytes.len() }],
        addends: vec![0x1026],
        ..ElfCode::default()
    };
    (code, bytes)
}

fn ranges(code: &ElfCode) -> Vec<(u64, u64)> {
    code.candidates.iter().map(|candidate| (candidate.start, candidate.start + candidate.size)).collect()
}

#[test]
fn functions_begin_where_code_data_and_relocations_say() {
    let (mut code, bytes) = stripped();
    let places = sweep(&mut code, &bytes);
    // What runs into no code is none, and nobody knows what follows it until something leads there.
    let expected = [(0x1000, 0x1008), (0x1008, 0x1010), (0x1010, 0x101c), (0x1026, 0x1030)];
    assert_eq!(ranges(&code), expected);
    let jumps = vec![(0x1018, 0x1019), (0x1018, 0x101a)];
    assert_eq!(places, Places { entries: vec![0x1019, 0x101a], jumps });
}

#[test]
fn a_function_of_the_file_s_is_left_as_it_is() {
    let (mut code, bytes) = stripped();
    let known = elf_function(0x1000, 0x1c);
    code.candidates.push(known.clone());
    let places = sweep(&mut code, &bytes);
    assert_eq!(ranges(&code), [(0x1000, 0x101c), (0x1026, 0x1030)]);
    assert_eq!(code.candidates[0], known);
    // The pointer leads into the middle now.
    assert_eq!(places.entries, [0x1008, 0x1019, 0x101a]);
}

fn elf_function(start: u64, size: u64) -> crate::discover::elf::Candidate {
    crate::discover::elf::Candidate { start, size, rank: 0, name: "known".into() }
}

/// Names, and offsets of blocks, of the regions of an image of one program whose first block ran.
fn found(elf: &[u8], coverage: Coverage, ran: BlockProfile) -> Vec<(String, Vec<u32>)> {
    let (layout, file) = image_of(elf);
    let start = CodeAddress { mode: Mode::User, address: CODE_IN_IMAGE };
    let profile = profile(start, &[], &[(0, ran)]);
    let image = Some(ImageCode { layout: &layout, bytes: &file });
    let inputs = Inputs { profile: &profile, vmlinux: None, image };
    let found = discover(inputs, &|_| false, &with(coverage)).unwrap();
    found.regions.into_iter().map(|r| (r.name, r.blocks.iter().map(|block| block.offset).collect())).collect()
}

#[test]
fn with_all_functions_that_nothing_names_are_taken() {
    // call 8; ret; int3…; 8: ret; clc; ret
    let code = [0xe8, 3, 0, 0, 0, 0xc3, 0xcc, 0xcc, 0xc3, 0xf8, 0xc3];
    let elf = tiny_elf(0x40_0000, &code, &[]);
    let name = |offset: u64| format!("bin/program:{:#x}", 0x40_0000 + offset);
    let reachable = found(&elf, Coverage::Reachable, block(5, 1, 1));
    assert_eq!(reachable, [(name(0), vec![0, 5])]);
    // The CLC is behind a RET, and nothing leads there.
    let all = found(&elf, Coverage::All, block(5, 1, 1));
    assert_eq!(all, [(name(0), vec![0, 5]), (name(8), vec![8, 9])]);
}

#[test]
fn with_all_what_no_jump_leads_to_is_read_on() {
    // jmp rax; int3; clc; ret
    let elf = tiny_elf(0x40_0000, &[0xff, 0xe0, 0xcc, 0xf8, 0xc3], &[("f", 0, 5)]);
    for (coverage, blocks) in [(Coverage::Reachable, vec![0]), (Coverage::All, vec![0, 3])] {
        assert_eq!(found(&elf, coverage, block(2, 1, 1)), [("bin/program:f".to_owned(), blocks)]);
    }
}

#[test]
fn entries_of_a_jump_table_are_reachable() {
    // lea rax, [rip+5]; jmp rax; int3; clc; ret; and a table with the CLC's distance from it.
    let code = [0x48, 0x8d, 0x05, 5, 0, 0, 0, 0xff, 0xe0, 0xcc, 0xf8, 0xc3];
    let table = [(10i32 - 12).to_le_bytes(), [0; 4]].concat();
    let elf = tiny_elf_with_data(0x40_0000, &code, &table, &[("f", 0, 12)]);
    for (coverage, blocks) in [(Coverage::Hot, vec![0]), (Coverage::Reachable, vec![0, 10])] {
        assert_eq!(found(&elf, coverage, block(9, 2, 1)), [("bin/program:f".to_owned(), blocks)]);
    }
}
