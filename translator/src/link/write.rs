//! Writing the output module.
//!
//! Sections are written in the order that the core specification prescribes (5.5.2; data count stands between
//! element and code). Those of the runtime that gain nothing are copied. The output is a file, and never in memory as a whole: an
//! image is read as it is written, and the result is mapped to be validated. An error in a translated function is reported with
//! its name.

use super::data::segments;
use super::features::features;
use super::names::write_names;
use super::parse::{RawSection, Runtime};
use super::piece::WRITE;
use super::section::{Tail, extend_vector, id, leb, split_vector, write_custom, write_section};
use super::{Additions, Function, PRELIFT_SECTION, REGIONS_SECTION, WASM_PAGE};
use crate::mapping::Mapping;
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{BufWriter, Write};
use wasm_encoder::{BranchHint, BranchHints, ConstExpr, Encode, FuncType, Module};
use wasmparser::{FuncValidatorAllocations, Parser, ValidPayload, Validator};

/// Order of the sections in a module; custom sections go to the end.
const ORDER: [u8; 13] = [1, 2, 3, id::TABLE, id::MEMORY, 13, 6, 7, 8, id::ELEMENT, id::DATA_COUNT, id::CODE, id::DATA];

impl Runtime {
    /// Writes the runtime's module with `additions` appended to `file`, which is empty and nobody else's, and gives what it then
    /// holds.
    ///
    /// The same inputs give the same bytes. The memory's minimum becomes at least `memory_end`; the table's minimum
    /// and maximum become its new size (an engine can then fold its bound into the code).
    ///
    /// # Errors
    /// If data overlap or lie outside memory, if the result would exceed what wasm32 can hold, if the file cannot be written, or if
    /// a new function does not validate; the error then names the function.
    pub fn link(&self, additions: Additions<'_>, file: &File) -> Result<Mapping> {
        let Additions { types, functions, data, memory_end, description, figures } = additions;
        let (functions, bodies) = take_bodies(functions);
        let memory_end = memory_end.max(self.memory_end());
        let data = segments(&data, memory_end)?;
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&Module::HEADER).context(WRITE)?;
        for section in ORDER {
            let old = self.section(section);
            match section {
                id::TYPE => extend_vector(&mut out, section, old, &type_items(&types))?,
                id::FUNCTION => extend_vector(&mut out, section, old, &type_indices(&functions))?,
                id::TABLE => self.write_table(&mut out, functions.len())?,
                id::MEMORY => self.write_memory(&mut out, memory_end)?,
                id::ELEMENT => extend_vector(&mut out, section, old, &self.table_entries(&functions))?,
                id::DATA_COUNT => self.write_data_count(&mut out, data.count)?,
                id::CODE => {
                    self.write_hints(&mut out, &functions)?;
                    extend_vector(&mut out, section, old, &bodies)?;
                }
                id::DATA => extend_vector(&mut out, section, old, &data)?,
                _ => old.map_or(Ok(()), |bytes| write_section(&mut out, section, &[bytes.into()]))?,
            }
        }
        self.write_custom_sections(&mut out, &functions)?;
        if !figures.is_empty() {
            write_custom(&mut out, REGIONS_SECTION, &figures)?;
        }
        write_custom(&mut out, PRELIFT_SECTION, &description)?;
        out.flush().context(WRITE)?;
        drop((out, bodies));
        let module = Mapping::of(file)?;
        validate(&module, self.function_count, &functions)?;
        Ok(module)
    }

    /// Contents of a section of the runtime, if it has it.
    fn section(&self, id: u8) -> Option<&[u8]> {
        let section = self.sections.iter().find(|section| section.id == id)?;
        Some(&self.bytes[section.contents.clone()])
    }

    fn write_table(&self, out: &mut impl Write, added: usize) -> Result<()> {
        let size = self.table.initial + added as u64;
        ensure!(size <= u64::from(u32::MAX), "the function table would have {size} entries, more than 32 bits hold");
        let mut table = wasm_encoder::TableSection::new();
        table.table(wasm_encoder::TableType {
            element_type: wasm_encoder::RefType::FUNCREF,
            table64: false,
            minimum: size,
            maximum: Some(size),
            shared: false,
        });
        push_section(out, &table)
    }

    fn write_memory(&self, out: &mut impl Write, end: u64) -> Result<()> {
        let minimum = end.div_ceil(WASM_PAGE);
        let limit = self.memory.maximum.unwrap_or(1 << 16);
        ensure!(
            minimum <= limit,
            "linear memory would need {} MiB, more than its maximum of {} MiB",
            minimum >> 4,
            limit >> 4
        );
        let mut memory = wasm_encoder::MemorySection::new();
        memory.memory(wasm_encoder::MemoryType {
            minimum,
            maximum: self.memory.maximum,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        push_section(out, &memory)
    }

    fn write_data_count(&self, out: &mut impl Write, added: u32) -> Result<()> {
        let Some(old) = self.section(id::DATA_COUNT) else { return Ok(()) };
        let (count, _) = split_vector(old)?;
        write_section(out, id::DATA_COUNT, &[leb(count + added).into()])
    }

    /// One active segment that puts the new functions into the table, one after the other.
    fn table_entries(&self, functions: &[Function]) -> Tail<'static> {
        let mut tail = Tail::default();
        if functions.is_empty() {
            return tail;
        }
        let mut bytes = leb(0);
        ConstExpr::i32_const(self.first_table_entry().0.cast_signed()).encode(&mut bytes);
        functions.len().encode(&mut bytes);
        for (position, _) in (0..).zip(functions) {
            self.first_function().plus(position).0.encode(&mut bytes);
        }
        tail.count = 1;
        tail.pieces.push(bytes.into());
        tail
    }

    /// The section of branch hints, which stands before the code (the branch hinting proposal). Engines may ignore it.
    fn write_hints(&self, out: &mut impl Write, functions: &[Function]) -> Result<()> {
        let mut section = BranchHints::new();
        for (position, function) in (0..).zip(functions).filter(|(_, function)| !function.hints.is_empty()) {
            let hints = function
                .hints
                .iter()
                .map(|hint| BranchHint { branch_func_offset: hint.place, branch_hint_value: hint.taken.into() });
            section.function_hints(self.first_function().plus(position).0, hints);
        }
        if section.is_empty() { Ok(()) } else { push_section(out, &section) }
    }

    /// The runtime's own custom sections, the names among them.
    fn write_custom_sections(&self, out: &mut impl Write, functions: &[Function]) -> Result<()> {
        let mut names = None;
        for RawSection { name, contents, .. } in &self.sections {
            let bytes = &self.bytes[contents.clone()];
            match name.as_deref() {
                Some("name") => names = Some(bytes),
                Some(name) if !name.starts_with(".debug_") => write_custom(out, name, bytes)?,
                _ => {}
            }
        }
        write_names(out, names, self.first_function(), functions)
    }
}

/// Separates bodies, which are moved into the code section's tail, from names and types.
fn take_bodies(functions: Vec<Function>) -> (Vec<Function>, Tail<'static>) {
    let mut bodies = Tail { count: u32::try_from(functions.len()).unwrap_or(u32::MAX), pieces: Vec::new() };
    let take = |function: Function| {
        let body = function.code.into_raw_body();
        let mut size = Vec::new();
        body.len().encode(&mut size);
        bodies.pieces.extend([size.into(), body.into()]);
        Function { code: wasm_encoder::Function::new([]), ..function }
    };
    let functions = functions.into_iter().map(take).collect();
    (functions, bodies)
}

fn type_items(types: &[FuncType]) -> Tail<'static> {
    let mut tail = Tail::default();
    types.iter().for_each(|ty| tail.push(&TypeItem(ty)));
    tail
}

/// A function type as the type section has it (core specification, 5.3.5).
struct TypeItem<'a>(&'a FuncType);

impl Encode for TypeItem<'_> {
    fn encode(&self, sink: &mut Vec<u8>) {
        sink.push(0x60);
        self.0.params().encode(sink);
        self.0.results().encode(sink);
    }
}

fn type_indices(functions: &[Function]) -> Tail<'static> {
    let mut tail = Tail::default();
    functions.iter().for_each(|function| tail.push(&function.ty.0));
    tail
}

fn push_section(out: &mut impl Write, section: &impl wasm_encoder::Section) -> Result<()> {
    let mut bytes = Vec::new();
    section.append_to(&mut bytes);
    out.write_all(&bytes).context(WRITE)
}

/// Validates the module; `functions` are those from index `first` on.
fn validate(module: &[u8], first: u32, functions: &[Function]) -> Result<()> {
    let mut validator = Validator::new_with_features(features());
    let mut allocations = FuncValidatorAllocations::default();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("the linked module is malformed")?;
        let valid = validator.payload(&payload).context("the linked module is not valid")?;
        if let ValidPayload::Func(to_validate, body) = valid {
            let index = to_validate.index;
            let mut body_validator = to_validate.into_validator(allocations);
            body_validator.validate(&body).with_context(|| match index.checked_sub(first) {
                Some(position) => format!("translated function {:?} is not valid", functions[position as usize].name),
                None => format!("function {index} of the runtime is not valid once linked"),
            })?;
            allocations = body_validator.into_allocations();
        }
    }
    Ok(())
}
