//! Lift to Wasm: arbitrary bytes as a region. Every region translates, and its module validates.

use crate::wasm::{FIRST_REGION, module_of};
use anyhow::{Context, Result};
use translator::lift::{
    Calls, Chain, Checks, FloatTests, Helpers, NoTargets, Options, Privilege, RegionSource, SourceBlock, SystemCode,
    TailCalls, Targets,
};
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

/// Translates an input: a byte of choices, a byte that says where the second block begins, code.
///
/// # Errors
/// Why it does not translate, or its module does not validate.
pub fn translate(input: &[u8]) -> Result<()> {
    let &[choices, cut, ref code @ ..] = input else { return Ok(()) };
    let code = &code[..code.len().min(MOST)];
    if code.is_empty() {
        return Ok(());
    }
    let source = source(choices, usize::from(cut) % code.len(), code);
    let options = Options {
        level: Level::ALL[usize::from(choices >> 2 & 3) % Level::ALL.len()],
        calls: if choices & 0x10 == 0 { Calls::Paired } else { Calls::Chained },
        system: if choices & 0x10 == 0 { SystemCode::Translated } else { SystemCode::Left },
        checks: if choices & 8 == 0 { Checks::Grouped } else { Checks::Single },
        float_tests: if choices & 8 == 0 { FloatTests::Grouped } else { FloatTests::Single },
        helpers: if choices & 0x10 == 0 { Helpers::Called } else { Helpers::Left },
        tail_calls: if choices & 2 == 0 { TailCalls::Yes } else { TailCalls::No },
    };
    let targets: &dyn Targets = if choices & 0x80 == 0 { &NoTargets } else { &Itself };
    let module = module_of(&source, targets, &options).context("it does not translate")?;
    Validator::new().validate_all(&module).context("its module does not validate")?;
    Ok(())
}

/// The region: one block, or two that follow one another, lie apart, or overlap.
fn source(choices: u8, cut: usize, code: &[u8]) -> RegionSource {
    let (first, second) = code.split_at(cut);
    let block = |offset: i64, bytes: &[u8]| SourceBlock { offset, bytes: bytes.to_vec() };
    let blocks = match choices >> 5 & 3 {
        _ if cut == 0 => vec![block(0, code)],
        0 => vec![block(0, first), block(cut as i64, second)],
        1 => vec![block(0, first), block(0x1000, second)],
        2 => vec![block(0, first), block(-0x2000, second)],
        _ => vec![block(0, code), block(cut as i64, second)],
    };
    RegionSource {
        privilege: if choices & 1 == 0 { Privilege::User } else { Privilege::Kernel },
        index: 0,
        name: "arbitrary".into(),
        entries: blocks.iter().map(|block| block.offset).collect(),
        blocks,
    }
}
