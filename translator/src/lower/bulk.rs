//! Copies and fills of memory: long ones as Wasm's bulk operators, whose calls cost more than a few words; short ones by words of 8
//! bytes, the last of which may overlap the one before, or, where these would read what they wrote, by elements.

use super::emit::{Emitter, unaligned};
use crate::ir::Value;
use anyhow::Result;
use wasm_encoder::{BlockType, ValType};
use x86::Width;

/// Bytes from which on the bulk operators are quicker.
const LONG: i32 = 128;
/// Bytes of a word.
const WORD: i32 = 8;

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
        self.op().local_get(target).local_get(source).i32_sub().i32_const(WORD - 1).i32_add();
        self.op().i32_const(2 * WORD - 2).i32_gt_u();
        self.words_or_elements(w, &[target, source], left, |this, w| {
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
        // The element, again and again: what is stored of it is its lower end.
        if w != Width::W64 {
            self.op().i64_const((u64::MAX / w.mask()) as i64).i64_mul();
        }
        let word = self.pop_scratch(ValType::I64);
        self.narrow(bytes)?;
        let left = self.pop_scratch(ValType::I32);
        self.op().local_get(left).i32_const(LONG).i32_ge_u();
        if w != Width::W8 {
            // Elements of equal bytes: all that are long in practice are zero.
            self.op().local_get(word).i64_eqz().i32_and();
        }
        self.op().if_(BlockType::Empty);
        self.op().local_get(target).local_get(word).i32_wrap_i64().local_get(left).memory_fill(0);
        self.op().else_().i32_const(1);
        self.words_or_elements(w, &[target], left, |this, w| {
            this.op().local_get(target).local_get(word);
            if w != Width::W64 {
                this.op().i32_wrap_i64();
            }
            this.store_element(w);
        });
        self.op().end();
        self.give_back(ValType::I64, word);
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

    /// Runs `body` for words where the condition on the stack holds and there is one, else for elements.
    fn words_or_elements(&mut self, w: Width, pointers: &[u32], left: u32, body: impl Fn(&mut Self, Width)) {
        if w == Width::W64 {
            self.op().drop();
            return self.each(w, pointers, left, |this| body(this, w));
        }
        self.op().local_get(left).i32_const(WORD).i32_ge_u().i32_and().if_(BlockType::Empty);
        self.words(pointers, left, |this| body(this, Width::W64));
        self.op().else_();
        self.each(w, pointers, left, |this| body(this, w));
        self.op().end();
    }

    /// Runs `body` for each word of at least one; the last may begin in the one before.
    fn words(&mut self, pointers: &[u32], left: u32, body: impl FnOnce(&mut Self)) {
        let step = self.scratch(ValType::I32);
        self.op().loop_(BlockType::Empty);
        body(self);
        self.op().local_get(left).i32_const(WORD).i32_sub().local_tee(step).i32_const(WORD);
        self.op().local_get(step).i32_const(WORD).i32_lt_u().select().local_set(step);
        for &pointer in pointers {
            self.op().local_get(pointer).local_get(step).i32_add().local_set(pointer);
        }
        self.op().local_get(left).local_get(step).i32_sub().local_set(left);
        self.op().local_get(step).br_if(0).end();
        self.give_back(ValType::I32, step);
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
