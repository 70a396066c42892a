//! A machine of plain integers: three XMM registers that count, a few bytes of memory.

use x86::integer::{self, IntegerOp};
use x86::vector::float::{self, FloatOp, FloatUnOp, FloatWidth, LargeFloatOp, Outcome};
use x86::vector::{LargeOp, VecOp, VecShift, VecUnOp, eval, large};
use x86::{
    Arith, BinOp, Compare, FlagOp, Flags, Gpr, Insn, Machine, Privileged, Segment, UnOp, Vector, Width, flags, plain,
};

/// Address of the memory, 64-byte aligned here as on the host.
pub(crate) const BASE: u64 = 0x7000;
/// Bytes of memory.
pub(crate) const MEMORY: usize = 64;

/// Why an instruction did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    GeneralProtection,
    SimdException,
    Page,
    Undefined,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct State {
    pub(crate) xmm: [u128; 16],
    pub(crate) ymm_high: [u128; 16],
    pub(crate) gpr: [u64; 16],
    pub(crate) memory: [u8; MEMORY],
    pub(crate) mxcsr: u32,
    pub(crate) flags: Flags<u64>,
}

impl Default for State {
    fn default() -> State {
        let flags = Flags { op: FlagOp::Explicit, width: Width::W64, dst: 0, src: 0, carry: 0 };
        let mut gpr = [0; 16];
        (gpr[6], gpr[7]) = (BASE, BASE);
        State { xmm: [0; 16], ymm_high: [0; 16], gpr, memory: [0; MEMORY], mxcsr: 0x1f80, flags }
    }
}

impl State {
    /// Whether nothing differs; the lanes of XMM1 may by what RCPPS and RSQRTPS are allowed.
    pub(crate) fn same_as(&self, other: &State, approximate: bool) -> bool {
        let (mut a, mut b) = (*self, *other);
        let close = !approximate || (0..4).all(|i| close((a.xmm[1] >> (32 * i)) as u32, (b.xmm[1] >> (32 * i)) as u32));
        if approximate {
            (a.xmm[1], b.xmm[1]) = (0, 0);
        }
        let flags = |s: &State| flags::word(&mut plain::Plain, s.flags);
        close
            && a.xmm == b.xmm
            && a.gpr == b.gpr
            && a.memory == b.memory
            && a.mxcsr == b.mxcsr
            && flags(&a) == flags(&b)
    }

    fn range(&self, address: u64, size: u64) -> Result<std::ops::Range<usize>, Stop> {
        let start = address.wrapping_sub(BASE);
        let end = start.checked_add(size).filter(|&end| end <= MEMORY as u64).ok_or(Stop::Page)?;
        Ok(start as usize..end as usize)
    }

    fn settled<T>(&mut self, outcome: Outcome<T>) -> Result<T, Stop> {
        float::settle(&mut self.mxcsr, outcome).ok_or(Stop::SimdException)
    }
}

/// Whether two approximations may be of the same number: each is within 1.5 · 2^-12.
fn close(a: u32, b: u32) -> bool {
    let (x, y) = (f64::from(f32::from_bits(a)), f64::from(f32::from_bits(b)));
    // Tiny results may be zeros.
    let tiny = |v: f64| v.abs() < 2e-38;
    a == b || (x - y).abs() <= x.abs() * 3.0 / 4096.0 || tiny(x) && tiny(y) && (a ^ b) >> 31 == 0
}

impl Arith for State {
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
        a & b
    }
    fn either(&mut self, a: bool, b: bool) -> bool {
        a | b
    }
}

impl Vector for State {
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
        assert_eq!(lane & !w.mask(), 0, "a lane is zero-extended");
        eval::with_lane(w, value, index, lane)
    }
    fn vec_bin(&mut self, op: VecOp, a: u128, b: u128) -> u128 {
        eval::bin(op, a, b)
    }
    fn vec_un(&mut self, op: VecUnOp, a: u128) -> u128 {
        eval::un(op, a)
    }
    fn vec_shift(&mut self, op: VecShift, a: u128, count: u64) -> u128 {
        assert!(count < op.lane_bits(), "a count is below the lane's width");
        eval::shift(op, a, count as u32)
    }
    fn vec_shuffle(&mut self, a: u128, b: u128, pattern: [u8; 16]) -> u128 {
        assert!(pattern.iter().all(|&index| index < 32), "a pattern counts to 31");
        eval::shuffle(a, b, pattern)
    }
    fn vec_bitmask(&mut self, w: Width, a: u128) -> u64 {
        eval::bitmask(w, a)
    }
}

impl Privileged for State {}

impl Machine for State {
    type Stop = Stop;
    fn gpr(&mut self, r: Gpr) -> u64 {
        self.gpr[usize::from(r.0)]
    }
    fn set_gpr(&mut self, r: Gpr, value: u64) {
        self.gpr[usize::from(r.0)] = value;
    }
    fn segment_base(&mut self, _: Segment) -> u64 {
        0
    }
    fn rip(&mut self) -> u64 {
        0
    }
    fn load(&mut self, w: Width, address: u64) -> Result<u64, Stop> {
        let mut bytes = [0; 8];
        bytes[..w.bytes() as usize].copy_from_slice(&self.memory[self.range(address, w.bytes())?]);
        Ok(u64::from_le_bytes(bytes))
    }
    fn store(&mut self, w: Width, address: u64, value: u64) -> Result<(), Stop> {
        let range = self.range(address, w.bytes())?;
        self.memory[range].copy_from_slice(&value.to_le_bytes()[..w.bytes() as usize]);
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
    fn jump(&mut self, _: u64) {}
    fn branch(&mut self, _: bool, _: i64) {}
    fn jump_near(&mut self, _: i64) {}
    fn rare(&mut self, condition: bool) -> bool {
        condition
    }
    fn helper(&mut self, _: &Insn) -> Result<(), Stop> {
        Err(Stop::Undefined)
    }
    fn undefined(&mut self, _: &Insn) -> Stop {
        Stop::Undefined
    }
    fn divide_error(&mut self) -> Stop {
        Stop::Undefined
    }
    fn general_protection(&mut self) -> Stop {
        Stop::GeneralProtection
    }
    fn xmm(&mut self, number: u8) -> u128 {
        self.xmm[usize::from(number)]
    }
    fn set_xmm(&mut self, number: u8, value: u128) {
        self.xmm[usize::from(number)] = value;
    }
    fn load_vec(&mut self, address: u64) -> Result<u128, Stop> {
        let range = self.range(address, 16)?;
        Ok(u128::from_le_bytes(std::array::from_fn(|i| self.memory[range.start + i])))
    }
    fn store_vec(&mut self, address: u64, value: u128) -> Result<(), Stop> {
        let range = self.range(address, 16)?;
        self.memory[range].copy_from_slice(&value.to_le_bytes());
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
