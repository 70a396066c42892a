//! Functions that are too large for one region.

use super::files::{CODE_IN_IMAGE, image_of, tiny_elf};
use super::*;
use crate::discover::ImageCode;
use std::collections::BTreeSet;

/// `pairs` times `test eax, eax; je` on to the next, then RET. Pairs 300 and 301 are a loop.
fn ladder_code(pairs: usize) -> Vec<u8> {
    let mut code = [0x85, 0xc0, 0x74, 0x00].repeat(pairs);
    code[4 * 301 + 3] = 0xf8;
    code.push(0xc3);
    code
}

/// A ladder of which every pair ran `count(number)` times.
fn ladder(pairs: u64, count: impl Fn(u64) -> u64) -> Profile {
    let mut blocks: Vec<_> = (0..pairs).map(|pair| (4 * pair, block(4, 2, count(pair)))).collect();
    blocks.push((4 * pairs, block(1, 1, 1)));
    profile(KERNEL, &ladder_code(pairs as usize), &blocks)
}

#[test]
fn regions_keep_to_the_cap_and_hot_loops_whole() {
    let profile = ladder(1000, |pair| if (300..302).contains(&pair) { 5000 } else { 1 });
    let options = Options { large_per_mille: 1001, ..Options::default() };
    let found = find(&profile, &options);
    let mut starts = BTreeSet::new();
    for region in &found.regions {
        assert!(region.blocks.len() <= options.cap.blocks && region.entries.len() <= options.cap.entries);
        assert!(!region.entries.is_empty());
        for block in &region.blocks {
            assert!(starts.insert(region.base + u64::from(block.offset)), "two regions hold a block");
        }
    }
    assert_eq!(starts.len(), 1001);
    assert_eq!(found.regions.len(), 6);
    // The hottest comes first, with the whole loop, and is entered at its head.
    let first = &found.regions[0];
    let offset = |pair: u64| (KERNEL.address + 4 * pair - first.base) as u32;
    assert!([300, 301].iter().all(|&pair| first.blocks.iter().any(|block| block.offset == offset(pair))));
    assert!(first.entries.contains(&offset(300)));
    assert!(found.regions[1].name.ends_with("#1"));
}

#[test]
fn the_hottest_functions_stay_whole() {
    let profile = ladder(1000, |_| 1);
    assert_eq!(find(&profile, &Options::default()).regions.len(), 1);
}

#[test]
fn what_never_ran_on_other_pages_stays_apart_in_user_mode() {
    let pages = |region: &crate::discover::Region| -> BTreeSet<u32> {
        region.blocks.iter().map(|block| block.offset / PAGE as u32).collect()
    };
    let code = ladder_code(2000);
    let elf = tiny_elf(0x40_0000, &code, &[("ladder", 0, code.len() as u64)]);
    let options = Options { cap: Options::default().large, ..Options::default() };
    let ran = |start| profile(start, &[], &[(0, block(4, 2, 1))]);

    let profile = ran(CodeAddress { mode: Mode::Kernel, address: 0x40_0000 });
    let found = discover(Inputs { profile: &profile, vmlinux: Some(&elf), image: None }, &|_| false, &options).unwrap();
    assert_eq!(found.regions.iter().map(pages).collect::<Vec<_>>(), [BTreeSet::from([0, 1])]);

    let (layout, file) = image_of(&elf);
    let profile = ran(CodeAddress { mode: Mode::User, address: CODE_IN_IMAGE });
    let image = Some(ImageCode { layout: &layout, bytes: &file });
    let found = discover(Inputs { profile: &profile, vmlinux: None, image }, &|_| false, &options).unwrap();
    assert_eq!(found.regions.iter().map(pages).collect::<Vec<_>>(), [BTreeSet::from([0]), BTreeSet::from([0])]);
    assert_eq!((found.regions[0].base, found.regions[1].base), (CODE_IN_IMAGE, CODE_IN_IMAGE + PAGE as u64));
}
