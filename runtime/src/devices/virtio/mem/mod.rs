//! Virtio memory device (virtio 1.2, 5.15): RAM that a run adds to the machine of a snapshot.
//!
//! Its region is there at boot, and nothing in it can be used: the driver only keeps the addresses free. A run that adds memory
//! announces it ([`Devices::add_memory`](super::super::Devices::add_memory)) as a change of the configuration space; the driver plugs block
//! after block, and the kernel describes them and puts them to use. A block is as large as the kernel's own, since the kernel
//! describes all of such a one however little of it is plugged.
//!
//! What is behind a block is [`Memory`](crate::memory::Memory)'s, and all there as soon as it is announced. So plugging is only
//! bookkeeping here, and unplugging gives the host nothing back: the driver does that where it failed half-way.

mod request;

use super::{Context, QueueError, VirtioDevice};
use crate::memory::{ADDED_BASE, ADDED_BLOCK, ADDED_REGION};
use crate::snapshot::codec::{CodecError, Reader, Writer};
use request::{Answer, REQUEST, Request};

/// Blocks of the region.
const BLOCKS: u32 = (ADDED_REGION / ADDED_BLOCK) as u32;

/// The memory device: its blocks as bits, the lowest for the first.
#[derive(Debug, Default)]
pub(in super::super) struct Mem {
    /// Blocks that can be plugged, and that the driver is asked to plug: those from the first on.
    offered: u32,
    plugged: u32,
}

impl Mem {
    /// Offers memory of so many bytes, whole blocks.
    pub(in super::super) fn offer(&mut self, size: u64) {
        self.offered = ((size / ADDED_BLOCK) as u32).min(BLOCKS);
    }

    /// A run of blocks as bits, if it is not empty and all of it can be plugged.
    fn blocks(&self, first: u64, count: u16) -> Option<u32> {
        let end = first.checked_add(count.into()).filter(|&end| count > 0 && end <= self.offered.into())?;
        Some((((1u64 << end) - 1) & !((1u64 << first) - 1)) as u32)
    }

    fn execute(&mut self, request: Request) -> Answer {
        match request {
            Request::Plug { first, count } => match self.blocks(first, count) {
                Some(blocks) if self.plugged & blocks == 0 => {
                    self.plugged |= blocks;
                    Answer::Ack
                }
                _ => Answer::Error,
            },
            Request::Unplug { first, count } => match self.blocks(first, count) {
                Some(blocks) if self.plugged & blocks == blocks => {
                    self.plugged &= !blocks;
                    Answer::Ack
                }
                _ => Answer::Error,
            },
            Request::UnplugAll => {
                self.plugged = 0;
                Answer::Ack
            }
            Request::State { first, count } => match self.blocks(first, count) {
                Some(blocks) if self.plugged & blocks == blocks => Answer::Plugged,
                Some(blocks) if self.plugged & blocks == 0 => Answer::Unplugged,
                Some(_) => Answer::Mixed,
                None => Answer::Error,
            },
            Request::Malformed => Answer::Error,
        }
    }
}

impl VirtioDevice for Mem {
    fn id(&self) -> u32 {
        24
    }
    fn features(&self) -> u64 {
        0
    }
    fn queue_sizes(&self) -> &'static [u16] {
        &[16]
    }

    /// `struct virtio_mem_config`: block size, node (0), address and size of the region, then what may be used of it, is
    /// plugged, and is to be.
    fn config(&self) -> Vec<u8> {
        let offered = u64::from(self.offered) * ADDED_BLOCK;
        let plugged = u64::from(self.plugged.count_ones()) * ADDED_BLOCK;
        let fields = [ADDED_BLOCK, 0, ADDED_BASE.0, ADDED_REGION, offered, plugged, offered];
        fields.into_iter().flat_map(u64::to_le_bytes).collect()
    }

    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError> {
        while let Some(chain) = context.peek(queue)? {
            let mut bytes = [0; REQUEST];
            let length = chain.read(context.memory, 0, &mut bytes)?;
            if length < REQUEST {
                return Err(QueueError::ShortBuffer { length: length as u64, expected: REQUEST });
            }
            let answer = self.execute(Request::parse(&bytes)).encode();
            let written = chain.write(context.memory, 0, &answer)?;
            if written < answer.len() {
                return Err(QueueError::ShortBuffer { length: written as u64, expected: answer.len() });
            }
            context.complete(queue, &chain, written)?;
        }
        Ok(())
    }

    /// What is plugged stays (virtio 1.2, 5.15.5.2).
    fn reset(&mut self) {}

    fn save(&self, to: &mut Writer) {
        to.section("mem", 1, |to| {
            to.field(&self.offered);
            to.field(&self.plugged);
        });
    }

    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError> {
        let (offered, plugged) = from.section("mem", 1, |from| Ok((from.field::<u32>()?, from.field::<u32>()?)))?;
        let inside = offered <= BLOCKS && u64::from(plugged) < 1 << offered;
        from.check(inside, "plugged blocks among those that are offered")?;
        (self.offered, self.plugged) = (offered, plugged);
        Ok(false)
    }
}
