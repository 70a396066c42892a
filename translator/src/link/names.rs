//! The `name` section: the runtime's names stay, the new functions' names are added.
//!
//! Format: appendix "Custom Sections" of the core specification. Subsection 1 is a vector of (function index, name),
//! ascending; new functions have the highest indices, so they go to its end.

use super::section::{Tail, extend_vector, write_custom};
use super::{FuncIndex, Function};
use anyhow::{Context, Result};
use std::io::Write;
use wasm_encoder::Encode;
use wasmparser::BinaryReader;

const FUNCTION_NAMES: u8 = 1;

/// Writes the name section: `old` (the contents after its own name, possibly absent) and the names of `functions`,
/// of which the first has index `first`.
pub(super) fn write_names(
    out: &mut impl Write,
    old: Option<&[u8]>,
    first: FuncIndex,
    functions: &[Function],
) -> Result<()> {
    let mut new = Tail::default();
    for (position, function) in (0..).zip(functions) {
        new.push(&Entry { index: first.plus(position), name: &function.name });
    }
    let mut contents = Vec::new();
    let mut written = false;
    for (id, bytes) in subsections(old.unwrap_or_default())? {
        if !written && id >= FUNCTION_NAMES {
            let old_names = (id == FUNCTION_NAMES).then_some(bytes);
            extend_vector(&mut contents, FUNCTION_NAMES, old_names, &new)?;
            written = true;
        }
        if id != FUNCTION_NAMES {
            contents.push(id);
            bytes.encode(&mut contents);
        }
    }
    if !written {
        extend_vector(&mut contents, FUNCTION_NAMES, None, &new)?;
    }
    write_custom(out, "name", &contents)
}

/// Splits a name section into (id, contents).
fn subsections(bytes: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(bytes, 0);
    let mut found = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8().context("name section: expected a subsection")?;
        let size = reader.read_var_u32().context("name section: expected a subsection's size")?;
        let contents =
            reader.read_bytes(size as usize).with_context(|| format!("name section: subsection {id} is cut off"))?;
        found.push((id, contents));
    }
    Ok(found)
}

struct Entry<'a> {
    index: FuncIndex,
    name: &'a str,
}

impl Encode for Entry<'_> {
    fn encode(&self, sink: &mut Vec<u8>) {
        self.index.0.encode(sink);
        self.name.encode(sink);
    }
}
