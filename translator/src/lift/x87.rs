//! The x87 unit: a call of the runtime for each instruction. Translated code loads the operand, or finds out the condition,
//! before the call, and stores the result, or sets the flags, after it.

use super::machine::{Lifter, Unlifted};
use crate::ir::{Access, Inst, Value};
use runtime::translated::abi::ExitReason;
use runtime::translated::helpers::{Form, Transfer};
use x86::operands::{address, offset, write};
use x86::{Arith, FlagOp, Insn, Machine, Width};

impl Lifter<'_> {
    pub(super) fn lift_x87(&mut self, insn: &Insn) -> Result<(), Unlifted> {
        let form = Form::of(insn);
        let transfer = form.transfer().ok_or(Unlifted)?;
        self.commit();
        let none = self.imm(0);
        let data = if insn.has_memory() { offset(self, insn) } else { none };
        let mut operand = [none; 2];
        let mut place = None;
        match transfer {
            Transfer::Load => operand = self.load_parts(insn),
            Transfer::Store if insn.has_memory() => place = Some(self.place_of(Access::Write, insn)),
            Transfer::Condition(condition) => {
                let flags = self.flags();
                let holds = x86::flags::holds(self, flags, condition);
                operand[0] = self.int(holds);
            }
            Transfer::Store | Transfer::Flags | Transfer::None => {}
        }
        let rip = self.rip();
        let (quick, packed) = match form.quick() {
            Some((quick, packed)) => (Some(quick), packed),
            None => (None, form.pack()),
        };
        let refused = self.builder.push(Inst::HelpX87(quick, packed, [rip, data, operand[0], operand[1]]));
        let exit = self.side_exit(ExitReason::Rare);
        self.builder.push(Inst::ExitIf { condition: refused, exit });
        self.written = true;
        match (transfer, place) {
            (Transfer::Store, Some(place)) => self.store_parts(insn, place),
            (Transfer::Store, None) => {
                let word = self.helped(0, Width::W16);
                write(self, insn, 0, Width::W16, word)?;
            }
            (Transfer::Flags, _) => {
                let word = self.helped(0, Width::W64);
                self.set_flags(FlagOp::Explicit, Width::W64, word, none, none);
            }
            _ => {}
        }
        Ok(())
    }

    fn helped(&mut self, half: u8, w: Width) -> Value {
        let value = self.builder.push(Inst::Helped(half));
        self.and_imm(value, w.mask())
    }

    fn place_of(&mut self, access: Access, insn: &Insn) -> Value {
        let address = address(self, insn);
        self.pointer(access, address, insn.mem_size)
    }

    /// The operand's low eight bytes, and those above.
    fn load_parts(&mut self, insn: &Insn) -> [Value; 2] {
        let place = self.place_of(Access::Read, insn);
        let low = self.builder.push(Inst::Load(low_width(insn), place, 0));
        let high = if insn.mem_size > 8 { self.builder.push(Inst::Load(Width::W16, place, 8)) } else { self.imm(0) };
        [low, high]
    }

    fn store_parts(&mut self, insn: &Insn, place: Value) {
        let w = low_width(insn);
        let low = self.helped(0, w);
        self.builder.push(Inst::Store(w, place, 0, low));
        if insn.mem_size > 8 {
            let high = self.helped(1, Width::W16);
            self.builder.push(Inst::Store(Width::W16, place, 8, high));
        }
    }
}

/// Width of the operand, or of its low part if it has ten bytes.
fn low_width(insn: &Insn) -> Width {
    Width::from_bytes(insn.mem_size.into()).unwrap_or(Width::W64)
}
