//! The user-mode state of a processor that a case starts from and ends with.

use crate::layout;
use std::collections::BTreeMap;

/// Status and control bits of RFLAGS that user code can see and change: CF PF AF ZF SF TF DF OF AC ID.
pub const FLAGS: u64 = 0x0024_0dd5;
/// The six status flags: CF PF AF ZF SF OF.
pub const STATUS_FLAGS: u64 = 0x8d5;
/// Number of RSP in [`State::gpr`].
pub const RSP: usize = 4;

/// Names of the general-purpose registers in encoding order.
#[rustfmt::skip]
pub const GPR_NAMES: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
];

/// Registers and memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// General-purpose registers in encoding order (RAX RCX RDX RBX RSP RBP RSI RDI R8…R15).
    pub gpr: [u64; 16],
    /// The bits of RFLAGS in [`FLAGS`]; all others are as user mode has them (bit 1 and IF set, the rest clear).
    pub flags: u64,
    /// Base of FS.
    pub fs_base: u64,
    /// Base of GS.
    pub gs_base: u64,
    /// SSE control and status.
    pub mxcsr: u32,
    /// YMM registers, least significant quadword first; XMM is the first two.
    pub ymm: [[u64; 4]; 16],
    /// x87 and MMX.
    pub x87: X87,
    /// Data memory.
    pub memory: Memory,
}

impl Default for State {
    fn default() -> Self {
        let mut gpr = [0; 16];
        gpr[RSP] = layout::STACK;
        let (x87, memory) = (X87::default(), Memory::default());
        State { gpr, flags: 0, fs_base: 0, gs_base: 0, mxcsr: 0x1f80, ymm: [[0; 4]; 16], x87, memory }
    }
}

/// The x87 unit without its last-instruction pointers, in which makers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct X87 {
    /// Control word.
    pub control: u16,
    /// Status word; TOP is bits 11–13.
    pub status: u16,
    /// Abridged tag word as FXSAVE has it: bit *n* is set where physical register *n* is not empty.
    pub tags: u8,
    /// Physical registers R0–R7, 80 bits each. What an empty register holds is not compared.
    pub registers: [u128; 8],
}

impl Default for X87 {
    fn default() -> Self {
        X87 { control: 0x37f, status: 0, tags: 0, registers: [0; 8] }
    }
}

impl X87 {
    /// Physical number of ST(`i`).
    pub fn physical(&self, i: usize) -> usize {
        (usize::from(self.status >> 11) + i) & 7
    }

    /// Whether physical register `n` is empty.
    pub fn is_empty(&self, n: usize) -> bool {
        self.tags >> n & 1 == 0
    }
}

/// The data bytes that differ from zero, by guest address. Two memories are equal when all their bytes are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<u64, u8>);

impl Memory {
    /// The byte at `address`.
    pub fn byte(&self, address: u64) -> u8 {
        self.0.get(&address).copied().unwrap_or(0)
    }

    /// Sets the byte at `address`.
    pub fn set_byte(&mut self, address: u64, value: u8) {
        if value == 0 {
            self.0.remove(&address);
        } else {
            self.0.insert(address, value);
        }
    }

    /// Sets the bytes from `address` on.
    pub fn set(&mut self, address: u64, bytes: &[u8]) {
        for (i, &byte) in bytes.iter().enumerate() {
            self.set_byte(address.wrapping_add(i as u64), byte);
        }
    }

    /// The bytes that are not zero, by ascending address.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u8)> + '_ {
        self.0.iter().map(|(&address, &byte)| (address, byte))
    }

    /// Runs `(address, bytes)` of what differs from `from`; differences at most 8 bytes apart share a run.
    pub fn runs_since(&self, from: &Memory) -> Vec<(u64, Vec<u8>)> {
        let mut addresses: Vec<u64> = self.0.keys().chain(from.0.keys()).copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
        for address in addresses.into_iter().filter(|&a| self.byte(a) != from.byte(a)) {
            match runs.last_mut().filter(|(start, bytes)| address - (start + bytes.len() as u64) <= 8) {
                Some((start, bytes)) => bytes.extend((*start + bytes.len() as u64..=address).map(|a| self.byte(a))),
                None => runs.push((address, vec![self.byte(address)])),
            }
        }
        runs
    }
}
