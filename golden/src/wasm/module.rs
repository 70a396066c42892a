//! A module of regions and what they need around them: jump functions, the flags function, an empty table, a memory.

use anyhow::Result;
use translator::lift::{Addresses, Privilege};
use translator::lower::flags_word::{flags_word_function, flags_word_type};
use translator::lower::jump::{jump_function, jump_type};
use translator::lower::{Translated, region_type};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, FunctionSection, MemorySection, MemoryType, Module, RefType, TableSection,
    TableType, TypeSection,
};

/// Name of the exported memory.
pub(super) const MEMORY: &str = "memory";
/// Types, by index.
pub(super) const REGION_TYPE: u32 = 0;
const JUMP_TYPE: u32 = 1;
const FLAGS_TYPE: u32 = 2;
/// Functions, by index; the regions follow.
pub(super) const JUMP_KERNEL: u32 = 0;
pub(super) const JUMP_USER: u32 = 1;
pub(super) const FLAGS_WORD: u32 = 2;
pub(crate) const FIRST_REGION: u32 = 3;

/// Export name of region `number`.
pub(super) fn region_name(number: u32) -> String {
    format!("region{number}")
}

/// The module that holds the regions in order, with a memory of `pages` Wasm pages.
pub(super) fn of_regions(regions: &[Translated], addresses: Addresses, pages: u64) -> Result<Vec<u8>> {
    let (mut functions, mut code, mut exports) = (FunctionSection::new(), CodeSection::new(), ExportSection::new());
    functions.function(JUMP_TYPE).function(JUMP_TYPE).function(FLAGS_TYPE);
    code.function(&jump_function(Privilege::Kernel, &addresses));
    code.function(&jump_function(Privilege::User, &addresses));
    code.function(&flags_word_function(&addresses)?);
    exports.export(MEMORY, ExportKind::Memory, 0);
    for (number, region) in (0..).zip(regions) {
        functions.function(REGION_TYPE);
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
    types.ty().func_type(&region_type());
    types.ty().func_type(&jump_type());
    types.ty().func_type(&flags_word_type());
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
