//! Whether an engine can map a module's data instead of copying it.
//!
//! wasmtime lays all data segments of a memory out as one image at compile time and maps it copy-on-write at
//! instantiation, but only if the image is dense enough; else every instantiation copies every segment (measured:
//! 30 to 120 ms against 6 ms). The rule is in wasmtime 48, `wasmtime-environ`, `ModuleTranslation::try_static_init`:
//! each segment has a constant offset and lies inside the memory's minimum, and the span from the first byte to the
//! last is less than twice the sum of the segments' sizes (overlapping bytes count twice), or less than
//! `Config::memory_guaranteed_dense_image_size`, 16 MiB by default.

use anyhow::{Context, Result, ensure};
use wasmparser::{DataKind, Operator, Parser, Payload};

/// Span in bytes below which wasmtime maps an image however sparse it is.
pub const ALWAYS_MAPPED: u64 = 16 << 20;

/// Where a data segment lies in linear memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Address of its first byte.
    pub address: u64,
    /// Size in bytes.
    pub size: u64,
}

/// The data of a memory as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Layout {
    /// Number of segments.
    pub segments: usize,
    /// Bytes from the first segment's start to the end of the last.
    pub span: u64,
    /// Sum of the segments' sizes in bytes.
    pub data: u64,
}

impl Layout {
    /// Measures segments; empty ones do not count.
    pub fn of(segments: &[Segment]) -> Layout {
        let full = || segments.iter().filter(|segment| segment.size > 0);
        let start = full().map(|segment| segment.address).min().unwrap_or(0);
        let end = full().map(|segment| segment.address + segment.size).max().unwrap_or(0);
        Layout { segments: segments.len(), span: end - start, data: full().map(|segment| segment.size).sum() }
    }

    /// Whether wasmtime maps this data copy-on-write.
    pub fn is_mapped(&self) -> bool {
        self.span < 2 * self.data || self.span < ALWAYS_MAPPED
    }
}

/// Checks that data laid out as `segments` will be mapped, not copied.
///
/// # Errors
/// If they are too sparse; the error says by how much.
pub fn check(segments: &[Segment]) -> Result<Layout> {
    let layout = Layout::of(segments);
    ensure!(
        layout.is_mapped(),
        "{} KiB of data spread over {} KiB of linear memory: engines would copy them at every start \
         (the span must stay below twice the data)",
        layout.data >> 10,
        layout.span >> 10
    );
    Ok(layout)
}

/// The active data segments of a module.
///
/// # Errors
/// If the module is malformed, or a segment's address is not a constant.
pub fn segments(module: &[u8]) -> Result<Vec<Segment>> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::DataSection(reader) = payload.context("malformed module")? else { continue };
        for data in reader {
            let data = data.context("malformed data segment")?;
            let DataKind::Active { offset_expr, .. } = data.kind else { continue };
            let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? else {
                anyhow::bail!("a data segment's address is not a constant");
            };
            found.push(Segment { address: value.cast_unsigned().into(), size: data.data.len() as u64 });
        }
    }
    Ok(found)
}
