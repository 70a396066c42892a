//! Leaving a region: write back, say where, and go on.
//!
//! All side exits share one piece of code at the function's end, which they enter at different rungs of a ladder
//! ([`passes::ladder`](crate::passes::ladder)). What else differs between them is one constant, which the site puts into a
//! local: the reason, the instructions to take off the budget, the operation of the lazy flags (or that it is in a variable) and
//! the offset of the instruction.

use super::emit::{BASE, BUDGET, EXIT, Emitter, Label, ROOM};
use super::shared::Shared;
use super::state::{self, Place};
use crate::ir::{BlockId, Exit, ExitId, ExitKind, Field, FlagsAt, Reg, RegSet, Value};
use crate::lift::{Addresses, Chain, Guesses, Privilege, TailCalls};
use anyhow::{Result, bail, ensure};
use core::mem::offset_of;
use runtime::cpu::Cpu;
use runtime::translated::abi::{ExitReason, FULL_ROOM, LEFT};
use serde::Serialize;
use wasm_encoder::{BlockType, Function, InstructionSink};
use x86::Segment;

const REASON_BITS: u32 = 3;
const RETIRED_BITS: u32 = 14;
const FLAGS_BITS: u32 = 7;
/// Stands for an operation that is in a variable; `FlagOp::pack` stays below.
const DYNAMIC: i64 = (1 << FLAGS_BITS) - 1;

/// A region's side exits by their cause, each as often as it is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SideExits {
    /// A memory access misses the TLB.
    pub miss: u32,
    /// A rare case of an instruction, such as a fault.
    pub rare: u32,
    /// The budget might not last.
    pub budget: u32,
    /// An instruction has no translation.
    pub unlifted: u32,
}

impl SideExits {
    /// Counts an exit, if it is a side exit.
    pub(super) fn add(&mut self, exit: &Exit) {
        match exit.kind {
            ExitKind::Side(ExitReason::Miss) => self.miss += 1,
            ExitKind::Side(ExitReason::Rare) => self.rare += 1,
            ExitKind::Side(ExitReason::Budget) => self.budget += 1,
            ExitKind::Side(ExitReason::Unlifted) => self.unlifted += 1,
            _ => {}
        }
    }
}

/// The constant of a side exit.
///
/// # Errors
/// A number that has no room, or an exit of another kind.
pub(super) fn pack(exit: &Exit) -> Result<i64> {
    let ExitKind::Side(reason) = exit.kind else { bail!("{exit} is no side exit") };
    let flags = match exit.flags {
        FlagsAt::Known(op, w) => i64::from(op.pack(w)),
        FlagsAt::Dynamic => DYNAMIC,
    };
    ensure!(exit.retired < 1 << RETIRED_BITS, "the region retires {} instructions without a test", exit.retired);
    let room = 64 - REASON_BITS - RETIRED_BITS - FLAGS_BITS;
    ensure!(exit.offset << (64 - room) >> (64 - room) == exit.offset, "offset {:#x} is too large", exit.offset);
    Ok(((exit.offset << FLAGS_BITS | flags) << RETIRED_BITS | i64::from(exit.retired)) << REASON_BITS | reason as i64)
}

/// Where a variable is in the processor's state, and its size in bytes.
pub(super) fn home(reg: Reg) -> Place {
    if let Some(gpr) = reg.as_gpr() {
        return state::gpr(gpr.0.into());
    }
    if let Some(number) = reg.as_xmm() {
        return (offset_of!(Cpu, xmm) + 16 * usize::from(number), 16);
    }
    if let Some(number) = reg.as_ymm_high() {
        return (offset_of!(Cpu, ymm_high) + 16 * usize::from(number), 16);
    }
    match reg {
        Reg::FLAG_DST => state::FLAGS_DST,
        Reg::FLAG_SRC => state::FLAGS_SRC,
        Reg::FLAG_CARRY => state::FLAGS_CARRY,
        Reg::FLAG_OP => state::FLAGS_OP,
        Reg::MXCSR => (offset_of!(Cpu, mxcsr), 4),
        Reg::SYSTEM_FLAGS => (offset_of!(Cpu, rflags), 8),
        Reg::KERNEL_GS_BASE => (offset_of!(Cpu, kernel_gs_base), 8),
        Reg::FS_BASE => Field::SegmentBase(Segment::Fs).place(),
        _ => Field::SegmentBase(Segment::Gs).place(),
    }
}

/// How control goes to another region.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transfer {
    /// It does not come back.
    ForGood,
    /// It comes back to this frame.
    Call,
}

impl Emitter<'_> {
    pub(super) fn cpu(&self, offset: usize) -> u32 {
        self.addresses.cpu + offset as u32
    }

    /// Stores a variable in the processor's state.
    pub(super) fn store_register(&mut self, reg: Reg) {
        let local = self.register(reg);
        self.set(home(reg), |this| this.get_local(local));
    }

    /// A block's end that leaves.
    pub(super) fn leave(&mut self, block: BlockId, id: ExitId, target: Option<Value>) -> Result<()> {
        let exit = self.region.exits[id.index()];
        if let ExitKind::Side(_) = exit.kind {
            self.name_exit(id)?;
            self.take_exit();
            return Ok(());
        }
        self.write_back(block, id);
        if let (ExitKind::Return, Some(target), true) = (exit.kind, target, self.pairs_calls()) {
            self.go_back(target)?;
        }
        self.write_rip(&exit, target)?;
        match (exit.kind, target) {
            (ExitKind::Indirect, Some(target)) if self.options.tail_calls == TailCalls::Yes => {
                self.guess(exit.offset, target, Transfer::ForGood)?;
            }
            _ => {}
        }
        self.go_on(&exit, target)
    }

    /// Writes back, and says in RIP where guest execution goes on.
    pub(super) fn write_state(&mut self, block: BlockId, id: ExitId, target: Option<Value>) -> Result<()> {
        self.write_back(block, id);
        let exit = self.region.exits[id.index()];
        self.write_rip(&exit, target)
    }

    fn write_rip(&mut self, exit: &Exit, target: Option<Value>) -> Result<()> {
        self.set(state::RIP, |this| match target {
            Some(target) => this.wide(target),
            None => {
                this.address(exit.offset);
                Ok(())
            }
        })
    }

    /// Puts the address at an offset from the region's base on the stack.
    pub(super) fn address(&mut self, offset: i64) {
        self.get_local(BASE);
        self.op().i64_const(offset).i64_add();
    }

    /// Returns to the region that waits for this one, if one does: regions of the other privilege may wait below, for addresses
    /// in the other half of memory. RIP is written by whoever goes on there, or the dispatcher.
    fn go_back(&mut self, target: Value) -> Result<()> {
        self.op().block(BlockType::Empty).local_get(ROOM).i32_const(FULL_ROOM).i32_eq();
        self.branch_seldom(0);
        self.wide(target)?;
        match self.privilege {
            Privilege::Kernel => self.op().i64_const(LEFT as i64).i64_le_u(),
            Privilege::User => self.op().i64_const(0).i64_lt_s(),
        };
        self.branch_seldom(0);
        self.wide(target)?;
        self.get_local(BUDGET);
        self.op().return_().end();
        Ok(())
    }

    /// Whose code an exit leads to.
    fn target_privilege(&self, exit: &Exit) -> Privilege {
        match (self.privilege, exit.kind) {
            (Privilege::Kernel, ExitKind::Across) => Privilege::User,
            (Privilege::User, ExitKind::Across) => Privilege::Kernel,
            (own, _) => own,
        }
    }

    fn write_back(&mut self, block: BlockId, id: ExitId) {
        let exit = self.region.exits[id.index()];
        let registers = self.liveness.written_back(self.region, block, id);
        registers.iter().for_each(|reg| self.store_register(reg));
        if let FlagsAt::Known(op, w) = exit.flags {
            self.set(state::FLAGS_OP, |this| {
                this.op().i64_const(op.pack(w).into());
            });
        }
        if exit.retired > 0 || self.counter.is_some() {
            self.remaining(exit.retired);
            self.set_local(BUDGET);
        }
    }

    /// Goes on for good.
    pub(super) fn go_on(&mut self, exit: &Exit, target: Option<Value>) -> Result<()> {
        if self.options.tail_calls == TailCalls::No {
            self.return_with(ExitReason::Next);
            return Ok(());
        }
        self.transfer(exit, target, Transfer::ForGood)
    }

    /// Goes to the region that the exit leads to. A call leaves the callee's results on the stack.
    pub(super) fn transfer(&mut self, exit: &Exit, target: Option<Value>, how: Transfer) -> Result<()> {
        let jump = self.addresses.shared(Shared::Jump(self.target_privilege(exit)));
        match (target, self.targets.resolve(exit.offset)) {
            (Some(target), _) => self.wide(target)?,
            (None, None) => self.address(exit.offset),
            (None, Some(chain)) => {
                self.enter_region(chain, how);
                return Ok(());
            }
        }
        self.enter(jump, how);
        Ok(())
    }

    /// Compares a target with where the transfer at an offset mostly went, and goes there. What a call gives is then the
    /// result of the block around.
    pub(super) fn guess(&mut self, site: i64, target: Value, how: Transfer) -> Result<()> {
        if self.options.guesses == Guesses::Omitted {
            return Ok(());
        }
        for (offset, chain) in self.targets.guesses(site) {
            self.wide(target)?;
            self.address(offset);
            self.op().i64_eq().if_(BlockType::Empty);
            self.enter_region(chain, how);
            if let Transfer::Call = how {
                self.op().br(1);
            }
            self.op().end();
        }
        Ok(())
    }

    fn enter_region(&mut self, chain: Chain, how: Transfer) {
        self.get_local(BASE);
        if chain.base_delta != 0 {
            self.op().i64_const(chain.base_delta).i64_add();
        }
        self.op().i32_const(chain.entry as i32);
        self.enter(chain.function_index, how);
    }

    /// The last arguments, and the function.
    fn enter(&mut self, function: u32, how: Transfer) {
        self.get_local(ROOM);
        if let Transfer::Call = how {
            self.frame_size();
            self.op().i32_sub();
        }
        self.get_local(BUDGET);
        match how {
            Transfer::ForGood => self.op().return_call(function),
            Transfer::Call => self.op().call(function),
        };
    }

    fn leave_for(&mut self, reason: ExitReason) {
        self.set(state::EXIT_REASON, |this| {
            this.op().i64_const(reason as i64);
        });
    }

    pub(super) fn return_with(&mut self, reason: ExitReason) {
        self.leave_for(reason);
        self.op().i64_const(LEFT as i64).local_get(BUDGET).return_();
    }

    /// Opens the blocks out of which side exits go, one for each rung, the last innermost.
    pub(super) fn open_ladder(&mut self) {
        for rung in 0..self.liveness.ladder.len() {
            self.op().block(BlockType::Empty);
            self.labels.push(Label::SideExit(rung));
        }
    }

    /// Closes them, each before what its rung stores, and leaves.
    pub(super) fn side_exits(&mut self) {
        for rung in (0..self.liveness.ladder.len()).rev() {
            self.op().end();
            self.labels.pop();
            self.store_rung(self.liveness.ladder.stored_at(rung));
        }
        self.leave_by_constant();
    }

    fn store_rung(&mut self, mut registers: RegSet) {
        let flags = registers.contains(Reg::FLAG_OP);
        registers = registers.without(Reg::FLAG_OP);
        registers.iter().for_each(|reg| self.store_register(reg));
        if flags {
            let local = self.register(Reg::FLAG_OP);
            self.set(state::FLAGS_OP, |this| {
                this.get_local(local);
                this.exit_field(REASON_BITS + RETIRED_BITS, FLAGS_BITS);
                this.exit_field(REASON_BITS + RETIRED_BITS, FLAGS_BITS);
                this.op().i64_const(DYNAMIC).i64_eq().select();
            });
        }
    }

    /// Puts some bits of the constant of the side exit on the stack.
    fn exit_field(&mut self, shift: u32, bits: u32) {
        self.get_local(EXIT);
        self.op().i64_const(shift.into()).i64_shr_u().i64_const((1 << bits) - 1).i64_and();
    }

    /// Writes what the constant of the side exit says, and leaves.
    fn leave_by_constant(&mut self) {
        self.set(state::RIP, |this| {
            let offset = REASON_BITS + RETIRED_BITS + FLAGS_BITS;
            this.op().local_get(BASE).local_get(EXIT).i64_const(offset.into()).i64_shr_s().i64_add();
        });
        self.set(state::EXIT_REASON, |this| this.exit_field(0, REASON_BITS));
        self.op().i64_const(LEFT as i64).local_get(BUDGET);
        self.exit_field(REASON_BITS, RETIRED_BITS);
        self.op().i64_sub();
    }
}

/// The function of a region that could not be translated: it is never bound, and leaves to the dispatcher where another
/// region's fixed exit leads to it.
pub fn unbound_function(addresses: &Addresses) -> Function {
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    state::set_constant(&mut sink, state::EXIT_REASON, ExitReason::Stale as i64, addresses);
    sink.i64_const(LEFT as i64).local_get(BUDGET).end();
    let mut function = Function::new([]);
    function.raw(code);
    function
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{NoTargets, Options, RegionSource, SourceBlock};
    use runtime::translated::helpers::Helper;

    #[test]
    fn side_exits_are_counted_by_cause() {
        // mov rax, [rdi]; mov rcx, [rsi]; cpuid
        let bytes = vec![0x48, 0x8b, 0x07, 0x48, 0x8b, 0x0e, 0x0f, 0xa2];
        let source = RegionSource {
            privilege: Privilege::User,
            index: 0,
            name: "f".into(),
            blocks: vec![SourceBlock { offset: 0, bytes, runs: None }],
            entries: vec![0],
            inlined: Vec::new(),
        };
        let addresses = Addresses {
            cpu: 0,
            jump_cache: 0,
            kernel_stamps: 0,
            table: 0,
            first_type: 0,
            first_shared: 0,
            near: Some(0),
            helpers: [0; Helper::COUNT],
            result: 0,
        };
        let translated = crate::lower::translate(&source, &NoTargets, &addresses, &Options::default()).unwrap();
        assert_eq!(translated.side_exits, SideExits { miss: 2, rare: 0, budget: 1, unlifted: 1 });
    }
}
