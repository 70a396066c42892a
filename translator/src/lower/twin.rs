//! Twins: the rest of a block, written twice after a group is looked up.
//!
//! ```text
//! if the group is not in one page that the TLB has       hardly ever
//!   look each member up, or leave
//!   the rest of the block                                each member has a local for its place
//! else
//!   look the group up
//!   the rest of the block                                members are offsets from one place
//! the block's end
//! ```
//!
//! Where both meet again before the accesses, each member's place takes a local, which is computed, spilled and loaded again for
//! each access of a program that hardly ever touches two pages at once. Blocks that never ran have no twin: see `memory`.

use super::emit::{Emitter, Places};
use super::tree::Trees;
use crate::ir::{ExitId, GroupId, Inst, Value};
use crate::lift::{Privilege, Twins};
use anyhow::Result;
use wasm_encoder::ValType;

/// Most groups of a block after which it is written twice. With each all that follows is.
const MOST: usize = 4;

/// A group of a block, at its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) position: usize,
    pub(super) value: Value,
    pub(super) group: GroupId,
    pub(super) base: Value,
    pub(super) exit: ExitId,
}

impl Emitter<'_> {
    /// Whether blocks such as the current one have twins.
    pub(super) fn writes_twins(&self) -> bool {
        self.options.twins == Twins::Written && self.privilege == Privilege::User && self.ran
    }

    /// The instruction at a position, if it is a group after which the block is written twice.
    pub(super) fn forks(&self, insts: &[Value], position: usize) -> Option<Met> {
        let value = insts[position];
        let Inst::Group { group, base, exit } = *self.region.inst(value) else { return None };
        let apart = self.writes_twins() && !self.seldom && self.region.groups[group.index()].members.len() > 1;
        let before = insts[..position].iter().filter(|value| matches!(self.region.inst(**value), Inst::Group { .. }));
        (apart && before.count() < MOST).then_some(Met { position, value, group, base, exit })
    }

    /// The check of a group, and the rest of the block after it.
    pub(super) fn fork(&mut self, trees: &Trees, insts: &[Value], met: Met) -> Result<()> {
        let group = &self.region.groups[met.group.index()];
        let table = self.table(group.access());
        let (address, entry) = (self.scratch(ValType::I64), self.scratch(ValType::I32));
        self.wide(met.base)?;
        self.op().i64_const(group.low).i64_add();
        self.look_up(table, (address, entry), group.span);
        self.name_exit(met.exit)?;
        self.release(trees, insts, met.position);
        self.reserve(trees, insts, met.position + 1);
        let before = self.block_locals();
        let apart = |this: &mut Self| {
            let places: Vec<u32> = group.members.iter().map(|_| this.scratch(ValType::I32)).collect();
            this.look_each_up(group, address, &places);
            this.hold_members(met.value, Places::Each(places));
            this.instructions(trees, insts, met.position + 1)
        };
        let together = |this: &mut Self| {
            this.restore_block_locals(before);
            let place = this.place_of_group(table, entry, address);
            this.give_back(ValType::I64, address);
            this.give_back(ValType::I32, entry);
            this.hold_members(met.value, Places::From(place, met.group));
            this.instructions(trees, insts, met.position + 1)
        };
        let (apart, together) = self.either_seldom(apart, together);
        apart.and(together)
    }
}
