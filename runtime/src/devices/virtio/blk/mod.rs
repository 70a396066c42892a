//! Virtio block device (virtio 1.2, 5.2): read, write, flush, serial number, discard, write zeroes.
//!
//! Requests complete at once, in the order of the queue: what was written before a flush is durable after it. The content of
//! the disk is no part of a snapshot; its size is, and a disk of another size on resume is announced to the driver as a
//! configuration change. So is one that is put in later ([`Devices::insert_disk`](super::super::Devices::insert_disk)): a
//! machine boots with an [`EmptyDrive`], and gets its disk when a run has one.

mod disk;
mod request;

use super::{Chain, Context, QueueError, VirtioDevice};
use crate::snapshot::codec::{CodecError, Reader, Writer};
pub use disk::{Disk, EmptyDrive, ImageDrive, ReadOnlyDisk, WritableDisk};
use request::{DATA, MAX_SEGMENT_SECTORS, Parsed, Refusal, Request, SECTOR};
use std::io;

const SEG_MAX: u64 = 1 << 2;
const RO: u64 = 1 << 5;
const BLK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;
const DISCARD: u64 = 1 << 13;
const WRITE_ZEROES: u64 = 1 << 14;

const QUEUE_SIZE: u16 = 128;
/// Data is moved through a buffer of this size.
const CHUNK: usize = 64 << 10;
const SERIAL_LENGTH: usize = 20;

/// The block device.
pub(in super::super) struct Block {
    disk: Box<dyn Disk>,
    /// [`CHUNK`] bytes from the first transfer on: a run without a disk has no use for them.
    buffer: Vec<u8>,
}

impl Block {
    pub(in super::super) fn new(disk: Box<dyn Disk>) -> Block {
        Block { disk, buffer: Vec::new() }
    }

    /// Puts another disk in. The driver has taken the features of the one before, so it has to be writable if that was.
    pub(in super::super) fn insert(&mut self, disk: Box<dyn Disk>) {
        debug_assert_eq!(disk.is_read_only(), self.disk.is_read_only(), "a disk with other features");
        self.disk = disk;
    }

    fn sectors(&self) -> u64 {
        self.disk.length() / SECTOR
    }

    /// Serves one request; how many bytes were written to guest memory.
    fn execute(&mut self, chain: &Chain, context: &mut Context<'_>) -> Result<u64, QueueError> {
        let parsed = Parsed::parse(chain, context.memory, self.sectors() * SECTOR)?;
        if parsed.request.is_ok() {
            self.buffer.resize(CHUNK, 0);
        }
        let result = match parsed.request {
            Ok(Request::Read { offset, length }) => self.read(chain, context, offset, length)?,
            Ok(Request::Write { offset, length }) => self.write(chain, context, offset, length)?,
            Ok(Request::Flush) => self.disk.flush().map(|()| 0).map_err(|error| refusal(context, "flush", &error)),
            Ok(Request::Serial) => self.serial(chain, context, parsed.status_at)?,
            Ok(Request::Discard { .. } | Request::WriteZeroes { .. }) if self.disk.is_read_only() => {
                Err(Refusal::Error)
            }
            Ok(Request::Discard { offset, length }) => {
                self.disk.discard(offset, length).map(|()| 0).map_err(|error| refusal(context, "discard", &error))
            }
            Ok(Request::WriteZeroes { offset, length }) => self.write_zeroes(context, offset, length),
            Err(refusal) => Err(refusal),
        };
        let status = result.as_ref().map_or_else(|refusal| *refusal as u8, |_| 0);
        chain.write(context.memory, parsed.status_at, &[status])?;
        // The used length covers the leading bytes that were written: after a failure none are promised.
        Ok(result.map_or(0, |length| if length == parsed.status_at { length + 1 } else { length }))
    }

    fn read(
        &mut self,
        chain: &Chain,
        context: &mut Context<'_>,
        offset: u64,
        length: u64,
    ) -> Result<Result<u64, Refusal>, QueueError> {
        for (done, size) in chunks(length) {
            let buffer = &mut self.buffer[..size];
            if let Err(error) = self.disk.read(offset + done, buffer) {
                return Ok(Err(refusal(context, "read", &error)));
            }
            chain.write(context.memory, done, buffer)?;
        }
        Ok(Ok(length))
    }

    fn write(
        &mut self,
        chain: &Chain,
        context: &mut Context<'_>,
        offset: u64,
        length: u64,
    ) -> Result<Result<u64, Refusal>, QueueError> {
        if self.disk.is_read_only() {
            return Ok(Err(Refusal::Error));
        }
        for (done, size) in chunks(length) {
            let buffer = &mut self.buffer[..size];
            chain.read(context.memory, DATA + done, buffer)?;
            if let Err(error) = self.disk.write(offset + done, buffer) {
                return Ok(Err(refusal(context, "write", &error)));
            }
        }
        Ok(Ok(0))
    }

    fn write_zeroes(&mut self, context: &mut Context<'_>, offset: u64, length: u64) -> Result<u64, Refusal> {
        self.buffer.fill(0);
        for (done, size) in chunks(length) {
            let written = self.disk.write(offset + done, &self.buffer[..size]);
            written.map_err(|error| refusal(context, "write zeroes", &error))?;
        }
        Ok(0)
    }

    fn serial(&self, chain: &Chain, context: &mut Context<'_>, room: u64) -> Result<Result<u64, Refusal>, QueueError> {
        let mut serial = [0; SERIAL_LENGTH];
        for (to, from) in serial.iter_mut().zip(self.disk.serial().bytes()) {
            *to = from;
        }
        let length = room.min(SERIAL_LENGTH as u64);
        chain.write(context.memory, 0, &serial[..length as usize])?;
        Ok(Ok(length))
    }
}

/// What the guest is told of an error of the storage; the journal has it as it is.
fn refusal(context: &mut Context<'_>, what: &str, error: &io::Error) -> Refusal {
    context.journal.error(|| format!("virtio blk: {what}: {error}"));
    Refusal::Error
}

/// Offsets and sizes of the chunks of `length` bytes.
fn chunks(length: u64) -> impl Iterator<Item = (u64, usize)> {
    (0..length).step_by(CHUNK).map(move |done| (done, (length - done).min(CHUNK as u64) as usize))
}

impl VirtioDevice for Block {
    fn id(&self) -> u32 {
        2
    }

    fn features(&self) -> u64 {
        let writable = if self.disk.is_read_only() { RO } else { DISCARD | WRITE_ZEROES };
        SEG_MAX | BLK_SIZE | FLUSH | writable
    }

    fn queue_sizes(&self) -> &'static [u16] {
        &[QUEUE_SIZE]
    }

    /// `struct virtio_blk_config`, up to the write-zeroes fields.
    fn config(&self) -> Vec<u8> {
        let mut config = vec![0; 60];
        config[..8].copy_from_slice(&self.sectors().to_le_bytes());
        // Header and status take a descriptor each.
        config[12..16].copy_from_slice(&u32::from(QUEUE_SIZE - 2).to_le_bytes());
        config[20..24].copy_from_slice(&(SECTOR as u32).to_le_bytes());
        config[36..40].copy_from_slice(&MAX_SEGMENT_SECTORS.to_le_bytes());
        config[40..44].copy_from_slice(&1u32.to_le_bytes());
        config[44..48].copy_from_slice(&1u32.to_le_bytes());
        config[48..52].copy_from_slice(&MAX_SEGMENT_SECTORS.to_le_bytes());
        config[52..56].copy_from_slice(&1u32.to_le_bytes());
        config
    }

    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            let written = self.execute(&chain, context)?;
            context.complete(queue, &chain, written as usize)?;
        }
        Ok(())
    }

    fn reset(&mut self) {}

    fn save(&self, to: &mut Writer) {
        to.section("blk", 1, |to| {
            to.field(&self.sectors());
            to.field(&self.disk.is_read_only());
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError> {
        from.section("blk", 1, |from| {
            let sectors = from.field::<u64>()?;
            let read_only = from.field::<bool>()?;
            from.check(read_only == self.disk.is_read_only(), "a disk that is writable or not as the snapshot's")?;
            Ok(sectors != self.sectors())
        })
    }
}
