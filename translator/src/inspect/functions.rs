//! The functions that a module defines: sizes of their bodies, and names.

use anyhow::{Context, Result};
use std::collections::HashMap;
use wasmparser::{KnownCustom, Name, Parser, Payload, TypeRef};

/// The functions of a module.
#[derive(Debug, Default)]
pub(super) struct Functions {
    /// How many are imported; the first that is defined has this index.
    imported: u32,
    /// Bytes of each body that is defined.
    sizes: Vec<u32>,
    names: HashMap<u32, String>,
}

impl Functions {
    /// Reads a module's functions. Names that cannot be read are passed over, as engines do.
    ///
    /// # Errors
    /// If the module is malformed.
    pub(super) fn read(module: &[u8]) -> Result<Functions> {
        let mut functions = Functions::default();
        for payload in Parser::new(0).parse_all(module) {
            functions.payload(&payload.context("not a WebAssembly module")?)?;
        }
        Ok(functions)
    }

    fn payload(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    self.imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => {
                let range = body.range();
                self.sizes.push(u32::try_from(range.end - range.start)?);
            }
            Payload::CustomSection(custom) => {
                let KnownCustom::Name(reader) = custom.as_known() else { return Ok(()) };
                for subsection in reader.into_iter().flatten() {
                    let Name::Function(map) = subsection else { continue };
                    self.names.extend(map.into_iter().flatten().map(|naming| (naming.index, naming.name.to_owned())));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Bytes of a function's body, if the module defines it.
    pub(super) fn size(&self, index: u32) -> Option<u32> {
        self.sizes.get(index.checked_sub(self.imported)? as usize).copied()
    }

    /// A function's name, or a stand-in.
    pub(super) fn name(&self, index: u32) -> String {
        self.names.get(&index).cloned().unwrap_or_else(|| format!("function {index}"))
    }
}
