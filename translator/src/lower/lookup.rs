//! Lookups in the TLB that are calls (see `memory`): one function for each table, `(address: i64, limit: i64) -> (place: i32)`. It gives
//! where an address is in the machine's memory, or 0 where it cannot be accessed from here; `limit` is 4096 less the bytes that
//! are accessed. In the kernel these may lie in two pages that lie one behind the other in the machine's memory.

use super::emit::at;
use super::memory::{entry_offset, table};
use crate::ir::Access;
use crate::lift::{Addresses, Privilege};
use core::mem::offset_of;
use runtime::cpu::TlbEntry;
use wasm_encoder::{BlockType, FuncType, Function, InstructionSink, ValType};

const ADDRESS: u32 = 0;
const LIMIT: u32 = 1;
const ENTRY: u32 = 2;
const LAST_ENTRY: u32 = 3;
const LAST: u32 = 4;

/// Type of the functions.
pub fn lookup_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I64], [ValType::I32])
}

/// The lookup function for a table.
pub fn lookup_function(privilege: Privilege, access: Access, addresses: &Addresses) -> Function {
    let table = table(privilege, access, addresses);
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    sink.local_get(ADDRESS);
    entry_offset(&mut sink);
    sink.local_tee(ENTRY).i64_load(at(table + offset_of!(TlbEntry, tag) as u32, 8));
    sink.local_get(ADDRESS).i64_xor().local_get(LIMIT).i64_gt_u();
    sink.if_(BlockType::Empty);
    if privilege == Privilege::Kernel {
        sink.local_get(ADDRESS).i64_const(0xfff).i64_add().local_get(LIMIT).i64_sub().local_set(LAST);
        let locals = Adjacent { address: ADDRESS, last: LAST, entries: [ENTRY, LAST_ENTRY] };
        locals.test(&mut sink, table);
        sink.i32_eqz().if_(BlockType::Empty);
    }
    sink.i32_const(0).return_().end();
    if privilege == Privilege::Kernel {
        sink.end();
    }
    sink.local_get(ENTRY).i32_load(at(table + offset_of!(TlbEntry, addend) as u32, 4));
    sink.local_get(ADDRESS).i32_wrap_i64().i32_add().end();
    let mut function = Function::new([(2, ValType::I32), (1, ValType::I64)]);
    function.raw(code);
    function
}

/// Locals of a test of two addresses.
pub(super) struct Adjacent {
    /// The first.
    pub(super) address: u32,
    /// The second, which is at most in the next page.
    pub(super) last: u32,
    /// For the offsets of their entries in the table.
    pub(super) entries: [u32; 2],
}

impl Adjacent {
    /// Puts on the stack whether both have their entries, and their places are as far apart as they are.
    pub(super) fn test(&self, sink: &mut InstructionSink<'_>, table: u32) {
        let (tag, addend) = (offset_of!(TlbEntry, tag) as u32, offset_of!(TlbEntry, addend) as u32);
        for (address, entry) in [self.address, self.last].into_iter().zip(self.entries) {
            sink.local_get(address);
            entry_offset(sink);
            sink.local_tee(entry).i64_load(at(table + tag, 8)).local_get(address).i64_xor().i64_const(0xfff).i64_le_u();
        }
        sink.i32_and();
        for entry in self.entries {
            sink.local_get(entry).i32_load(at(table + addend, 4));
        }
        sink.i32_eq().i32_and();
    }
}
