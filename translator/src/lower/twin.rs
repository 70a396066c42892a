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
use crate::ir::{Inst, Value};
use crate::lift::{Privilege, Twins};
use anyhow::{Result, bail};
use wasm_encoder::ValType;

/// Most groups of a block after which it is written twice. With each all that follows is.
const MOST: usize = 4;

impl Emitter<'_> {
    /// Whether a block is written twice after the group at a position, if there is one.
    pub(super) fn forks(&self, insts: &[Value], position: usize) -> bool {
        let Inst::Group { group, .. } = *self.region.inst(insts[position]) else { return false };
        let several = self.region.groups[group.index()].members.len() > 1;
        let before = insts[..position].iter().filter(|value| matches!(self.region.inst(**value), Inst::Group { .. }));
        let hot = self.ran && !self.seldom && self.privilege == Privilege::User;
        self.options.twins == Twins::Written && hot && several && before.count() < MOST
    }

    /// The check of the group at a position, and the rest of the block after it.
    pub(super) fn fork(&mut self, trees: &Trees, insts: &[Value], position: usize) -> Result<()> {
        let value = insts[position];
        let Inst::Group { group: id, base, exit } = *self.region.inst(value) else { bail!("{value} is no group") };
        let group = &self.region.groups[id.index()];
        let (address, addend) = self.look_group_up(group, base, exit)?;
        self.release(trees, insts, position);
        self.reserve(trees, insts, position + 1);
        let before = self.block_locals();
        let apart = |this: &mut Self| {
            let places: Vec<u32> = group.members.iter().map(|_| this.scratch(ValType::I32)).collect();
            this.look_each_up(group, address, &places);
            this.hold_members(value, Places::Each(places));
            this.instructions(trees, insts, position + 1)
        };
        let together = |this: &mut Self| {
            this.restore_block_locals(before);
            let place = this.place_of_group(addend, address);
            this.give_back(ValType::I64, address);
            this.give_back(ValType::I32, addend);
            this.hold_members(value, Places::From(place, id));
            this.instructions(trees, insts, position + 1)
        };
        let (apart, together) = self.either_seldom(apart, together);
        apart.and(together)
    }
}
