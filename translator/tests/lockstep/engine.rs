//! A module of regions in wasmtime, with the processor's state, the TLB and the guest's pages in its memory.

use crate::reference::{DATA, DATA_SIZE, Reference};
use core::mem::{offset_of, size_of};
use runtime::cpu::state::{SegmentRegister, TLB_ENTRIES};
use runtime::cpu::{Cpu, Tlb, TlbEntry};
use runtime::translated::abi::{ExitReason, FULL_ROOM, JUMP_CACHE_ENTRIES, JumpCacheEntry, LEFT, jump_cache_index};
use runtime::translated::helpers::{self, Helper, Kind};
use translator::lift::{Addresses, BranchHints, NoTargets, Options, Privilege, RegionSource, TailCalls, Targets};
use translator::lower::shared::{self, SharedType};
use translator::lower::{Translated, translate};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, FuncType, FunctionSection,
    ImportSection, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};
use wasmtime::{Extern, Func, Instance, Memory, Store, TypedFunc, V128};

pub(crate) const ADDRESSES: Addresses = Addresses {
    cpu: 0x1_0000,
    jump_cache: 0x80_0000,
    kernel_stamps: 0x90_0000,
    table: 0,
    first_type: 0,
    first_shared: HELPERS,
    near: Some(0),
    helpers: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    result: 0x100,
};
/// Number of the runtime's helpers, which are imported.
const HELPERS: u32 = Helper::COUNT as u32;
const USER_STAMPS: u32 = 0x91_0000;
const PAGES: u32 = 0x92_0000;
/// Size of the memory in Wasm's pages.
const WASM_PAGES: u64 = 160;
const _: () = assert!(ADDRESSES.cpu as usize + size_of::<Cpu>() <= ADDRESSES.jump_cache as usize);
const _: () = assert!(JUMP_CACHE_ENTRIES * size_of::<JumpCacheEntry>() <= 0x10_0000);
const GENERATION: u64 = 5 << 48;
/// Index of the first region's function, and of its table entry.
pub(crate) const FIRST_FUNCTION: u32 = HELPERS + shared::FUNCTIONS as u32;
pub(crate) const FIRST_TABLE_ENTRY: u32 = 1;

pub(crate) struct Engine {
    store: Store<()>,
    memory: Memory,
    enter: TypedFunc<(i64, i32, i32, i32), i64>,
    pub(crate) regions: Vec<Translated>,
    pub(crate) privilege: Privilege,
}

/// Where a page of the guest's data is. A program has the last page first, so that an access across two shows; the kernel has its
/// memory in one piece.
fn host_page(privilege: Privilege, page: usize) -> usize {
    match privilege {
        Privilege::Kernel => PAGES as usize + 4096 * page,
        Privilege::User => PAGES as usize + DATA_SIZE - 4096 * (page + 1),
    }
}

/// The helpers, in the order of the imports. The reference has no x87 unit: its instructions are refused.
fn helpers(store: &mut Store<()>) -> Vec<Extern> {
    let large = |op: u32, a: V128, b: V128, c: V128| -> V128 {
        helpers::large(op, [a, b, c].map(|operand| operand.as_u128())).into()
    };
    let integer = |op: u32, a: u64, b: u64, c: u64| helpers::integer(op, [a, b, c]);
    let unit = |_: u64, _: u64, _: u64, _: u64, _: u64| 1u32;
    let mut all = vec![Func::wrap(&mut *store, large).into(), Func::wrap(&mut *store, integer).into()];
    all.extend(Helper::ALL[2..].iter().map(|helper| match *helper {
        Helper::Aes(round) => Extern::from(Func::wrap(&mut *store, move |state: V128| -> V128 {
            let state = state.as_u128();
            let [low, high] = helpers::aes(round, [state as u64, (state >> 64) as u64]);
            (u128::from(high) << 64 | u128::from(low)).into()
        })),
        _ => Func::wrap(&mut *store, unit).into(),
    }));
    all
}

/// The module that holds the regions, in order.
fn module(regions: &[Translated], addresses: &Addresses) -> Vec<u8> {
    let (mut types, mut functions, mut code) = (TypeSection::new(), FunctionSection::new(), CodeSection::new());
    shared::types().iter().for_each(|ty| types.ty().func_type(ty));
    let mut exports = ExportSection::new();
    for (position, (_, ty, function)) in
        (HELPERS..).zip(shared::functions(addresses, TailCalls::Yes).expect("they lower"))
    {
        if ty == SharedType::Enter {
            exports.export("enter", ExportKind::Func, position);
        }
        functions.function(ty as u32);
        code.function(&function);
    }
    let mut imports = ImportSection::new();
    for (number, helper) in (0..).zip(Helper::ALL) {
        let (name, parameters, result) = helper.signature();
        let val_type = |kind: &Kind| match kind {
            Kind::I32 => ValType::I32,
            Kind::I64 => ValType::I64,
            Kind::V128 => ValType::V128,
        };
        types.ty().func_type(&FuncType::new(parameters.iter().map(val_type), [val_type(&result)]));
        imports.import("runtime", name, EntityType::Function(SharedType::COUNT + number));
    }
    for region in regions {
        functions.function(SharedType::Region as u32);
        code.function(&region.function);
    }
    exports.export("memory", ExportKind::Memory, 0);
    let count = regions.len() as u32;
    let mut tables = TableSection::new();
    let size = u64::from(FIRST_TABLE_ENTRY + count);
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        table64: false,
        minimum: size,
        maximum: None,
        shared: false,
    });
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..count).map(|number| FIRST_FUNCTION + number).collect();
    elements.active(None, &ConstExpr::i32_const(FIRST_TABLE_ENTRY as i32), Elements::Functions((&all).into()));
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: WASM_PAGES,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
    module.section(&exports).section(&elements).section(&code);
    module.finish()
}

/// Every hint must be of an `if` or a `br_if`; engines refuse others, or take them for another branch's.
fn hints_name_branches(region: &Translated, options: &Options) {
    let body = region.function.clone().into_raw_body();
    assert!(region.hints.is_sorted_by(|a, b| a.place < b.place));
    assert!(region.hints.iter().all(|hint| matches!(body[hint.place as usize], 0x04 | 0x0d)));
    // The stamp is tested at least.
    assert_eq!(region.hints.is_empty(), options.branch_hints == BranchHints::Omitted);
}

impl Engine {
    pub(crate) fn new(sources: &[RegionSource], targets: &dyn Targets, options: &Options) -> Engine {
        Self::with(sources, targets, options, false)
    }

    /// As it is used.
    pub(crate) fn optimised(source: &RegionSource) -> Engine {
        Self::with(std::slice::from_ref(source), &NoTargets, &Options::default(), true)
    }

    fn with(sources: &[RegionSource], targets: &dyn Targets, options: &Options, optimise: bool) -> Engine {
        let addresses = ADDRESSES.chosen(options);
        let translate = |source| translate(source, targets, &addresses, options).expect("the region translates");
        let regions: Vec<Translated> = sources.iter().map(translate).collect();
        regions.iter().for_each(|region| hints_name_branches(region, options));
        let bytes = module(&regions, &addresses);
        if let Err(error) = wasmparser::Validator::new_with_features(translator::link::features()).validate_all(&bytes)
        {
            panic!("{error}\n{}", show(&sources[0]));
        }
        // What is tested is not the engine's optimiser, and compiling without is quicker.
        let level = if optimise { wasmtime::OptLevel::Speed } else { wasmtime::OptLevel::None };
        let engine =
            wasmtime::Engine::new(wasmtime::Config::new().cranelift_opt_level(level).wasm_wide_arithmetic(true));
        let engine = engine.expect("an engine");
        let module = wasmtime::Module::new(&engine, &bytes).expect("it compiles");
        let mut store = Store::new(&engine, ());
        let helpers = helpers(&mut store);
        let instance = Instance::new(&mut store, &module, &helpers).expect("the imports fit");
        let memory = instance.get_memory(&mut store, "memory").expect("exported");
        let enter = instance.get_typed_func(&mut store, "enter").expect("exported");
        let mut made = Engine { store, memory, enter, regions, privilege: sources[0].privilege };
        made.start();
        made
    }

    /// What is not zero in the state. Tables of zeros are empty but for their first places.
    fn start(&mut self) {
        for tlb in [offset_of!(Cpu, kernel_tlb), offset_of!(Cpu, user_tlb)] {
            for table in [offset_of!(Tlb, read), offset_of!(Tlb, write)] {
                self.set64(ADDRESSES.cpu as usize + tlb + table, TlbEntry::empty(0).tag);
            }
        }
        for place in 0..runtime::translated::abi::JUMP_CACHE_ENTRIES {
            let entry = ADDRESSES.jump_cache as usize + place * size_of::<JumpCacheEntry>();
            self.set64(entry, JumpCacheEntry::EMPTY.rip);
        }
        self.set_cpu64(offset_of!(Cpu, kernel_generation), GENERATION);
        self.set_cpu64(offset_of!(Cpu, user_generation), GENERATION);
        self.set_cpu64(offset_of!(Cpu, stamps), USER_STAMPS.into());
        self.set_cpu64(offset_of!(Cpu, cr4), 1 << 9);
        (0..DATA_SIZE as u64 / 4096).for_each(|page| self.map(page, true));
    }

    /// Maps page `page` of the guest's data.
    pub(crate) fn map(&mut self, page: u64, writable: bool) {
        self.map_to(page, page, writable);
    }

    /// Maps page `page` of the guest's data to where `other` is.
    pub(crate) fn map_to(&mut self, page: u64, other: u64, writable: bool) {
        let va = DATA + page * 4096;
        let host = host_page(self.privilege, other as usize) as u32;
        let tlb = match self.privilege {
            Privilege::Kernel => offset_of!(Cpu, kernel_tlb),
            Privilege::User => offset_of!(Cpu, user_tlb),
        };
        let slot = (va >> 12) as usize % TLB_ENTRIES * size_of::<TlbEntry>();
        for (table, valid) in [(offset_of!(Tlb, read), true), (offset_of!(Tlb, write), writable)] {
            let entry = ADDRESSES.cpu as usize + tlb + table + slot;
            self.set64(entry, if valid { va } else { TlbEntry::empty((va >> 12) as usize).tag });
            self.set64(entry + offset_of!(TlbEntry, addend), host.wrapping_sub(va as u32).into());
        }
    }

    /// Unmaps a page.
    pub(crate) fn unmap(&mut self, page: u64) {
        let index = ((DATA >> 12) + page) as usize % TLB_ENTRIES;
        let slot = index * size_of::<TlbEntry>();
        let tlb =
            if self.privilege == Privilege::Kernel { offset_of!(Cpu, kernel_tlb) } else { offset_of!(Cpu, user_tlb) };
        for table in [offset_of!(Tlb, read), offset_of!(Tlb, write)] {
            self.set64(ADDRESSES.cpu as usize + tlb + table + slot, TlbEntry::empty(index).tag);
        }
    }

    /// Binds a region at a base.
    pub(crate) fn bind(&mut self, region: u32, base: u64) {
        let table = if self.privilege == Privilege::Kernel { ADDRESSES.kernel_stamps } else { USER_STAMPS };
        self.set64((table + 8 * region) as usize, base.wrapping_add(GENERATION));
    }

    /// Puts an entry point into the jump cache.
    pub(crate) fn cache(&mut self, rip: u64, region: u32, base: u64, entry: u32) {
        let generation = GENERATION + if self.privilege == Privilege::User { 3 } else { 0 };
        let index = jump_cache_index(rip, generation);
        let place = ADDRESSES.jump_cache as usize + index * size_of::<JumpCacheEntry>();
        self.set64(place, rip);
        self.set64(place + offset_of!(JumpCacheEntry, generation), generation);
        self.set64(place + offset_of!(JumpCacheEntry, base), base);
        let numbers = u64::from(entry) << 32 | u64::from(FIRST_TABLE_ENTRY + region);
        self.set64(place + offset_of!(JumpCacheEntry, function), numbers);
    }

    pub(crate) fn set64(&mut self, address: usize, value: u64) {
        self.memory.data_mut(&mut self.store)[address..address + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn get64(&self, address: usize) -> u64 {
        u64::from_le_bytes(self.memory.data(&self.store)[address..address + 8].try_into().expect("8 bytes"))
    }

    pub(crate) fn set_cpu64(&mut self, offset: usize, value: u64) {
        self.set64(ADDRESSES.cpu as usize + offset, value);
    }

    pub(crate) fn cpu64(&self, offset: usize) -> u64 {
        self.get64(ADDRESSES.cpu as usize + offset)
    }

    /// Writes the machine's state, all but RIP's region.
    pub(crate) fn load(&mut self, state: &Reference, budget: i64) {
        for (number, value) in state.gpr.iter().enumerate() {
            self.set_cpu64(offset_of!(Cpu, gpr) + 8 * number, *value);
        }
        for (number, value) in state.xmm.iter().enumerate() {
            self.set_cpu64(offset_of!(Cpu, xmm) + 16 * number, *value as u64);
            self.set_cpu64(offset_of!(Cpu, xmm) + 16 * number + 8, (*value >> 64) as u64);
        }
        let mxcsr = self.cpu64(offset_of!(Cpu, stamps)) & 0xffff_ffff | u64::from(state.mxcsr) << 32;
        self.set_cpu64(offset_of!(Cpu, stamps), mxcsr);
        self.set_cpu64(offset_of!(Cpu, rip), state.rip);
        self.set_cpu64(offset_of!(Cpu, flags_dst), state.flags.dst);
        self.set_cpu64(offset_of!(Cpu, flags_src), state.flags.src);
        self.set_cpu64(offset_of!(Cpu, flags_carry), state.flags.carry);
        // CPL is beside it.
        self.set_cpu64(offset_of!(Cpu, flags_op), state.flags.op.pack(state.flags.width).into());
        self.set_cpu64(offset_of!(Cpu, budget), budget as u64);
        let fs = offset_of!(Cpu, segments) + 4 * size_of::<SegmentRegister>() + offset_of!(SegmentRegister, base);
        self.set_cpu64(fs, state.fs_base);
        for (page, bytes) in state.memory.chunks(4096).enumerate() {
            let place = host_page(self.privilege, page);
            self.memory.data_mut(&mut self.store)[place..place + 4096].copy_from_slice(bytes);
        }
    }

    /// Reads the machine's state.
    pub(crate) fn state(&self) -> Reference {
        let mut state = Reference::new(self.cpu64(offset_of!(Cpu, rip)));
        for number in 0..16 {
            state.gpr[number] = self.cpu64(offset_of!(Cpu, gpr) + 8 * number);
            let (low, high) = (offset_of!(Cpu, xmm) + 16 * number, offset_of!(Cpu, xmm) + 16 * number + 8);
            state.xmm[number] = u128::from(self.cpu64(high)) << 64 | u128::from(self.cpu64(low));
        }
        state.mxcsr = (self.cpu64(offset_of!(Cpu, stamps)) >> 32) as u32;
        let packed = self.cpu64(offset_of!(Cpu, flags_op)) as u32;
        let (op, width) = x86::FlagOp::unpack(packed).expect("a flag operation");
        let operand = |offset| self.cpu64(offset);
        state.flags = x86::Flags {
            op,
            width,
            dst: operand(offset_of!(Cpu, flags_dst)),
            src: operand(offset_of!(Cpu, flags_src)),
            carry: operand(offset_of!(Cpu, flags_carry)),
        };
        for (page, bytes) in state.memory.chunks_mut(4096).enumerate() {
            let place = host_page(self.privilege, page);
            bytes.copy_from_slice(&self.memory.data(&self.store)[place..place + 4096]);
        }
        state
    }

    pub(crate) fn budget(&self) -> i64 {
        self.cpu64(offset_of!(Cpu, budget)) as i64
    }

    pub(crate) fn call(&mut self, region: usize, base: u64, entry: u32) -> ExitReason {
        let enter = self.enter.clone();
        let arguments = (base as i64, entry as i32, FULL_ROOM, FIRST_TABLE_ENTRY as i32 + region as i32);
        let back = enter.call(&mut self.store, arguments).expect("translated code does not trap") as u64;
        if back != LEFT {
            // As the dispatcher does.
            self.set_cpu64(offset_of!(Cpu, rip), back);
            return ExitReason::Next;
        }
        let reason = self.cpu64(offset_of!(Cpu, exit_reason)) as u32;
        ExitReason::ALL[reason as usize]
    }
}

/// A region as it is lowered, for a failing test's output.
pub(crate) fn show(source: &RegionSource) -> String {
    let mut region = translator::lift::lift(source, &Options::default()).expect("it lifts").region;
    let passed = translator::passes::run(&mut region, &Options::default());
    format!("{region}\n{:?}", passed.err())
}
