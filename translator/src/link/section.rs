//! Writing sections into the output: raw copies, and vectors that grow at the end.
//!
//! Most sections of a module are a vector: a LEB128 count, then the items (core specification, 5.5.2). Growing one
//! means a new count, the old items' bytes, and the new items' bytes.

use super::piece::{Piece, WRITE};
use anyhow::{Context, Result};
use std::io::Write;
use wasm_encoder::Encode;
use wasmparser::BinaryReader;

/// Section ids of the core specification, 5.5.2.
pub(super) mod id {
    pub(crate) const CUSTOM: u8 = 0;
    pub(crate) const TYPE: u8 = 1;
    pub(crate) const FUNCTION: u8 = 3;
    pub(crate) const TABLE: u8 = 4;
    pub(crate) const MEMORY: u8 = 5;
    pub(crate) const ELEMENT: u8 = 9;
    pub(crate) const CODE: u8 = 10;
    pub(crate) const DATA: u8 = 11;
    pub(crate) const DATA_COUNT: u8 = 12;
}

/// Items to put at the end of a vector, as encoded pieces.
#[derive(Default)]
pub(super) struct Tail<'a> {
    /// Number of items.
    pub(super) count: u32,
    /// Their encoding; pieces and items need not coincide.
    pub(super) pieces: Vec<Piece<'a>>,
}

impl Tail<'_> {
    /// Adds one item that is encoded by `item`.
    pub(super) fn push(&mut self, item: &impl Encode) {
        let mut bytes = Vec::new();
        item.encode(&mut bytes);
        self.count += 1;
        self.pieces.push(bytes.into());
    }
}

/// Splits a vector's encoding into its count and the bytes of its items.
pub(super) fn split_vector(contents: &[u8]) -> Result<(u32, &[u8])> {
    let mut reader = BinaryReader::new(contents, 0);
    let count = reader.read_var_u32().context("expected the number of a section's items")?;
    Ok((count, &contents[reader.current_position()..]))
}

/// Writes the vector section `id`: the items of `old` (contents of the section as it was, possibly absent), then
/// `tail`.
pub(super) fn extend_vector(out: &mut impl Write, id: u8, old: Option<&[u8]>, tail: &Tail<'_>) -> Result<()> {
    let (old_count, items) = old.map_or(Ok((0, &[][..])), split_vector)?;
    let count = old_count.checked_add(tail.count).context("a section has more than 2^32 items")?;
    let mut pieces = vec![leb(count).into(), items.into()];
    pieces.extend(tail.pieces.iter().map(Piece::borrowed));
    write_section(out, id, &pieces)
}

/// Writes a section made of `pieces`.
pub(super) fn write_section(out: &mut impl Write, id: u8, pieces: &[Piece<'_>]) -> Result<()> {
    let size: u64 = pieces.iter().map(Piece::len).sum();
    let size = u32::try_from(size).ok().with_context(|| format!("section {id} would be larger than 4 GiB"))?;
    let header = [vec![id], leb(size)].concat();
    out.write_all(&header).context(WRITE)?;
    pieces.iter().try_for_each(|piece| piece.write(out))
}

/// Writes a custom section.
pub(super) fn write_custom(out: &mut impl Write, name: &str, contents: &[u8]) -> Result<()> {
    let mut header = Vec::new();
    name.encode(&mut header);
    write_section(out, id::CUSTOM, &[header.into(), contents.into()])
}

/// `value` as an unsigned LEB128 number.
pub(super) fn leb(value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}
