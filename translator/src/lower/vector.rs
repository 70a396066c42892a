//! 128-bit values.

use super::emit::{Emitter, unaligned};
use crate::ir::{Inst, Value};
use anyhow::{Result, bail};

impl Emitter<'_> {
    /// Puts a vector on the stack.
    pub(super) fn vector(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.op().local_get(local);
            return Ok(());
        }
        match *self.region.inst(value) {
            Inst::Get(reg) => {
                let local = self.register(reg);
                self.op().local_get(local);
            }
            Inst::LoadVec(pointer, offset) => {
                self.place(pointer)?;
                self.op().v128_load(unaligned(offset));
            }
            Inst::VecFrom(low, high) => self.vector_of(low, high)?,
            ref other => bail!("{other:?} is no vector"),
        }
        Ok(())
    }

    fn vector_of(&mut self, low: Value, high: Value) -> Result<()> {
        if let (Some(low), Some(high)) = (self.region.constant(low), self.region.constant(high)) {
            let constant = u128::from(high) << 64 | u128::from(low);
            self.op().v128_const(constant as i128);
            return Ok(());
        }
        self.wide(low)?;
        self.op().i64x2_splat();
        if low != high {
            self.wide(high)?;
            self.op().i64x2_replace_lane(1);
        }
        Ok(())
    }
}
