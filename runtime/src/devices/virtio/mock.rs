//! The driver's side of virtio, for tests: a guest with a little memory that sets queues up and offers requests.

use super::super::{Backends, Devices, Gpa, Memory, OutOfRange, Width};
use super::{MMIO_BASE, MMIO_STRIDE};

/// Guest memory of 4 MiB from address 0.
pub(in super::super) struct Ram(pub(in super::super) Vec<u8>);

impl Ram {
    fn range(&self, gpa: Gpa, length: usize) -> Result<std::ops::Range<usize>, OutOfRange> {
        let start = usize::try_from(gpa.0).map_err(|_| OutOfRange { gpa, length })?;
        let end = start.checked_add(length).filter(|&end| end <= self.0.len());
        end.map(|end| start..end).ok_or(OutOfRange { gpa, length })
    }
}

impl Memory for Ram {
    fn read(&self, gpa: Gpa, into: &mut [u8]) -> Result<(), OutOfRange> {
        into.copy_from_slice(&self.0[self.range(gpa, into.len())?]);
        Ok(())
    }
    fn write(&mut self, gpa: Gpa, bytes: &[u8]) -> Result<(), OutOfRange> {
        let range = self.range(gpa, bytes.len())?;
        self.0[range].copy_from_slice(bytes);
        Ok(())
    }
}

pub(in super::super) const QUEUE_SIZE: u16 = 16;
const AVAILABLE: u64 = 0x400;
const USED: u64 = 0x800;
const BUFFERS: u64 = 0x20_0000;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

pub(in super::super) const EVENT_INDEX: u64 = 1 << 29;
pub(in super::super) const INDIRECT_DESCRIPTORS: u64 = 1 << 28;
const VERSION_1: u64 = 1 << 32;

/// A request that the device has handed back: its length as the used ring has it, and the writable bytes.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Used {
    pub(in super::super) length: u32,
    pub(in super::super) bytes: Vec<u8>,
}

/// A machine of memory and devices, driven by a test.
pub(in super::super) struct Guest {
    pub(in super::super) ram: Ram,
    pub(in super::super) devices: Devices,
    pub(in super::super) indirect: bool,
    next_buffer: u64,
    /// Writable buffers by slot, queue and head.
    buffers: std::collections::BTreeMap<(usize, usize, u16), (u64, usize)>,
    /// Used entries seen, by slot and queue.
    seen: std::collections::BTreeMap<(usize, usize), u16>,
}

impl Guest {
    pub(in super::super) fn new(backends: Backends) -> Guest {
        Guest {
            ram: Ram(vec![0; 4 << 20]),
            devices: Devices::new(1_000_000, 0, backends),
            indirect: false,
            next_buffer: BUFFERS,
            buffers: Default::default(),
            seen: Default::default(),
        }
    }

    pub(in super::super) fn read(&mut self, slot: usize, offset: u64) -> u32 {
        self.devices.mmio_read(0, Gpa(MMIO_BASE + slot as u64 * MMIO_STRIDE + offset), Width::Dword) as u32
    }

    pub(in super::super) fn write(&mut self, slot: usize, offset: u64, value: u32) {
        let gpa = Gpa(MMIO_BASE + slot as u64 * MMIO_STRIDE + offset);
        self.devices.mmio_write(&mut self.ram, 0, gpa, Width::Dword, u64::from(value));
    }

    /// Address of a queue's descriptor table.
    pub(in super::super) fn table(slot: usize, queue: usize) -> u64 {
        0x1_0000 + (slot * 16 + queue) as u64 * 0x1000
    }

    /// Goes through the initialisation of virtio 1.2, 3.1.1 with as many queues.
    pub(in super::super) fn start(&mut self, slot: usize, features: u64, queues: usize) {
        self.write(slot, 0x70, 0);
        self.write(slot, 0x70, 1);
        self.write(slot, 0x70, 3);
        let features = features | VERSION_1;
        for half in 0..2 {
            self.write(slot, 0x24, half);
            self.write(slot, 0x20, (features >> (32 * half)) as u32);
        }
        self.write(slot, 0x70, 0xb);
        assert_eq!(self.read(slot, 0x70), 0xb, "the device took the features");
        for queue in 0..queues {
            let table = Self::table(slot, queue) as u32;
            self.ram.0[table as usize..][..0x1000].fill(0);
            self.seen.remove(&(slot, queue));
            let rows = [
                (0x30, queue as u32),
                (0x38, u32::from(QUEUE_SIZE)),
                (0x80, table),
                (0x84, 0),
                (0x90, table + AVAILABLE as u32),
                (0x94, 0),
                (0xa0, table + USED as u32),
                (0xa4, 0),
                (0x44, 1),
            ];
            rows.into_iter().for_each(|(offset, value)| self.write(slot, offset, value));
        }
        self.write(slot, 0x70, 0xf);
    }

    pub(in super::super) fn put_u16(&mut self, gpa: u64, value: u16) {
        self.ram.write(Gpa(gpa), &value.to_le_bytes()).unwrap();
    }

    pub(in super::super) fn get_u16(&self, gpa: u64) -> u16 {
        let mut bytes = [0; 2];
        self.ram.read(Gpa(gpa), &mut bytes).unwrap();
        u16::from_le_bytes(bytes)
    }

    pub(in super::super) fn descriptor(
        &mut self,
        table: u64,
        index: u16,
        (gpa, length): (u64, u32),
        flags: u16,
        next: u16,
    ) {
        let mut bytes = gpa.to_le_bytes().to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend(next.to_le_bytes());
        self.ram.write(Gpa(table + 16 * u64::from(index)), &bytes).unwrap();
    }

    fn allocate(&mut self, length: usize) -> u64 {
        let gpa = self.next_buffer;
        self.next_buffer += length as u64;
        gpa
    }

    /// Puts `head` into the available ring and notifies the device.
    pub(in super::super) fn make_available(&mut self, slot: usize, queue: usize, head: u16) {
        let ring = Self::table(slot, queue) + AVAILABLE;
        let index = self.get_u16(ring + 2);
        self.put_u16(ring + 4 + 2 * u64::from(index % QUEUE_SIZE), head);
        self.put_u16(ring + 2, index.wrapping_add(1));
        self.write(slot, 0x50, queue as u32);
    }

    /// Offers a request of one readable buffer and one writable one, either of which may be empty, and notifies.
    /// The readable one is cut into two segments, so that requests span descriptors.
    pub(in super::super) fn offer(&mut self, slot: usize, queue: usize, readable: &[u8], writable: usize) {
        let mut segments = Vec::new();
        let (first, second) = readable.split_at(readable.len() / 2);
        for part in [first, second].into_iter().filter(|part| !part.is_empty()) {
            let gpa = self.allocate(part.len());
            self.ram.write(Gpa(gpa), part).unwrap();
            segments.push(((gpa, part.len() as u32), 0));
        }
        let gpa = self.allocate(writable);
        if writable != 0 {
            segments.push(((gpa, writable as u32), WRITE));
        }
        let table = Self::table(slot, queue);
        let index = self.get_u16(table + AVAILABLE + 2);
        let head = index.wrapping_mul(3) % QUEUE_SIZE;
        self.buffers.insert((slot, queue, head), (gpa, writable));
        let last = segments.len() as u16 - 1;
        let (target, base) = match self.indirect {
            true => (self.allocate(16 * segments.len()), 0),
            false => (table, head),
        };
        for (position, (segment, flags)) in segments.into_iter().enumerate() {
            let position = position as u16;
            let next = if self.indirect { position + 1 } else { (base + position + 1) % QUEUE_SIZE };
            let flags = flags | if position == last { 0 } else { NEXT };
            let at = if self.indirect { position } else { (base + position) % QUEUE_SIZE };
            self.descriptor(target, at, segment, flags, next);
        }
        if self.indirect {
            self.descriptor(table, head, (target, 16 * u32::from(last + 1)), INDIRECT, 0);
        }
        self.make_available(slot, queue, head);
    }

    /// The next request that the device has handed back.
    pub(in super::super) fn used(&mut self, slot: usize, queue: usize) -> Option<Used> {
        let ring = Self::table(slot, queue) + USED;
        let index = self.get_u16(ring + 2);
        let seen = self.seen.entry((slot, queue)).or_default();
        if *seen == index {
            return None;
        }
        let entry = ring + 4 + 8 * u64::from(*seen % QUEUE_SIZE);
        *seen = seen.wrapping_add(1);
        let mut element = [0; 8];
        self.ram.read(Gpa(entry), &mut element).unwrap();
        let element = u64::from_le_bytes(element);
        let (gpa, writable) = self.buffers[&(slot, queue, element as u16)];
        let length = (element >> 32) as u32;
        let mut bytes = vec![0; writable];
        self.ram.read(Gpa(gpa), &mut bytes).unwrap();
        Some(Used { length, bytes })
    }

    /// The device asked for a reset, and said why.
    pub(in super::super) fn broken(&mut self, slot: usize) -> bool {
        self.read(slot, 0x70) & 0x40 != 0 && !self.devices.take_log().is_empty()
    }
}
