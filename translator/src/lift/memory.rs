//! Guest memory: every access is a check of the TLB, which leaves on a miss, and then a load or store of the machine's
//! memory. A read-modify-write checks once, in the table of what may be written.

use super::machine::{Checked, Lifter};
use crate::ir::{Access, Inst, Value};
use runtime::translated::abi::ExitReason;
use x86::Width;

impl Lifter<'_> {
    pub(super) fn pointer(&mut self, access: Access, address: Value, span: u16) -> Value {
        let exit = self.side_exit(ExitReason::Miss);
        let check = self.builder.push(Inst::Check { access, address, span, exit });
        self.builder.push(Inst::Pointer { check, address })
    }

    pub(super) fn load_checked(&mut self, w: Width, address: Value) -> Value {
        let pointer = self.pointer(Access::Read, address, w.bytes() as u16);
        self.builder.push(Inst::Load(w, pointer, 0))
    }

    pub(super) fn load_to_modify(&mut self, w: Width, address: Value) -> Value {
        let pointer = self.pointer(Access::Write, address, w.bytes() as u16);
        self.checked = Some(Checked { address, width: w, pointer });
        self.builder.push(Inst::Load(w, pointer, 0))
    }

    pub(super) fn store_checked(&mut self, w: Width, address: Value, value: Value) {
        self.commit();
        let pointer = match self.checked {
            Some(checked) if checked.address == address && checked.width == w => checked.pointer,
            _ => self.pointer(Access::Write, address, w.bytes() as u16),
        };
        self.builder.push(Inst::Store(w, pointer, 0, value));
        self.written = true;
    }

    /// Copies `bytes`, which lie in one page on either side.
    pub(super) fn copy_checked(&mut self, width: Width, to: Value, from: Value, bytes: Value) {
        self.commit();
        let from = self.pointer(Access::Read, from, 1);
        let to = self.pointer(Access::Write, to, 1);
        self.builder.push(Inst::Copy { width, to, from, bytes });
        self.written = true;
    }

    /// Fills `bytes`, which lie in one page.
    pub(super) fn fill_checked(&mut self, width: Width, to: Value, value: Value, bytes: Value) {
        self.commit();
        let to = self.pointer(Access::Write, to, 1);
        self.builder.push(Inst::Fill { width, to, value, bytes });
        self.written = true;
    }

    pub(super) fn load_vec_checked(&mut self, address: Value) -> Value {
        let pointer = self.pointer(Access::Read, address, 16);
        self.builder.push(Inst::LoadVec(pointer, 0))
    }

    pub(super) fn store_vec_checked(&mut self, address: Value, value: Value) {
        self.commit();
        let pointer = self.pointer(Access::Write, address, 16);
        self.builder.push(Inst::StoreVec(pointer, 0, value));
        self.written = true;
    }

    /// 32 bytes after one check, low half first.
    pub(super) fn load_wide_checked(&mut self, address: Value) -> [Value; 2] {
        let pointer = self.pointer(Access::Read, address, 32);
        [self.builder.push(Inst::LoadVec(pointer, 0)), self.builder.push(Inst::LoadVec(pointer, 16))]
    }

    pub(super) fn store_wide_checked(&mut self, address: Value, [low, high]: [Value; 2]) {
        self.commit();
        let pointer = self.pointer(Access::Write, address, 32);
        self.builder.push(Inst::StoreVec(pointer, 0, low));
        self.builder.push(Inst::StoreVec(pointer, 16, high));
        self.written = true;
    }
}
