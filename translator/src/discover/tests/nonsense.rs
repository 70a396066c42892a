//! Nonsense never panics, keeps its promises, and gives the same whatever the number of threads.

use super::files::{CODE_IN_IMAGE, image_of, tiny_elf};
use super::*;
use crate::discover::{Directory, ImageCode, RegionId};

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        // Short jumps and calls are frequent, so that there are graphs.
        let often = [0x75, 0x74, 0xeb, 0xe8, 0xc3, 0xff, 0x90, 0x0f];
        (0..count).map(|_| if self.below(4) == 0 { often[self.below(8) as usize] } else { self.next() as u8 }).collect()
    }

    fn address(&mut self) -> CodeAddress {
        let mode = if self.below(2) == 0 { Mode::Kernel } else { Mode::User };
        let bases = [0, KERNEL.address, CODE_IN_IMAGE, CODE_IN_IMAGE - 0x3000, u64::MAX - 0x3000, 1 << 63];
        let base = bases[self.below(6) as usize];
        CodeAddress { mode, address: base.saturating_add(self.below(0x3001)) }
    }

    fn profile(&mut self) -> Profile {
        let mut profile = Profile { retired: self.next(), ..Profile::default() };
        for _ in 0..400 {
            let block = if self.below(20) == 0 {
                BlockProfile { length: self.next() as u32, insns: self.next() as u32, count: self.next() }
            } else {
                BlockProfile { length: self.below(40) as u32, insns: self.below(9) as u32, count: self.below(1000) }
            };
            profile.blocks.insert(self.address(), block);
        }
        let starts: Vec<CodeAddress> = profile.blocks.keys().copied().collect();
        for _ in 0..400 {
            let mut some = || match self.below(5) {
                0 => self.address(),
                _ => starts[self.below(starts.len() as u64) as usize],
            };
            let edge = (some(), some());
            profile.indirect.insert(edge, self.next());
        }
        for start in starts {
            if self.below(3) > 0 {
                let bytes: [u8; PAGE] = self.bytes(PAGE).try_into().unwrap();
                profile.pages.insert(start.page(), Box::new(bytes));
            }
        }
        profile
    }

    fn elf(&mut self) -> Vec<u8> {
        let code = self.bytes(0x2800);
        let sizes = [0, 1, 0x40, 0x900, u64::MAX];
        let symbols: Vec<(&str, u64, u64)> =
            (0..40).map(|_| ("f", self.below(0x2900), sizes[self.below(5) as usize])).collect();
        let mut elf = tiny_elf(KERNEL.address, &code, &symbols);
        for _ in 0..self.below(3) {
            let at = self.below(0x78) as usize;
            elf[at] = self.next() as u8;
        }
        elf
    }
}

fn check(found: &Discovery) {
    let directory = Directory::new(&found.regions);
    for (number, region) in (0..).zip(&found.regions) {
        assert_eq!(region.id, RegionId(number));
        assert!(!region.entries.is_empty() && region.entries.is_sorted());
        let code = region.code();
        for (_, bytes) in &code.ranges {
            assert!(!bytes.is_empty());
        }
        assert!(code.ranges.windows(2).all(|pair| pair[0].0 as usize + pair[0].1.len() < pair[1].0 as usize));
        for &entry in &region.entries {
            assert!(region.blocks.iter().any(|block| block.offset == entry));
            assert!(directory.seen_from(region).resolve(entry.into()).is_some());
        }
        for block in &region.blocks {
            let mut at = 0;
            for _ in 0..block.insns {
                at += usize::from(x86::decode(&block.bytes[at..]).unwrap().length);
            }
            assert_eq!(at, block.bytes.len(), "blocks are whole instructions");
        }
    }
}

#[test]
fn nonsense_profiles_and_files() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let mut regions = 0;
    for round in 0..60 {
        let profile = random.profile();
        let (kernel, program) = (random.elf(), random.elf());
        let (layout, file) = image_of(&program);
        let image = Some(ImageCode { layout: &layout, bytes: &file });
        let coverage = [Coverage::Hot, Coverage::Reachable, Coverage::All][round % 3];
        let max_bytes = [200, 4000, 4 << 20][round / 3 % 3];
        let options = Options { max_bytes, ..with(coverage) };
        let leaves = |insn: &x86::Insn| insn.length > 6;
        let vmlinux = (round % 4 > 0).then_some(&kernel[..]);
        let inputs = Inputs { profile: &profile, vmlinux, image };
        let Ok(found) = discover(inputs, &leaves, &options) else { continue };
        check(&found);
        let bytes: usize = found.regions.iter().flat_map(|region| &region.blocks).map(|block| block.bytes.len()).sum();
        assert!(bytes as u64 <= max_bytes);
        regions += found.regions.len();
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(one.install(|| discover(inputs, &leaves, &options)).unwrap(), found);
    }
    assert!(regions > 1000, "{regions} regions: expected the nonsense to have some");
}
