//! The *flags* function: makes a word of lazy flags whose operation is known only at run time.
//!
//! Of type `(dst: i64, op: i32, src: i64, carry: i64) -> (word: i64)`, one for a module; entry points call it that begin
//! with an instruction that reads flags. It is a switch over the operations, each with the formulas of `x86::flags`,
//! recorded as a block of IR.

use super::emit::{BASE, Emitter};
use crate::ir::{Block, Builder, FlagsAt, Inst, Reg, Region, Terminator};
use crate::lift::{Addresses, NoTargets, Options, Privilege, flags_word};
use crate::passes::liveness;
use anyhow::{Context, Result};
use wasm_encoder::{BlockType, FuncType, Function, ValType};
use x86::{FlagOp, Width};

// Parameters, as many as a region has. The operation is where that has its entry point, for the switch.
const DST: u32 = BASE;
const SRC: u32 = 2;
const CARRY: u32 = 3;

/// Type of the function.
pub fn flags_word_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I32, ValType::I64, ValType::I64], [ValType::I64])
}

/// The function.
///
/// # Errors
/// A defect of the translator.
pub fn flags_word_function(addresses: &Addresses) -> Result<Function> {
    let mut region = Region::new();
    let end = region.add_block(Block::empty(0, FlagsAt::EXPLICIT, Terminator::Switch(Vec::new())));
    let mut arms = Vec::new();
    for op in FlagOp::ALL {
        for w in Width::ALL {
            let insts = flags_word(&mut region, op, w);
            let mut arm = Block::empty(0, FlagsAt::EXPLICIT, Terminator::Jump(end));
            arm.insts = insts;
            arms.push(region.add_block(arm));
        }
    }
    let mut builder = Builder::new(&mut region);
    let word = builder.get(Reg::FLAG_DST);
    builder.push(Inst::Set(Reg::FLAG_SRC, word));
    region.blocks[end.index()].insts = builder.finish();
    region.root = region.add_block(Block::empty(0, FlagsAt::Dynamic, Terminator::Switch(arms)));
    crate::passes::dce::run(&mut region);
    emit(&region, addresses).context("the flags function")
}

fn emit(region: &Region, addresses: &Addresses) -> Result<Function> {
    let liveness = liveness::Liveness::default();
    let options = Options::default();
    let mut emitter = Emitter::new(region, &liveness, (Privilege::Kernel, 0), &NoTargets, addresses, &options);
    emitter.loads_variables = false;
    let [dst, src, carry] = [Reg::FLAG_DST, Reg::FLAG_SRC, Reg::FLAG_CARRY].map(|reg| emitter.register(reg));
    emitter.op().local_get(DST).local_set(dst).local_get(SRC).local_set(src).local_get(CARRY).local_set(carry);
    emitter.op().block(BlockType::Empty);
    emitter.labels.push(super::emit::Label::End);
    emitter.control_flow()?;
    emitter.op().end().local_get(src).end();
    Ok(emitter.finish()?.0)
}
