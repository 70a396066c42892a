//! What connects processor, memory and devices.

use super::Vm;
use crate::devices::{self, Devices, Gpa, OutOfRange, Width};
use crate::interp::CodeCache;
use crate::memory::{Memory, MemoryError, Place};

/// Guest memory as the devices see it. It notes which regions their writes unbind.
struct Bus<'a> {
    memory: &'a mut Memory,
    code: &'a mut CodeCache,
    changed: bool,
    regions: Vec<u32>,
}

impl devices::Memory for Bus<'_> {
    fn read(&self, gpa: Gpa, into: &mut [u8]) -> Result<(), OutOfRange> {
        let length = into.len();
        let range = self.memory.range(gpa, length).ok_or(OutOfRange { gpa, length })?;
        if !range.is_empty() {
            into.copy_from_slice(self.memory.bytes(Place(range.start), length));
        }
        Ok(())
    }

    fn write(&mut self, gpa: Gpa, bytes: &[u8]) -> Result<(), OutOfRange> {
        let length = bytes.len();
        let range = self.memory.range(gpa, length).ok_or(OutOfRange { gpa, length })?;
        if range.is_empty() {
            return Ok(());
        }
        self.memory.bytes_mut(Place(range.start), length).copy_from_slice(bytes);
        let mut at = range.start;
        while at < range.end {
            let end = ((at | 0xfff) + 1).min(range.end);
            if let Some(regions) = self.code.written(Place(at), end - at) {
                self.changed = true;
                self.regions.extend(regions);
            }
            at = end;
        }
        Ok(())
    }
}

impl Vm {
    /// Lets `f` work on the devices, with guest memory and the current time. Interrupts are looked at afterwards.
    pub fn with_bus<R>(&mut self, f: impl FnOnce(&mut Devices, &mut dyn devices::Memory, u64) -> R) -> R {
        let now = self.tsc();
        let mut bus = Bus { memory: &mut self.memory, code: &mut self.code, changed: false, regions: Vec::new() };
        let result = f(&mut self.devices, &mut bus, now);
        let regions = bus.regions;
        self.unbind(&regions);
        self.attention = true;
        result
    }

    /// Adds RAM, and offers it to the guest, which puts it to use by and by.
    ///
    /// # Errors
    /// Those of [`Memory::add`].
    pub fn add_memory(&mut self, size: u64) -> Result<(), MemoryError> {
        self.memory.add(size)?;
        self.devices.add_memory(size);
        self.attention = true;
        Ok(())
    }

    /// Reads a device's register into `bytes`: as one access where its size is one, else byte by byte.
    pub(crate) fn read_device(&mut self, gpa: Gpa, bytes: &mut [u8]) {
        let now = self.tsc();
        match Width::from_bytes(bytes.len()) {
            Some(width) => {
                let value = self.devices.mmio_read(now, gpa, width).to_le_bytes();
                bytes.copy_from_slice(&value[..bytes.len()]);
            }
            None => {
                for (index, byte) in bytes.iter_mut().enumerate() {
                    *byte = self.devices.mmio_read(now, Gpa(gpa.0 + index as u64), Width::Byte) as u8;
                }
            }
        }
        self.attention = true;
    }

    /// Writes a device's register.
    pub(crate) fn write_device(&mut self, gpa: Gpa, bytes: &[u8]) {
        self.with_bus(|devices, memory, now| match Width::from_bytes(bytes.len()) {
            Some(width) => {
                let mut value = [0; 8];
                value[..bytes.len()].copy_from_slice(bytes);
                devices.mmio_write(memory, now, gpa, width, u64::from_le_bytes(value));
            }
            None => {
                for (index, &byte) in bytes.iter().enumerate() {
                    devices.mmio_write(memory, now, Gpa(gpa.0 + index as u64), Width::Byte, byte.into());
                }
            }
        });
    }
}
