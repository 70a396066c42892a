//! Which chunks of an image are in memory. The others are read when a place in them is first asked for.
//!
//! A chunk is the unit of reading: large enough that a program's files are read by few calls, small enough that a page that is
//! touched alone does not bring much else.

use super::source::ImageSource;
use std::cell::Cell;
use std::ops::Range;

/// Bytes of a chunk, a multiple of a page. The image's last may have fewer.
pub(super) const CHUNK: u64 = 64 << 10;

/// An image that comes chunk by chunk.
pub(super) struct Demand {
    source: ImageSource,
    /// One a chunk.
    present: Box<[Cell<bool>]>,
}

impl Demand {
    pub(super) fn new(source: ImageSource) -> Demand {
        let present = vec![Cell::new(false); source.size.div_ceil(CHUNK) as usize].into();
        Demand { source, present }
    }

    pub(super) fn source(&self) -> &ImageSource {
        &self.source
    }

    /// Whether all bytes of a range in the image, which is not empty, are there.
    #[inline]
    pub(super) fn has(&self, range: &Range<u64>) -> bool {
        self.chunks(range).iter().all(Cell::get)
    }

    /// Brings the chunks that a range in the image, which is not empty, lacks. `at` gives the memory of a chunk, by its offsets in
    /// the image. Returns whether all are there.
    pub(super) fn bring<'m>(&self, range: &Range<u64>, at: impl Fn(Range<u64>) -> &'m mut [u8]) -> bool {
        let first = range.start / CHUNK * CHUNK;
        let offsets = (first..).step_by(CHUNK as usize);
        offsets.zip(self.chunks(range)).filter(|(_, present)| !present.get()).all(|(offset, present)| {
            let chunk = offset..(offset + CHUNK).min(self.source.size);
            present.set(self.source.read(at(chunk), offset).is_ok());
            present.get()
        })
    }

    /// The chunks that are there, as ranges of the image.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn present(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        let there = (0..).step_by(CHUNK as usize).zip(&self.present).filter(|(_, present)| present.get());
        there.map(|(offset, _)| offset..(offset + CHUNK).min(self.source.size))
    }

    fn chunks(&self, range: &Range<u64>) -> &[Cell<bool>] {
        &self.present[(range.start / CHUNK) as usize..range.end.div_ceil(CHUNK) as usize]
    }
}
