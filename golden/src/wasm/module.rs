//! A module of regions and what they need around them: the functions that regions share, a table of the regions, a memory.
//! The runtime's helpers are imported.

use anyhow::Result;
use runtime::translated::helpers::{Helper, Kind};
use translator::lift::{Addresses, TailCalls};
use translator::lower::Translated;
use translator::lower::shared::{self, SharedType};
use wasm_encoder::{
    CodeSection, ConstExpr, ElementSection, Elements, EntityType, ExportKind, ExportSection, FuncType, FunctionSection,
    ImportSection, MemorySection, MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Name of the exported memory.
pub(super) const MEMORY: &str = "memory";
/// The first of the types that regions share; those of the helpers follow.
pub(super) const FIRST_TYPE: u32 = 0;
const FIRST_HELPER_TYPE: u32 = SharedType::COUNT;
/// The first of the functions that they share, after the helpers; the regions follow.
pub(super) const FIRST_SHARED: u32 = Helper::COUNT as u32;
pub(crate) const FIRST_REGION: u32 = FIRST_SHARED + shared::FUNCTIONS as u32;

/// Export name of the function that calls regions.
pub(super) const ENTER: &str = "enter";
/// The table's entry of the first region.
pub(super) const FIRST_TABLE_ENTRY: u32 = 1;

/// The module that holds the regions in order, with a memory of `pages` Wasm pages.
pub(super) fn of_regions(regions: &[Translated], addresses: Addresses, pages: u64) -> Result<Vec<u8>> {
    let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    for (position, (_, ty, function)) in (FIRST_SHARED..).zip(shared::functions(&addresses, TailCalls::Yes)?) {
        if ty == SharedType::Enter {
            exports.export(ENTER, ExportKind::Func, position);
        }
        functions.function(ty as u32);
        code.function(&function);
    }
    exports.export(MEMORY, ExportKind::Memory, 0);
    for region in regions {
        functions.function(SharedType::Region as u32);
        code.function(&region.function);
    }
    let count = regions.len() as u32;
    let mut module = Module::new();
    module.section(&types()).section(&helpers()).section(&functions).section(&table(count)).section(&memory(pages));
    module.section(&exports).section(&elements(count)).section(&code);
    Ok(module.finish())
}

fn types() -> TypeSection {
    let mut types = TypeSection::new();
    shared::types().iter().for_each(|ty| types.ty().func_type(ty));
    for helper in Helper::ALL {
        let (_, parameters, result) = helper.signature();
        types.ty().func_type(&FuncType::new(parameters.iter().map(|kind| val_type(*kind)), [val_type(result)]));
    }
    types
}

fn val_type(kind: Kind) -> ValType {
    match kind {
        Kind::I32 => ValType::I32,
        Kind::I64 => ValType::I64,
        Kind::V128 => ValType::V128,
    }
}

/// The imported helpers, in order.
fn helpers() -> ImportSection {
    let mut imports = ImportSection::new();
    for (number, helper) in (0..).zip(Helper::ALL) {
        imports.import("runtime", helper.signature().0, EntityType::Function(FIRST_HELPER_TYPE + number));
    }
    imports
}

/// The table that regions are called through.
fn table(regions: u32) -> TableSection {
    let mut tables = TableSection::new();
    let (element_type, minimum) = (RefType::FUNCREF, u64::from(FIRST_TABLE_ENTRY + regions));
    tables.table(TableType { element_type, table64: false, minimum, maximum: None, shared: false });
    tables
}

fn elements(regions: u32) -> ElementSection {
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (FIRST_REGION..FIRST_REGION + regions).collect();
    elements.active(None, &ConstExpr::i32_const(FIRST_TABLE_ENTRY as i32), Elements::Functions((&all).into()));
    elements
}

fn memory(pages: u64) -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    memories
}
