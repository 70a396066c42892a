//! Tests of discovery, and the profiles that they are made of.

mod files;
mod nonsense;
mod programs;
mod split;
mod sweep;

use super::{Coverage, Discovery, Inputs, Options, discover};
use runtime::memory::PAGE;
use runtime::profile::{BlockProfile, CodeAddress, Mode, Profile};

const KERNEL: CodeAddress = CodeAddress { mode: Mode::Kernel, address: 0xffff_ffff_8100_0100 };

fn block(length: u32, insns: u32, count: u64) -> BlockProfile {
    BlockProfile { length, insns, count }
}

/// A profile that knows the pages of code at `start`, and blocks by their offsets in it.
fn profile(start: CodeAddress, code: &[u8], blocks: &[(u64, BlockProfile)]) -> Profile {
    let mut profile = Profile::default();
    for (at, &byte) in (start.address..).zip(code) {
        let page = CodeAddress { address: at, ..start }.page();
        let bytes = profile.pages.entry(page).or_insert_with(|| Box::new([0xcc; PAGE]));
        bytes[at as usize % PAGE] = byte;
    }
    for &(offset, block) in blocks {
        profile.blocks.insert(at(start, offset), block);
        profile.retired += block.count * u64::from(block.insns);
    }
    profile
}

fn at(start: CodeAddress, offset: u64) -> CodeAddress {
    CodeAddress { address: start.address + offset, ..start }
}

fn with(coverage: Coverage) -> Options {
    Options { coverage, ..Options::default() }
}

fn find(profile: &Profile, options: &Options) -> Discovery {
    let leaves = |insn: &x86::Insn| insn.mnemonic == x86::Mnemonic::Cpuid;
    discover(Inputs { profile, vmlinux: None, image: None }, &leaves, options).unwrap()
}
