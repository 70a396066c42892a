//! Reading the runtime's module: what it exports, and where its sections are.
//!
//! The module is validated first, so that what follows may rely on well-formed sections. Then the few facts that
//! linking needs are gathered: sizes of the index spaces, exported functions and their types, exported data symbols
//! (which wasm-ld turns into immutable globals that hold the symbol's address), memory and table limits.

use super::features::features;
use super::{FuncIndex, MemoryAddress, TableIndex, TypeIndex, WASM_PAGE, layout};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::ops::Range;
use wasmparser::{Export, ExternalKind, MemoryType, Operator, Parser, Payload, TableType, TypeRef, Validator};

/// The only module that imports may come from.
const WASI: &str = "wasi_snapshot_preview1";

/// The runtime's module, parsed.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(super) bytes: Vec<u8>,
    pub(super) sections: Vec<RawSection>,
    pub(super) memory: MemoryType,
    pub(super) table: TableType,
    pub(super) function_count: u32,
    type_count: u32,
    functions: BTreeMap<String, FuncIndex>,
    addresses: BTreeMap<String, MemoryAddress>,
}

/// Where a section's contents lie in the file.
#[derive(Debug, Clone)]
pub(super) struct RawSection {
    pub(super) id: u8,
    /// For a custom section: its name.
    pub(super) name: Option<String>,
    /// For a custom section: without its name.
    pub(super) contents: Range<usize>,
}

impl Runtime {
    /// Parses the runtime's module.
    ///
    /// # Errors
    /// If it is not a valid module, imports anything but WASI preview 1 functions, or does not define exactly one
    /// 32-bit memory and one table of functions.
    pub fn parse(bytes: &[u8]) -> Result<Runtime> {
        Validator::new_with_features(features())
            .validate_all(bytes)
            .context("the runtime is not a valid WebAssembly module")?;
        let mut found = Found::default();
        for payload in Parser::new(0).parse_all(bytes) {
            found.payload(&payload?)?;
        }
        found.finish(bytes)
    }

    /// Index of an exported function, for `call`.
    ///
    /// # Errors
    /// If the runtime exports no such function.
    pub fn function(&self, name: &str) -> Result<FuncIndex> {
        self.functions.get(name).copied().with_context(|| format!("the runtime exports no function {name:?}"))
    }

    /// Address in linear memory of an exported data symbol (a Rust `static`, or the linker's `__data_end` and so on).
    ///
    /// # Errors
    /// If the runtime exports no such symbol.
    pub fn address(&self, symbol: &str) -> Result<MemoryAddress> {
        self.addresses.get(symbol).copied().with_context(|| format!("the runtime exports no data symbol {symbol:?}"))
    }

    /// Index that the first of [`super::Additions::types`] will have.
    pub fn first_type(&self) -> TypeIndex {
        TypeIndex(self.type_count)
    }

    /// Index that the first of [`super::Additions::functions`] will have.
    pub fn first_function(&self) -> FuncIndex {
        FuncIndex(self.function_count)
    }

    /// Function-table entry that the first of [`super::Additions::functions`] will have.
    pub fn first_table_entry(&self) -> TableIndex {
        // Parsing checked that the size of a 32-bit table is below 2^32.
        TableIndex(u32::try_from(self.table.initial).unwrap_or(u32::MAX))
    }

    /// First byte of linear memory after the runtime's stack and data: the place for the image and the
    /// guest's RAM. A multiple of [`WASM_PAGE`].
    pub fn memory_end(&self) -> u64 {
        self.memory.initial * WASM_PAGE
    }

    /// Address of the first byte of linear memory that the runtime's data give.
    ///
    /// # Errors
    /// If an address is not a constant.
    pub fn first_data(&self) -> Result<u64> {
        Ok(layout::segments(&self.bytes)?.iter().map(|segment| segment.address).min().unwrap_or(u64::MAX))
    }

    /// Names of the exported functions, sorted.
    pub fn function_names(&self) -> impl Iterator<Item = &str> {
        self.functions.keys().map(String::as_str)
    }

    /// Names of the exported data symbols, sorted.
    pub fn symbol_names(&self) -> impl Iterator<Item = &str> {
        self.addresses.keys().map(String::as_str)
    }
}

/// What parsing has gathered so far.
#[derive(Default)]
struct Found {
    sections: Vec<RawSection>,
    memories: Vec<MemoryType>,
    tables: Vec<TableType>,
    imported_functions: u32,
    defined_functions: u32,
    types: u32,
    /// Values of the globals that are immutable `i32` constants.
    constants: Vec<Option<u32>>,
    functions: BTreeMap<String, FuncIndex>,
    addresses: BTreeMap<String, MemoryAddress>,
}

impl Found {
    fn payload(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::TypeSection(reader) => {
                for group in reader.clone() {
                    self.types += u32::try_from(group?.types().len())?;
                }
            }
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    let import = import?;
                    let what = format!("the runtime imports {}.{}", import.module, import.name);
                    ensure!(import.module == WASI, "{what}: only {WASI} may be imported");
                    ensure!(matches!(import.ty, TypeRef::Func(_)), "{what}, which is not a function");
                    self.imported_functions += 1;
                }
            }
            Payload::FunctionSection(reader) => self.defined_functions = reader.count(),
            Payload::TableSection(reader) => {
                for table in reader.clone() {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(reader) => {
                for memory in reader.clone() {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(reader) => {
                for global in reader.clone() {
                    let global = global?;
                    let mut init = global.init_expr.get_operators_reader();
                    self.constants.push(match init.read()? {
                        Operator::I32Const { value } if !global.ty.mutable => Some(value.cast_unsigned()),
                        _ => None,
                    });
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader.clone() {
                    self.export(&export?);
                }
            }
            _ => {}
        }
        self.sections.extend(raw_section(payload)?);
        Ok(())
    }

    fn export(&mut self, export: &Export<'_>) {
        let name = export.name.to_owned();
        match export.kind {
            ExternalKind::Func => {
                self.functions.insert(name, FuncIndex(export.index));
            }
            ExternalKind::Global => {
                if let Some(Some(value)) = self.constants.get(export.index as usize) {
                    self.addresses.insert(name, MemoryAddress(*value));
                }
            }
            _ => {}
        }
    }

    fn finish(self, bytes: &[u8]) -> Result<Runtime> {
        let [memory] = self.memories[..] else {
            bail!("the runtime defines {} memories, expected 1", self.memories.len());
        };
        let [table] = self.tables[..] else {
            bail!("the runtime defines {} tables, expected 1 (of functions)", self.tables.len());
        };
        ensure!(table.element_type.is_func_ref(), "the runtime's table holds {}, expected funcref", table.element_type);
        Ok(Runtime {
            bytes: bytes.to_vec(),
            sections: self.sections,
            memory,
            table,
            function_count: self.imported_functions + self.defined_functions,
            type_count: self.types,
            functions: self.functions,
            addresses: self.addresses,
        })
    }
}

/// Where the payload's section lies, if the payload is one.
fn raw_section(payload: &Payload<'_>) -> Result<Option<RawSection>> {
    if let Payload::CustomSection(custom) = payload {
        let start = usize::try_from(custom.data_offset())?;
        let contents = start..start + custom.data().len();
        return Ok(Some(RawSection { id: super::section::id::CUSTOM, name: Some(custom.name().to_owned()), contents }));
    }
    let Some((id, range)) = payload.as_section() else { return Ok(None) };
    let contents = usize::try_from(range.start)?..usize::try_from(range.end)?;
    Ok(Some(RawSection { id, name: None, contents }))
}
