//! The tables of Intel's MultiProcessor Specification 1.4, chapter 4: how Linux finds both APICs without ACPI.
//!
//! One processor (APIC ID 0), one ISA bus, one I/O APIC (ID 1) of 24 inputs. Bus interrupt *n* is wired to input *n*,
//! and Linux's interrupt number is the same *n*; only interrupt 0, a PC's timer, is wired to input 2 as PCs have it
//! (and interrupt 2, their cascade, to none). All inputs conform to the bus, so they are **edge triggered, active
//! high**: a device pulses its input for every notification.

use super::Gpa;

const LAPIC: u32 = 0xfee0_0000;
const IO_APIC: u32 = 0xfec0_0000;
const IO_APIC_ID: u8 = 1;
const INPUTS: u8 = 24;
const TIMER: u8 = 0;
const CASCADE: u8 = 2;
const ISA_BUS: u8 = 0;
/// Size of the floating pointer structure, which the configuration table follows.
const POINTER_SIZE: u32 = 16;
/// Entry types of the configuration table (section 4.3).
const PROCESSOR: u8 = 0;
const BUS: u8 = 1;
const IO_APIC_ENTRY: u8 = 2;
const IO_INTERRUPT: u8 = 3;
const LOCAL_INTERRUPT: u8 = 4;
/// Interrupt types (table 4-10).
const INT: u8 = 0;
const NMI: u8 = 1;
const EXT_INT: u8 = 3;
const ALL_LAPICS: u8 = 0xff;

/// Floating pointer structure and configuration table for address `base`, 16-byte aligned.
pub(super) fn tables(base: Gpa) -> Vec<u8> {
    let mut tables = floating_pointer(base.0 as u32 + POINTER_SIZE);
    tables.extend(configuration_table());
    tables
}

/// Section 4.1.
fn floating_pointer(table: u32) -> Vec<u8> {
    let mut pointer = b"_MP_".to_vec();
    pointer.extend(table.to_le_bytes());
    pointer.extend([1, 4, 0]); // length in 16-byte units, revision 1.4, checksum
    pointer.extend([0; 5]); // a configuration table is present; virtual wire mode
    checksum(&mut pointer, 10);
    pointer
}

/// Section 4.2.
fn configuration_table() -> Vec<u8> {
    let entries = entries();
    let count = entries.len() as u16;
    let body = entries.concat();
    let mut table = b"PCMP".to_vec();
    table.extend((44 + body.len() as u16).to_le_bytes());
    table.extend([4, 0]); // revision 1.4, checksum
    table.extend(b"PRELIFT MACHINE     "); // OEM and product, 8 and 12 characters
    table.extend([0; 6]); // no OEM table
    table.extend(count.to_le_bytes());
    table.extend(LAPIC.to_le_bytes());
    table.extend([0; 4]); // no extended entries
    table.extend(body);
    checksum(&mut table, 7);
    table
}

fn entries() -> Vec<Vec<u8>> {
    let mut entries = vec![
        processor(),
        [&[BUS, ISA_BUS], b"ISA   ".as_slice()].concat(),
        [&[IO_APIC_ENTRY, IO_APIC_ID, 0x11, 1], IO_APIC.to_le_bytes().as_slice()].concat(),
    ];
    for irq in (0..INPUTS).filter(|&irq| irq != CASCADE) {
        let input = if irq == TIMER { CASCADE } else { irq };
        entries.push(interrupt(IO_INTERRUPT, INT, irq, IO_APIC_ID, input));
    }
    entries.push(interrupt(LOCAL_INTERRUPT, EXT_INT, 0, ALL_LAPICS, 0));
    entries.push(interrupt(LOCAL_INTERRUPT, NMI, 0, ALL_LAPICS, 1));
    entries
}

/// Section 4.3.1: APIC ID 0, version 0x14, enabled, the boot processor. Linux reads family and features from CPUID.
fn processor() -> Vec<u8> {
    let mut entry = vec![PROCESSOR, 0, 0x14, 0b11];
    entry.resize(20, 0);
    entry
}

/// Sections 4.3.4 and 4.3.5: flags 0 are "conforms to the bus".
fn interrupt(entry: u8, kind: u8, bus_interrupt: u8, apic: u8, input: u8) -> Vec<u8> {
    vec![entry, kind, 0, 0, ISA_BUS, bus_interrupt, apic, input]
}

/// Makes all bytes add up to 0.
fn checksum(bytes: &mut [u8], at: usize) {
    bytes[at] = bytes.iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte)).wrapping_neg();
}
