//! Guest memory: the inline lookup in the TLB, and places in the machine's memory.
//!
//! ```text
//! entry = (address >> 12) % TLB_ENTRIES * 16
//! leave unless (entry.tag ^ address) <= 4096 - span       page, validity and page crossing in one comparison
//! place = entry.addend + low half of address
//! ```

use super::emit::{EXIT, Emitter, Label, at};
use crate::ir::{Access, ExitId, Inst, Value};
use crate::lift::Privilege;
use anyhow::{Result, bail};
use core::mem::{offset_of, size_of};
use runtime::cpu::state::TLB_ENTRIES;
use runtime::cpu::{Cpu, Tlb, TlbEntry};
use wasm_encoder::BlockType;

impl Emitter<'_> {
    /// Address of the first entry of a table.
    fn table(&self, access: Access) -> u32 {
        let privilege = match self.privilege {
            Privilege::Kernel => offset_of!(Cpu, kernel_tlb),
            Privilege::User => offset_of!(Cpu, user_tlb),
        };
        let table = match access {
            Access::Read => offset_of!(Tlb, read),
            Access::Write => offset_of!(Tlb, write),
        };
        self.addresses.cpu + (privilege + table) as u32
    }

    /// Looks an address up and leaves unless it hits; `value` is the entry.
    pub(super) fn check(
        &mut self,
        value: Value,
        access: Access,
        address: Value,
        span: u16,
        exit: ExitId,
    ) -> Result<()> {
        let entry = self.hold(value);
        let table = self.table(access);
        let (page, size) = (12, size_of::<TlbEntry>().trailing_zeros());
        let mask = (TLB_ENTRIES - 1) << size;
        self.narrow(address)?;
        self.op().i32_const((page - size) as i32).i32_shr_u();
        self.op().i32_const(mask as i32).i32_and().local_set(entry);
        self.set_exit(exit)?;
        self.op().local_get(entry).i64_load(at(table + offset_of!(TlbEntry, tag) as u32, 8));
        self.wide(address)?;
        let depth = self.depth(Label::SideExit);
        self.op().i64_xor().i64_const(4096 - i64::from(span)).i64_gt_u().br_if(depth);
        Ok(())
    }

    /// Leaves where a condition holds. Of two conditions that must both hold the second is computed only where the first
    /// does.
    pub(super) fn exit_if(&mut self, condition: Value, exit: ExitId) -> Result<()> {
        self.set_exit(exit)?;
        match *self.region.inst(condition) {
            Inst::Both(first, second) if self.held(condition).is_none() => {
                self.truth(first)?;
                self.op().if_(BlockType::Empty);
                self.labels.push(Label::If);
                self.leave_if(second)?;
                self.labels.pop();
                self.op().end();
                Ok(())
            }
            _ => self.leave_if(condition),
        }
    }

    fn leave_if(&mut self, condition: Value) -> Result<()> {
        self.truth(condition)?;
        let depth = self.depth(Label::SideExit);
        self.op().br_if(depth);
        Ok(())
    }

    /// Says which side exit is taken, if one is.
    pub(super) fn set_exit(&mut self, exit: ExitId) -> Result<()> {
        let packed = super::exits::pack(&self.region.exits[exit.index()])?;
        self.op().i64_const(packed).local_set(EXIT);
        Ok(())
    }

    /// Puts a place on the stack.
    pub(super) fn place(&mut self, value: Value) -> Result<()> {
        if let Some(local) = self.held(value) {
            self.op().local_get(local);
            return Ok(());
        }
        let Inst::Pointer { access, entry, address } = *self.region.inst(value) else {
            bail!("{:?} is no place in memory", self.region.inst(value));
        };
        let table = self.table(access);
        self.place(entry)?;
        self.op().i32_load(at(table + offset_of!(TlbEntry, addend) as u32, 4));
        self.narrow(address)?;
        self.op().i32_add();
        Ok(())
    }
}
