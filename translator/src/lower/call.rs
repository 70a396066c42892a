//! Calls: a guest CALL becomes a Wasm call, and the callee's RET a return, so that neither looks its target up.
//!
//! ```text
//! write back, RIP = callee                           as for any exit
//! unless room > frame: go on for good                a RET in the callee then returns to the frame below
//! rip, budget = callee's region (…, room - frame, budget)
//! return rip, budget unless it is the instruction after the CALL
//! load variables again
//! ```
//!
//! A region that leaves for the dispatcher gives [`LEFT`](runtime::translated::abi::LEFT), which is no caller's address:
//! all frames unwind. Nothing but translated code runs between the call and its return, so that no stamp can have changed.
//!
//! A Wasm stack that overflows traps, so what calls may use is counted, in bytes: each region's frame is estimated by
//! its locals, which are all known when the function is complete. Of 4,147 frames that Cranelift made of the benchmark's code, 0.39 of
//! the estimates in the mean, one was larger than 1.5 times its estimate, 2.5; the room is three eighths of wasmtime's stack.

use super::emit::{BUDGET, Emitter, ROOM};
use super::exits::Transfer;
use super::shared::SharedType;
use crate::ir::{BlockId, ExitId, Value};
use crate::lift::{Calls, TailCalls};
use anyhow::Result;
use wasm_encoder::{BlockType, ValType};

/// Bytes of any frame, and of each local in it.
const FRAME: u32 = 256;
const SLOT: u32 = 8;
/// Most bytes that are said of a frame: engines take no function with so many locals.
const LARGEST: u32 = (1 << 20) - 1;
const I32_CONST: u8 = 0x41;
/// Bytes of a constant that is written when the function is complete: [`LARGEST`] and a sign.
const FRAME_BYTES: usize = 3;

/// Estimates the frame of a function with so many locals.
pub(super) fn frame(locals: u32) -> u32 {
    (FRAME + SLOT * locals).min(LARGEST)
}

/// Writes the constant at the start of the code.
pub(super) fn fill_in(code: &mut [u8], frame: u32) {
    for (place, byte) in code.iter_mut().take(FRAME_BYTES).enumerate() {
        *byte = (frame >> (7 * place)) as u8 & 0x7f | if place + 1 < FRAME_BYTES { 0x80 } else { 0 };
    }
}

impl Emitter<'_> {
    /// Whether calls are Wasm calls.
    pub(super) fn pairs_calls(&self) -> bool {
        self.options.calls == Calls::Paired && self.options.tail_calls == TailCalls::Yes
    }

    /// Puts the size of the function's frame on the stack.
    pub(super) fn frame_size(&mut self) {
        self.code.push(I32_CONST);
        self.frames.push(self.code.len());
        self.code.extend([0; FRAME_BYTES]);
    }

    /// A call at a block's end; whether the code after it is reached.
    pub(super) fn call(&mut self, block: BlockId, id: ExitId, target: Option<Value>, back: BlockId) -> Result<bool> {
        if !self.pairs_calls() {
            self.leave(block, id, target)?;
            return Ok(false);
        }
        let exit = self.region.exits[id.index()];
        self.write_state(block, id, target)?;
        self.get_local(ROOM);
        self.frame_size();
        self.op().i32_le_s();
        self.if_seldom(|this| this.go_on(&exit, target))?;
        let how = Transfer::Call;
        let results = self.addresses.ty(SharedType::Results);
        self.op().block(BlockType::FunctionType(results));
        if let Some(target) = target {
            self.guess(exit.offset, target, how)?;
        }
        self.transfer(&exit, target, how)?;
        self.op().end();
        let rip = self.scratch(ValType::I64);
        self.set_local(BUDGET);
        self.op().local_tee(rip);
        self.address(self.region.block(back).offset);
        self.op().i64_ne();
        self.if_seldom(|this| {
            this.op().local_get(rip).local_get(BUDGET).return_();
        });
        self.give_back(ValType::I64, rip);
        self.load_registers(back);
        Ok(true)
    }
}
