//! What is inside a module, for `prelift inspect`.

use super::PRELIFT_SECTION;
use super::layout::{self, Layout};
use anyhow::{Context, Result};
use serde::Serialize;
use wasmparser::{Parser, Payload};

/// A section of a module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name: the kind, or for a custom section its own name in quotes.
    pub name: String,
    /// Size of its contents in bytes.
    pub size: u64,
    /// Number of items, where it is a vector.
    pub items: Option<u32>,
}

/// Sizes of a module's parts, and what the `prelift` section says.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Sections in file order.
    pub sections: Vec<Section>,
    /// How the data lie in linear memory.
    pub layout: Layout,
    /// Minimum of linear memory, in bytes.
    pub memory: u64,
    /// The `prelift` section, if the module has one.
    pub description: Option<serde_json::Value>,
}

impl Summary {
    /// Reads a module.
    ///
    /// # Errors
    /// If it is malformed, or its `prelift` section is not JSON.
    pub fn read(module: &[u8]) -> Result<Summary> {
        let mut summary = Summary { sections: Vec::new(), layout: Layout::default(), memory: 0, description: None };
        for payload in Parser::new(0).parse_all(module) {
            summary.payload(&payload.context("not a WebAssembly module")?)?;
        }
        summary.layout = Layout::of(&layout::segments(module)?);
        Ok(summary)
    }

    fn payload(&mut self, payload: &Payload<'_>) -> Result<()> {
        match payload {
            Payload::MemorySection(reader) => {
                for memory in reader.clone() {
                    self.memory += memory?.initial * super::WASM_PAGE;
                }
            }
            Payload::CustomSection(custom) if custom.name() == PRELIFT_SECTION => {
                let json = serde_json::from_slice(custom.data());
                self.description = Some(json.context("the module's prelift section is not JSON")?);
            }
            _ => {}
        }
        if let Some((_, range)) = payload.as_section() {
            let (name, items) = describe(payload);
            self.sections.push(Section { name, size: range.end - range.start, items });
        }
        Ok(())
    }
}

/// Name and number of items of a section.
#[rustfmt::skip]
fn describe(payload: &Payload<'_>) -> (String, Option<u32>) {
    let (name, items) = match payload {
        Payload::TypeSection(reader)       => ("type",     Some(reader.count())),
        Payload::ImportSection(reader)     => ("import",   Some(reader.count())),
        Payload::FunctionSection(reader)   => ("function", Some(reader.count())),
        Payload::TableSection(reader)      => ("table",    Some(reader.count())),
        Payload::MemorySection(reader)     => ("memory",   Some(reader.count())),
        Payload::GlobalSection(reader)     => ("global",   Some(reader.count())),
        Payload::ExportSection(reader)     => ("export",   Some(reader.count())),
        Payload::ElementSection(reader)    => ("element",  Some(reader.count())),
        Payload::DataSection(reader)       => ("data",     Some(reader.count())),
        Payload::CodeSectionStart { count, .. } => ("code", Some(*count)),
        Payload::DataCountSection { .. }   => ("data count", None),
        Payload::StartSection { .. }       => ("start", None),
        Payload::CustomSection(custom)     => return (format!("{:?}", custom.name()), None),
        _                                  => ("other", None),
    };
    (name.to_owned(), items)
}
