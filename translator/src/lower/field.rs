//! Fields of the processor's state, read and written in place.

use super::emit::{BUDGET, Emitter};
use crate::ir::{Counter, Field, Value};
use anyhow::Result;

impl Emitter<'_> {
    /// Puts a field on the stack, as i64.
    pub(super) fn read_field(&mut self, field: Field) {
        self.get(field.place());
    }

    /// Sets a field.
    pub(super) fn write_field(&mut self, field: Field, value: Value) -> Result<()> {
        self.set(field.place(), |this| this.wide(value))
    }

    /// Puts the budget less what has retired on the stack.
    pub(super) fn remaining(&mut self, retired: u32) {
        match self.counter {
            Some(counter) => self.counted(counter),
            None => self.get_local(BUDGET),
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
        self.set_local(BUDGET);
    }
}
