//! The *jump* function, which indirect exits call: looks the target up in the jump cache and goes there.
//!
//! One for each privilege, of type `(rip: i64, room: i32, budget: i64) -> (i64, i64)`, where `room`, `budget` and the results are those of regions;
//! `Cpu::rip` holds the target too. An entry is taken if its address and generation match, else the dispatcher is. A generation of 0 in kernel mode would match empty entries: the runtime
//! starts counting at 1.

use super::emit::at;
use super::shared::{RESULTS, SharedType};
use super::state::{self, Home};
use crate::lift::{Addresses, Privilege};
use core::mem::{offset_of, size_of};
use runtime::translated::abi::{ExitReason, JUMP_CACHE_ENTRIES, JumpCacheEntry, LEFT};
use wasm_encoder::{BlockType, FuncType, Function, InstructionSink, ValType};

const RIP: u32 = 0;
const ROOM: u32 = 1;
const BUDGET: u32 = 2;
const ENTRY: u32 = 3;
const GENERATION: u32 = 4;
/// Added to the generation in user mode.
const USER: i64 = 3;

/// Type of the functions.
pub fn jump_type() -> FuncType {
    FuncType::new([ValType::I64, ValType::I32, ValType::I64], RESULTS)
}

/// The function for one privilege.
pub fn jump_function(privilege: Privilege, addresses: &Addresses) -> Function {
    let mut code = Vec::new();
    let mut sink = InstructionSink::new(&mut code);
    generation(&mut sink, privilege, addresses);
    index(&mut sink);
    sink.block(BlockType::Empty);
    sink.local_get(ENTRY).i64_load(field(addresses, offset_of!(JumpCacheEntry, rip), 8));
    sink.local_get(RIP).i64_ne().br_if(0);
    sink.local_get(ENTRY).i64_load(field(addresses, offset_of!(JumpCacheEntry, generation), 8));
    sink.local_get(GENERATION).i64_ne().br_if(0);
    sink.local_get(ENTRY).i64_load(field(addresses, offset_of!(JumpCacheEntry, base), 8));
    sink.local_get(ENTRY).i32_load(field(addresses, offset_of!(JumpCacheEntry, entry), 4));
    sink.local_get(ROOM).local_get(BUDGET);
    sink.local_get(ENTRY).i32_load(field(addresses, offset_of!(JumpCacheEntry, function), 4));
    sink.return_call_indirect(addresses.table, addresses.ty(SharedType::Region)).end();
    state::set_constant(&mut sink, state::EXIT_REASON, ExitReason::Next as i64, addresses);
    sink.i64_const(LEFT as i64).local_get(BUDGET).end();
    let mut function = Function::new([(1, ValType::I32), (1, ValType::I64)]);
    function.raw(code);
    function
}

/// What entries of the privilege hold now.
fn generation(sink: &mut InstructionSink<'_>, privilege: Privilege, addresses: &Addresses) {
    let (place, extra) = match privilege {
        Privilege::Kernel => (state::KERNEL_GENERATION, 0),
        Privilege::User => (state::USER_GENERATION, USER),
    };
    Home::of(place, addresses).get(sink);
    if extra != 0 {
        sink.i64_const(extra).i64_add();
    }
    sink.local_set(GENERATION);
}

/// Byte offset of the entry in the cache: `jump_cache_index` times the size of an entry.
fn index(sink: &mut InstructionSink<'_>) {
    sink.local_get(RIP).local_get(RIP).i64_const(12).i64_shr_u().i64_xor();
    sink.local_get(GENERATION).i64_const(44).i64_shr_u().i64_xor().i32_wrap_i64();
    sink.i32_const(JUMP_CACHE_ENTRIES as i32 - 1).i32_and();
    sink.i32_const(size_of::<JumpCacheEntry>() as i32).i32_mul().local_set(ENTRY);
}

fn field(addresses: &Addresses, offset: usize, bytes: u64) -> wasm_encoder::MemArg {
    at(addresses.jump_cache + offset as u32, bytes)
}
