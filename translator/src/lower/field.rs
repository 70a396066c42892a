//! Fields of the processor's state, read and written in place.

use super::emit::{BUDGET, Emitter, at};
use crate::ir::{Counter, Field, Value};
use anyhow::Result;

impl Emitter<'_> {
    /// Puts a field on the stack, as i64.
    pub(super) fn read_field(&mut self, field: Field) {
        let (offset, size) = field.place();
        let place = at(self.cpu(offset), size);
        let mut sink = self.op();
        sink.i32_const(0);
        match size {
            4 => sink.i64_load32_u(place),
            _ => sink.i64_load(place),
        };
    }

    /// Sets a field.
    pub(super) fn write_field(&mut self, field: Field, value: Value) -> Result<()> {
        let (offset, size) = field.place();
        let place = at(self.cpu(offset), size);
        self.op().i32_const(0);
        self.wide(value)?;
        match size {
            4 => self.op().i64_store32(place),
            _ => self.op().i64_store(place),
        };
        Ok(())
    }

    /// Puts the budget less what has retired on the stack.
    pub(super) fn remaining(&mut self, retired: u32) {
        match self.counter {
            Some(counter) => self.counted(counter),
            None => {
                self.op().local_get(BUDGET);
            }
        }
        if retired > 0 {
            self.op().i64_const(-i64::from(retired)).i64_add();
        }
    }

    /// Puts the budget that a loop has counted on the stack.
    fn counted(&mut self, counter: Counter) {
        let (left, floor) = (self.temp(counter.left), self.temp(counter.floor));
        self.op().local_get(left).local_get(floor).i64_add();
    }

    /// Puts it back into its variable.
    pub(super) fn put_back(&mut self, counter: Counter) {
        self.counted(counter);
        self.op().local_set(BUDGET);
    }
}
