//! A region's start: the stamp, then the variables that it uses.

use super::emit::{BASE, Emitter, at};
use super::exits::home;
use super::state;
use crate::ir::{BlockId, Reg, Terminator};
use crate::lift::Privilege;
use core::mem::offset_of;
use runtime::cpu::Cpu;
use runtime::translated::abi::ExitReason;

const CR0_EM: i64 = 1 << 2;
const CR0_TS: i64 = 1 << 3;
const CR4_OSFXSR: i64 = 1 << 9;
const CR4_OSXSAVE: i64 = 1 << 18;
const XCR0_SSE_AVX: i64 = 6;

impl Emitter<'_> {
    /// Leaves unless the region is bound here: see `translated::abi` on stamps.
    pub(super) fn test_stamp(&mut self) {
        let slot = 8 * self.index;
        let generation = match self.privilege {
            Privilege::Kernel => {
                let stamp = at(self.addresses.kernel_stamps + slot, 8);
                self.op().i32_const(0).i64_load(stamp);
                state::KERNEL_GENERATION
            }
            Privilege::User => {
                self.get(state::STAMPS);
                self.op().i32_wrap_i64().i64_load(at(slot, 8));
                state::USER_GENERATION
            }
        };
        self.get_local(BASE);
        self.get(generation);
        self.op().i64_add().i64_ne();
        self.if_seldom(|this| this.return_with(ExitReason::Stale));
    }

    /// Leaves unless SSE instructions may run: CR0.EM and CR0.TS clear, CR4.OSFXSR set (SDM 3A, 13.1). Of the
    /// instructions that change these a region has none.
    pub(super) fn test_sse(&mut self) {
        let (cr0, cr4) = (at(self.cpu(offset_of!(Cpu, cr0)), 8), at(self.cpu(offset_of!(Cpu, cr4)), 8));
        self.op().i32_const(0).i64_load(cr0).i64_const(CR0_EM | CR0_TS).i64_and();
        self.op().i32_const(0).i64_load(cr4).i64_const(CR4_OSFXSR).i64_and().i64_const(CR4_OSFXSR).i64_xor();
        self.op().i64_or().i64_eqz().i32_eqz();
        self.if_seldom(|this| this.return_with(ExitReason::Rare));
    }

    /// Leaves unless VEX instructions may run: CR0.TS clear, CR4.OSXSAVE set, SSE and AVX set in XCR0 (SDM 1, 14.8 and
    /// 14.9). Of the instructions that change these a region has none.
    pub(super) fn test_avx(&mut self) {
        let [cr0, cr4, xcr0] =
            [offset_of!(Cpu, cr0), offset_of!(Cpu, cr4), offset_of!(Cpu, xcr0)].map(|field| at(self.cpu(field), 8));
        self.op().i32_const(0).i64_load(cr0).i64_const(CR0_TS).i64_and();
        self.op().i32_const(0).i64_load(cr4).i64_const(CR4_OSXSAVE).i64_and().i64_const(CR4_OSXSAVE).i64_xor();
        self.op().i64_or();
        self.op().i32_const(0).i64_load(xcr0).i64_const(XCR0_SSE_AVX).i64_and().i64_const(XCR0_SSE_AVX).i64_xor();
        self.op().i64_or().i64_eqz().i32_eqz();
        self.if_seldom(|this| this.return_with(ExitReason::Rare));
    }

    /// Whether the block is the region's start, and loads for each entry what that needs: not where it is a loop's head as well.
    pub(super) fn loads_at_switch(&self, block: BlockId) -> bool {
        let switches = matches!(self.region.block(block).terminator, Terminator::Switch(_));
        block == self.region.root
            && switches
            && self.loads_variables
            && self.region.predecessors()[block.index()].is_empty()
    }

    /// Loads the variables that a block, or what follows, reads before they are set.
    pub(super) fn load_registers(&mut self, block: BlockId) {
        self.liveness.live_in[block.index()].iter().for_each(|reg| self.load_register(reg));
    }

    /// Loads a variable from the processor's state.
    pub(super) fn load_register(&mut self, reg: Reg) {
        let local = self.register(reg);
        self.get(home(reg));
        self.set_local(local);
    }
}
