//! Block requests as checked values (virtio 1.2, 5.2.6): header, range and place of the status byte.

use super::super::super::memory::Memory;
use super::super::{Chain, QueueError};

/// Bytes in a sector.
pub(super) const SECTOR: u64 = 512;
const HEADER: usize = 16;
/// Largest transfer; a driver that keeps to `seg_max` and pages stays far below.
const MAX_TRANSFER: u64 = 16 << 20;

/// What is asked of the disk. Offsets and lengths are in bytes, within the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Request {
    Read { offset: u64, length: u64 },
    Write { offset: u64, length: u64 },
    Flush,
    Serial,
    Discard { offset: u64, length: u64 },
    WriteZeroes { offset: u64, length: u64 },
}

/// Why a request is refused, as the status byte says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// VIRTIO_BLK_S_IOERR.
    Error = 1,
    /// VIRTIO_BLK_S_UNSUPP.
    Unsupported = 2,
}

/// A request with the offset of its status byte in the writable part.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) request: Result<Request, Refusal>,
    pub(super) status_at: u64,
}

/// Where data begins in the readable part.
pub(super) const DATA: u64 = HEADER as u64;

impl Parsed {
    /// Parses `chain` for a disk of `capacity` bytes. A chain without header or status byte is the queue's error.
    pub(super) fn parse(chain: &Chain, memory: &dyn Memory, capacity: u64) -> Result<Parsed, QueueError> {
        let mut header = [0; HEADER];
        if chain.read(memory, 0, &mut header)? < HEADER {
            return Err(QueueError::ShortBuffer { length: chain.readable_length(), expected: HEADER });
        }
        let Some(status_at) = chain.writable_length().checked_sub(1) else {
            return Err(QueueError::ShortBuffer { length: 0, expected: 1 });
        };
        let kind = u32::from_le_bytes(header[..4].try_into().unwrap_or_default());
        let sector = u64::from_le_bytes(header[8..].try_into().unwrap_or_default());
        let output = chain.readable_length() - DATA;
        let transfer = |length: u64| match length <= MAX_TRANSFER {
            true => range(sector, length, capacity),
            false => Err(Refusal::Error),
        };
        let request = match kind {
            0 => transfer(status_at).map(|(offset, length)| Request::Read { offset, length }),
            1 => transfer(output).map(|(offset, length)| Request::Write { offset, length }),
            4 => Ok(Request::Flush),
            8 => Ok(Request::Serial),
            11 => segment(chain, memory, output, capacity)?.map(|(offset, length)| Request::Discard { offset, length }),
            13 => segment(chain, memory, output, capacity)?
                .map(|(offset, length)| Request::WriteZeroes { offset, length }),
            _ => Err(Refusal::Unsupported),
        };
        Ok(Parsed { request, status_at })
    }
}

/// The one segment of a discard or write-zeroes request (`max_discard_seg` is 1).
fn segment(
    chain: &Chain,
    memory: &dyn Memory,
    output: u64,
    capacity: u64,
) -> Result<Result<(u64, u64), Refusal>, QueueError> {
    let mut bytes = [0; 16];
    chain.read(memory, DATA, &mut bytes)?;
    let sector = u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default());
    let sectors = u32::from_le_bytes(bytes[8..12].try_into().unwrap_or_default());
    let flags = u32::from_le_bytes(bytes[12..].try_into().unwrap_or_default());
    let length = u64::from(sectors) * SECTOR;
    Ok(match (output, flags & !1, length <= MAX_TRANSFER) {
        (16, 0, true) => range(sector, length, capacity),
        (16, 0, false) => Err(Refusal::Error),
        _ => Err(Refusal::Unsupported),
    })
}

/// Checks that whole sectors inside the disk are meant; offset and length in bytes.
fn range(sector: u64, length: u64, capacity: u64) -> Result<(u64, u64), Refusal> {
    let offset = sector.checked_mul(SECTOR).ok_or(Refusal::Error)?;
    let end = offset.checked_add(length).ok_or(Refusal::Error)?;
    match length.is_multiple_of(SECTOR) && end <= capacity {
        true => Ok((offset, length)),
        false => Err(Refusal::Error),
    }
}

/// Largest discard or write-zeroes request, in sectors.
pub(super) const MAX_SEGMENT_SECTORS: u32 = (MAX_TRANSFER / SECTOR) as u32;
