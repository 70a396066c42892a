//! Runs a program both ways and compares wherever translated code is left.

use crate::engine::{Engine, show};
use crate::reference::Reference;
use runtime::translated::abi::ExitReason;
use std::collections::BTreeMap;
use translator::lift::{NoTargets, Options, Privilege, RegionSource, SourceBlock};
use x86::Insn;

/// Where programs are loaded.
pub(crate) const BASE: u64 = 0x5555_0040_0000;

/// What a run came to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How often translated code was left, by reason.
    pub(crate) exits: BTreeMap<u32, u32>,
    /// Instructions that translated code retired, and that the reference took in between.
    pub(crate) translated: u64,
    pub(crate) interpreted: u64,
}

impl Tally {
    pub(crate) fn exits(&self, reason: ExitReason) -> u32 {
        self.exits.get(&(reason as u32)).copied().unwrap_or(0)
    }
}

/// A region of the given blocks, entered at the first and the further given ones.
pub(crate) fn source(blocks: &[(i64, Vec<u8>)], entries: &[i64]) -> RegionSource {
    let blocks = blocks
        .iter()
        .map(|(offset, bytes)| SourceBlock { offset: *offset, bytes: bytes.clone(), runs: runs(*offset) })
        .collect();
    let (entries, inlined) = (entries.to_vec(), Vec::new());
    RegionSource { privilege: Privilege::User, index: 3, name: "test".into(), blocks, entries, inlined }
}

/// How often a block ran, as far as the translator is told: numbers of all sizes, so that loads and stores are put into all places.
/// Code that is held for dead is made smaller; of eight blocks one is, but for a region's first.
fn runs(offset: i64) -> Option<u64> {
    let number = (offset as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    match number % 8 {
        0 => None,
        1 if offset != 0 => Some(0),
        _ => Some(1 + (number >> (number % 24))),
    }
}

/// The kernel's for every other seed.
pub(crate) fn either(seed: u64) -> Privilege {
    if seed.is_multiple_of(2) { Privilege::User } else { Privilege::Kernel }
}

/// The instruction at an address.
fn fetch(source: &RegionSource, rip: u64) -> Option<Insn> {
    let offset = rip.wrapping_sub(BASE) as i64;
    let block = source.blocks.iter().find(|b| (b.offset..b.offset + b.bytes.len() as i64).contains(&offset))?;
    x86::decode(&block.bytes[(offset - block.offset) as usize..]).ok()
}

/// Runs a program until it leaves its code, stops, or has retired `budget` instructions.
pub(crate) fn compare(
    source: &RegionSource,
    start: Reference,
    budget: u64,
    prepare: impl FnOnce(&mut Engine),
) -> Tally {
    let mut engine = load(source);
    prepare(&mut engine);
    compare_in(&mut engine, source, start, budget)
}

/// A program, bound.
pub(crate) fn load(source: &RegionSource) -> Engine {
    load_as(source, &Options::default())
}

/// As [`load`], translated with options.
pub(crate) fn load_as(source: &RegionSource, options: &Options) -> Engine {
    let mut engine = Engine::new(std::slice::from_ref(source), &NoTargets, options);
    engine.bind(source.index, BASE);
    engine
}

/// As [`compare`], in a program loaded before.
pub(crate) fn compare_in(engine: &mut Engine, source: &RegionSource, mut state: Reference, budget: u64) -> Tally {
    let mut tally = Tally::default();
    let mut left = budget;
    loop {
        let Some(entry) = engine.regions[0].entries.iter().position(|e| BASE.wrapping_add(*e as u64) == state.rip)
        else {
            let Some(insn) = fetch(source, state.rip) else { return tally };
            if left == 0 || state.step(&insn).is_err() {
                return tally;
            }
            (left, tally.interpreted) = (left - 1, tally.interpreted + 1);
            continue;
        };
        engine.load(&state, left as i64);
        let reason = engine.call(0, BASE, entry as u32);
        let retired = left as i64 - engine.budget();
        assert!((0..=left as i64).contains(&retired), "retired {retired} of {left}\n{}", show(source));
        for _ in 0..retired {
            let insn = fetch(source, state.rip).unwrap_or_else(|| panic!("ran away\n{}", show(source)));
            let before = state.rip;
            state.step(&insn).unwrap_or_else(|stop| panic!("{stop:?} at {before:#x}\n{}", show(source)));
        }
        equal(&mut state, &mut engine.state(), reason, source);
        left -= retired as u64;
        tally.translated += retired as u64;
        *tally.exits.entry(reason as u32).or_default() += 1;
        if reason == ExitReason::Next {
            continue;
        }
        // The interpreter's part.
        let Some(insn) = fetch(source, state.rip) else { return tally };
        if left == 0 || state.step(&insn).is_err() {
            return tally;
        }
        (left, tally.interpreted) = (left - 1, tally.interpreted + 1);
    }
}

fn equal(expected: &mut Reference, found: &mut Reference, reason: ExitReason, source: &RegionSource) {
    let differs = expected.rip != found.rip
        || expected.gpr != found.gpr
        || expected.xmm != found.xmm
        || expected.mxcsr != found.mxcsr
        || expected.word() != found.word()
        || expected.memory != found.memory;
    if differs {
        let (a, b) = (expected.word(), found.word());
        let memory = expected.memory.iter().zip(&found.memory).position(|(a, b)| a != b);
        panic!(
            "left by {reason:?}\nexpected rip {:#x} flags {a:#x} {:x?}\nfound    rip {:#x} flags {b:#x} {:x?}\nmemory differs at {memory:x?}\n{:x?}\n{:x?}\n{}",
            expected.rip,
            expected.gpr,
            found.rip,
            found.gpr,
            expected.xmm,
            found.xmm,
            show(source)
        );
    }
}
