//! The abstract machine on plain integers: registers, lazy flags, and pages of memory at fixed places.

use x86::integer::{self, IntegerOp};
use x86::vector::float::{self, FloatOp, FloatUnOp, FloatWidth, LargeFloatOp, Outcome};
use x86::vector::{LargeOp, VecOp, VecShift, VecUnOp, eval, large};
use x86::{Arith, BinOp, Compare, FlagOp, Flags, Gpr, Insn, Machine, Privileged, Segment, UnOp, Vector, Width, plain};

/// Where the guest's data is.
pub(crate) const DATA: u64 = 0x7fff_1234_5000;
/// Its size, in bytes.
pub(crate) const DATA_SIZE: usize = 4 * 4096;

/// Why an instruction stopped: nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Fault,
    Helper,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) gpr: [u64; 16],
    pub(crate) xmm: [u128; 16],
    pub(crate) ymm_high: [u128; 16],
    pub(crate) mxcsr: u32,
    pub(crate) rip: u64,
    pub(crate) flags: Flags<u64>,
    pub(crate) fs_base: u64,
    pub(crate) memory: Vec<u8>,
    next: Option<u64>,
}

impl Reference {
    pub(crate) fn new(rip: u64) -> Reference {
        Reference {
            gpr: [0; 16],
            xmm: [0; 16],
            ymm_high: [0; 16],
            mxcsr: 0x1fa0,
            rip,
            flags: Flags { op: FlagOp::Explicit, width: Width::W64, dst: 0, src: 0, carry: 0 },
            fs_base: DATA + 0x800,
            memory: vec![0; DATA_SIZE],
            next: None,
        }
    }

    /// Takes one instruction.
    pub(crate) fn step(&mut self, insn: &Insn) -> Result<(), Stop> {
        self.next = None;
        x86::exec(self, insn)?;
        self.rip = self.next.unwrap_or(self.rip + u64::from(insn.length));
        Ok(())
    }

    /// The six flags as a word.
    pub(crate) fn word(&mut self) -> u64 {
        let flags = self.flags;
        x86::flags::word(self, flags)
    }

    fn settled<T>(&mut self, outcome: Outcome<T>) -> Result<T, Stop> {
        float::settle(&mut self.mxcsr, outcome).ok_or(Stop::Fault)
    }

    fn place(&self, address: u64, bytes: usize) -> Result<usize, Stop> {
        let offset = address.wrapping_sub(DATA);
        let fits = offset < DATA_SIZE as u64 && DATA_SIZE as u64 - offset >= bytes as u64;
        if fits { Ok(offset as usize) } else { Err(Stop::Fault) }
    }
}

impl Arith for Reference {
    type Int = u64;
    type Bool = bool;

    fn imm(&mut self, value: u64) -> u64 {
        value
    }
    fn bin(&mut self, op: BinOp, w: Width, a: u64, b: u64) -> u64 {
        plain::bin(op, w, a, b)
    }
    fn un(&mut self, op: UnOp, w: Width, a: u64) -> u64 {
        plain::un(op, w, a)
    }
    fn compare(&mut self, op: Compare, w: Width, a: u64, b: u64) -> bool {
        plain::compare(op, w, a, b)
    }
    fn int(&mut self, b: bool) -> u64 {
        b.into()
    }
    fn select(&mut self, condition: bool, then: u64, other: u64) -> u64 {
        if condition { then } else { other }
    }
    fn not(&mut self, b: bool) -> bool {
        !b
    }
    fn both(&mut self, a: bool, b: bool) -> bool {
        a && b
    }
    fn either(&mut self, a: bool, b: bool) -> bool {
        a || b
    }
}

impl Privileged for Reference {}

impl Machine for Reference {
    type Stop = Stop;

    fn gpr(&mut self, r: Gpr) -> u64 {
        self.gpr[usize::from(r.0)]
    }
    fn set_gpr(&mut self, r: Gpr, value: u64) {
        self.gpr[usize::from(r.0)] = value;
    }
    fn segment_base(&mut self, segment: Segment) -> u64 {
        if segment == Segment::Fs { self.fs_base } else { 0 }
    }
    fn rip(&mut self) -> u64 {
        self.rip
    }
    fn load(&mut self, w: Width, address: u64) -> Result<u64, Stop> {
        let bytes = w.bytes() as usize;
        let place = self.place(address, bytes)?;
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(&self.memory[place..place + bytes]);
        Ok(u64::from_le_bytes(whole))
    }
    fn store(&mut self, w: Width, address: u64, value: u64) -> Result<(), Stop> {
        let bytes = w.bytes() as usize;
        let place = self.place(address, bytes)?;
        self.memory[place..place + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        Ok(())
    }
    fn load_for_store(&mut self, w: Width, address: u64) -> Result<u64, Stop> {
        self.load(w, address)
    }
    fn copy(&mut self, w: Width, to: u64, from: u64, bytes: u64) -> Result<(), Stop> {
        (0..bytes).step_by(w.bytes() as usize).try_for_each(|at| {
            let value = self.load(w, from + at)?;
            self.store(w, to + at, value)
        })
    }
    fn fill(&mut self, w: Width, to: u64, value: u64, bytes: u64) -> Result<(), Stop> {
        (0..bytes).step_by(w.bytes() as usize).try_for_each(|at| self.store(w, to + at, value))
    }
    fn in_kernel(&mut self) -> bool {
        false
    }
    fn system_flags(&mut self) -> u64 {
        2
    }
    fn set_system_flags(&mut self, _: u64) {}
    fn swap_gs_base(&mut self) {}
    fn set_flags(&mut self, op: FlagOp, width: Width, dst: u64, src: u64, carry: u64) {
        self.flags = Flags { op, width, dst, src, carry };
    }
    fn flags(&mut self) -> Flags<u64> {
        self.flags
    }
    fn keep_flags_unless(&mut self, condition: bool, before: Flags<u64>) {
        if !condition {
            self.flags = before;
        }
    }
    fn jump(&mut self, target: u64) {
        self.next = Some(target);
    }
    fn branch(&mut self, condition: bool, distance: i64) {
        if condition {
            self.jump_near(distance);
        }
    }
    fn jump_near(&mut self, distance: i64) {
        self.next = Some(self.rip.wrapping_add(distance as u64));
    }
    fn rare(&mut self, condition: bool) -> bool {
        condition
    }
    fn helper(&mut self, _insn: &Insn) -> Result<(), Stop> {
        Err(Stop::Helper)
    }
    fn undefined(&mut self, _insn: &Insn) -> Stop {
        Stop::Fault
    }
    fn divide_error(&mut self) -> Stop {
        Stop::Fault
    }
    fn general_protection(&mut self) -> Stop {
        Stop::Fault
    }
    fn xmm(&mut self, number: u8) -> u128 {
        self.xmm[usize::from(number)]
    }
    fn set_xmm(&mut self, number: u8, value: u128) {
        self.xmm[usize::from(number)] = value;
    }
    fn load_vec(&mut self, address: u64) -> Result<u128, Stop> {
        let place = self.place(address, 16)?;
        Ok(u128::from_le_bytes(self.memory[place..place + 16].try_into().expect("16 bytes")))
    }
    fn store_vec(&mut self, address: u64, value: u128) -> Result<(), Stop> {
        let place = self.place(address, 16)?;
        self.memory[place..place + 16].copy_from_slice(&value.to_le_bytes());
        Ok(())
    }
    fn ymm_high(&mut self, number: u8) -> u128 {
        self.ymm_high[usize::from(number)]
    }
    fn set_ymm_high(&mut self, number: u8, value: u128) {
        self.ymm_high[usize::from(number)] = value;
    }
    fn load_wide(&mut self, address: u64) -> Result<[u128; 2], Stop> {
        Ok([self.load_vec(address)?, self.load_vec(address + 16)?])
    }
    fn store_wide(&mut self, address: u64, [low, high]: [u128; 2]) -> Result<(), Stop> {
        self.load_wide(address)?;
        self.store_vec(address, low)?;
        self.store_vec(address + 16, high)
    }
    fn avx_available(&mut self) -> Result<(), Stop> {
        Ok(())
    }
    fn sse_available(&mut self) -> Result<(), Stop> {
        Ok(())
    }
    fn mxcsr(&mut self) -> u64 {
        self.mxcsr.into()
    }
    fn set_mxcsr(&mut self, value: u64) {
        self.mxcsr = value as u32;
    }
    fn float_bin(&mut self, op: FloatOp, w: FloatWidth, a: u64, b: u64) -> Result<u64, Stop> {
        let outcome = float::bin(op, w, self.mxcsr, a, b);
        self.settled(outcome)
    }
    fn float_un(&mut self, op: FloatUnOp, a: u64) -> Result<u64, Stop> {
        let outcome = float::un(op, self.mxcsr, a);
        self.settled(outcome)
    }
    fn float_bin_packed(&mut self, op: FloatOp, w: FloatWidth, a: u128, b: u128) -> Result<u128, Stop> {
        let outcome = float::bin_packed(op, w, self.mxcsr, a, b);
        self.settled(outcome)
    }
    fn float_un_packed(&mut self, op: FloatUnOp, a: u128) -> Result<u128, Stop> {
        let outcome = float::un_packed(op, self.mxcsr, a);
        self.settled(outcome)
    }
    fn float_bin_wide(&mut self, op: FloatOp, w: FloatWidth, a: [u128; 2], b: [u128; 2]) -> Result<[u128; 2], Stop> {
        let outcome = float::bin_wide(op, w, self.mxcsr, a, b);
        self.settled(outcome)
    }
    fn float_un_wide(&mut self, op: FloatUnOp, a: [u128; 2]) -> Result<[u128; 2], Stop> {
        let outcome = float::un_wide(op, self.mxcsr, a);
        self.settled(outcome)
    }
    fn float_large<const N: usize>(&mut self, op: LargeFloatOp, operands: [[u128; N]; 3]) -> Result<[u128; N], Stop> {
        let outcome = float::large(op, self.mxcsr, operands);
        self.settled(outcome)
    }
    fn int_large(&mut self, op: IntegerOp, operands: [u64; 3]) -> Result<u64, Stop> {
        Ok(integer::compute(op, operands))
    }
    fn vec_large(&mut self, op: LargeOp, operands: [u128; 3]) -> Result<u128, Stop> {
        Ok(large::large(op, operands))
    }
    fn float_compare(&mut self, w: FloatWidth, signalling: bool, a: u64, b: u64) -> Result<u64, Stop> {
        let outcome = float::compare(w, signalling, self.mxcsr, a, b);
        self.settled(outcome)
    }
}

impl Vector for Reference {
    type Vec = u128;

    fn vec_const(&mut self, value: u128) -> u128 {
        value
    }
    fn vec_from(&mut self, low: u64, high: u64) -> u128 {
        u128::from(high) << 64 | u128::from(low)
    }
    fn vec_half(&mut self, value: u128, half: u8) -> u64 {
        eval::lane(Width::W64, value, half)
    }
    fn vec_lane(&mut self, w: Width, value: u128, index: u8) -> u64 {
        eval::lane(w, value, index)
    }
    fn vec_with_lane(&mut self, w: Width, value: u128, index: u8, lane: u64) -> u128 {
        eval::with_lane(w, value, index, lane)
    }
    fn vec_bin(&mut self, op: VecOp, a: u128, b: u128) -> u128 {
        eval::bin(op, a, b)
    }
    fn vec_un(&mut self, op: VecUnOp, a: u128) -> u128 {
        eval::un(op, a)
    }
    fn vec_shift(&mut self, op: VecShift, a: u128, count: u64) -> u128 {
        eval::shift(op, a, count as u32)
    }
    fn vec_shuffle(&mut self, a: u128, b: u128, pattern: [u8; 16]) -> u128 {
        eval::shuffle(a, b, pattern)
    }
    fn vec_bitmask(&mut self, w: Width, a: u128) -> u64 {
        eval::bitmask(w, a)
    }
}
