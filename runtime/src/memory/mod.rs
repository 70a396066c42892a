//! The machine's memory: guest RAM, the image, and RAM that a run adds ([`Memory::add`]).
//!
//! A [`Place`] is where a byte lies. In the Wasm build it is the address in linear memory, so that translated code uses
//! the same numbers; natively it is the offset in one slice. Guest-physical address 0 is RAM's first byte; the image
//! appears at [`IMAGE_BASE`], what is added at [`ADDED_BASE`].
//!
//! An image may be lent ([`Memory::lend`]): then its range of places is there from the beginning, and its bytes come from a
//! [`ImageSource`] when a place among them is first asked for ([`demand`]). All ways in, [`Memory::place`] and [`Memory::range`],
//! see to that, so who has a place may read there, to the end of its page or of the range. Bytes that cannot be had have no
//! place, and [`Memory::failure`] tells why: the guest must not go on.
//!
//! In linear memory what is added comes behind all that the module brought, by `memory.grow`: a run that adds nothing has
//! neither its addresses nor its pages, and of those that are added the host gives only what is touched.

#![allow(unsafe_code)]

mod demand;
mod source;

pub use crate::devices::Gpa;
use demand::Demand;
use sha2::{Digest as _, Sha256};
pub use source::{ImageError, ImageSource, ReadAt, digest};
use std::ops::Range;

/// Where a byte of the machine's memory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(pub u32);

impl Place {
    /// Number of the 4 KiB page.
    pub const fn page(self) -> u32 {
        self.0 >> 12
    }
}

/// Guest-physical address of the image: above 32 bits, where no device is.
pub const IMAGE_BASE: Gpa = Gpa(1 << 32);

/// Guest-physical address of RAM that a run adds: behind any image, and where a block of Linux's begins.
pub const ADDED_BASE: Gpa = Gpa(2 << 32);

/// RAM is added by blocks of this size in bytes: Linux's on x86-64, for which it has a whole table of page structures anyway.
pub const ADDED_BLOCK: u64 = 128 << 20;

/// Most bytes that can be added: all that wasm32 addresses.
pub const ADDED_REGION: u64 = 4 << 30;

/// What the runtime may want for itself behind all of the guest's memory, in bytes.
const HEAP_ROOM: u64 = 256 << 20;

/// Size of a page in bytes.
pub const PAGE: usize = 4096;

/// Guest RAM and the image.
pub struct Memory {
    /// `origin + place` is the byte's address.
    origin: *mut u8,
    ram: Range<u32>,
    image: Range<u32>,
    /// Brings what there is not yet of a lent image.
    demand: Option<Demand>,
    /// Empty where nothing was added.
    added: Range<u32>,
    /// Keeps the allocation, natively.
    _owner: Option<Box<[u8]>>,
}

/// Why a machine cannot have its memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// A size that is no multiple of a page.
    #[error("{what} of {size} bytes: expected a multiple of 4096")]
    Unaligned {
        /// RAM or image.
        what: &'static str,
        /// Its size.
        size: u64,
    },
    /// More than the addresses of wasm32 hold.
    #[error("{size} bytes of RAM and image: expected at most {} (RAM below 3 GiB)", MAX_MEMORY)]
    TooLarge {
        /// Size of both.
        size: u64,
    },
    /// More than can be added.
    #[error("{size} bytes of RAM to be added: expected a multiple of 128 MiB, at most {} MiB, once", most >> 20)]
    CannotAdd {
        /// What was asked for.
        size: u64,
        /// What there is room for.
        most: u64,
    },
    /// The host has not as much.
    #[error("{size} bytes of RAM to be added: the host gives the module no more memory")]
    Refused {
        /// What was asked for.
        size: u64,
    },
}

/// Bytes of a page of linear memory.
#[cfg(target_arch = "wasm32")]
const WASM_PAGE: u64 = 64 << 10;

/// Most bytes of RAM and image together: what wasm32 addresses, less room for the runtime.
pub const MAX_MEMORY: u64 = (4 << 30) - (64 << 20);

impl Memory {
    /// Zeroed RAM and image of the given sizes in bytes, multiples of 4 KiB.
    ///
    /// # Errors
    /// [`MemoryError`] for sizes that cannot be.
    pub fn new(ram_size: u64, image_size: u64) -> Result<Memory, MemoryError> {
        for (what, size) in [("RAM", ram_size), ("image", image_size)] {
            if size % PAGE as u64 != 0 {
                return Err(MemoryError::Unaligned { what, size });
            }
        }
        let size = ram_size.saturating_add(image_size);
        if size > MAX_MEMORY || ram_size > 3 << 30 {
            return Err(MemoryError::TooLarge { size });
        }
        let (owner, origin) = zeroed(size as usize);
        Ok(Memory {
            origin,
            ram: 0..ram_size as u32,
            image: ram_size as u32..size as u32,
            demand: None,
            added: 0..0,
            _owner: Some(owner),
        })
    }

    /// Memory that lies at fixed places of linear memory.
    ///
    /// # Safety
    /// Both ranges are valid for reads and writes as long as the result lives, page-aligned, disjoint, and used by
    /// nothing else but translated code.
    #[cfg(target_arch = "wasm32")]
    pub unsafe fn at(ram: Range<u32>, image: Range<u32>) -> Memory {
        Memory { origin: std::ptr::null_mut(), ram, image, demand: None, added: 0..0, _owner: None }
    }

    /// Lends the image, of which nobody has asked for a place yet: it is read when it is touched.
    ///
    /// # Panics
    /// If it has another size than there is room for: a defect of the caller.
    pub fn lend(&mut self, image: ImageSource) {
        assert_eq!(image.size, self.image_size(), "the image's size");
        self.demand = (image.size > 0).then(|| Demand::new(image));
    }

    /// SHA-256 of the image, as it was lent, or as it is.
    pub fn image_digest(&self) -> [u8; 32] {
        if let Some(demand) = &self.demand {
            return demand.source().digest;
        }
        let image = self.place(IMAGE_BASE).map_or(&[][..], |place| self.bytes(place, self.image_size() as usize));
        Sha256::digest(image).into()
    }

    /// Whether a part of the image that was asked for could not be read.
    pub fn failed(&self) -> bool {
        self.demand.as_ref().is_some_and(|demand| demand.source().failed())
    }

    /// The first part that could not be read, and why.
    pub fn failure(&self) -> Option<ImageError> {
        self.demand.as_ref().and_then(|demand| demand.source().failure())
    }

    /// Bytes of RAM.
    pub fn ram_size(&self) -> u64 {
        u64::from(self.ram.end - self.ram.start)
    }

    /// Bytes of the image.
    pub fn image_size(&self) -> u64 {
        u64::from(self.image.end - self.image.start)
    }

    /// All pages have a lower number than this, but those of added RAM.
    pub fn end_page(&self) -> u32 {
        (u64::from(self.ram.end.max(self.image.end)).div_ceil(PAGE as u64)) as u32
    }

    /// Bytes of RAM that were added.
    pub fn added_size(&self) -> u64 {
        u64::from(self.added.end - self.added.start)
    }

    /// How many pages RAM has, with what was added.
    pub fn ram_pages(&self) -> u32 {
        ((self.ram_size() + self.added_size()) / PAGE as u64) as u32
    }

    /// Guest-physical address of RAM's page `number`: what was added is counted on from the rest.
    pub fn ram_page(&self, number: u32) -> Gpa {
        let offset = u64::from(number) * PAGE as u64;
        if offset < self.ram_size() { Gpa(offset) } else { Gpa(ADDED_BASE.0 + offset - self.ram_size()) }
    }

    /// Most bytes that can be added, a multiple of [`ADDED_BLOCK`].
    pub fn room(&self) -> u64 {
        let free = ADDED_REGION.saturating_sub(self.used() + HEAP_ROOM);
        if self.added.is_empty() { free - free % ADDED_BLOCK } else { 0 }
    }

    /// Adds RAM of zeros, once: a multiple of [`ADDED_BLOCK`], at most [`Memory::room`]. No pointer into memory outlives this.
    ///
    /// # Errors
    /// [`MemoryError::CannotAdd`], or where the host has no such memory. Then nothing was added.
    pub fn add(&mut self, size: u64) -> Result<(), MemoryError> {
        let most = self.room();
        if !size.is_multiple_of(ADDED_BLOCK) || size > most {
            return Err(MemoryError::CannotAdd { size, most });
        }
        if size > 0 {
            let start = self.extend(size).ok_or(MemoryError::Refused { size })?;
            self.added = start..start + size as u32;
        }
        Ok(())
    }

    /// Bytes that cannot be added any more: linear memory up to now.
    #[cfg(target_arch = "wasm32")]
    pub fn used(&self) -> u64 {
        core::arch::wasm32::memory_size(0) as u64 * WASM_PAGE
    }

    /// More of linear memory. The heap gets what it needs by `memory.grow` too, so that nobody else has this.
    #[cfg(target_arch = "wasm32")]
    fn extend(&mut self, size: u64) -> Option<u32> {
        match core::arch::wasm32::memory_grow::<0>((size / WASM_PAGE) as usize) {
            usize::MAX => None,
            before => Some(before as u32 * WASM_PAGE as u32),
        }
    }

    /// As much as a module would have, so that what is saved here goes on there.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn used(&self) -> u64 {
        self.ram_size() + self.image_size()
    }

    /// A larger slice in place of this one.
    #[cfg(not(target_arch = "wasm32"))]
    fn extend(&mut self, size: u64) -> Option<u32> {
        let used = self.used() as usize;
        let (owner, origin) = zeroed(used + size as usize);
        for part in self.touched() {
            // SAFETY: both have `used` bytes, in which the part is, and the new one is nobody else's yet.
            unsafe {
                std::ptr::copy_nonoverlapping(self.pointer(part.start), origin.add(part.start as usize), part.len())
            };
        }
        (self.origin, self._owner) = (origin, Some(owner));
        Some(used as u32)
    }

    /// The places that may hold anything: of a lent image those that are there.
    #[cfg(not(target_arch = "wasm32"))]
    fn touched(&self) -> Vec<Range<u32>> {
        let start = self.image.start;
        let image = match &self.demand {
            None => vec![self.image.clone()],
            Some(demand) => demand.present().map(|part| start + part.start as u32..start + part.end as u32).collect(),
        };
        [vec![self.ram.clone()], image].concat()
    }

    /// Where guest-physical address `gpa` lies, and all of its page; `None` where there is neither RAM nor image, and where the
    /// image cannot be read.
    #[inline(always)]
    pub fn place(&self, gpa: Gpa) -> Option<Place> {
        if gpa.0 < self.ram_size() {
            return Some(Place(self.ram.start + gpa.0 as u32));
        }
        let offset = gpa.0.wrapping_sub(IMAGE_BASE.0);
        if offset < self.image_size() {
            return self.has_image(offset..offset + 1).then(|| Place(self.image.start + offset as u32));
        }
        let offset = gpa.0.wrapping_sub(ADDED_BASE.0);
        (offset < self.added_size()).then(|| Place(self.added.start + offset as u32))
    }

    /// Makes sure that a range of the image, by its offsets, can be read; whether that is so.
    fn has_image(&self, range: Range<u64>) -> bool {
        self.demand.as_ref().is_none_or(|demand| demand.has(&range) || self.bring(demand, &range))
    }

    #[cold]
    fn bring(&self, demand: &Demand, range: &Range<u64>) -> bool {
        demand.bring(range, |chunk| {
            let place = self.image.start + chunk.start as u32;
            // SAFETY: a chunk lies in the image. It is not there yet, so that nobody was given a place in it, and `valid` keeps
            // everybody from making one up.
            unsafe { std::slice::from_raw_parts_mut(self.pointer(place), (chunk.end - chunk.start) as usize) }
        })
    }

    /// The guest-physical address of a place.
    pub fn gpa(&self, place: Place) -> Gpa {
        if self.image.contains(&place.0) {
            Gpa(IMAGE_BASE.0 + u64::from(place.0 - self.image.start))
        } else if self.added.contains(&place.0) {
            Gpa(ADDED_BASE.0 + u64::from(place.0 - self.added.start))
        } else {
            Gpa(u64::from(place.0 - self.ram.start))
        }
    }

    /// Where `length` bytes from `gpa` lie, if all of them are in RAM, all in the image, or all in what was added, and can be had.
    pub fn range(&self, gpa: Gpa, length: usize) -> Option<Range<u32>> {
        if length == 0 {
            return Some(0..0);
        }
        let last = Gpa(gpa.0.checked_add(length as u64 - 1)?);
        let (first, last) = (self.place(gpa)?, self.place(last)?);
        let range = first.0..first.0.checked_add(length as u32)?;
        let together = u64::from(last.0.checked_sub(first.0)?) == length as u64 - 1;
        (together && (!self.image.contains(&range.start) || self.has_image(self.in_image(&range)))).then_some(range)
    }

    /// Places of the image as offsets in it.
    fn in_image(&self, places: &Range<u32>) -> Range<u64> {
        u64::from(places.start - self.image.start)..u64::from(places.end - self.image.start)
    }

    fn valid(&self, place: u32, length: usize) -> bool {
        let inside = |r: &Range<u32>| r.start <= place && u64::from(place) + length as u64 <= u64::from(r.end);
        inside(&self.ram) || inside(&self.added) || (inside(&self.image) && self.is_there(place, length))
    }

    /// Whether bytes of the image have been read.
    fn is_there(&self, place: u32, length: usize) -> bool {
        let range = || self.in_image(&(place..place + length as u32));
        length == 0 || self.demand.as_ref().is_none_or(|demand| demand.has(&range()))
    }

    /// The bytes at a place.
    ///
    /// # Panics
    /// Where they are not all in one part of memory: a defect of the runtime, since places come from
    /// [`Memory::place`].
    pub fn bytes(&self, place: Place, length: usize) -> &[u8] {
        assert!(self.valid(place.0, length), "place {:#x}+{length:#x} is outside the machine's memory", place.0);
        // SAFETY: the range was checked, and nobody writes while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.pointer(place.0), length) }
    }

    /// The bytes at a place, for writing.
    ///
    /// # Panics
    /// As [`Memory::bytes`].
    pub fn bytes_mut(&mut self, place: Place, length: usize) -> &mut [u8] {
        assert!(self.valid(place.0, length), "place {:#x}+{length:#x} is outside the machine's memory", place.0);
        // SAFETY: the range was checked, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.pointer(place.0), length) }
    }

    /// Copies bytes; the ranges may overlap, and the source is read as it was.
    ///
    /// # Panics
    /// As [`Memory::bytes`].
    pub fn copy(&mut self, source: Place, target: Place, length: u32) {
        assert!(self.valid(source.0, length as usize) && self.valid(target.0, length as usize), "copy outside memory");
        // SAFETY: both ranges were checked, and `self` is borrowed exclusively.
        unsafe { std::ptr::copy(self.pointer(source.0), self.pointer(target.0), length as usize) }
    }

    #[inline(always)]
    fn pointer(&self, place: u32) -> *mut u8 {
        self.origin.wrapping_add(place as usize)
    }

    /// Reads `N` bytes at a place that a TLB entry gave: it is inside, and does not cross a page.
    #[inline(always)]
    pub(crate) fn get<const N: usize>(&self, place: u32) -> [u8; N] {
        debug_assert!(self.valid(place, N));
        // SAFETY: TLB entries are made from `Memory::place` of whole pages only, see `mmu::fill`.
        unsafe { self.pointer(place).cast::<[u8; N]>().read_unaligned() }
    }

    /// Writes `N` bytes at a place that a TLB entry gave.
    #[inline(always)]
    pub(crate) fn put<const N: usize>(&mut self, place: u32, bytes: [u8; N]) {
        debug_assert!(self.valid(place, N));
        // SAFETY: as for `get`.
        unsafe { self.pointer(place).cast::<[u8; N]>().write_unaligned(bytes) }
    }
}

/// Bytes of zeros, and where the pages begin in them: the system gives them without touching them. It does so only where no
/// alignment is asked for, so there is a page more than needed.
fn zeroed(size: usize) -> (Box<[u8]>, *mut u8) {
    let mut bytes = vec![0; size + PAGE].into_boxed_slice();
    let start = bytes.as_mut_ptr();
    (bytes, start.wrapping_add(start.align_offset(PAGE)))
}

#[cfg(test)]
mod tests;
