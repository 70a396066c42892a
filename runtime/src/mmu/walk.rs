//! The page walk: 4-level paging with 4 KiB, 2 MiB and 1 GiB pages (SDM 3A, 4.5), access rights (4.6), accessed and
//! dirty bits (4.8).
//!
//! Physical addresses have [`PHYSICAL_BITS`] bits; a set bit above them is reserved. A table that lies outside memory
//! reads as all ones, as on a bus without a device, and so is a reserved-bit fault.
//!
//! Departure: a fetch sets no accessed bit. Translated code is bound before it runs and runs on without a walk, so that
//! who carries out the instructions would show in the page tables, and in what the guest makes of them.

use super::{entry, fault};
use crate::cpu::Cpu;
use crate::exception::Exception;
use crate::memory::{Gpa, Memory, Place};

/// Bits of a physical address, as CPUID leaf 0x8000_0008 says.
pub const PHYSICAL_BITS: u32 = 40;

const ADDRESS: u64 = ((1 << PHYSICAL_BITS) - 1) & !0xfff;
const RESERVED: u64 = ((1 << 52) - 1) & !((1 << PHYSICAL_BITS) - 1);
const CR0_WP: u64 = 1 << 16;
const CR0_PG: u64 = 1 << 31;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;
const EFER_NXE: u64 = 1 << 11;
const RFLAGS_AC: u64 = 1 << 18;

/// What is done to memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// A load.
    Read,
    /// A store.
    Write,
    /// An instruction fetch.
    Fetch,
}

/// Who does it (SDM 3A, 4.6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privilege {
    /// Privilege level 3.
    User,
    /// An instruction at a lower level.
    Supervisor,
    /// The processor itself, in a descriptor table or the TSS: RFLAGS.AC does not excuse it.
    Implicit,
}

/// Where a linear address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapping {
    /// Physical address of the 4 KiB page.
    pub page: Gpa,
    /// The mapping stays when CR3 changes.
    pub global: bool,
    /// User mode may access the page.
    pub user: bool,
    /// Table entries whose accessed or dirty bit the walk has set.
    pub marked: [Option<Place>; 4],
}

/// Rights gathered on the way down.
struct Rights {
    writable: bool,
    user: bool,
    no_execute: bool,
}

/// Translates `address` for an access with a privilege, and sets accessed and dirty bits.
///
/// # Errors
/// #PF with its error code.
pub fn walk(
    cpu: &Cpu,
    memory: &mut Memory,
    address: u64,
    access: Access,
    privilege: Privilege,
) -> Result<Mapping, Exception> {
    if cpu.cr0 & CR0_PG == 0 {
        return Ok(Mapping { page: Gpa(address & ADDRESS), global: false, user: true, marked: [None; 4] });
    }
    let error = |bits: u32| Exception::page_fault(address, code(cpu, access, privilege) | bits);
    let mut rights = Rights { writable: true, user: true, no_execute: false };
    let mut table = cpu.cr3 & ADDRESS;
    let mut path = [Gpa(0); 4];
    for (depth, shift) in [39u32, 30, 21, 12].into_iter().enumerate() {
        let at = Gpa(table + ((address >> shift) & 0x1ff) * 8);
        let value = read_entry(memory, at);
        if value & entry::PRESENT == 0 {
            return Err(error(0));
        }
        let large = value & entry::LARGE != 0 && (shift == 30 || shift == 21);
        if reserved(cpu, value, shift, large) {
            return Err(error(fault::PRESENT | fault::RESERVED));
        }
        rights.writable &= value & entry::WRITABLE != 0;
        rights.user &= value & entry::USER != 0;
        rights.no_execute |= value & entry::NO_EXECUTE != 0;
        path[depth] = at;
        if shift == 12 || large {
            if !permitted(cpu, &rights, access, privilege) {
                return Err(error(fault::PRESENT));
            }
            let mapping = finish(memory, &path[..=depth], value, shift, address, access);
            return Ok(Mapping { user: rights.user, ..mapping });
        }
        table = value & ADDRESS;
    }
    unreachable!("the last level returns")
}

/// Error code bits that depend on the access alone.
fn code(cpu: &Cpu, access: Access, privilege: Privilege) -> u32 {
    let fetch = access == Access::Fetch && (cpu.efer & EFER_NXE != 0 || cpu.cr4 & CR4_SMEP != 0);
    (if access == Access::Write { fault::WRITE } else { 0 })
        | (if privilege == Privilege::User { fault::USER } else { 0 })
        | (if fetch { fault::FETCH } else { 0 })
}

fn read_entry(memory: &Memory, at: Gpa) -> u64 {
    memory.place(at).map_or(u64::MAX, |place| u64::from_le_bytes(memory.get(place.0)))
}

fn reserved(cpu: &Cpu, value: u64, shift: u32, large: bool) -> bool {
    let no_execute = value & entry::NO_EXECUTE != 0 && cpu.efer & EFER_NXE == 0;
    // Bits between the PAT bit (12) and the page's address; bit 7 of the top level.
    let inside = if large { ((1 << shift) - 1) & !0x1fff } else { 0 };
    let top = if shift == 39 { entry::LARGE } else { 0 };
    no_execute || value & (RESERVED | inside | top) != 0
}

fn permitted(cpu: &Cpu, rights: &Rights, access: Access, privilege: Privilege) -> bool {
    let user = privilege == Privilege::User;
    let excused = privilege == Privilege::Supervisor && cpu.rflags & RFLAGS_AC != 0;
    if user && !rights.user {
        return false;
    }
    match access {
        Access::Fetch if rights.no_execute => false,
        Access::Fetch => user || !rights.user || cpu.cr4 & CR4_SMEP == 0,
        _ if !user && rights.user && cpu.cr4 & CR4_SMAP != 0 && !excused => false,
        Access::Read => true,
        Access::Write => rights.writable || (!user && cpu.cr0 & CR0_WP == 0),
    }
}

/// Sets the accessed bits of the path and the dirty bit of its end, but for a fetch.
fn finish(memory: &mut Memory, path: &[Gpa], leaf: u64, shift: u32, address: u64, access: Access) -> Mapping {
    let (last, upper) = path.split_last().expect("a path has an end");
    let dirty = if access == Access::Write { entry::DIRTY } else { 0 };
    let mut marked = [None; 4];
    if access != Access::Fetch {
        for (slot, &at) in marked.iter_mut().zip(upper) {
            *slot = mark(memory, at, entry::ACCESSED);
        }
        marked[3] = mark(memory, *last, entry::ACCESSED | dirty);
    }
    let within = (1u64 << shift) - 1;
    let page = (leaf & ADDRESS & !within) | (address & within & !0xfff);
    Mapping { page: Gpa(page), global: leaf & entry::GLOBAL != 0, user: false, marked }
}

/// Sets bits of a table entry. Gives the entry's place if that changed it.
fn mark(memory: &mut Memory, at: Gpa, bits: u64) -> Option<Place> {
    let place = memory.place(at)?;
    let value = u64::from_le_bytes(memory.get(place.0));
    if value & bits == bits {
        return None;
    }
    memory.put(place.0, (value | bits).to_le_bytes());
    Some(place)
}
