//! Virtio devices behind virtio-mmio (virtio 1.2, 4.2): the slot table, and what every device implements.
//!
//! ```text
//! guest register access -> mmio.rs (transport: status, features, queues, interrupts)
//!                            -> VirtioDevice (console/, blk/, rng/, ninep/, mem/, placeholder)
//!                                 -> queue.rs, chain.rs (checked requests) -> Memory
//! ```
//! Slot `n` is the 512 bytes at [`MMIO_BASE`] + n * 4096, with GSI 5 + n. Since virtio-mmio cannot be hot-plugged, a
//! device that a later run may want has to be there at boot; [`SLOTS`] fixes where. A slot without a backend reads
//! as device 0, the placeholder of virtio 1.2, 4.2.2, which drivers skip.

pub mod blk;
mod chain;
pub(super) mod console;
pub(super) mod mem;
mod mmio;
pub mod ninep;
mod placeholder;
mod queue;
pub mod rng;

#[cfg(test)]
pub(super) mod mock;

use super::journal::Journal;
use super::memory::Memory;
use crate::snapshot::codec::{CodecError, Reader, Writer};
pub(super) use chain::Chain;
pub(super) use mmio::Transport;
pub(super) use placeholder::Placeholder;
pub(super) use queue::{Queue, QueueError, RingFeatures};

/// Guest-physical address of slot 0.
pub const MMIO_BASE: u64 = 0xd000_0000;
/// Distance between slots, in bytes.
pub const MMIO_STRIDE: u64 = 0x1000;
/// Size of a slot's registers, in bytes.
pub const MMIO_SIZE: u64 = 0x200;
/// Slots there are.
pub const SLOT_COUNT: usize = 8;
/// GSI of slot 0; slot `n` has this plus `n`.
pub const FIRST_GSI: u8 = 5;

/// What a slot is for, and whether this build has the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotUse {
    /// Virtio device ID (virtio 1.2, chapter 5).
    pub device_id: u32,
    /// Name in diagnostics.
    pub name: &'static str,
}

/// The fixed assignment of slots. The network device has its place; slot 7 is free.
#[rustfmt::skip]
pub const SLOTS: [SlotUse; SLOT_COUNT] = [
    SlotUse { device_id: 3,  name: "console" },
    SlotUse { device_id: 2,  name: "blk" },
    SlotUse { device_id: 4,  name: "rng" },
    SlotUse { device_id: 1,  name: "net" },
    SlotUse { device_id: 9,  name: "9p" },
    SlotUse { device_id: 24, name: "mem" },
    SlotUse { device_id: 2,  name: "image" },
    SlotUse { device_id: 0,  name: "slot 7" },
];

/// Slot of the console.
pub(super) const CONSOLE_SLOT: usize = 0;
/// Slot of the disk.
pub(super) const BLOCK_SLOT: usize = 1;
/// Slot of the entropy device.
pub(super) const ENTROPY_SLOT: usize = 2;
/// Slot of the directories.
pub(super) const NINEP_SLOT: usize = 4;
/// Slot of the memory device.
pub(super) const MEMORY_SLOT: usize = 5;

/// Slot of the image, where it is a drive.
pub(super) const IMAGE_SLOT: usize = 6;

/// What a device may touch while it works: guest memory and its queues.
pub(super) struct Context<'a> {
    pub(super) memory: &'a mut dyn Memory,
    pub(super) journal: &'a mut Journal,
    queues: &'a mut [Queue],
    ring: RingFeatures,
    /// Device-specific and transport features that the driver accepted.
    pub(super) features: u64,
    interrupt: bool,
}

impl Context<'_> {
    /// The next request of `queue`, which stays first until it is completed.
    pub(super) fn peek(&mut self, queue: usize) -> Result<Option<Chain>, QueueError> {
        match self.queues.get(queue) {
            Some(queue) => queue.peek(self.memory, self.ring),
            None => Ok(None),
        }
    }

    /// Hands the first request of `queue` back, with `written` bytes in its writable part.
    pub(super) fn complete(&mut self, queue: usize, chain: &Chain, written: usize) -> Result<(), QueueError> {
        if let Some(queue) = self.queues.get_mut(queue) {
            let written = u32::try_from(written).unwrap_or(u32::MAX);
            self.interrupt |= queue.complete(self.memory, self.ring, chain.head, written)?;
        }
        Ok(())
    }
}

/// A virtio device, without its transport.
pub(super) trait VirtioDevice {
    /// Virtio device ID.
    fn id(&self) -> u32;
    /// Device-specific features offered.
    fn features(&self) -> u64;
    /// Largest size of each queue.
    fn queue_sizes(&self) -> &'static [u16];
    /// The configuration space; what is beyond reads 0.
    fn config(&self) -> Vec<u8>;
    /// The driver wrote a byte of the configuration space. Most devices have nothing to write.
    fn write_config(&mut self, _offset: usize, _value: u8) {}
    /// Serves `queue` as far as possible. Called on a notification, and for each queue once the driver is ready.
    fn notify(&mut self, queue: usize, context: &mut Context<'_>) -> Result<(), QueueError>;
    /// The driver reset the device.
    fn reset(&mut self);
    /// Writes the device's own section.
    fn save(&self, to: &mut Writer);
    /// Reads it; true if the configuration space differs from what the driver saw.
    fn load(&mut self, from: &mut Reader<'_>) -> Result<bool, CodecError>;
}
