//! A block's instructions, in order; what is part of an expression is emitted where it is used.

use super::emit::{BUDGET, Emitter, SELECTOR, unaligned};
use super::tree::{self, Trees};
use crate::ir::{Block, BlockId, Inst, Type, Value};
use anyhow::Result;
use x86::Width;

/// How often a block ran in training of whose branches the engine is told.
const HINTED: u64 = 16;

impl Emitter<'_> {
    /// Emits all but the terminator; gives what the terminator needs.
    pub(super) fn body(&mut self, id: BlockId) -> Result<Trees> {
        let block: &Block = self.region.block(id);
        self.ran = block.runs != Some(0);
        self.hinted = block.runs.is_none_or(|runs| runs >= HINTED);
        self.counter = block.counter;
        if let Some(counter) = block.restores {
            self.put_back(counter);
        }
        let twin = (0..block.insts.len()).any(|position| self.forks(&block.insts, position));
        let trees = tree::plan(self.region, block, twin);
        self.start(block)?;
        block.loaded.iter().for_each(|reg| self.load_register(reg));
        self.instructions(&trees, &block.insts, 0)?;
        block.stored.iter().for_each(|reg| self.store_register(reg));
        if block.flush != 0 {
            self.take_off(block.flush.into());
        }
        Ok(trees)
    }

    /// Takes what retired off the budget.
    fn take_off(&mut self, retired: i64) {
        let local = self.counter.map_or(BUDGET, |counter| self.temp(counter.left));
        self.get_local(local);
        self.op().i64_const(-retired).i64_add().local_set(local);
    }

    /// Emits the instructions from a position on.
    pub(super) fn instructions(&mut self, trees: &Trees, insts: &[Value], from: usize) -> Result<()> {
        for (position, &value) in insts.iter().enumerate().skip(from) {
            if self.forks(insts, position) {
                return self.fork(trees, insts, position);
            }
            if self.region.inst(value).is_effect() {
                self.effect(value)?;
            } else if trees.locals.contains_key(&value) {
                self.compute(value)?;
            }
            self.release(trees, insts, position);
        }
        Ok(())
    }

    fn start(&mut self, block: &Block) -> Result<()> {
        if let Some(check) = block.check {
            self.name_exit(check.exit)?;
            self.get_local(BUDGET);
            self.op().i64_const(check.need.into()).i64_lt_s();
            self.exit_seldom();
        }
        if let Some(selector) = block.select {
            self.op().i32_const(selector as i32).local_set(SELECTOR);
        }
        Ok(())
    }

    fn compute(&mut self, value: Value) -> Result<()> {
        match self.region.inst(value).ty() {
            Type::Int => self.wide(value)?,
            Type::Bool => self.truth(value)?,
            Type::Place => self.whole_place(value)?,
            Type::Vec => self.vector(value)?,
            Type::Float(_) => self.float(value)?,
            Type::Unit => {}
        }
        let local = self.hold(value);
        self.set_local(local);
        Ok(())
    }

    fn effect(&mut self, value: Value) -> Result<()> {
        match *self.region.inst(value) {
            Inst::Set(reg, a) => {
                if reg.ty() == Type::Vec {
                    self.vector(a)?
                } else {
                    self.wide(a)?
                }
                let local = self.register(reg);
                self.set_local(local);
            }
            Inst::SetTemp(temp, a) => {
                self.wide(a)?;
                let local = self.temp(temp);
                self.set_local(local);
            }
            Inst::Write(field, a) => self.write_field(field, a)?,
            Inst::Check { access, address, span, exit } => self.check(value, access, address, span, exit)?,
            Inst::Group { group, base, exit } => self.check_group(value, group, base, exit)?,
            Inst::ExitIf { condition, exit } => self.exit_if(condition, exit)?,
            Inst::HelpX87(quick, form, operands) => self.help_x87(value, quick, form, operands)?,
            Inst::Helped(half) => self.helped(value, half),
            Inst::Store(w, pointer, offset, a) => {
                let offset = offset + self.place(pointer)?;
                if w == Width::W64 {
                    self.wide(a)?
                } else {
                    self.narrow(a)?
                }
                match w {
                    Width::W8 => self.op().i32_store8(unaligned(offset)),
                    Width::W16 => self.op().i32_store16(unaligned(offset)),
                    Width::W32 => self.op().i32_store(unaligned(offset)),
                    Width::W64 => self.op().i64_store(unaligned(offset)),
                };
            }
            Inst::StoreVec(pointer, offset, a) => {
                let offset = offset + self.place(pointer)?;
                self.vector(a)?;
                self.op().v128_store(unaligned(offset));
            }
            Inst::Copy { width, to, from, bytes } => self.copy(width, to, from, bytes)?,
            Inst::Fill { width, to, value, bytes } => self.fill(width, to, value, bytes)?,
            ref other => anyhow::bail!("{other:?} is no effect"),
        }
        Ok(())
    }
}
