//! The *lookup* functions: where an address is in the machine's memory, or 0 where it cannot be accessed from here.
//!
//! One for each privilege and table, of type `(address: i64, limit: i64) -> (place: i32)`, where `limit` is 4096 less the
//! bytes that are accessed. Groups whose accesses do not lie in one page call them (see `memory`).

use super::memory::{entry_offset, table};
use crate::ir::Access;
use crate::lift::{Addresses, Privilege};
use core::mem::offset_of;
use runtime::cpu::TlbEntry;
use wasm_encoder::{BlockType, FuncType, Function, InstructionSink, ValType};

const ADDRESS: u32 = 0;
const LIMIT: u32 = 1;
const ENTRY: u32 = 2;

/// Type of the functions.
pub fn lookup_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I64], [ValType::I32])
}

/// The function for a privilege and a table.
pub fn lookup_function(privilege: Privilege, access: Access, addresses: &Addresses) -> Function {
    let table = table(privilege, access, addresses);
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    sink.local_get(ADDRESS).i32_wrap_i64();
    entry_offset(&mut sink);
    sink.local_tee(ENTRY).i64_load(super::emit::at(table + offset_of!(TlbEntry, tag) as u32, 8));
    sink.local_get(ADDRESS).i64_xor().local_get(LIMIT).i64_gt_u();
    sink.if_(BlockType::Empty).i32_const(0).return_().end();
    sink.local_get(ENTRY).i32_load(super::emit::at(table + offset_of!(TlbEntry, addend) as u32, 4));
    sink.local_get(ADDRESS).i32_wrap_i64().i32_add().end();
    let mut function = Function::new([(1, ValType::I32)]);
    function.raw(code);
    function
}
