//! The lifter: the abstract machine whose values are IR values. Running an instruction's body on it records the body.

use super::constants::{Constants, Sets};
use super::flags::FlagState;
use super::group::Group;
use super::source::{FloatTests, Helpers, Options, Privilege};
use crate::ir::{Builder, Exit, ExitId, ExitKind, Inst, Reg, Value};
use runtime::translated::abi::ExitReason;
use std::collections::HashSet;
use x86::integer::IntegerOp;
use x86::vector::LargeOp;
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, LargeFloatOp};
use x86::{Arith, BinOp, Compare, FlagOp, Flags, Gpr, Insn, Machine, Mnemonic, Segment, UnOp, Width};

/// The instruction has no translation: the interpreter takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unlifted;

/// Where control goes after an instruction that transfers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// To an offset from the base.
    Jump(i64),
    /// To an offset where the condition holds, else on.
    Branch(Value, i64),
    /// To a computed address.
    Indirect(Value),
    /// To a computed address at the other privilege level.
    Across(Value),
    /// To the interpreter, for the instruction itself.
    Unlifted,
}

/// A place that `load_for_store` checked, for the store that follows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    pub(super) address: Value,
    pub(super) width: Width,
    pub(super) pointer: Value,
}

/// Records one block.
pub(super) struct Lifter<'r> {
    pub(super) builder: Builder<'r>,
    pub(super) flags: FlagState,
    pub(super) privilege: Privilege,
    pub(super) options: Options,
    /// The state before the instruction, once it has asked for the flags.
    pub(super) before: Option<super::flags::Before>,
    /// Offset of the instruction from the region's base.
    pub(super) offset: i64,
    /// Instructions of the block before it.
    pub(super) retired: u32,
    /// Instructions after the block that must not end the budget.
    pub(super) held: u32,
    pub(super) outcome: Option<Outcome>,
    pub(super) checked: Option<Checked>,
    /// Instructions that have not taken effect yet.
    pub(super) group: Option<Group>,
    /// Truth values of the block that were tested, or will be before the group takes effect.
    pub(super) tested: HashSet<Value>,
    /// The constants that registers most likely hold.
    pub(super) constants: Constants,
    /// What the instructions set registers to.
    pub(super) sets: Sets,
    /// The instruction takes registers back from the stack.
    restores: bool,
    /// Whether the instruction has changed state.
    pub(super) written: bool,
    /// Whether an instruction could leave after it had changed state, which no body may.
    pub(super) imprecise: bool,
}

impl<'r> Lifter<'r> {
    pub(super) fn new(builder: Builder<'r>, privilege: Privilege, options: Options, flags: FlagState) -> Self {
        Lifter {
            builder,
            flags,
            privilege,
            options,
            before: None,
            offset: 0,
            retired: 0,
            held: 0,
            outcome: None,
            checked: None,
            group: None,
            tested: HashSet::new(),
            constants: Constants::default(),
            sets: Sets::default(),
            restores: false,
            written: false,
            imprecise: false,
        }
    }

    /// Records one instruction.
    pub(super) fn lift(&mut self, offset: i64, insn: &Insn) {
        self.offset = offset;
        (self.before, self.checked, self.written) = (None, None, false);
        self.restores = matches!(insn.mnemonic, Mnemonic::Pop | Mnemonic::Leave);
        match x86::exec(self, insn) {
            Ok(()) => self.retired += 1,
            Err(Unlifted) => {
                self.imprecise |= self.written;
                self.outcome = Some(Outcome::Unlifted);
            }
        }
        if self.options.float_tests == FloatTests::Single {
            self.commit();
        }
    }

    /// Whether translated code may call the runtime's helpers.
    fn may_call(&self) -> Result<(), Unlifted> {
        if self.options.helpers == Helpers::Called { Ok(()) } else { Err(Unlifted) }
    }

    /// A way out of the block before this instruction; before the group that it is part of.
    pub(super) fn side_exit(&mut self, reason: ExitReason) -> ExitId {
        self.imprecise |= self.written;
        let kind = ExitKind::Side(reason);
        let exit = match &self.group {
            Some(group) => group.exit(kind),
            None => Exit { kind, offset: self.offset, retired: self.retired, flags: self.flags.at() },
        };
        self.builder.region.add_exit(exit)
    }

    pub(super) fn write(&mut self, reg: Reg, value: Value) {
        self.written = true;
        match &mut self.group {
            Some(group) => {
                self.builder.assign(reg, value);
                group.set_later(reg, value);
            }
            None => self.builder.set(reg, value),
        }
    }
}

impl Arith for Lifter<'_> {
    type Int = Value;
    type Bool = Value;

    fn imm(&mut self, value: u64) -> Value {
        self.builder.constant(value)
    }
    fn bin(&mut self, op: BinOp, w: Width, a: Value, b: Value) -> Value {
        let (a, b) = self.with_reciprocal(op, w, a, b);
        self.builder.bin(op, w, a, b)
    }
    fn un(&mut self, op: UnOp, w: Width, a: Value) -> Value {
        self.builder.un(op, w, a)
    }
    fn compare(&mut self, op: Compare, w: Width, a: Value, b: Value) -> Value {
        self.builder.compare(op, w, a, b)
    }
    fn int(&mut self, b: Value) -> Value {
        self.builder.int(b)
    }
    fn select(&mut self, condition: Value, then: Value, other: Value) -> Value {
        self.builder.select(condition, then, other)
    }
    fn not(&mut self, b: Value) -> Value {
        self.builder.not(b)
    }
    fn both(&mut self, a: Value, b: Value) -> Value {
        self.builder.both(a, b)
    }
    fn either(&mut self, a: Value, b: Value) -> Value {
        self.builder.either(a, b)
    }
}

impl Machine for Lifter<'_> {
    type Stop = Unlifted;

    fn gpr(&mut self, r: Gpr) -> Value {
        self.builder.get(Reg::gpr(r))
    }
    fn set_gpr(&mut self, r: Gpr, value: Value) {
        if !self.restores {
            self.sets.add(r, self.builder.region.constant(value));
        }
        self.write(Reg::gpr(r), value);
    }
    fn segment_base(&mut self, segment: Segment) -> Value {
        match segment {
            Segment::Fs => self.builder.get(Reg::FS_BASE),
            Segment::Gs => self.builder.get(Reg::GS_BASE),
            _ => self.builder.constant(0),
        }
    }
    fn rip(&mut self) -> Value {
        let base = self.builder.push(Inst::Base);
        let offset = self.builder.constant(self.offset as u64);
        self.builder.bin(BinOp::Add, Width::W64, base, offset)
    }

    fn load(&mut self, w: Width, address: Value) -> Result<Value, Unlifted> {
        Ok(self.load_checked(w, address))
    }
    fn store(&mut self, w: Width, address: Value, value: Value) -> Result<(), Unlifted> {
        self.store_checked(w, address, value);
        Ok(())
    }
    fn load_for_store(&mut self, w: Width, address: Value) -> Result<Value, Unlifted> {
        Ok(self.load_to_modify(w, address))
    }

    fn copy(&mut self, w: Width, to: Value, from: Value, bytes: Value) -> Result<(), Unlifted> {
        self.copy_checked(w, to, from, bytes);
        Ok(())
    }
    fn fill(&mut self, w: Width, to: Value, value: Value, bytes: Value) -> Result<(), Unlifted> {
        self.fill_checked(w, to, value, bytes);
        Ok(())
    }

    fn in_kernel(&mut self) -> bool {
        self.privilege == Privilege::Kernel
    }
    fn system_flags(&mut self) -> Value {
        self.builder.get(Reg::SYSTEM_FLAGS)
    }
    fn set_system_flags(&mut self, value: Value) {
        self.write(Reg::SYSTEM_FLAGS, value);
    }
    fn swap_gs_base(&mut self) {
        let (gs, kernel_gs) = (self.builder.get(Reg::GS_BASE), self.builder.get(Reg::KERNEL_GS_BASE));
        self.write(Reg::GS_BASE, kernel_gs);
        self.write(Reg::KERNEL_GS_BASE, gs);
    }

    fn set_flags(&mut self, op: FlagOp, w: Width, dst: Value, src: Value, carry: Value) {
        self.set_lazy_flags(op, w, dst, src, carry);
    }
    fn flags(&mut self) -> Flags<Value> {
        self.lazy_flags()
    }
    fn keep_flags_unless(&mut self, condition: Value, _before: Flags<Value>) {
        self.keep_lazy_flags_unless(condition);
    }

    fn jump(&mut self, target: Value) {
        self.outcome = Some(Outcome::Indirect(target));
    }
    fn branch(&mut self, condition: Value, distance: i64) {
        self.outcome = Some(Outcome::Branch(condition, self.offset.wrapping_add(distance)));
    }
    fn jump_near(&mut self, distance: i64) {
        self.outcome = Some(Outcome::Jump(self.offset.wrapping_add(distance)));
    }
    fn rare(&mut self, condition: Value) -> bool {
        let passes = self.builder.not(condition);
        let known = matches!(self.builder.region.inst(passes), Inst::ConstBool(true));
        if !known && self.tested.insert(passes) {
            let exit = self.side_exit(ExitReason::Rare);
            self.builder.push(Inst::ExitIf { condition, exit });
        }
        false
    }

    fn helper(&mut self, insn: &Insn) -> Result<(), Unlifted> {
        self.may_call()?;
        self.lift_x87(insn)
    }
    fn undefined(&mut self, _insn: &Insn) -> Unlifted {
        Unlifted
    }
    fn divide_error(&mut self) -> Unlifted {
        Unlifted
    }
    fn general_protection(&mut self) -> Unlifted {
        Unlifted
    }

    fn xmm(&mut self, number: u8) -> Value {
        self.builder.get(Reg::xmm(number))
    }
    fn set_xmm(&mut self, number: u8, value: Value) {
        self.write(Reg::xmm(number), value);
    }
    fn load_vec(&mut self, address: Value) -> Result<Value, Unlifted> {
        Ok(self.load_vec_checked(address))
    }
    fn store_vec(&mut self, address: Value, value: Value) -> Result<(), Unlifted> {
        self.store_vec_checked(address, value);
        Ok(())
    }

    fn ymm_high(&mut self, number: u8) -> Value {
        self.builder.get(Reg::ymm_high(number))
    }
    fn set_ymm_high(&mut self, number: u8, value: Value) {
        self.write(Reg::ymm_high(number), value);
    }
    fn load_wide(&mut self, address: Value) -> Result<[Value; 2], Unlifted> {
        Ok(self.load_wide_checked(address))
    }
    fn store_wide(&mut self, address: Value, halves: [Value; 2]) -> Result<(), Unlifted> {
        self.store_wide_checked(address, halves);
        Ok(())
    }

    fn sse_available(&mut self) -> Result<(), Unlifted> {
        self.builder.region.uses_sse = true;
        Ok(())
    }
    fn avx_available(&mut self) -> Result<(), Unlifted> {
        self.builder.region.uses_avx = true;
        Ok(())
    }
    fn mxcsr(&mut self) -> Value {
        self.builder.get(Reg::MXCSR)
    }
    fn set_mxcsr(&mut self, value: Value) {
        // The group's results depend on the mode before.
        self.commit();
        self.write(Reg::MXCSR, value);
    }
    fn float_bin(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Result<Value, Unlifted> {
        Ok(self.lift_float_bin(op, w, a, b))
    }
    fn float_un(&mut self, op: FloatUnOp, a: Value) -> Result<Value, Unlifted> {
        self.lift_float_un(op, a)
    }
    fn float_bin_packed(&mut self, op: FloatOp, w: FloatWidth, a: Value, b: Value) -> Result<Value, Unlifted> {
        Ok(self.lift_float_bin_packed(op, w, a, b))
    }
    fn float_un_packed(&mut self, op: FloatUnOp, a: Value) -> Result<Value, Unlifted> {
        self.lift_float_un_packed(op, a)
    }
    /// One half after the other: what raises anything leaves before the instruction has changed state.
    fn float_bin_wide(
        &mut self,
        op: FloatOp,
        w: FloatWidth,
        a: [Value; 2],
        b: [Value; 2],
    ) -> Result<[Value; 2], Unlifted> {
        Ok([self.float_bin_packed(op, w, a[0], b[0])?, self.float_bin_packed(op, w, a[1], b[1])?])
    }
    fn float_un_wide(&mut self, op: FloatUnOp, a: [Value; 2]) -> Result<[Value; 2], Unlifted> {
        Ok([self.float_un_packed(op, a[0])?, self.float_un_packed(op, a[1])?])
    }
    fn float_large<const N: usize>(
        &mut self,
        _op: LargeFloatOp,
        _operands: [[Value; N]; 3],
    ) -> Result<[Value; N], Unlifted> {
        Err(Unlifted)
    }
    fn vec_large(&mut self, op: LargeOp, operands: [Value; 3]) -> Result<Value, Unlifted> {
        self.may_call()?;
        Ok(self.builder.push(Inst::HelpVec(op.pack(), operands)))
    }
    fn int_large(&mut self, op: IntegerOp, operands: [Value; 3]) -> Result<Value, Unlifted> {
        let [high, low, divisor] = operands;
        if op == IntegerOp::Quotient && self.builder.region.constant(high) == Some(0) {
            return Ok(self.bin(BinOp::DivUnsigned, Width::W64, low, divisor));
        }
        self.may_call()?;
        Ok(self.builder.push(Inst::HelpInt(op.pack(), operands)))
    }
    fn float_compare(&mut self, w: FloatWidth, _signalling: bool, a: Value, b: Value) -> Result<Value, Unlifted> {
        Ok(self.lift_float_compare(w, a, b))
    }
}

impl Outcome {
    /// The value that it uses.
    pub(super) fn operand(self) -> Option<Value> {
        match self {
            Outcome::Branch(value, _) | Outcome::Indirect(value) | Outcome::Across(value) => Some(value),
            Outcome::Jump(_) | Outcome::Unlifted => None,
        }
    }
}
