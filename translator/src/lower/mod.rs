//! Lowering: IR to a Wasm function.
//!
//! ```text
//! (func (param $base i64) (param $selector i32) (param $room i32) (param $budget i64) (result i64 i64) …
//!   stamp, or return           prologue
//!   load variables             prologue
//!   block …                    labels of the side exits
//!     blocks                   structure, block, tree, integer, field, state, float, truth, vector, memory, twin, bulk, call, helper
//!   end …
//!   write back, return)        exits
//! ```

mod block;
mod bulk;
mod call;
mod emit;
mod exits;
mod field;
pub mod flags_word;
mod float;
mod helper;
mod integer;
pub mod jump;
pub mod lookup;
mod memory;
mod prologue;
pub mod shared;
pub mod state;
mod structure;
mod tree;
mod truth;
mod twin;
mod vector;

pub use exits::{SideExits, unbound_function};

use crate::ir::Region;
use crate::lift::{self, Addresses, Jumps, Options, RegionSource, Targets};
use crate::link::Hint;
use crate::passes::{self, liveness::Liveness};
use anyhow::{Context, Result};
use emit::Emitter;
use wasm_encoder::Function;

/// A translated region.
#[derive(Debug, Clone)]
pub struct Translated {
    /// Its function, of type [`shared::SharedType::Region`].
    pub function: Function,
    /// Which of its branches are nearly always, or hardly ever, taken.
    pub hints: Vec<Hint>,
    /// Offsets of its entry points, by number: those of the source, and after them those where a callee or the
    /// interpreter comes back to.
    pub entries: Vec<i64>,
    /// Guest instructions translated.
    pub lifted: u32,
    /// Guest instructions left to the interpreter: offset and mnemonic.
    pub unlifted: Vec<(i64, x86::Mnemonic)>,
    /// Its side exits.
    pub side_exits: SideExits,
}

/// Translates a region.
///
/// # Errors
/// An entry point at which no block starts; a region too large; a defect of the translator, which names the region.
pub fn translate(
    source: &RegionSource,
    targets: &dyn Targets,
    addresses: &Addresses,
    options: &Options,
) -> Result<Translated> {
    let lifted = lift::lift(source, options)?;
    let mut region = lifted.region;
    if options.jumps == Jumps::Local {
        passes::jumps::run(&mut region, &lifted.entries, targets);
    }
    let in_region = || format!("region {} ({})", source.index, source.name);
    let liveness = passes::run(&mut region, options).with_context(in_region)?;
    let lowered = lower(&region, &liveness, source, targets, addresses, options).with_context(in_region)?;
    let (function, hints, side_exits) = lowered;
    let lift::Lifted { entries, lifted, unlifted, .. } = lifted;
    Ok(Translated { function, hints, entries, lifted, unlifted, side_exits })
}

fn lower(
    region: &Region,
    liveness: &Liveness,
    source: &RegionSource,
    targets: &dyn Targets,
    addresses: &Addresses,
    options: &Options,
) -> Result<(Function, Vec<Hint>, SideExits)> {
    let whose = (source.privilege, source.index);
    let mut emitter = Emitter::new(region, liveness, whose, targets, addresses, options);
    emitter.test_stamp();
    if region.uses_sse {
        emitter.test_sse();
    }
    if region.uses_avx {
        emitter.test_avx();
    }
    if !emitter.loads_at_switch(region.root) {
        emitter.load_registers(region.root);
    }
    emitter.open_ladder();
    emitter.control_flow()?;
    emitter.op().unreachable();
    emitter.side_exits();
    emitter.op().end();
    let side_exits = emitter.exit_counts;
    let (function, hints) = emitter.finish()?;
    Ok((function, hints, side_exits))
}
