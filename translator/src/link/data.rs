//! New contents of linear memory, and their encoding as active data segments.
//!
//! Overlays that touch are joined into one segment: engines refuse modules with more than 100,000 segments, and a
//! snapshot has that many pages. Nothing is copied: a segment is encoded as pieces that borrow the overlays' bytes.

use super::piece::Piece;
use super::section::{Tail, leb};
use anyhow::{Context, Result, ensure};
use wasm_encoder::{ConstExpr, Encode};

/// Bytes at a place in linear memory.
#[derive(Debug, Clone)]
pub struct Overlay<'a> {
    /// Where the first byte goes.
    pub address: u32,
    /// What goes there.
    pub bytes: Piece<'a>,
}

impl Overlay<'_> {
    /// First address after the bytes.
    pub fn end(&self) -> u64 {
        u64::from(self.address) + self.bytes.len()
    }
}

/// Encodes `overlays` as data segments of memory 0. Refuses overlays that overlap, or that end after `memory_end`.
pub(super) fn segments<'a>(overlays: &'a [Overlay<'_>], memory_end: u64) -> Result<Tail<'a>> {
    let mut tail = Tail::default();
    for run in runs(overlays, memory_end)? {
        let size: u64 = run.iter().map(|overlay| overlay.bytes.len()).sum();
        let size = u32::try_from(size)
            .ok()
            .with_context(|| format!("a data segment of {size} bytes: expected less than 4 GiB"))?;
        let mut header = leb(0);
        ConstExpr::i32_const(run[0].address.cast_signed()).encode(&mut header);
        size.encode(&mut header);
        tail.count += 1;
        tail.pieces.push(header.into());
        tail.pieces.extend(run.iter().map(|overlay| overlay.bytes.borrowed()));
    }
    Ok(tail)
}

/// Sorts overlays by address and groups those that touch; empty ones are left out.
fn runs<'a, 'b>(overlays: &'a [Overlay<'b>], memory_end: u64) -> Result<Vec<Vec<&'a Overlay<'b>>>> {
    let mut sorted: Vec<_> = overlays.iter().filter(|overlay| !overlay.bytes.is_empty()).collect();
    sorted.sort_by_key(|overlay| overlay.address);
    let mut runs: Vec<Vec<&Overlay<'_>>> = Vec::new();
    let mut end = 0;
    for overlay in sorted {
        let start = u64::from(overlay.address);
        ensure!(start >= end, "data at {start:#x} overlaps data that ends at {end:#x}");
        ensure!(
            overlay.end() <= memory_end,
            "data at {start:#x}..{:#x} goes past the end of memory at {memory_end:#x}",
            overlay.end()
        );
        match runs.last_mut() {
            Some(run) if start == end => run.push(overlay),
            _ => runs.push(vec![overlay]),
        }
        end = overlay.end();
    }
    Ok(runs)
}
