//! Lift to Wasm: arbitrary bytes as a region. Every region translates, and its module validates.

use crate::wasm::{FIRST_REGION, module_of};
use anyhow::{Context, Result};
use translator::lift::{
    BranchHints, Calls, Chain, Checks, ColdChecks, FloatTests, Guesses, Helpers, Jumps, LoopChecks, NoTargets, Options,
    Peeling, Placement, Privilege, Products, RegionSource, Registers, SourceBlock, SystemCode, TailCalls, Targets,
    Twins, WriteBack,
};
use translator::link::features;
use wasmparser::Validator;
use x86::Level;

/// Most bytes of code.
const MOST: usize = 4096;

/// Every exit leads to the region itself.
struct Itself;

impl Targets for Itself {
    fn resolve(&self, offset: i64) -> Option<Chain> {
        Some(Chain { function_index: FIRST_REGION, base_delta: offset, entry: 0 })
    }
}

/// Translates an input: a byte of options, one of the region's shape, one that says where the second block begins, code.
///
/// # Errors
/// Why it does not translate, or its module does not validate.
pub fn translate(input: &[u8]) -> Result<()> {
    let &[choices, shape, cut, ref code @ ..] = input else { return Ok(()) };
    let code = &code[..code.len().min(MOST)];
    if code.is_empty() {
        return Ok(());
    }
    let source = source(shape, usize::from(cut) % code.len(), code);
    let options = Options {
        level: Level::ALL[usize::from(choices & 3) % Level::ALL.len()],
        tail_calls: if choices & 4 == 0 { TailCalls::Yes } else { TailCalls::No },
        calls: if choices & 8 == 0 { Calls::Paired } else { Calls::Chained },
        jumps: if shape & 0x20 == 0 { Jumps::Local } else { Jumps::Chained },
        system: if choices & 0x10 == 0 { SystemCode::Translated } else { SystemCode::Left },
        checks: if choices & 0x20 == 0 { Checks::Grouped } else { Checks::Single },
        twins: if cut & 8 == 0 { Twins::Written } else { Twins::Omitted },
        cold_checks: if cut & 0x20 == 0 { ColdChecks::Called } else { ColdChecks::Inline },
        loop_checks: if shape & 0x10 == 0 { LoopChecks::Hoisted } else { LoopChecks::InPlace },
        peeling: if cut & 0x10 == 0 { Peeling::Copied } else { Peeling::Omitted },
        registers: if cut & 0x40 == 0 { Registers::Near } else { Registers::InPlace },
        placement: if cut & 4 == 0 { Placement::Cheapest } else { Placement::AtEnds },
        write_back: if shape & 0x80 == 0 { WriteBack::Ladder } else { WriteBack::All },
        branch_hints: if cut & 1 == 0 { BranchHints::Named } else { BranchHints::Omitted },
        guesses: if cut & 2 == 0 { Guesses::Tried } else { Guesses::Omitted },
        float_tests: if choices & 0x40 == 0 { FloatTests::Grouped } else { FloatTests::Single },
        helpers: if choices & 0x80 == 0 { Helpers::Called } else { Helpers::Left },
        products: if shape & 0x40 == 0 { Products::Halves } else { Products::Wide },
    };
    let targets: &dyn Targets = if shape & 8 == 0 { &NoTargets } else { &Itself };
    let module = module_of(&source, targets, &options).context("it does not translate")?;
    Validator::new_with_features(features()).validate_all(&module).context("its module does not validate")?;
    Ok(())
}

/// The region: one block, or two that follow one another, lie apart, or overlap.
fn source(shape: u8, cut: usize, code: &[u8]) -> RegionSource {
    let (first, second) = code.split_at(cut);
    let runs = |offset: i64| Some(if offset == 0 { 1000 } else { 1 });
    let block = |offset: i64, bytes: &[u8]| SourceBlock { offset, bytes: bytes.to_vec(), runs: runs(offset) };
    let blocks = match shape >> 1 & 3 {
        _ if cut == 0 => vec![block(0, code)],
        0 => vec![block(0, first), block(cut as i64, second)],
        1 => vec![block(0, first), block(0x1000, second)],
        2 => vec![block(0, first), block(-0x2000, second)],
        _ => vec![block(0, code), block(cut as i64, second)],
    };
    RegionSource {
        privilege: if shape & 1 == 0 { Privilege::User } else { Privilege::Kernel },
        index: 0,
        name: "arbitrary".into(),
        entries: blocks.iter().map(|block| block.offset).collect(),
        blocks,
        inlined: Vec::new(),
    }
}
