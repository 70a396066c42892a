//! Lowering: IR to a Wasm function.
//!
//! ```text
//! (func (param $base i64) (param $selector i32) (param $room i32) (result i64) …
//!   stamp, or return           prologue
//!   load variables             prologue
//!   block …                    labels of the side exits
//!     blocks                   structure, block, tree, integer, field, float, truth, vector, memory, twin, bulk, call, helper
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
mod outline;
mod prologue;
pub mod shared;
mod structure;
mod tree;
mod truth;
mod twin;
mod vector;

pub use emit::Body;
pub use exits::SideExits;
pub use outline::Outlined;

use crate::lift::{self, Addresses, Jumps, Loops, Options, RegionSource, Targets};
use crate::passes;
use anyhow::{Context, Result, ensure};
use emit::{Emitter, Given, Scope};
use outline::{LoopFunction, Outline};
use wasm_encoder::ValType;

/// A translated region.
#[derive(Debug, Clone)]
pub struct Translated {
    /// Its function, of type [`shared::SharedType::Region`].
    pub body: Body,
    /// The loops that it calls: [`Body::call_loops_from`] says where they are.
    pub loops: Vec<Outlined>,
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
    let RegionSource { privilege, index, .. } = *source;
    let given = Given { region: &region, liveness: &liveness, privilege, index, targets, addresses, options };
    let (body, loops, side_exits) = lower(given).with_context(in_region)?;
    let lift::Lifted { entries, lifted, unlifted, .. } = lifted;
    Ok(Translated { body, loops, entries, lifted, unlifted, side_exits })
}

/// The region's function, those of its loops, and the side exits of all.
fn lower(given: Given<'_>) -> Result<(Body, Vec<Outlined>, SideExits)> {
    let Given { region, liveness, options, .. } = given;
    let outlined = if options.loops == Loops::Outlined { &region.outlined[..] } else { &[] };
    let outlines = outlined.iter().filter_map(|outlined| Outline::of(region, liveness, *outlined));
    let loops = outlines.map(|outline| LoopFunction::new(given, outline)).collect::<Result<Vec<_>>>()?;
    let mut emitter = Emitter::new(given, emit::BUDGET);
    emitter.scope = Scope::Region(&loops);
    for own in [emit::BUDGET, emit::EXIT] {
        let local = emitter.new_local(ValType::I64);
        ensure!(local == own, "local {local} was to be {own}");
    }
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
    let side_exits = loops.iter().fold(emitter.exit_counts, |sum, made| sum.and(made.side_exits));
    let body = emitter.finish()?;
    Ok((body, loops.into_iter().map(LoopFunction::outlined).collect(), side_exits))
}
