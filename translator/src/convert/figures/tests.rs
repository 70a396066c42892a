//! The section `prelift.regions` comes back, and what is no such section is refused.

use super::*;
use crate::discover::{Region, RegionBlock, RegionId};
use crate::lower::Translated;
use runtime::profile::Mode;

fn unlifted(mnemonic: &str, places: u32, ran: u64) -> Unlifted {
    Unlifted { mnemonic: mnemonic.into(), places, ran }
}

fn figures() -> Figures {
    let region = RegionFigures {
        binary: BinaryId(1),
        entries: 3,
        instructions: 70,
        guest_bytes: 300,
        ran: 1 << 40,
        left: 1 << 20,
        side_exits: SideExits { miss: 9, rare: 8, budget: 7, unlifted: 600 },
        unlifted: vec![unlifted("Cpuid", 2, 1 << 20), unlifted("Wrmsr", 1, 0)],
    };
    let refused = RegionFigures {
        binary: BinaryId(0),
        entries: 0,
        unlifted: vec![unlifted("Iretq", 1, 5)],
        side_exits: SideExits::default(),
        ..region
    };
    let binary = |mode, name: &str, ran| Binary { mode, name: name.into(), ran };
    Figures {
        first_function: FuncIndex(400),
        binaries: vec![binary(Mode::Kernel, "kernel", u64::MAX), binary(Mode::User, "usr/bin/busybox", 0)],
        regions: vec![region, refused],
    }
}

/// What reading says of contents that begin at 0x1000 of their file.
fn error(contents: &[u8]) -> String {
    format!("{:#}", Figures::decode(contents, 0x1000).unwrap_err())
}

#[test]
fn figures_come_back() {
    assert_eq!(Figures::decode(&figures().encode(), 7).unwrap(), figures());
}

#[test]
fn what_is_cut_off_is_refused_where_it_ends() {
    let contents = figures().encode();
    for end in 0..contents.len() {
        let text = error(&contents[..end]);
        let offset = text.strip_prefix("offset 0x").and_then(|rest| rest.split_once(": expected "));
        let offset = u64::from_str_radix(offset.unwrap_or_else(|| panic!("cut at {end}: {text}")).0, 16).unwrap();
        assert!((0x1000..=0x1000 + end as u64).contains(&offset), "cut at {end}: {text}");
    }
    assert!(error(&[&contents[..], &[0]].concat()).ends_with("expected the section's end"));
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let changed = |change: fn(&mut Figures)| {
        let mut figures = figures();
        change(&mut figures);
        error(&figures.encode())
    };
    let text = changed(|figures| figures.regions[0].binary = BinaryId(2));
    assert!(text.ends_with("expected a region's binary, one of 2, found 2"), "{text}");
    let text = changed(|figures| figures.regions[1].left = u64::MAX);
    assert!(text.contains("expected at most the 1099511627776 instructions that ran"), "{text}");
    let contents = figures().encode();
    let with = |place: usize, byte: u8| {
        let mut changed = contents.clone();
        changed[place] = byte;
        error(&changed)
    };
    assert_eq!(with(0, 2), "offset 0x1000: expected version 1, found 2");
    assert_eq!(with(4, 2), "offset 0x1004: expected mode 0 (kernel) or 1 (user), found 2");
    let name = contents.windows(5).position(|bytes| bytes == b"Cpuid").unwrap();
    assert_eq!(with(name, 0xff), format!("offset {:#x}: expected a mnemonic's name", 0x1000 + name - 1));
    // Four thousand million binaries, and none there.
    assert_eq!(error(&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]), "offset 0x1007: expected a binary's mode");
}

#[test]
fn what_is_left_is_told_by_mnemonic() {
    let block = |offset, bytes: &[u8], count| RegionBlock { offset, bytes: bytes.to_vec(), insns: 2, count };
    let region = Region {
        id: RegionId(0),
        binary: BinaryId(4),
        mode: Mode::User,
        base: 0,
        name: "f".into(),
        blocks: vec![block(0, &[0x90, 0x0f, 0xa2], 7), block(3, &[0x90, 0x0f, 0xa2], 5), block(6, &[0xf4], 3)],
        inlined: Vec::new(),
        entries: vec![0],
        guesses: Vec::new(),
        stretch: 0..4096,
        weight: 27,
        left_to_interpreter: 15,
    };
    let binding = region.code();
    let side_exits = SideExits { unlifted: 3, ..SideExits::default() };
    let translated = Translated {
        function: wasm_encoder::Function::new([]),
        hints: Vec::new(),
        entries: vec![0],
        lifted: 2,
        unlifted: vec![(1, x86::Mnemonic::Cpuid), (4, x86::Mnemonic::Cpuid), (6, x86::Mnemonic::Hlt)],
        side_exits,
    };
    let expected = RegionFigures {
        binary: BinaryId(4),
        entries: 1,
        instructions: 2,
        guest_bytes: 7,
        ran: 27,
        left: 15,
        side_exits,
        unlifted: vec![unlifted("Cpuid", 2, 12), unlifted("Hlt", 1, 3)],
    };
    assert_eq!(RegionFigures::translated(&region, &binding, &translated), expected);
    let refused = RegionFigures::refused(&region, &binding);
    assert_eq!((refused.ran, refused.left, refused.instructions), (27, 27, 0), "all is the interpreter's");
}
