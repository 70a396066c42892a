//! The memory of a module of regions: the processor's state, the jump cache, stamps, and the pages of [`layout`].
//!
//! The TLB maps the layout: the window and its alias for reading and writing, the read-only page for reading. The code pages share their
//! entries with the window, so that reads of them miss; they are not here.

use super::module;
use crate::interpreter::Interpreter;
use crate::layout;
use anyhow::{Context, Result};
use core::mem::{offset_of, size_of};
use runtime::cpu::state::{SegmentRegister, TLB_ENTRIES};
use runtime::cpu::{Cpu, Tlb, TlbEntry};
use runtime::translated::abi::{ExitReason, JUMP_CACHE_ENTRIES, JumpCacheEntry};
use translator::lift::Addresses;
use wasmtime::{Memory, Store};
use x86::Segment;

const PAGE: u32 = 0x1000;
const CPU: u32 = PAGE;
const JUMP_CACHE: u32 = page_after(CPU, size_of::<Cpu>());
const STAMPS: u32 = page_after(JUMP_CACHE, JUMP_CACHE_ENTRIES * size_of::<JumpCacheEntry>());
const DATA: u32 = page_after(STAMPS, super::BATCH * size_of::<u64>());
const END: u32 = page_after(DATA, layout::DATA_LEN);
/// Size in Wasm pages.
pub(super) const WASM_PAGES: u64 = END.div_ceil(0x1_0000) as u64;
/// The generation of all that is bound.
const GENERATION: u64 = 5 << 48;

/// What translated code has to know.
pub(super) const ADDRESSES: Addresses = Addresses {
    cpu: CPU,
    jump_cache: JUMP_CACHE,
    kernel_stamps: STAMPS,
    table: 0,
    first_type: module::FIRST_TYPE,
    first_shared: module::FIRST_SHARED,
};

const fn page_after(start: u32, size: usize) -> u32 {
    (start + size as u32).next_multiple_of(PAGE)
}

/// A module's memory, and the store that it is in.
pub(super) struct GuestMemory {
    pub(super) store: Store<()>,
    memory: Memory,
}

/// A field of the processor's state.
enum Field<'a> {
    Double(&'a mut u32),
    Quad(&'a mut u64),
}

/// The fields that translated code reads or writes and that a case sets, with their offsets.
fn fields(cpu: &mut Cpu, visit: &mut dyn FnMut(usize, Field<'_>)) {
    let quads = |offset: usize, list: &mut [u64], visit: &mut dyn FnMut(usize, Field<'_>)| {
        (0..).zip(list).for_each(|(n, quad)| visit(offset + 8 * n, Field::Quad(quad)));
    };
    quads(offset_of!(Cpu, gpr), &mut cpu.gpr, visit);
    quads(offset_of!(Cpu, xmm), cpu.xmm.as_flattened_mut(), visit);
    quads(offset_of!(Cpu, ymm_high), cpu.ymm_high.as_flattened_mut(), visit);
    visit(offset_of!(Cpu, rip), Field::Quad(&mut cpu.rip));
    visit(offset_of!(Cpu, flags_dst), Field::Quad(&mut cpu.flags_dst));
    visit(offset_of!(Cpu, flags_src), Field::Quad(&mut cpu.flags_src));
    visit(offset_of!(Cpu, flags_carry), Field::Quad(&mut cpu.flags_carry));
    visit(offset_of!(Cpu, flags_op), Field::Double(&mut cpu.flags_op));
    visit(offset_of!(Cpu, rflags), Field::Quad(&mut cpu.rflags));
    visit(offset_of!(Cpu, mxcsr), Field::Double(&mut cpu.mxcsr));
    visit(offset_of!(Cpu, cr0), Field::Quad(&mut cpu.cr0));
    visit(offset_of!(Cpu, cr4), Field::Quad(&mut cpu.cr4));
    visit(offset_of!(Cpu, xcr0), Field::Quad(&mut cpu.xcr0));
    for segment in [Segment::Fs, Segment::Gs] {
        let register = offset_of!(Cpu, segments) + segment as usize * size_of::<SegmentRegister>();
        let base = &mut cpu.segments[segment as usize].base;
        visit(register + offset_of!(SegmentRegister, base), Field::Quad(base));
    }
    let mut budget = cpu.budget as u64;
    visit(offset_of!(Cpu, budget), Field::Quad(&mut budget));
    cpu.budget = budget as i64;
}

impl GuestMemory {
    /// Fills what no case changes: the TLB, the jump cache, which stays empty, the generation.
    pub(super) fn new(store: Store<()>, memory: Memory) -> GuestMemory {
        let mut made = GuestMemory { store, memory };
        for n in 0..JUMP_CACHE_ENTRIES {
            made.put(JUMP_CACHE as usize + n * size_of::<JumpCacheEntry>(), JumpCacheEntry::EMPTY.rip);
        }
        for n in 0..size_of::<Tlb>() / size_of::<TlbEntry>() {
            made.put_cpu(offset_of!(Cpu, user_tlb) + n * size_of::<TlbEntry>(), TlbEntry::empty(n).tag);
        }
        made.put_cpu(offset_of!(Cpu, user_generation), GENERATION);
        made.put_cpu(offset_of!(Cpu, stamps), STAMPS.into());
        let read_only = DATA + layout::WINDOW_LEN as u32;
        for table in [offset_of!(Tlb, read), offset_of!(Tlb, write)] {
            made.map(table, layout::WINDOW, layout::WINDOW_LEN, DATA);
            made.map(table, layout::ALIAS, layout::ALIAS_LEN, DATA);
        }
        made.map(offset_of!(Tlb, read), layout::READ_ONLY, layout::READ_ONLY_LEN, read_only);
        made
    }

    /// Enters pages in a table of the TLB.
    fn map(&mut self, table: usize, address: u64, length: u64, place: u32) {
        for offset in (0..length).step_by(PAGE as usize) {
            let page = address + offset;
            let slot = (page / u64::from(PAGE)) as usize % TLB_ENTRIES * size_of::<TlbEntry>();
            let entry = offset_of!(Cpu, user_tlb) + table + slot;
            let addend = (place + offset as u32).wrapping_sub(page as u32);
            self.put_cpu(entry + offset_of!(TlbEntry, tag), page);
            self.put_cpu(entry + offset_of!(TlbEntry, addend), addend.into());
        }
    }

    /// Binds a region at a base.
    pub(super) fn bind(&mut self, region: u32, base: u64) {
        self.put((STAMPS + 8 * region) as usize, base + GENERATION);
    }

    /// Copies the machine's state and pages here.
    pub(super) fn load(&mut self, machine: &mut Interpreter) {
        let bytes = self.memory.data_mut(&mut self.store);
        bytes[DATA as usize..][..layout::DATA_LEN].copy_from_slice(machine.data());
        let cpu = &mut bytes[CPU as usize..];
        fields(machine.cpu(), &mut |offset, field| match field {
            Field::Double(value) => cpu[offset..offset + 4].copy_from_slice(&value.to_le_bytes()),
            Field::Quad(value) => cpu[offset..offset + 8].copy_from_slice(&value.to_le_bytes()),
        });
    }

    /// Copies the state and the data back, the read-only page too: a write to it shows.
    pub(super) fn store(&mut self, machine: &mut Interpreter) {
        let bytes = self.memory.data(&self.store);
        machine.data().copy_from_slice(&bytes[DATA as usize..][..layout::DATA_LEN]);
        fields(machine.cpu(), &mut |offset, field| match field {
            Field::Double(value) => *value = u32::from_le_bytes(array(bytes, offset)),
            Field::Quad(value) => *value = u64::from_le_bytes(array(bytes, offset)),
        });
    }

    /// Why the last call came back.
    pub(super) fn exit_reason(&self) -> Result<ExitReason> {
        let number = u32::from_le_bytes(array(self.memory.data(&self.store), offset_of!(Cpu, exit_reason)));
        ExitReason::ALL.get(number as usize).copied().with_context(|| format!("exit reason {number}: expected 0 to 5"))
    }

    fn put(&mut self, address: usize, value: u64) {
        self.memory.data_mut(&mut self.store)[address..address + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn put_cpu(&mut self, offset: usize, value: u64) {
        self.put(CPU as usize + offset, value);
    }
}

/// Bytes of the processor's state.
fn array<const N: usize>(memory: &[u8], offset: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&memory[CPU as usize + offset..][..N]);
    bytes
}
