//! System instructions: fields of the processor's state read and written in place, side exits where what they open must be
//! looked at, and exits to the other privilege level.
//!
//! An interrupt that STI or SYSRET lets in is one that waits ([`Field::InterruptWaits`]): then the interpreter takes the
//! instruction. Others come when the budget ends, which is not before the end of the instruction after STI.

use super::machine::{Lifter, Outcome};
use super::source::SystemCode;
use crate::ir::{Field, Inst, Reg, Value};
use runtime::translated::abi::ExitReason;
use x86::{Arith, BinOp, Privileged, Segment, SystemRegister, Width};

const TF: u64 = 1 << 8;
const AC: u64 = 1 << 18;

impl Lifter<'_> {
    fn write_field(&mut self, field: Field, value: Value) {
        self.written = true;
        self.builder.push(Inst::Write(field, value));
    }
}

impl Privileged for Lifter<'_> {
    fn has_system(&self) -> bool {
        self.system == SystemCode::Translated
    }
    fn system_register(&mut self, register: SystemRegister) -> Value {
        self.builder.push(Inst::Read(Field::Register(register)))
    }
    fn time(&mut self) -> Value {
        let [retired, slice, offset] =
            [Field::Retired, Field::Slice, Field::TscOffset].map(|field| self.builder.push(Inst::Read(field)));
        let budget = self.builder.push(Inst::Budget(self.retired));
        let spent = self.builder.bin(BinOp::Sub, Width::W64, slice, budget);
        let retired = self.builder.bin(BinOp::Add, Width::W64, retired, spent);
        self.builder.bin(BinOp::Add, Width::W64, retired, offset)
    }
    fn set_segment_base(&mut self, segment: Segment, base: Value) {
        self.write(if segment == Segment::Fs { Reg::FS_BASE } else { Reg::GS_BASE }, base);
    }
    fn opens(&mut self, flags: Value) {
        let waits = self.builder.push(Inst::Read(Field::InterruptWaits));
        let careful = self.and_imm(flags, TF | AC);
        let either = self.or(waits, careful);
        let condition = self.is_nonzero(either);
        let exit = self.side_exit(ExitReason::Rare);
        self.builder.push(Inst::ExitIf { condition, exit });
    }
    fn hold_interrupts(&mut self, _condition: Value) {
        self.held = 1;
    }
    fn set_flat_segment(&mut self, segment: Segment, selector: Value, rights: u16) {
        let above = self.imm(u64::from(u32::MAX) << 32 | u64::from(rights) << 16);
        let word = self.or(selector, above);
        let none = self.imm(0);
        self.write_field(Field::Segment(segment), word);
        self.write_field(Field::SegmentBase(segment), none);
    }
    fn cross(&mut self, level: u32, target: Value) {
        let level = self.imm(level.into());
        self.write_field(Field::Level, level);
        self.outcome = Some(Outcome::Across(target));
    }
}
