//! Bits by loops: PDEP, PEXT, CRC32. SDM volume 2. No flags change.

use super::Done;
use crate::vm::Vm;
use x86::operands::{read, write};
use x86::{Insn, Width};

/// PDEP (`deposit`): the source's low bits go where the mask has ones. PEXT: the bits where it has ones become the low ones.
pub(super) fn by_mask(vm: &mut Vm, insn: &Insn, deposit: bool) -> Done {
    let w = insn.width;
    let mask = read(vm, insn, 2, w)?;
    let source = read(vm, insn, 1, w)?;
    let places = (0..w.bits()).filter(|place| mask >> place & 1 != 0);
    let result = (0..).zip(places).fold(0, |result, (low, place)| {
        let (from, to) = if deposit { (low, place) } else { (place, low) };
        result | (source >> from & 1) << to
    });
    write(vm, insn, 0, w, result)
}

/// The polynomial 0x11edc6f41, its bits in reverse order.
const CASTAGNOLI: u32 = 0x82f6_3b78;

/// The remainder of one byte after a remainder of 0.
const fn remainder(byte: u8) -> u32 {
    let (mut value, mut i) = (byte as u32, 0);
    while i < 8 {
        value = value >> 1 ^ if value & 1 != 0 { CASTAGNOLI } else { 0 };
        i += 1;
    }
    value
}

static REMAINDERS: [u32; 256] = {
    let (mut all, mut i) = ([0; 256], 0);
    while i < 256 {
        all[i] = remainder(i as u8);
        i += 1;
    }
    all
};

/// CRC32: the remainder goes on with 1, 2, 4 or 8 bytes.
pub(super) fn crc32(vm: &mut Vm, insn: &Insn) -> Done {
    let bytes = read(vm, insn, 1, insn.source_width)?.to_le_bytes();
    let start = read(vm, insn, 0, Width::W32)? as u32;
    let result = bytes[..insn.source_width.bytes() as usize]
        .iter()
        .fold(start, |sum, byte| sum >> 8 ^ REMAINDERS[usize::from(sum as u8 ^ byte)]);
    write(vm, insn, 0, Width::W64, result.into())
}
