//! Copies and fills of memory: short ones as a loop over elements, long ones as Wasm's bulk operators, whose calls cost
//! more than a few elements.

use super::emit::{Emitter, unaligned};
use crate::ir::Value;
use anyhow::Result;
use wasm_encoder::{BlockType, ValType};
use x86::Width;

/// Bytes from which on the bulk operators are quicker.
const LONG: i32 = 128;

impl Emitter<'_> {
    pub(super) fn copy(&mut self, w: Width, to: Value, from: Value, bytes: Value) -> Result<()> {
        self.whole_place(to)?;
        let target = self.pop_scratch(ValType::I32);
        self.whole_place(from)?;
        let source = self.pop_scratch(ValType::I32);
        self.narrow(bytes)?;
        let left = self.pop_scratch(ValType::I32);
        // Two addresses may be of one page: a target inside the source, whatever they are called, is written element by element.
        self.op().local_get(target).local_get(source).i32_sub().local_get(left).i32_ge_u();
        self.op().local_get(left).i32_const(LONG).i32_ge_u().i32_and().if_(BlockType::Empty);
        self.op().local_get(target).local_get(source).local_get(left).memory_copy(0, 0);
        self.op().else_();
        self.each(w, &[target, source], left, |this| {
            this.op().local_get(target).local_get(source);
            this.load_element(w);
            this.store_element(w);
        });
        self.op().end();
        [target, source, left].into_iter().for_each(|local| self.give_back(ValType::I32, local));
        Ok(())
    }

    pub(super) fn fill(&mut self, w: Width, to: Value, value: Value, bytes: Value) -> Result<()> {
        self.whole_place(to)?;
        let target = self.pop_scratch(ValType::I32);
        self.wide(value)?;
        let element = self.pop_scratch(ValType::I64);
        self.narrow(bytes)?;
        let left = self.pop_scratch(ValType::I32);
        self.op().local_get(left).i32_const(LONG).i32_ge_u();
        if w != Width::W8 {
            // Elements of equal bytes: all that are long in practice are zero.
            self.op().local_get(element).i64_eqz().i32_and();
        }
        self.op().if_(BlockType::Empty);
        self.op().local_get(target).local_get(element).i32_wrap_i64().local_get(left).memory_fill(0);
        self.op().else_();
        self.each(w, &[target], left, |this| {
            this.op().local_get(target).local_get(element);
            if w != Width::W64 {
                this.op().i32_wrap_i64();
            }
            this.store_element(w);
        });
        self.op().end();
        self.give_back(ValType::I64, element);
        self.give_back(ValType::I32, target);
        self.give_back(ValType::I32, left);
        Ok(())
    }

    /// Takes what is on the stack into a local of its own.
    fn pop_scratch(&mut self, ty: ValType) -> u32 {
        let local = self.scratch(ty);
        self.op().local_set(local);
        local
    }

    /// Runs `body` for each element: `pointers` go up and `left` goes down to 0.
    fn each(&mut self, w: Width, pointers: &[u32], left: u32, body: impl FnOnce(&mut Self)) {
        self.op().block(BlockType::Empty).local_get(left).i32_eqz().br_if(0).loop_(BlockType::Empty);
        body(self);
        let step = w.bytes() as i32;
        for &pointer in pointers {
            self.op().local_get(pointer).i32_const(step).i32_add().local_set(pointer);
        }
        self.op().local_get(left).i32_const(step).i32_sub().local_tee(left).br_if(0).end().end();
    }

    fn load_element(&mut self, w: Width) {
        let mut sink = self.op();
        match w {
            Width::W8 => sink.i32_load8_u(unaligned(0)),
            Width::W16 => sink.i32_load16_u(unaligned(0)),
            Width::W32 => sink.i32_load(unaligned(0)),
            Width::W64 => sink.i64_load(unaligned(0)),
        };
    }

    fn store_element(&mut self, w: Width) {
        let mut sink = self.op();
        match w {
            Width::W8 => sink.i32_store8(unaligned(0)),
            Width::W16 => sink.i32_store16(unaligned(0)),
            Width::W32 => sink.i32_store(unaligned(0)),
            Width::W64 => sink.i64_store(unaligned(0)),
        };
    }
}
