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
use runtime::cpu::{Cpu, CpuCell, Tlb, TlbEntry};
use runtime::translated::abi::{ExitReason, JUMP_CACHE_ENTRIES, JumpCacheEntry};
use runtime::translated::helpers::{self, Helper, Round};
use translator::lift::Addresses;
use wasmtime::{Caller, Extern, Func, Memory, Store, V128};
use x86::Segment;

const PAGE: u32 = 0x1000;
/// Where helpers leave what they give beside their result.
const RESULT: u32 = 0x100;
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
    near: Some(0),
    helpers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    result: RESULT,
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
    Byte(&'a mut u8),
    Word(&'a mut u16),
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
    unit_fields(cpu, visit);
    for segment in [Segment::Fs, Segment::Gs] {
        let register = offset_of!(Cpu, segments) + segment as usize * size_of::<SegmentRegister>();
        let base = &mut cpu.segments[segment as usize].base;
        visit(register + offset_of!(SegmentRegister, base), Field::Quad(base));
    }
    let mut budget = cpu.budget as u64;
    visit(offset_of!(Cpu, budget), Field::Quad(&mut budget));
    cpu.budget = budget as i64;
}

/// Those of the x87 unit, and what it asks of the control registers.
fn unit_fields(cpu: &mut Cpu, visit: &mut dyn FnMut(usize, Field<'_>)) {
    for (n, quad) in (0..).zip(cpu.fpr.as_flattened_mut()) {
        visit(offset_of!(Cpu, fpr) + 8 * n, Field::Quad(quad));
    }
    visit(offset_of!(Cpu, fcw), Field::Word(&mut cpu.fcw));
    visit(offset_of!(Cpu, fsw), Field::Word(&mut cpu.fsw));
    visit(offset_of!(Cpu, ftw), Field::Byte(&mut cpu.ftw));
    visit(offset_of!(Cpu, fop), Field::Word(&mut cpu.fop));
    visit(offset_of!(Cpu, fip), Field::Quad(&mut cpu.fip));
    visit(offset_of!(Cpu, fdp), Field::Quad(&mut cpu.fdp));
}

/// The helpers, in the order of the imports.
pub(super) fn helpers(store: &mut Store<()>) -> Vec<Extern> {
    let large = |op: u32, a: V128, b: V128, c: V128| -> V128 {
        helpers::large(op, [a, b, c].map(|operand| operand.as_u128())).into()
    };
    let integer = |op: u32, a: u64, b: u64, c: u64| helpers::integer(op, [a, b, c]);
    let mut all = vec![Func::wrap(&mut *store, large).into(), Func::wrap(&mut *store, integer).into()];
    all.extend(Helper::ALL[2..].iter().map(|helper| match *helper {
        Helper::Aes(round) => aes(store, round),
        helper => unit(store, helper),
    }));
    all
}

/// A helper that does a round of AES.
fn aes(store: &mut Store<()>, round: Round) -> Extern {
    let aes = move |state: V128| -> V128 {
        let state = state.as_u128();
        let [low, high] = helpers::aes(round, [state as u64, (state >> 64) as u64]);
        (u128::from(high) << 64 | u128::from(low)).into()
    };
    Func::wrap(store, aes).into()
}

/// A helper that carries out instructions of the x87 unit.
fn unit(store: &mut Store<()>, helper: Helper) -> Extern {
    let unit = move |mut caller: Caller<'_, ()>, form: u64, rip: u64, data: u64, low: u64, high: u64| -> u32 {
        let Some(memory) = caller.get_export(module::MEMORY).and_then(Extern::into_memory) else { return 1 };
        let bytes = memory.data_mut(&mut caller);
        let mut cpu = CpuCell::new();
        cpu.cr0 = u64::from_le_bytes(array(bytes, offset_of!(Cpu, cr0)));
        unit_fields(&mut cpu, &mut |offset, field| read_field(bytes, offset, field));
        let result = match helper {
            Helper::X87Quick(quick) => helpers::x87_quick(quick, &mut cpu, form, rip, data, [low, high]),
            _ => helpers::x87(&mut cpu, form, rip, data, [low, high]),
        };
        let Some(result) = result else { return 1 };
        unit_fields(&mut cpu, &mut |offset, field| write_field(bytes, offset, field));
        for (place, half) in (RESULT as usize..).step_by(8).zip(result) {
            bytes[place..place + 8].copy_from_slice(&half.to_le_bytes());
        }
        0
    };
    Func::wrap(store, unit).into()
}

/// Sets a field to what the module's memory has.
fn read_field(memory: &[u8], offset: usize, field: Field<'_>) {
    match field {
        Field::Byte(value) => [*value] = array(memory, offset),
        Field::Word(value) => *value = u16::from_le_bytes(array(memory, offset)),
        Field::Double(value) => *value = u32::from_le_bytes(array(memory, offset)),
        Field::Quad(value) => *value = u64::from_le_bytes(array(memory, offset)),
    }
}

/// Sets a field in the module's memory.
fn write_field(memory: &mut [u8], offset: usize, field: Field<'_>) {
    let cpu = &mut memory[CPU as usize + offset..];
    match field {
        Field::Byte(value) => cpu[0] = *value,
        Field::Word(value) => cpu[..2].copy_from_slice(&value.to_le_bytes()),
        Field::Double(value) => cpu[..4].copy_from_slice(&value.to_le_bytes()),
        Field::Quad(value) => cpu[..8].copy_from_slice(&value.to_le_bytes()),
    }
}

impl GuestMemory {
    /// Fills what no case changes: the TLB, the jump cache, which stays empty, the generation.
    pub(super) fn new(store: Store<()>, memory: Memory) -> GuestMemory {
        let mut made = GuestMemory { store, memory };
        for n in 0..JUMP_CACHE_ENTRIES {
            made.put(JUMP_CACHE as usize + n * size_of::<JumpCacheEntry>(), JumpCacheEntry::EMPTY.rip);
        }
        for table in [offset_of!(Tlb, read), offset_of!(Tlb, write)] {
            made.put_cpu(offset_of!(Cpu, user_tlb) + table, TlbEntry::empty(0).tag);
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
        fields(machine.cpu(), &mut |offset, field| write_field(bytes, offset, field));
    }

    /// Copies the state and the data back, the read-only page too: a write to it shows.
    pub(super) fn store(&mut self, machine: &mut Interpreter) {
        let bytes = self.memory.data(&self.store);
        machine.data().copy_from_slice(&bytes[DATA as usize..][..layout::DATA_LEN]);
        fields(machine.cpu(), &mut |offset, field| read_field(bytes, offset, field));
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
