//! Calls: a guest CALL becomes a Wasm call, and the callee's RET a return, so that neither looks its target up.
//!
//! ```text
//! write back, RIP = callee                           as for any exit
//! unless room > frame: go on for good                a RET in the callee then returns to the frame below
//! rip = callee's region (…, room - frame)
//! return rip unless it is the instruction after the CALL
//! load variables again
//! ```
//!
//! A region that leaves for the dispatcher gives [`LEFT`](runtime::translated::abi::LEFT), which is no caller's address:
//! all frames unwind. Nothing but translated code runs between the call and its return, so that no stamp can have changed.
//!
//! A Wasm stack that overflows traps, so what calls may use is counted, in bytes: each region's frame is estimated by
//! its locals.

use super::emit::{Emitter, ROOM};
use super::exits::Transfer;
use crate::ir::{BlockId, ExitId, Value};
use crate::lift::{Calls, TailCalls};
use anyhow::Result;
use wasm_encoder::{BlockType, ValType};

/// Bytes of any frame, and of each local in it; an engine's baseline compiler keeps each in a slot of its own.
const FRAME: u32 = 256;
const SLOT: u32 = 16;

impl Emitter<'_> {
    /// Whether calls are Wasm calls.
    pub(super) fn pairs_calls(&self) -> bool {
        self.options.calls == Calls::Paired && self.options.tail_calls == TailCalls::Yes
    }

    /// A call at a block's end; whether the code after it is reached.
    pub(super) fn call(&mut self, block: BlockId, id: ExitId, target: Option<Value>, back: BlockId) -> Result<bool> {
        if !self.pairs_calls() {
            self.leave(block, id, target)?;
            return Ok(false);
        }
        let exit = self.region.exits[id.index()];
        self.write_state(block, id, target)?;
        let frame = (FRAME + SLOT * self.local_count()) as i32;
        self.op().local_get(ROOM).i32_const(frame).i32_le_s();
        self.if_seldom(|this| this.go_on(&exit, target))?;
        let how = Transfer::Call { frame };
        self.op().block(BlockType::Result(ValType::I64));
        if let Some(target) = target {
            self.guess(exit.offset, target, how)?;
        }
        self.transfer(&exit, target, how)?;
        self.op().end();
        let rip = self.scratch(ValType::I64);
        self.op().local_tee(rip);
        self.address(self.region.block(back).offset);
        self.op().i64_ne();
        self.if_seldom(|this| {
            this.op().local_get(rip).return_();
        });
        self.give_back(ValType::I64, rip);
        self.load_registers(back);
        Ok(true)
    }
}
