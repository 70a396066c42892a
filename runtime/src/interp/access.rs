//! Memory accesses of the interpreter: TLB hit inline, all else in slow paths.
//!
//! A slow path translates every byte's page before it writes any, so that an access that faults has written nothing.
//! Whatever needs a look at every access takes the slow path, since such pages are not in the TLB: pages with a data
//! breakpoint, user pages while alignment is checked, user pages under SMAP in kernel mode.

use crate::cpu::TlbEntry;
use crate::cpu::breakpoints::{self, Event};
use crate::cpu::state::{TLB_ENTRIES, TlbTable};
use crate::exception::Exception;
use crate::memory::{Gpa, Place};
use crate::mmu::{Access, Mapping, Privilege, Use, canonical, fill, walk};
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

/// Bytes from `address` to its page's end.
fn in_page(address: u64) -> usize {
    0x1000 - (address & 0xfff) as usize
}

/// Where the two parts of an access lie that crosses from one page into another, if the table has both.
fn lookup_both(table: &TlbTable, address: u64, size: usize) -> Option<[u32; 2]> {
    let first = in_page(address);
    if first >= size {
        return None;
    }
    let second = address.wrapping_add(first as u64);
    Some([lookup(table, address, first as u64)?, lookup(table, second, (size - first) as u64)?])
}

/// How many of the `size` bytes from `address` on lie in its page. If the first is at a canonical address the last must be
/// too, whatever is mapped.
fn in_first_page(address: u64, size: usize) -> Result<usize, Exception> {
    let first = in_page(address).min(size);
    let leaves = first < size && canonical(address) && !canonical(address.wrapping_add(size as u64 - 1));
    if leaves { Err(Exception::NOT_CANONICAL) } else { Ok(first) }
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

    /// Who an instruction's accesses are by.
    pub(crate) fn privilege(&self) -> Privilege {
        if self.cpu.cpl == 3 { Privilege::User } else { Privilege::Supervisor }
    }

    #[cold]
    #[inline(never)]
    fn load_slow<const N: usize>(&mut self, address: u64) -> Result<[u8; N], Exception> {
        let Some([low, high]) = lookup_both(&self.cpu.tlb().read, address, N) else {
            return self.load_as(self.privilege(), address);
        };
        let mut bytes = [0; N];
        let (first, second) = bytes.split_at_mut(in_page(address));
        first.copy_from_slice(self.memory.bytes(Place(low), first.len()));
        second.copy_from_slice(self.memory.bytes(Place(high), second.len()));
        Ok(bytes)
    }

    #[cold]
    #[inline(never)]
    fn store_slow(&mut self, address: u64, bytes: &[u8]) -> Result<(), Exception> {
        let Some([low, high]) = lookup_both(&self.cpu.tlb().write, address, bytes.len()) else {
            return self.store_as(self.privilege(), address, bytes);
        };
        let (first, second) = bytes.split_at(in_page(address));
        self.memory.bytes_mut(Place(low), first.len()).copy_from_slice(first);
        self.memory.bytes_mut(Place(high), second.len()).copy_from_slice(second);
        Ok(())
    }

    fn load_as<const N: usize>(&mut self, privilege: Privilege, address: u64) -> Result<[u8; N], Exception> {
        let mut bytes = [0; N];
        let first = in_first_page(address, N)?;
        let (target, second) = self.translate_both(address, first, N, Access::Read, privilege)?;
        self.watch(Event::Read, privilege, address, N as u64)?;
        let (low, high) = bytes.split_at_mut(first);
        self.read_target(target, low);
        if let Some(second) = second {
            self.read_target(second, high);
        }
        Ok(bytes)
    }

    fn store_as(&mut self, privilege: Privilege, address: u64, bytes: &[u8]) -> Result<(), Exception> {
        let first = in_first_page(address, bytes.len())?;
        let (target, second) = self.translate_both(address, first, bytes.len(), Access::Write, privilege)?;
        self.watch(Event::Write, privilege, address, bytes.len() as u64)?;
        self.write_target(target, &bytes[..first]);
        if let Some(second) = second {
            self.write_target(second, &bytes[first..]);
        }
        Ok(())
    }

    /// Where the `first` bytes of an access lead, and where the rest if it reaches into a second page.
    fn translate_both(
        &mut self,
        address: u64,
        first: usize,
        size: usize,
        access: Access,
        privilege: Privilege,
    ) -> Result<(Target, Option<Target>), Exception> {
        let target = self.translate(address, access, privilege)?;
        if first == size {
            return Ok((target, None));
        }
        let second = self.translate(address.wrapping_add(first as u64), access, privilege)?;
        Ok((target, Some(second)))
    }

    /// Loads from a descriptor table or the TSS.
    pub(crate) fn load_system<const N: usize>(&mut self, address: u64) -> Result<[u8; N], Exception> {
        match lookup(&self.cpu.kernel_tlb.read, address, N as u64) {
            Some(place) => Ok(self.memory.get(place)),
            None => self.load_as(Privilege::Implicit, address),
        }
    }

    /// Stores to a descriptor table, or to the stack of a lower privilege level.
    pub(crate) fn store_system<const N: usize>(&mut self, address: u64, bytes: [u8; N]) -> Result<(), Exception> {
        match lookup(&self.cpu.kernel_tlb.write, address, N as u64) {
            Some(place) => {
                self.memory.put(place, bytes);
                Ok(())
            }
            None => self.store_as(Privilege::Implicit, address, &bytes),
        }
    }

    /// Makes sure that `size` bytes (at most a page) can be written, without writing.
    pub(crate) fn probe_write(&mut self, address: u64, size: u64) -> Result<(), Exception> {
        if lookup(&self.cpu.tlb().write, address, size).is_some() {
            return Ok(());
        }
        let privilege = self.privilege();
        let first = in_first_page(address, size as usize)? as u64;
        self.translate(address, Access::Write, privilege)?;
        if first < size {
            self.translate(address.wrapping_add(first), Access::Write, privilege)?;
        }
        self.check_alignment(privilege, address, size)
    }

    /// Walks the page tables and fills the TLB.
    pub(crate) fn translate(
        &mut self,
        address: u64,
        access: Access,
        privilege: Privilege,
    ) -> Result<Target, Exception> {
        if !canonical(address) {
            return self.translate_marked(address, access, privilege);
        }
        let mapping = walk(&self.cpu, &mut self.memory, address, access, privilege)?;
        for place in mapping.marked.into_iter().flatten() {
            self.note_write(place, 8);
        }
        let offset = address & 0xfff;
        match self.memory.place(mapping.page) {
            Some(page) => {
                self.fill(address, page, mapping, access, privilege);
                Ok(Target::Memory(Place(page.0 + offset as u32)))
            }
            None => {
                // The slice ends with this instruction where it is no device, but a part of the image that cannot be had.
                self.attention |= self.memory.failed();
                Ok(Target::Device(Gpa(mapping.page.0 + offset)))
            }
        }
    }

    fn fill(&mut self, address: u64, page: Place, mapping: Mapping, access: Access, privilege: Privilege) {
        let user = privilege == Privilege::User;
        if access != Access::Fetch && self.every_access_counts(address, mapping.user, user) {
            return;
        }
        let tag = address & !0xfff;
        let marks = if mapping.global { TlbEntry::GLOBAL } else { 0 };
        let entry = TlbEntry { tag, addend: page.0.wrapping_sub(tag as u32), marks };
        let (cpu, writers) = (&mut *self.cpu, &mut self.writers);
        match access {
            Access::Fetch => fill(cpu, writers, privilege, Use::Execute, entry),
            // What may be written may be read.
            Access::Read | Access::Write => fill(cpu, writers, privilege, Use::Read, entry),
        }
        if access == Access::Write && !self.code.has_code(page.page()) {
            fill(cpu, writers, privilege, Use::Write, entry);
        }
    }

    /// Whether accesses to the page must not be found in the TLB: see this file's head.
    fn every_access_counts(&self, address: u64, user_page: bool, user: bool) -> bool {
        const CR4_SMAP: u64 = 1 << 21;
        let cpu = &*self.cpu;
        (breakpoints::any_enabled(&cpu.dr) && breakpoints::watched(&cpu.dr).any(|at| (at ^ address) & !0xfff == 0))
            || (user && self.alignment_is_checked())
            || (!user && user_page && cpu.cr4 & CR4_SMAP != 0)
    }

    /// Takes a page that now has code out of the write TLB.
    pub(crate) fn protect_code(&mut self, page: u32) {
        self.writers.drop_page(&mut self.cpu, page);
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
    use crate::cpu::CpuCell;
    use crate::devices::Backends;
    use crate::memory::Memory;

    #[test]
    fn an_empty_table_knows_no_address_not_even_one_that_is_not_canonical() {
        let cpu = CpuCell::new();
        for page in (0..2 * TLB_ENTRIES as u64).chain([u64::MAX >> 12]) {
            for upper in [0, 1 << 63, 0xffff_8000_0000_0000] {
                assert_eq!(lookup(&cpu.user_tlb.read, upper | page << 12, 1), None, "{upper:x} {page:x}");
            }
        }
    }
    /// A machine whose page at `page` is that at `place`, for reads, and for writes too.
    fn with_pages(pages: &[(u64, u32)]) -> Vm {
        let mut vm = Vm::new(Memory::new(0x8000, 0).unwrap(), 0, Backends::default());
        for &(tag, place) in pages {
            let entry = TlbEntry { tag, addend: place.wrapping_sub(tag as u32), marks: 0 };
            [Use::Read, Use::Write]
                .into_iter()
                .for_each(|usage| fill(&mut vm.cpu, &mut vm.writers, Privilege::Supervisor, usage, entry));
        }
        vm
    }

    #[test]
    fn accesses_across_two_known_pages_are_made_in_both() {
        let mut vm = with_pages(&[(0x5000, 0x1000), (0x6000, 0x3000)]);
        vm.store_bytes(0x5ffd, [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(vm.memory.bytes(Place(0x1ffc), 5), [0, 1, 2, 3, 0]);
        assert_eq!(vm.memory.bytes(Place(0x3000), 6), [4, 5, 6, 7, 8, 0]);
        assert_eq!(vm.load_bytes(0x5fff), Ok([3, 4, 5, 6]));
        assert_eq!(lookup_both(&vm.cpu.tlb().read, 0x5ffc, 4), None, "all in the first page");
        assert_eq!(lookup_both(&vm.cpu.tlb().read, 0x6ffe, 4), None, "the second page is not known");
    }
}
