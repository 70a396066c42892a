//! The machine of a linked module: in linear memory, where the linker put it.

#![allow(unsafe_code)]

use super::checkpoint;
use super::options::Options;
use super::run::{LoadError, Loaded, unusable};
use crate::devices::Backends;
use crate::image_file;
use crate::memory::{ImageSource, Memory, PAGE};
use crate::session::Session;
use crate::snapshot::{Origin, Reader};
use crate::translated::{Translated, abi::Layout};
use std::ops::Range;
use std::path::Path;

/// Where everything is: zeros as built; the linker writes over it.
#[unsafe(no_mangle)]
pub static mut PRELIFT_LAYOUT: Layout = EMPTY;

const EMPTY: Layout = Layout {
    magic: 0,
    first_function: 0,
    enter: 0,
    regions: 0,
    kernel_stamps: 0,
    user_stamps: 0,
    bindings: 0,
    bindings_size: 0,
    snapshot: 0,
    snapshot_size: 0,
    config: 0,
    config_size: 0,
    image: 0,
    image_size: 0,
    ram: 0,
    ram_size: 0,
    origin: 0,
    image_file: 0,
    image_file_size: 0,
    drive_pages: 0,
};

/// Bytes of a page of linear memory.
const WASM_PAGE: u64 = 64 << 10;

fn layout() -> Layout {
    // SAFETY: nobody writes to it while the module runs; volatile, since the compiler knows only the zeros.
    unsafe { (&raw const PRELIFT_LAYOUT).read_volatile() }
}

/// Name of the file that has the image, where that is outside of the module.
pub fn image_file() -> Option<&'static str> {
    file_of(&layout()).ok().flatten()
}

fn file_of(layout: &Layout) -> Result<Option<&'static str>, LoadError> {
    let (start, size) = (layout.image_file, layout.image_file_size);
    let name = part("the name of the image's file", start, size, 1)?;
    let wrong = |_| LoadError::Layout { what: "the name of the image's file", start, size, expected: "UTF-8" };
    let name = str::from_utf8(bytes(&name)).map_err(wrong)?;
    Ok((!name.is_empty()).then_some(name))
}

/// The image that is outside of the module, if it is.
fn outside(layout: &Layout, origin: &Origin, options: &Options) -> Result<Option<ImageSource>, LoadError> {
    let size = match layout.drive_pages {
        0 => layout.image_size.into(),
        pages => u64::from(pages) * PAGE as u64,
    };
    match (file_of(layout)?, &options.image) {
        (Some(_), Some(path)) => Ok(Some(image_file::open(path, size, &origin.image)?)),
        (Some(name), None) => Err(LoadError::NoImage { name: name.to_owned(), size: image_file::file_size(size) }),
        (None, Some(_)) => Err(LoadError::OwnImage),
        (None, None) => Ok(None),
    }
}

/// The machine that was linked to this runtime.
///
/// # Errors
/// [`LoadError`] if none was, or what was linked cannot be.
pub fn load(options: &Options, mut backends: Backends) -> Result<Loaded, LoadError> {
    let layout = layout();
    if layout.magic != Layout::MAGIC {
        return Err(LoadError::Empty);
    }
    let state = part("the snapshot", layout.snapshot, layout.snapshot_size, 1)?;
    let config = part("the configuration", layout.config, layout.config_size, 1)?;
    let origin = part("the snapshot's origin", layout.origin, Origin::SIZE as u32, 1)?;
    part("the regions' descriptions", layout.bindings, layout.bindings_size, 1)?;
    let image = part("the image", layout.image, layout.image_size, PAGE)?;
    let ram = part("RAM", layout.ram, layout.ram_size, PAGE)?;
    if ram.start < image.end && image.start < ram.end {
        let (start, size) = (layout.ram, layout.ram_size);
        return Err(LoadError::Layout { what: "RAM", start, size, expected: "no byte of the image in it" });
    }
    // SAFETY: both are in linear memory, page-aligned and disjoint, and the linker gave them to nobody else.
    let mut memory = unsafe { Memory::at(ram, image) };
    let origin = Reader::new(bytes(&origin)).field()?;
    match outside(&layout, &origin, options)? {
        Some(image) if layout.drive_pages > 0 => backends.image = Some(image),
        Some(image) => memory.lend(image),
        None => {}
    }
    let mut session = match &options.resume {
        None => own_session(bytes(&state), memory, backends)?,
        Some(path) => resumed_session(path, memory, &origin, backends)?,
    };
    if !options.interpret {
        // SAFETY: the layout is the linker's.
        session.vm.translated = unsafe { Translated::of_module(layout) };
        session.vm.start();
    }
    Ok(Loaded { session, config: bytes(&config).to_vec(), origin })
}

/// The machine of the module's own snapshot, whose RAM is in place.
fn own_session(state: &[u8], memory: Memory, backends: Backends) -> Result<Session, LoadError> {
    let mut reader = Reader::new(state);
    let session = Session::load(&mut reader, memory, backends)?;
    reader.finish()?;
    Ok(session)
}

/// The machine of a file, with the module's image.
fn resumed_session(path: &Path, memory: Memory, origin: &Origin, backends: Backends) -> Result<Session, LoadError> {
    let incoming = checkpoint::open(path)?;
    incoming.restore_in(memory, origin.image, backends).map_err(|error| unusable(path, error))
}

/// A part of linear memory, checked.
fn part(what: &'static str, start: u32, size: u32, align: usize) -> Result<Range<u32>, LoadError> {
    let memory = core::arch::wasm32::memory_size(0) as u64 * WASM_PAGE;
    let wrong = |expected| LoadError::Layout { what, start, size, expected };
    if u64::from(start) + u64::from(size) > memory {
        return Err(wrong("its end in linear memory"));
    }
    if start as usize % align != 0 || size as usize % align != 0 {
        return Err(wrong("multiples of a page"));
    }
    let end = start.checked_add(size).ok_or_else(|| wrong("its end below 4 GiB"))?;
    Ok(start..end)
}

/// The bytes of a part that nobody writes to.
fn bytes(part: &Range<u32>) -> &'static [u8] {
    // SAFETY: `part` is inside linear memory, and neither RAM nor anything else that changes.
    unsafe { std::slice::from_raw_parts(std::ptr::with_exposed_provenance(part.start as usize), part.len()) }
}
