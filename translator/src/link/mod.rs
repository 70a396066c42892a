//! The linker: appends translated code and a snapshot to the runtime's module.
//!
//! ```text
//!  runtime.wasm ──parse──► Runtime ──indices, addresses──► (translator lowers regions)
//!                             │                                   │
//!                             └────────────── link ◄── Additions ─┘
//!                                               └──► out.wasm
//! ```
//!
//! The output is the runtime's module with more at the end of its vectors: types, functions, function-table
//! entries, code bodies, data segments and names. Nothing that exists gets another index, so neither old nor new
//! code is patched: a translated body is written once, with `call`s to the runtime's exported functions and
//! `return_call`s to its fellows by index ([`Runtime::first_function`] plus its position). Sections that are not
//! touched, and the old items of those that are, are copied as they are.
//!
//! Limits: one memory (32-bit), one function table, imports from WASI preview 1 only. `.debug_*` sections are
//! dropped, since they hold offsets into the code section, which moves.

mod data;
mod features;
pub mod layout;
mod names;
mod parse;
mod piece;
mod section;
mod summary;
mod write;

pub use data::Overlay;
pub use features::features;
pub use parse::Runtime;
pub use piece::Piece;
pub use summary::{Section, Summary};

use std::borrow::Cow;
use wasm_encoder::FuncType;

/// Name of the custom section that describes the conversion, as JSON.
pub const PRELIFT_SECTION: &str = "prelift";
/// Name of the custom section that says what is known of each region: [`crate::convert::Figures`].
pub const REGIONS_SECTION: &str = "prelift.regions";
/// Bytes in a page of linear memory.
pub const WASM_PAGE: u64 = 65_536;

/// Index into the module's function space (imports first).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncIndex(pub u32);

/// Index into the module's types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeIndex(pub u32);

/// Index into the module's function table: in compiled Rust, the value of a function pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableIndex(pub u32);

/// Byte offset into the module's linear memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemoryAddress(pub u32);

impl FuncIndex {
    /// The function `position` places after this one.
    pub fn plus(self, position: u32) -> FuncIndex {
        FuncIndex(self.0 + position)
    }
}

impl TableIndex {
    /// The entry `position` places after this one.
    pub fn plus(self, position: u32) -> TableIndex {
        TableIndex(self.0 + position)
    }
}

/// A translated function.
#[derive(Debug, Clone)]
pub struct Function {
    /// What profilers and traps call it; need not be unique.
    pub name: String,
    /// Its type: one of [`Additions::types`] (from [`Runtime::first_type`] on) or one that the runtime has.
    pub ty: TypeIndex,
    /// Locals and body.
    pub code: wasm_encoder::Function,
    /// What the engine should know of its branches, ascending.
    pub hints: Vec<Hint>,
}

/// A branch (`if` or `br_if`) that is nearly always, or hardly ever, taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hint {
    /// Its offset in the function, whose locals come first.
    pub place: u32,
    /// Nearly always.
    pub taken: bool,
}

/// What [`Runtime::link`] appends.
#[derive(Debug, Clone, Default)]
pub struct Additions<'a> {
    /// New types; the first gets [`Runtime::first_type`]. Equal types may repeat: Wasm compares types by structure.
    pub types: Vec<FuncType>,
    /// New functions; the i-th gets function index [`Runtime::first_function`]` + i` and function-table entry
    /// [`Runtime::first_table_entry`]` + i`.
    pub functions: Vec<Function>,
    /// New contents of linear memory, applied after the runtime's own data (which they may overwrite), in any
    /// order, not overlapping one another.
    pub data: Vec<Overlay<'a>>,
    /// First byte after all that the module needs in linear memory; the memory's minimum is raised to hold it.
    pub memory_end: u64,
    /// JSON for the `prelift` section.
    pub description: Cow<'a, [u8]>,
    /// Contents of the `prelift.regions` section; without any there is none.
    pub figures: Cow<'a, [u8]>,
}

#[cfg(test)]
mod tests;
