//! Memory accesses of the interpreter: TLB hit inline, all else in slow paths.
//!
//! A slow path translates every byte's page before it writes any, so that an access that faults has written nothing.

use crate::cpu::TlbEntry;
use crate::cpu::state::{TLB_ENTRIES, TlbTable};
use crate::exception::Exception;
use crate::memory::{Gpa, Place};
use crate::mmu::{Access, Mapping, canonical, walk};
use crate::vm::Vm;
use x86::Width;

/// Where a page of an access leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// RAM or the image.
    Memory(Place),
    /// A device, or nothing.
    Device(Gpa),
}

#[inline(always)]
fn lookup(table: &TlbTable, address: u64, size: u64) -> Option<u32> {
    let entry = &table[(address >> 12) as usize % TLB_ENTRIES];
    ((entry.tag ^ address) <= 4096 - size).then(|| entry.addend.wrapping_add(address as u32))
}

/// How many of the `size` bytes from `address` on lie in its page. None of them may be at an address that is not canonical, whatever is mapped.
fn in_first_page(address: u64, size: usize) -> Result<usize, Exception> {
    let first = (0x1000 - (address & 0xfff) as usize).min(size);
    let whole = first == size || canonical(address.wrapping_add(size as u64 - 1));
    if whole { Ok(first) } else { Err(Exception::NOT_CANONICAL) }
}

impl Vm {
    /// Loads `N` bytes.
    #[inline(always)]
    pub(crate) fn load_bytes<const N: usize>(&mut self, address: u64) -> Result<[u8; N], Exception> {
        match lookup(&self.cpu.tlb().read, address, N as u64) {
            Some(place) => Ok(self.memory.get(place)),
            None => self.load_slow(address),
        }
    }

    /// Stores `N` bytes.
    #[inline(always)]
    pub(crate) fn store_bytes<const N: usize>(&mut self, address: u64, bytes: [u8; N]) -> Result<(), Exception> {
        match lookup(&self.cpu.tlb().write, address, N as u64) {
            Some(place) => {
                self.memory.put(place, bytes);
                Ok(())
            }
            None => self.store_slow(address, &bytes),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_slow<const N: usize>(&mut self, address: u64) -> Result<[u8; N], Exception> {
        let mut bytes = [0; N];
        let user = self.cpu.cpl == 3;
        let first = in_first_page(address, N)?;
        let target = self.translate(address, Access::Read, user)?;
        if first == N {
            self.read_target(target, &mut bytes);
            return Ok(bytes);
        }
        let second = self.translate(address.wrapping_add(first as u64), Access::Read, user)?;
        let (low, high) = bytes.split_at_mut(first);
        self.read_target(target, low);
        self.read_target(second, high);
        Ok(bytes)
    }

    #[cold]
    #[inline(never)]
    fn store_slow(&mut self, address: u64, bytes: &[u8]) -> Result<(), Exception> {
        let user = self.cpu.cpl == 3;
        let first = in_first_page(address, bytes.len())?;
        let target = self.translate(address, Access::Write, user)?;
        if first == bytes.len() {
            self.write_target(target, bytes);
            return Ok(());
        }
        let second = self.translate(address.wrapping_add(first as u64), Access::Write, user)?;
        self.write_target(target, &bytes[..first]);
        self.write_target(second, &bytes[first..]);
        Ok(())
    }

    /// Makes sure that `size` bytes (at most a page) can be written, without writing.
    pub(crate) fn probe_write(&mut self, address: u64, size: u64) -> Result<(), Exception> {
        if lookup(&self.cpu.tlb().write, address, size).is_some() {
            return Ok(());
        }
        let user = self.cpu.cpl == 3;
        let first = in_first_page(address, size as usize)? as u64;
        self.translate(address, Access::Write, user)?;
        if first < size {
            self.translate(address.wrapping_add(first), Access::Write, user)?;
        }
        Ok(())
    }

    /// Walks the page tables and fills the TLB.
    pub(crate) fn translate(&mut self, address: u64, access: Access, user: bool) -> Result<Target, Exception> {
        if !canonical(address) {
            return Err(Exception::NOT_CANONICAL);
        }
        let mapping = walk(&self.cpu, &mut self.memory, address, access, user)?;
        let offset = address & 0xfff;
        match self.memory.place(mapping.page) {
            Some(page) => {
                self.fill(address, page, mapping, access, user);
                Ok(Target::Memory(Place(page.0 + offset as u32)))
            }
            None => Ok(Target::Device(Gpa(mapping.page.0 + offset))),
        }
    }

    fn fill(&mut self, address: u64, page: Place, mapping: Mapping, access: Access, user: bool) {
        let tag = address & !0xfff;
        let entry = TlbEntry { tag, addend: page.0.wrapping_sub(tag as u32), global: mapping.global.into() };
        let writable = access == Access::Write && !self.code.has_code(page.page());
        let index = (address >> 12) as usize % TLB_ENTRIES;
        if !mapping.global {
            self.cpu.local_fills.add(index);
        }
        let tlb = if user { &mut self.cpu.user_tlb } else { &mut self.cpu.kernel_tlb };
        match access {
            Access::Fetch => tlb.exec[index] = entry,
            Access::Read => tlb.read[index] = entry,
            // What may be written may be read.
            Access::Write => {
                tlb.read[index] = entry;
                if writable {
                    tlb.write[index] = entry;
                }
            }
        }
    }

    /// Takes a page that now has code out of the write TLB.
    pub(crate) fn protect_code(&mut self, page: u32) {
        let place = page << 12;
        let cpu = &mut *self.cpu;
        for table in [&mut cpu.kernel_tlb.write, &mut cpu.user_tlb.write] {
            for (index, entry) in table.iter_mut().enumerate() {
                if entry.is_valid() && entry.addend.wrapping_add(entry.tag as u32) == place {
                    *entry = TlbEntry::empty(index);
                }
            }
        }
    }

    fn read_target(&mut self, target: Target, bytes: &mut [u8]) {
        match target {
            Target::Memory(place) => bytes.copy_from_slice(self.memory.bytes(place, bytes.len())),
            Target::Device(gpa) => self.read_device(gpa, bytes),
        }
    }

    fn write_target(&mut self, target: Target, bytes: &[u8]) {
        match target {
            Target::Memory(place) => self.write_memory(place, bytes),
            Target::Device(gpa) => self.write_device(gpa, bytes),
        }
    }

    /// Writes to memory, in one page, and drops the code that was there.
    pub(crate) fn write_memory(&mut self, place: Place, bytes: &[u8]) {
        self.memory.bytes_mut(place, bytes.len()).copy_from_slice(bytes);
        self.note_write(place, bytes.len() as u32);
    }

    /// Drops the code that a write of `length` bytes, in one page, changed.
    pub(crate) fn note_write(&mut self, place: Place, length: u32) {
        if let Some(regions) = self.code.written(place, length) {
            self.attention = true;
            self.unbind(&regions);
        }
    }

    /// Copies `length` bytes from one place to another, each range in one page, as elements of width `w` from the first to
    /// the last: where the target begins inside the source, what was written is read again.
    pub(crate) fn copy_memory(&mut self, source: Place, target: Place, length: u32, w: Width) {
        if target.0 > source.0 && target.0 - source.0 < length {
            let step = w.bytes() as u32;
            for offset in (0..length).step_by(step as usize) {
                self.memory.copy(Place(source.0 + offset), Place(target.0 + offset), step);
            }
        } else {
            self.memory.copy(source, target, length);
        }
        self.note_write(target, length);
    }

    /// Fills `length` bytes, in one page, with elements of width `w`.
    pub(crate) fn fill_memory(&mut self, target: Place, length: u32, value: u64, w: Width) {
        let bytes = self.memory.bytes_mut(target, length as usize);
        let element = &value.to_le_bytes()[..w.bytes() as usize];
        if element.iter().all(|&byte| byte == element[0]) {
            bytes.fill(element[0]);
        } else {
            bytes.chunks_exact_mut(element.len()).for_each(|place| place.copy_from_slice(element));
        }
        self.note_write(target, length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Tlb;

    #[test]
    fn an_empty_table_knows_no_address_not_even_one_that_is_not_canonical() {
        for page in (0..2 * TLB_ENTRIES as u64).chain([u64::MAX >> 12]) {
            for upper in [0, 1 << 63, 0xffff_8000_0000_0000] {
                assert_eq!(lookup(&Tlb::EMPTY.read, upper | page << 12, 1), None, "{upper:x} {page:x}");
            }
        }
    }
}
