//! A module of regions and what they need around them: the functions that regions share, an empty table, a memory. The
//! runtime's helpers are imported.

use anyhow::Result;
use runtime::translated::helpers::{Helper, Kind};
use translator::lift::{Addresses, TailCalls};
use translator::lower::Translated;
use translator::lower::shared::{self, SharedType};
use wasm_encoder::{
    CodeSection, EntityType, ExportKind, ExportSection, FuncType, FunctionSection, ImportSection, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Name of the exported memory.
pub(super) const MEMORY: &str = "memory";
/// The first of the types that regions share; those of the helpers follow.
pub(super) const FIRST_TYPE: u32 = 0;
const FIRST_HELPER_TYPE: u32 = SharedType::COUNT;
/// The first of the functions that they share, after the helpers; the regions follow.
pub(super) const FIRST_SHARED: u32 = Helper::COUNT as u32;
pub(crate) const FIRST_REGION: u32 = FIRST_SHARED + shared::FUNCTIONS as u32;

/// Export name of region `number`.
pub(super) fn region_name(number: u32) -> String {
    format!("region{number}")
}

/// The module that holds the regions in order, with a memory of `pages` Wasm pages.
pub(super) fn of_regions(regions: &[Translated], addresses: Addresses, pages: u64) -> Result<Vec<u8>> {
    let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    for (_, ty, function) in shared::functions(&addresses, TailCalls::Yes)? {
        functions.function(ty as u32);
        code.function(&function);
    }
    exports.export(MEMORY, ExportKind::Memory, 0);
    for (number, region) in (0..).zip(regions) {
        functions.function(SharedType::Region as u32);
        code.function(&region.function);
        exports.export(&region_name(number), ExportKind::Func, FIRST_REGION + number);
    }
    let mut module = Module::new();
    module.section(&types()).section(&helpers()).section(&functions).section(&table()).section(&memory(pages));
    module.section(&exports).section(&code);
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

/// The table that jump functions call through, if the jump cache knew any target.
fn table() -> TableSection {
    let mut tables = TableSection::new();
    let element_type = RefType::FUNCREF;
    tables.table(TableType { element_type, table64: false, minimum: 0, maximum: None, shared: false });
    tables
}

fn memory(pages: u64) -> MemorySection {
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    memories
}
