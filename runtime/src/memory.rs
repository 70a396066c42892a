//! The machine's memory: guest RAM and the image, one slice.
//!
//! A [`Place`] is where a byte lies. In the Wasm build it is the address in linear memory, so that translated code uses
//! the same numbers; natively it is the offset in the slice. Guest-physical address 0 is RAM's first byte; the image
//! appears at [`IMAGE_BASE`].

#![allow(unsafe_code)]

pub use crate::devices::Gpa;
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

/// Size of a page in bytes.
pub const PAGE: usize = 4096;

/// Guest RAM and the image.
pub struct Memory {
    /// `origin + place` is the byte's address.
    origin: *mut u8,
    ram: Range<u32>,
    image: Range<u32>,
    /// Keeps the allocation, natively.
    _owner: Option<Box<[Page]>>,
}

/// Zeroed memory of a page's size and alignment.
#[derive(Clone)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

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
}

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
        let mut pages = zeroed_pages(size as usize / PAGE);
        let origin = pages.as_mut_ptr().cast::<u8>();
        Ok(Memory { origin, ram: 0..ram_size as u32, image: ram_size as u32..size as u32, _owner: Some(pages) })
    }

    /// Memory that lies at fixed places of linear memory.
    ///
    /// # Safety
    /// Both ranges are valid for reads and writes as long as the result lives, page-aligned, disjoint, and used by
    /// nothing else but translated code.
    #[cfg(target_arch = "wasm32")]
    pub unsafe fn at(ram: Range<u32>, image: Range<u32>) -> Memory {
        Memory { origin: std::ptr::null_mut(), ram, image, _owner: None }
    }

    /// Bytes of RAM.
    pub fn ram_size(&self) -> u64 {
        u64::from(self.ram.end - self.ram.start)
    }

    /// Bytes of the image.
    pub fn image_size(&self) -> u64 {
        u64::from(self.image.end - self.image.start)
    }

    /// All pages have a lower number than this.
    pub fn end_page(&self) -> u32 {
        (u64::from(self.ram.end.max(self.image.end)).div_ceil(PAGE as u64)) as u32
    }

    /// Where guest-physical address `gpa` lies; `None` where there is neither RAM nor image.
    #[inline(always)]
    pub fn place(&self, gpa: Gpa) -> Option<Place> {
        if gpa.0 < self.ram_size() {
            return Some(Place(self.ram.start + gpa.0 as u32));
        }
        let offset = gpa.0.wrapping_sub(IMAGE_BASE.0);
        (offset < self.image_size()).then(|| Place(self.image.start + offset as u32))
    }

    /// The guest-physical address of a place.
    pub fn gpa(&self, place: Place) -> Gpa {
        if self.image.contains(&place.0) {
            Gpa(IMAGE_BASE.0 + u64::from(place.0 - self.image.start))
        } else {
            Gpa(u64::from(place.0 - self.ram.start))
        }
    }

    /// Where `length` bytes from `gpa` lie, if all of them are in RAM or all in the image.
    pub fn range(&self, gpa: Gpa, length: usize) -> Option<Range<u32>> {
        if length == 0 {
            return Some(0..0);
        }
        let last = Gpa(gpa.0.checked_add(length as u64 - 1)?);
        let (first, last) = (self.place(gpa)?, self.place(last)?);
        (u64::from(last.0.checked_sub(first.0)?) == length as u64 - 1).then(|| first.0..first.0 + length as u32)
    }

    fn valid(&self, place: u32, length: usize) -> bool {
        let inside = |r: &Range<u32>| r.start <= place && u64::from(place) + length as u64 <= u64::from(r.end);
        inside(&self.ram) || inside(&self.image)
    }

    /// The bytes at a place.
    ///
    /// # Panics
    /// Where they are not all in RAM or all in the image: a defect of the runtime, since places come from
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

/// Pages of zeros, which the system gives without touching them.
fn zeroed_pages(count: usize) -> Box<[Page]> {
    // SAFETY: all-zero bytes are a valid `Page`.
    unsafe { Box::<[Page]>::new_zeroed_slice(count).assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ram_and_image_have_places() {
        let mut memory = Memory::new(8 << 12, 2 << 12).unwrap();
        assert_eq!(memory.place(Gpa(0x7fff)), Some(Place(0x7fff)));
        assert_eq!(memory.place(Gpa(0x8000)), None);
        assert_eq!(memory.place(Gpa(IMAGE_BASE.0 + 0x1fff)), Some(Place(0x9fff)));
        assert_eq!(memory.place(Gpa(IMAGE_BASE.0 + 0x2000)), None);
        assert_eq!(memory.gpa(Place(0x9fff)), Gpa(IMAGE_BASE.0 + 0x1fff));
        memory.put(0x9ff8, 7u64.to_le_bytes());
        assert_eq!(memory.bytes(Place(0x9ff8), 1), [7]);
        assert_eq!(memory.range(Gpa(0x7ff0), 0x11), None);
    }

    #[test]
    fn impossible_sizes_are_errors() {
        assert!(matches!(Memory::new(100, 0), Err(MemoryError::Unaligned { what: "RAM", .. })));
        assert!(matches!(Memory::new(4 << 30, 0), Err(MemoryError::TooLarge { .. })));
    }
}
