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
        // Fields change in place, so that nothing before may still lead back.
        self.commit();
        self.written = true;
        self.builder.push(Inst::Write(field, value));
    }
}

impl Privileged for Lifter<'_> {
    fn has_system(&self) -> bool {
        self.options.system == SystemCode::Translated
    }
    fn system_register(&mut self, register: SystemRegister) -> Value {
        self.builder.push(Inst::Read(Field::Register(register)))
    }
    fn selector(&mut self, segment: Segment) -> Value {
        let register = self.builder.push(Inst::Read(Field::Segment(segment)));
        self.and_imm(register, 0xffff)
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

#[cfg(test)]
mod tests {
    use crate::ir::{ExitKind, Region};
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, SystemCode, lift};
    use runtime::translated::abi::ExitReason;

    /// A region of this code, entered at its start, and its entries.
    fn region(privilege: Privilege, code: &[u8], options: &Options) -> (Region, Vec<i64>) {
        let blocks = vec![SourceBlock { offset: 0, bytes: code.to_vec(), runs: None }];
        let source =
            RegionSource { privilege, index: 0, name: String::new(), blocks, entries: vec![0], inlined: Vec::new() };
        let lifted = lift(&source, options).unwrap();
        let mut region = lifted.region;
        crate::passes::run(&mut region, options).unwrap();
        (region, lifted.entries)
    }

    fn has_exit(region: &Region, kind: ExitKind) -> bool {
        region.exits.iter().any(|exit| exit.kind == kind)
    }

    #[test]
    fn the_budget_lasts_beyond_the_shadow_of_sti() {
        const STI_RET: &[u8] = &[0xfb, 0xc3];
        let (region, _) = region(Privilege::Kernel, STI_RET, &Options::default());
        let needs: Vec<u32> = region.blocks.iter().filter_map(|block| Some(block.check?.need)).collect();
        assert_eq!(needs, [3], "{region}");
    }

    #[test]
    fn a_system_call_leaves_for_the_kernel_and_comes_back() {
        const SYSCALL_RET: &[u8] = &[0x0f, 0x05, 0xc3];
        let (translated, entries) = region(Privilege::User, SYSCALL_RET, &Options::default());
        assert!(has_exit(&translated, ExitKind::Across), "{translated}");
        assert_eq!(entries, [0, 2]);
        let left = Options { system: SystemCode::Left, ..Options::default() };
        let (left, entries) = region(Privilege::User, SYSCALL_RET, &left);
        assert!(has_exit(&left, ExitKind::Side(ExitReason::Unlifted)) && !has_exit(&left, ExitKind::Across), "{left}");
        assert_eq!(entries, [0, 2]);
    }
}
