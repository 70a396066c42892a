//! Lazy flags while a block is recorded.
//!
//! The operation is mostly known: the operands are in variables, the number of the operation nowhere. An instruction
//! that keeps the flags under a condition (a shift by CL) leaves a choice of two: the variables get selects, the
//! operation's number becomes a variable too, and the word of flags is computed beside, for those who read it; if nobody
//! does it is dead code.

use super::machine::Lifter;
use crate::ir::{FlagsAt, Inst, Reg, RegSet, Value};
use x86::{FlagOp, Flags, Width};

/// The flags at a point of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlagState {
    /// As the variables say. Dynamic is only the state at a block's start, passed on.
    At(FlagsAt),
    /// A choice of two, of which this is the word; the variables are dynamic.
    Kept(Value),
}

impl FlagState {
    /// What the variables say.
    pub(super) fn at(self) -> FlagsAt {
        match self {
            FlagState::At(at) => at,
            FlagState::Kept(_) => FlagsAt::Dynamic,
        }
    }
}

/// The flags before an instruction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Before {
    state: FlagState,
    flags: Flags<Value>,
    dst: Value,
    src: Value,
    carry: Value,
    op: Value,
}

impl Lifter<'_> {
    pub(super) fn set_lazy_flags(&mut self, op: FlagOp, w: Width, dst: Value, src: Value, carry: Value) {
        let used = RegSet::flag_operands(op);
        for (reg, value) in [(Reg::FLAG_DST, dst), (Reg::FLAG_SRC, src), (Reg::FLAG_CARRY, carry)] {
            if used.contains(reg) {
                self.write(reg, value);
            }
        }
        self.flags = FlagState::At(FlagsAt::Known(op, w));
    }

    pub(super) fn lazy_flags(&mut self) -> Flags<Value> {
        let (dst, src) = (self.builder.get(Reg::FLAG_DST), self.builder.get(Reg::FLAG_SRC));
        let carry = self.builder.get(Reg::FLAG_CARRY);
        let flags = match self.flags {
            FlagState::At(FlagsAt::Known(op, width)) => Flags { op, width, dst, src, carry },
            FlagState::At(FlagsAt::Dynamic) => {
                let word = self.builder.push(Inst::EntryFlags);
                self.explicit(word)
            }
            FlagState::Kept(word) => self.explicit(word),
        };
        let op = match self.flags.at() {
            FlagsAt::Known(op, w) => self.builder.constant(op.pack(w).into()),
            FlagsAt::Dynamic => self.builder.get(Reg::FLAG_OP),
        };
        self.before = Some(Before { state: self.flags, flags, dst, src, carry, op });
        flags
    }

    fn explicit(&mut self, word: Value) -> Flags<Value> {
        let none = self.builder.constant(0);
        Flags { op: FlagOp::Explicit, width: Width::W64, dst: word, src: none, carry: none }
    }

    /// The new flags, just set, hold under the condition; else those before the instruction.
    pub(super) fn keep_lazy_flags_unless(&mut self, condition: Value) {
        let (Some(before), FlagState::At(FlagsAt::Known(op, w))) = (self.before, self.flags) else {
            self.imprecise = true;
            return;
        };
        let new = self.current_flags(op, w);
        let used = RegSet::flag_operands(op).union(before.state.at().registers());
        let pairs = [
            (Reg::FLAG_DST, new.dst, before.dst),
            (Reg::FLAG_SRC, new.src, before.src),
            (Reg::FLAG_CARRY, new.carry, before.carry),
        ];
        for (reg, now, then) in pairs {
            if used.contains(reg) {
                let value = self.builder.select(condition, now, then);
                self.write(reg, value);
            }
        }
        if before.state == self.flags {
            return;
        }
        let packed = self.builder.constant(op.pack(w).into());
        let packed = self.builder.select(condition, packed, before.op);
        self.write(Reg::FLAG_OP, packed);
        let (now, then) = (x86::flags::word(self, new), x86::flags::word(self, before.flags));
        self.flags = FlagState::Kept(self.builder.select(condition, now, then));
    }

    fn current_flags(&mut self, op: FlagOp, width: Width) -> Flags<Value> {
        let (dst, src) = (self.builder.get(Reg::FLAG_DST), self.builder.get(Reg::FLAG_SRC));
        Flags { op, width, dst, src, carry: self.builder.get(Reg::FLAG_CARRY) }
    }

    /// Brings the flags to the form that the next blocks expect.
    pub(super) fn settle_flags(&mut self, explicit: bool, dynamic: bool) {
        if explicit && self.flags.at() != FlagsAt::EXPLICIT {
            let now = self.lazy_flags();
            let word = x86::flags::word(self, now);
            self.builder.set(Reg::FLAG_DST, word);
            self.flags = FlagState::At(FlagsAt::EXPLICIT);
        }
        if let (true, FlagsAt::Known(op, w)) = (dynamic, self.flags.at()) {
            let packed = self.builder.constant(op.pack(w).into());
            self.builder.set(Reg::FLAG_OP, packed);
        }
    }
}
