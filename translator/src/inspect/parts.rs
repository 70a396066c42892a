//! What takes the room in a module: its sections, and what code and data hold.

use super::Regions;
use crate::convert;
use crate::link::{Section, Summary};
use runtime::memory::PAGE;
use serde::Serialize;

/// A section, or what one holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub name: String,
    /// The section that holds it, if it is no section itself.
    pub section: Option<String>,
    /// Bytes.
    pub bytes: u64,
    /// Items, where they can be counted.
    pub items: Option<u64>,
    /// Whether rows below it say what it holds. Those that are not divided add up to the module.
    pub divided: bool,
}

/// What a section holds: what it is, bytes, items.
type Piece = (&'static str, u64, Option<u64>);

/// The sections in file order, after code and data what they hold.
pub(super) fn parts(summary: &Summary, converted: Option<&convert::Summary>, regions: Option<&Regions>) -> Vec<Part> {
    let mut parts = Vec::new();
    for section in &summary.sections {
        let (pieces, rest) = match (&*section.name, converted, regions) {
            ("code", _, Some(regions)) => (code(regions), "runtime, and what regions share"),
            ("data", Some(converted), _) => (data(converted), "runtime, bindings, state of processor and devices"),
            _ => (Vec::new(), ""),
        };
        add(&mut parts, section, &pieces, rest);
    }
    parts
}

/// Adds a section and its pieces; what they leave of it is the last, and is called `rest`.
fn add(parts: &mut Vec<Part>, section: &Section, pieces: &[Piece], rest: &'static str) {
    let (name, items) = (section.name.clone(), section.items.map(u64::from));
    let divided = !pieces.is_empty();
    parts.push(Part { name, section: None, bytes: section.size, items, divided });
    if !divided {
        return;
    }
    let bytes = section.size.saturating_sub(pieces.iter().map(|(_, bytes, _)| bytes).sum());
    let counted: Option<u64> = pieces.iter().map(|(.., items)| *items).sum();
    let uncounted = items.zip(counted).map(|(all, counted)| all.saturating_sub(counted));
    for &(name, bytes, items) in pieces.iter().chain([&(rest, bytes, uncounted)]) {
        parts.push(Part { name: name.into(), section: Some(section.name.clone()), bytes, items, divided: false });
    }
}

fn code(regions: &Regions) -> Vec<Piece> {
    let piece = |name, kernel: bool| {
        let rows = regions.binaries.iter().filter(|binary| binary.kernel == kernel);
        let (bytes, count) = rows.fold((0, 0), |(bytes, count), row| (bytes + row.wasm_bytes, count + row.regions));
        (name, bytes, Some(count))
    };
    vec![piece("translated: kernel", true), piece("translated: programs", false)]
}

fn data(converted: &convert::Summary) -> Vec<Piece> {
    let ram = converted.snapshot_pages.saturating_mul(PAGE as u64);
    let image = converted.image_file.is_none().then_some(("root file system", converted.image_size, None));
    [("snapshot of RAM", ram, None)].into_iter().chain(image).collect()
}
