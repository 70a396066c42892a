//! Guest memory: the inline lookup in the TLB, and places in the machine's memory.
//!
//! ```text
//! entry = (address >> 12) % TLB_ENTRIES * 16
//! leave unless (entry.tag ^ address) <= 4096 - span       page, validity and page crossing in one comparison
//! place = entry.addend + low half of address
//! ```
//!
//! The shift is written as a rotation of 64 bits, which x86-64 makes into another register at no cost, and of which engines make
//! no second one of 32 bits. The addend is loaded before the comparison: tag and addend are then reached by the same address, where else
//! Cranelift makes a register for it.
//!
//! A group does this once for all that its members touch. Where that fails, since the bytes lie in two pages or one of them
//! misses, the kernel's code asks whether both pages are known and lie one behind the other in the machine's memory (`lookup`),
//! and else leaves the block: its memory is mapped in one piece. In a program's code the members are looked up one by one, and the
//! block is left if one misses.
//!
//! A block of the kernel that never ran calls a function for each lookup (`lookup`): most of its blocks never do, and a lookup is a
//! third of their bytes. Programs that nobody trained would become slower by a third that way.

use super::emit::{Emitter, Places, at};
use super::lookup::Adjacent;
use super::shared::Shared;
use crate::ir::{Access, ExitId, Group, GroupId, Inst, Member, Value};
use crate::lift::{Addresses, ColdChecks, Privilege};
use anyhow::{Result, bail};
use core::mem::{offset_of, size_of};
use runtime::cpu::state::TLB_ENTRIES;
use runtime::cpu::{Cpu, Tlb, TlbEntry};
use wasm_encoder::{InstructionSink, ValType};

/// Address of the first entry of a table.
pub(super) fn table(privilege: Privilege, access: Access, addresses: &Addresses) -> u32 {
    let privilege = match privilege {
        Privilege::Kernel => offset_of!(Cpu, kernel_tlb),
        Privilege::User => offset_of!(Cpu, user_tlb),
    };
    let table = match access {
        Access::Read => offset_of!(Tlb, read),
        Access::Write => offset_of!(Tlb, write),
    };
    addresses.cpu + (privilege + table) as u32
}

/// Replaces an address on the stack by the distance of its entry from the table's first.
pub(super) fn entry_offset(sink: &mut InstructionSink<'_>) {
    let (page, size) = (12, size_of::<TlbEntry>().trailing_zeros());
    let mask = (TLB_ENTRIES - 1) << size;
    sink.i64_const((page - size).into()).i64_rotr().i32_wrap_i64().i32_const(mask as i32).i32_and();
}

/// What an access of so many bytes compares with.
fn limit(span: u16) -> i64 {
    4096 - i64::from(span)
}

impl Emitter<'_> {
    fn table(&self, access: Access) -> u32 {
        table(self.privilege, access, self.addresses)
    }

    /// Whether the TLB is looked up by calls. A call takes all registers from the loop around it, though it is seldom made, so in one
    /// that runs there are none.
    fn calls_lookups(&self) -> bool {
        let called = self.privilege == Privilege::Kernel && self.options.cold_checks == ColdChecks::Called;
        called && !self.ran && (self.never_ran || !self.in_loop())
    }

    /// Looks the address on the stack up by a call, and leaves unless it hits: the place is in a local then. The exit is named.
    fn call_lookup(&mut self, access: Access, span: u16, place: u32) {
        let function = self.addresses.shared(Shared::Lookup(self.privilege, access));
        self.op().i64_const(limit(span)).call(function).local_tee(place).i32_eqz();
        self.exit_seldom();
    }

    /// Looks an address up and leaves unless it hits; `value` is how far the place is from the address, or the place.
    pub(super) fn check(
        &mut self,
        value: Value,
        access: Access,
        address: Value,
        span: u16,
        exit: ExitId,
    ) -> Result<()> {
        if self.calls_lookups() {
            let place = self.scratch(ValType::I32);
            self.name_exit(exit)?;
            self.wide(address)?;
            self.call_lookup(access, span, place);
            self.hold_members(value, Places::Each(vec![place]));
            return Ok(());
        }
        let addend = self.hold(value);
        let table = self.table(access);
        self.wide(address)?;
        self.load_entry(table, addend);
        self.wide(address)?;
        self.op().i64_xor().i64_const(limit(span)).i64_gt_u();
        self.name_exit(exit)?;
        self.exit_seldom();
        Ok(())
    }

    /// Replaces an address on the stack by the tag of its entry, whose addend goes to a local.
    fn load_entry(&mut self, table: u32, addend: u32) {
        let (tag, distance) = (offset_of!(TlbEntry, tag) as u32, offset_of!(TlbEntry, addend) as u32);
        entry_offset(&mut self.op());
        self.op().local_tee(addend).i64_load(at(table + tag, 8));
        self.get_local(addend);
        self.op().i32_load(at(table + distance, 4)).local_set(addend);
    }

    /// Puts on the stack whether the bytes lie in one page that the TLB has.
    pub(super) fn probe(&mut self, access: Access, address: Value, span: u16) -> Result<()> {
        let table = self.table(access);
        self.wide(address)?;
        entry_offset(&mut self.op());
        self.op().i64_load(at(table + offset_of!(TlbEntry, tag) as u32, 8));
        self.wide(address)?;
        self.op().i64_xor().i64_const(limit(span)).i64_le_u();
        Ok(())
    }

    /// Puts on the stack how far places are from addresses in the page of one.
    pub(super) fn distance(&mut self, access: Access, address: Value) -> Result<()> {
        let table = self.table(access);
        self.wide(address)?;
        entry_offset(&mut self.op());
        self.op().i64_load32_u(at(table + offset_of!(TlbEntry, addend) as u32, 4));
        Ok(())
    }

    /// Looks up all that a group touches, so that its members' places are known.
    pub(super) fn check_group(&mut self, value: Value, id: GroupId, base: Value, exit: ExitId) -> Result<()> {
        let group = &self.region.groups[id.index()];
        if self.calls_lookups() {
            let place = self.scratch(ValType::I32);
            self.name_exit(exit)?;
            self.wide(base)?;
            self.op().i64_const(group.low).i64_add();
            self.call_lookup(group.access(), group.span, place);
            self.hold_members(value, Places::From(place, id));
            return Ok(());
        }
        let (address, addend) = self.look_group_up(group, base, exit)?;
        let places = match (&group.members[..], self.privilege) {
            ([_], _) => {
                self.exit_seldom();
                Places::Each(vec![self.place_of_group(addend, address)])
            }
            (_, Privilege::Kernel) => {
                self.if_seldom(|this| this.leave_unless_contiguous(group, address));
                Places::From(self.place_of_group(addend, address), id)
            }
            (_, Privilege::User) => Places::Each(self.places_of_members(group, addend, address)),
        };
        self.give_back(ValType::I64, address);
        self.give_back(ValType::I32, addend);
        self.hold_members(value, places);
        Ok(())
    }

    /// Looks up all that a group touches, for which the exit is named. Leaves there whether that fails, and gives locals with the address
    /// of the first byte, and how far its place is from it.
    pub(super) fn look_group_up(&mut self, group: &Group, base: Value, exit: ExitId) -> Result<(u32, u32)> {
        let (address, addend) = (self.scratch(ValType::I64), self.scratch(ValType::I32));
        let table = self.table(group.access());
        self.wide(base)?;
        self.op().i64_const(group.low).i64_add();
        self.look_up(table, (address, addend), group.span);
        self.name_exit(exit)?;
        Ok((address, addend))
    }

    /// A new local for the place of an address.
    pub(super) fn place_of_group(&mut self, addend: u32, address: u32) -> u32 {
        let place = self.scratch(ValType::I32);
        self.place_in_page(addend, address);
        self.set_local(place);
        place
    }

    /// Where a group is not in one page: leaves if its pages do not lie one behind the other in the machine's memory, as those of
    /// the kernel nearly always do, who sees all memory in one piece.
    fn leave_unless_contiguous(&mut self, group: &Group, address: u32) {
        let access = group.access();
        self.get_local(address);
        if self.in_loop() {
            let entries = [self.scratch(ValType::I32), self.scratch(ValType::I32)];
            let locals = Adjacent { address, last: self.scratch(ValType::I64), entries };
            let table = self.table(access);
            self.op().i64_const(i64::from(group.span) - 1).i64_add().local_set(locals.last);
            locals.test(&mut self.op(), table);
            self.give_back(ValType::I64, locals.last);
            entries.into_iter().for_each(|entry| self.give_back(ValType::I32, entry));
        } else {
            let function = self.addresses.shared(Shared::Lookup(self.privilege, access));
            self.op().i64_const(limit(group.span)).call(function);
        }
        self.op().i32_eqz();
        self.exit_seldom();
    }

    /// New locals for the places of a group's members, which miss one by one where the group is not in one page.
    fn places_of_members(&mut self, group: &Group, addend: u32, address: u32) -> Vec<u32> {
        let places: Vec<u32> = group.members.iter().map(|_| self.scratch(ValType::I32)).collect();
        let each = |this: &mut Self| this.look_each_up(group, address, &places);
        self.either_seldom(each, |this| {
            this.place_in_page(addend, address);
            this.set_local(addend);
            for (member, &place) in group.members.iter().zip(&places) {
                this.get_local(addend);
                this.op().i32_const(member.offset.into()).i32_add().local_set(place);
            }
        });
        places
    }

    /// Looks up the address on the stack: leaves there whether it misses, and in locals the address and how far its place is from it.
    fn look_up(&mut self, table: u32, (address, addend): (u32, u32), span: u16) {
        self.op().local_tee(address);
        self.load_entry(table, addend);
        self.get_local(address);
        self.op().i64_xor().i64_const(limit(span)).i64_gt_u();
    }

    /// Puts the place of an address on the stack.
    fn place_in_page(&mut self, addend: u32, address: u32) {
        self.op().local_get(addend).local_get(address).i32_wrap_i64().i32_add();
    }

    /// The members one by one, wherever their pages are. In a loop this is written out: a call there, though it is seldom
    /// made, takes all registers from what the loop holds.
    pub(super) fn look_each_up(&mut self, group: &Group, address: u32, places: &[u32]) {
        let in_loop = self.in_loop();
        for (member, &place) in group.members.iter().zip(places) {
            self.get_local(address);
            self.op().i64_const(member.offset.into()).i64_add();
            if in_loop {
                self.look_up_here(member, place);
            } else {
                self.call_lookup(member.access, member.span, place);
            }
        }
    }

    /// Looks up the address on the stack.
    fn look_up_here(&mut self, member: &Member, place: u32) {
        let address = self.scratch(ValType::I64);
        let table = self.table(member.access);
        self.look_up(table, (address, place), member.span);
        self.exit_seldom();
        self.place_in_page(place, address);
        self.set_local(place);
        self.give_back(ValType::I64, address);
    }

    /// Leaves where a condition holds. Of two conditions that must both hold the second is computed only where the first
    /// does.
    pub(super) fn exit_if(&mut self, condition: Value, exit: ExitId) -> Result<()> {
        self.name_exit(exit)?;
        match *self.region.inst(condition) {
            Inst::Both(first, second) if self.held(condition).is_none() => {
                self.truth(first)?;
                self.if_seldom(|this| this.leave_if(second))
            }
            _ => self.leave_if(condition),
        }
    }

    fn leave_if(&mut self, condition: Value) -> Result<()> {
        self.truth(condition)?;
        self.exit_seldom();
        Ok(())
    }

    /// Puts a place on the stack as a whole.
    pub(super) fn whole_place(&mut self, value: Value) -> Result<()> {
        let beyond = self.place(value)?;
        if beyond > 0 {
            self.op().i32_const(beyond as i32).i32_add();
        }
        Ok(())
    }

    /// Puts a place on the stack, but for what it gives: that is to be added to the offset of the access.
    pub(super) fn place(&mut self, value: Value) -> Result<u32> {
        if let Some(local) = self.held(value) {
            self.get_local(local);
            return Ok(0);
        }
        if let Inst::Member { group, member } = *self.region.inst(value) {
            let (local, beyond) = self.member(group, member)?;
            self.get_local(local);
            return Ok(beyond);
        }
        if let Inst::Place(number) = *self.region.inst(value) {
            self.narrow(number)?;
            return Ok(0);
        }
        let Inst::Pointer { check, address } = *self.region.inst(value) else {
            bail!("{:?} is no place in memory", self.region.inst(value));
        };
        if let Ok((local, beyond)) = self.member(check, 0) {
            self.get_local(local);
            return Ok(beyond);
        }
        self.whole_place(check)?;
        self.narrow(address)?;
        self.op().i32_add();
        Ok(0)
    }
}
