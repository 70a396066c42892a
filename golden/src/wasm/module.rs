//! A module of regions and what they need around them: the functions that regions share, an empty table, a memory.

use anyhow::Result;
use translator::lift::{Addresses, TailCalls};
use translator::lower::Translated;
use translator::lower::shared::{self, SharedType};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, FunctionSection, MemorySection, MemoryType, Module, RefType, TableSection,
    TableType, TypeSection,
};

/// Name of the exported memory.
pub(super) const MEMORY: &str = "memory";
/// The first of the types and functions that regions share; the regions follow.
pub(super) const FIRST_TYPE: u32 = 0;
pub(super) const FIRST_SHARED: u32 = 0;
pub(crate) const FIRST_REGION: u32 = shared::FUNCTIONS as u32;

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
    module.section(&types()).section(&functions).section(&table()).section(&memory(pages));
    module.section(&exports).section(&code);
    Ok(module.finish())
}

fn types() -> TypeSection {
    let mut types = TypeSection::new();
    shared::types().iter().for_each(|ty| types.ty().func_type(ty));
    types
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
