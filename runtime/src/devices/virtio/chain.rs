//! Descriptor chains as checked values: the buffers of one request, readable ones first (virtio 1.2, 2.7.4).
//!
//! Parsing checks shape and count, so loops end; the addresses are checked by each copy, as only memory knows its size.

use super::super::memory::{Gpa, Memory, OutOfRange};

/// One buffer in guest memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) gpa: Gpa,
    pub(crate) length: u32,
}

/// One request: what the device may read and what it may write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Chain {
    /// Index of the first descriptor, which names the chain in the used ring.
    pub(crate) head: u16,
    pub(crate) readable: Vec<Segment>,
    pub(crate) writable: Vec<Segment>,
}

fn length(segments: &[Segment]) -> u64 {
    segments.iter().map(|segment| u64::from(segment.length)).sum()
}

/// The parts of `segments` that bytes `offset .. offset + length` fall into: address and range of the bytes.
fn pieces(
    segments: &[Segment],
    offset: u64,
    length: usize,
) -> impl Iterator<Item = (Gpa, std::ops::Range<usize>)> + use<'_> {
    let end = offset.saturating_add(length as u64);
    let mut position = 0u64;
    segments.iter().filter_map(move |segment| {
        let (start, stop) = (position, position + u64::from(segment.length));
        position = stop;
        let (from, to) = (start.max(offset), stop.min(end));
        (from < to)
            .then(|| (Gpa(segment.gpa.0.wrapping_add(from - start)), (from - offset) as usize..(to - offset) as usize))
    })
}

impl Chain {
    /// Bytes that the device may read.
    pub(crate) fn readable_length(&self) -> u64 {
        length(&self.readable)
    }

    /// Bytes that the device may write.
    pub(crate) fn writable_length(&self) -> u64 {
        length(&self.writable)
    }

    /// Copies from the readable part at `offset`; returns how many bytes there were.
    pub(crate) fn read(&self, memory: &dyn Memory, offset: u64, into: &mut [u8]) -> Result<usize, OutOfRange> {
        let mut copied = 0;
        for (gpa, range) in pieces(&self.readable, offset, into.len()) {
            copied = range.end;
            memory.read(gpa, &mut into[range])?;
        }
        Ok(copied)
    }

    /// Copies into the writable part at `offset`; returns how many bytes fitted.
    pub(crate) fn write(&self, memory: &mut dyn Memory, offset: u64, bytes: &[u8]) -> Result<usize, OutOfRange> {
        let mut copied = 0;
        for (gpa, range) in pieces(&self.writable, offset, bytes.len()) {
            copied = range.end;
            memory.write(gpa, &bytes[range])?;
        }
        Ok(copied)
    }
}
