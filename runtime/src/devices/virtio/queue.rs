//! Split virtqueues (virtio 1.2, 2.7), device side: descriptor table, available ring, used ring.
//!
//! All that the driver wrote is checked before anything acts on it: indices against the queue's size, table lengths,
//! order of readable and writable buffers, length of the chain. A violation is a [`QueueError`], upon which the
//! transport asks for a reset. Indirect descriptors and event indices are used where negotiated.

use super::super::memory::{Gpa, Memory, OutOfRange};
use super::chain::{Chain, Segment};

const DESCRIPTOR_SIZE: u64 = 16;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// Available-ring flag: the driver wants no interrupts.
const NO_INTERRUPT: u16 = 1;

/// What is wrong with a virtqueue.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum QueueError {
    #[error("{0}")]
    Memory(#[from] OutOfRange),
    #[error("available index {index} is {ahead} ahead of the device, in a queue of {size}")]
    AvailableIndex { index: u16, ahead: u16, size: u16 },
    #[error("descriptor {index} of a table of {size}")]
    DescriptorIndex { index: u16, size: u16 },
    #[error("descriptor chain at {head} has more than {size} descriptors")]
    TooLong { head: u16, size: u16 },
    #[error("descriptor chain at {head}: {problem}")]
    Shape { head: u16, problem: &'static str },
    #[error("request buffer of {length} bytes, expected at least {expected}")]
    ShortBuffer { length: u64, expected: usize },
}

/// Features that change how queues work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RingFeatures {
    pub(crate) indirect: bool,
    pub(crate) event_index: bool,
}

/// One virtqueue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Queue {
    pub(crate) maximum: u16,
    pub(crate) size: u16,
    pub(crate) ready: bool,
    pub(crate) descriptors: u64,
    pub(crate) driver: u64,
    pub(crate) device: u64,
    next_available: u16,
    next_used: u16,
}
crate::fields!(Queue { maximum, size, ready, descriptors, driver, device, next_available, next_used }
    where |queue: &Queue| !queue.ready || queue.is_sound(), "a sound virtqueue");

impl Queue {
    /// A queue after reset, of at most `maximum` entries.
    pub(crate) fn new(maximum: u16) -> Queue {
        Queue { maximum, size: maximum, ..Queue::default() }
    }

    /// Whether size, alignment and end of the three parts are as virtio 1.2, 2.7 demands.
    pub(crate) fn is_sound(&self) -> bool {
        let aligned =
            self.descriptors.is_multiple_of(16) && self.driver.is_multiple_of(2) && self.device.is_multiple_of(4);
        let ends =
            [self.descriptors, self.driver, self.device].iter().all(|start| start.checked_add(1 << 21).is_some());
        self.size.is_power_of_two() && self.size <= self.maximum && aligned && ends
    }

    fn available_entry(&self, index: u16) -> Gpa {
        Gpa(self.driver + 4 + 2 * u64::from(index & (self.size - 1)))
    }

    /// The next request, which stays first until it is completed; `None` if there is none.
    pub(crate) fn peek(&self, memory: &mut dyn Memory, features: RingFeatures) -> Result<Option<Chain>, QueueError> {
        if !self.ready {
            return Ok(None);
        }
        let index = memory.read_u16(Gpa(self.driver + 2))?;
        let ahead = index.wrapping_sub(self.next_available);
        if ahead > self.size {
            return Err(QueueError::AvailableIndex { index, ahead, size: self.size });
        }
        if ahead == 0 {
            if features.event_index {
                let available_event = Gpa(self.device + 4 + 8 * u64::from(self.size));
                memory.write_u16(available_event, self.next_available)?;
            }
            return Ok(None);
        }
        let head = memory.read_u16(self.available_entry(self.next_available))?;
        self.parse(memory, head, features.indirect).map(Some)
    }

    /// Follows the chain from `head` on: direct descriptors, then possibly one indirect table (virtio 1.2, 2.7.5.3).
    /// At most as many steps as the queue has entries, and one for the descriptor of the table.
    fn parse(&self, memory: &dyn Memory, head: u16, allow_indirect: bool) -> Result<Chain, QueueError> {
        let mut chain = Chain { head, ..Chain::default() };
        let mut table = Table { gpa: self.descriptors, size: self.size };
        let mut may_nest = allow_indirect;
        let mut descriptor = table.read(memory, head)?;
        for _ in 0..=self.size {
            if descriptor.flags & INDIRECT != 0 {
                table = descriptor.table(head, may_nest, self.size)?;
                may_nest = false;
                descriptor = table.read(memory, 0)?;
                continue;
            }
            descriptor.append_to(&mut chain)?;
            if descriptor.flags & NEXT == 0 {
                return Ok(chain);
            }
            descriptor = table.read(memory, descriptor.next)?;
        }
        Err(QueueError::TooLong { head, size: self.size })
    }

    /// Hands the first request back with `written` bytes in its writable part; true if the driver wants an interrupt.
    pub(crate) fn complete(
        &mut self,
        memory: &mut dyn Memory,
        features: RingFeatures,
        head: u16,
        written: u32,
    ) -> Result<bool, QueueError> {
        let slot = self.next_used & (self.size - 1);
        let entry = Gpa(self.device + 4 + 8 * u64::from(slot));
        let element = u64::from(head) | u64::from(written) << 32;
        memory.write(entry, &element.to_le_bytes())?;
        let used = self.next_used.wrapping_add(1);
        memory.write_u16(Gpa(self.device + 2), used)?;
        self.next_available = self.next_available.wrapping_add(1);
        let before = std::mem::replace(&mut self.next_used, used);
        self.wants_interrupt(memory, features, before)
    }

    fn wants_interrupt(&self, memory: &dyn Memory, features: RingFeatures, before: u16) -> Result<bool, QueueError> {
        if features.event_index {
            let used_event = memory.read_u16(Gpa(self.driver + 4 + 2 * u64::from(self.size)))?;
            return Ok(used_event == before);
        }
        Ok(memory.read_u16(Gpa(self.driver))? & NO_INTERRUPT == 0)
    }
}

/// A table of descriptors in guest memory.
#[derive(Clone, Copy)]
struct Table {
    gpa: u64,
    size: u16,
}

/// One descriptor, as the driver wrote it.
struct Descriptor {
    gpa: u64,
    length: u32,
    flags: u16,
    next: u16,
}

impl Table {
    fn read(self, memory: &dyn Memory, index: u16) -> Result<Descriptor, QueueError> {
        if index >= self.size {
            return Err(QueueError::DescriptorIndex { index, size: self.size });
        }
        let mut bytes = [0; DESCRIPTOR_SIZE as usize];
        memory.read(Gpa(self.gpa + u64::from(index) * DESCRIPTOR_SIZE), &mut bytes)?;
        let word = u64::from_le_bytes(bytes[8..].try_into().unwrap_or_default());
        Ok(Descriptor {
            gpa: u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default()),
            length: word as u32,
            flags: (word >> 32) as u16,
            next: (word >> 48) as u16,
        })
    }
}

impl Descriptor {
    /// The indirect table that this descriptor refers to.
    fn table(&self, head: u16, allowed: bool, limit: u16) -> Result<Table, QueueError> {
        let length = u64::from(self.length);
        let entries = length / DESCRIPTOR_SIZE;
        let problem = if !allowed || self.flags & NEXT != 0 {
            "indirect descriptor where none may be"
        } else if length % DESCRIPTOR_SIZE != 0 || entries == 0 || entries > u64::from(limit) {
            "indirect table of a wrong length"
        } else if self.gpa.checked_add(length).is_none() {
            "indirect table past the end of memory"
        } else {
            return Ok(Table { gpa: self.gpa, size: entries as u16 });
        };
        Err(QueueError::Shape { head, problem })
    }

    fn append_to(&self, chain: &mut Chain) -> Result<(), QueueError> {
        let segment = Segment { gpa: Gpa(self.gpa), length: self.length };
        let problem = if segment.gpa.checked_add(u64::from(self.length)).is_none() {
            "buffer past the end of memory"
        } else if self.flags & WRITE != 0 {
            chain.writable.push(segment);
            return Ok(());
        } else if chain.writable.is_empty() {
            chain.readable.push(segment);
            return Ok(());
        } else {
            "readable buffer after a writable one"
        };
        Err(QueueError::Shape { head: chain.head, problem })
    }
}
