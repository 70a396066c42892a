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
fn an_arm_of_a_branch_stays_with_what_is_around_it() {
    // Two regions of 200 and 100 branches, with as many arms as half a cap: the others are a third.
    for count in [0, 1] {
        assert_eq!(arms(count), (3, 200), "arms that ran {count} times");
    }
}

/// Of 300 branches whose arms ran so often, the branches a hundred times: how many regions there are, and how many arms are in the
/// one of their branch.
fn arms(count: u64) -> (usize, usize) {
    // test eax, eax; je +2; inc eax
    let (pairs, length) = (300, 6);
    let code = [&[0x85, 0xc0, 0x74, 0x02, 0xff, 0xc0].repeat(pairs)[..], &[0xc3]].concat();
    let mut blocks: Vec<_> = (0..pairs as u64).map(|pair| (length * pair, block(4, 2, 100))).collect();
    blocks.push((length * pairs as u64, block(1, 1, 100)));
    if count > 0 {
        blocks.extend((0..pairs as u64).map(|pair| (length * pair + 4, block(2, 1, count))));
    }
    let options = Options { large_per_mille: 1001, ..Options::default() };
    let found = find(&profile(KERNEL, &code, &blocks), &options);
    let region_of = |at: u64| {
        let holds = |region: &&crate::discover::Region| {
            region.blocks.iter().any(|block| region.base + u64::from(block.offset) == KERNEL.address + at)
        };
        found.regions.iter().position(|region| holds(&region)).unwrap()
    };
    let together = (0..pairs as u64).filter(|pair| region_of(length * pair) == region_of(length * pair + 4)).count();
    assert!(found.regions.iter().all(|region| region.blocks.len() <= options.cap.blocks * 3 / 2));
    (found.regions.len(), together)
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

#[test]
fn what_never_ran_has_a_region_for_each_page_in_user_mode() {
    // Two bytes on, so that blocks lie across the ends of pages.
    let code = [&[0x66, 0x90][..], &ladder_code(3000)].concat();
    let elf = tiny_elf(0x40_0000, &code, &[("ladder", 0, code.len() as u64)]);
    let (layout, file) = image_of(&elf);
    let start = CodeAddress { mode: Mode::User, address: CODE_IN_IMAGE };
    let profile = profile(start, &[], &[(0, block(6, 3, 1))]);
    let image = Some(ImageCode { layout: &layout, bytes: &file });
    let options = Options { cap: Options::default().large, ..Options::default() };
    let found = discover(Inputs { profile: &profile, vmlinux: None, image }, &|_| false, &options).unwrap();
    let page = |address: u64| (address - CODE_IN_IMAGE) / PAGE as u64;
    let pages = |region: &crate::discover::Region| -> BTreeSet<(u64, u64)> {
        let block = |b: &crate::discover::RegionBlock| (region.base + u64::from(b.offset), b.bytes.len() as u64);
        let ends = |(start, length): (u64, u64)| (page(start), page(start + length - 1));
        region.blocks.iter().map(block).map(ends).collect()
    };
    let expected = [&[(0, 0)][..], &[(0, 1), (1, 1)], &[(1, 2)], &[(2, 2)]].map(|ends| ends.iter().copied().collect());
    assert_eq!(found.regions.iter().map(pages).collect::<Vec<_>>(), expected);
}
