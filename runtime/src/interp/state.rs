//! The abstract machine's state on the processor's: registers, memory, flags, control.

use super::vector as float;
use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::integer::{self, IntegerOp};
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, LargeFloatOp};
use x86::vector::{LargeOp, large};
use x86::{FlagOp, Flags, Gpr, Insn, Machine, Segment, Width};

impl Machine for Vm {
    type Stop = Exception;

    #[inline(always)]
    fn gpr(&mut self, r: Gpr) -> u64 {
        self.cpu.gpr[usize::from(r.0 & 15)]
    }

    #[inline(always)]
    fn set_gpr(&mut self, r: Gpr, value: u64) {
        self.cpu.gpr[usize::from(r.0 & 15)] = value;
    }

    #[inline(always)]
    fn segment_base(&mut self, segment: Segment) -> u64 {
        self.cpu.segment(segment).base
    }

    #[inline(always)]
    fn segmented(&mut self, segment: Segment, offset: u64, size: u64) -> u64 {
        self.through_segment(segment, offset, size)
    }

    fn stack_width(&mut self) -> Width {
        self.cpu.segment(Segment::Ss).stack_width()
    }

    #[inline(always)]
    fn rip(&mut self) -> u64 {
        self.cpu.rip
    }

    #[inline(always)]
    fn load(&mut self, w: Width, address: u64) -> Result<u64, Exception> {
        Ok(match w {
            Width::W8 => self.load_bytes::<1>(address)?[0].into(),
            Width::W16 => u16::from_le_bytes(self.load_bytes(address)?).into(),
            Width::W32 => u32::from_le_bytes(self.load_bytes(address)?).into(),
            Width::W64 => u64::from_le_bytes(self.load_bytes(address)?),
        })
    }

    #[inline(always)]
    fn store(&mut self, w: Width, address: u64, value: u64) -> Result<(), Exception> {
        match w {
            Width::W8 => self.store_bytes(address, [value as u8]),
            Width::W16 => self.store_bytes(address, (value as u16).to_le_bytes()),
            Width::W32 => self.store_bytes(address, (value as u32).to_le_bytes()),
            Width::W64 => self.store_bytes(address, value.to_le_bytes()),
        }
    }

    #[inline(always)]
    fn load_for_store(&mut self, w: Width, address: u64) -> Result<u64, Exception> {
        self.probe_write(address, w.bytes())?;
        self.load(w, address)
    }

    fn copy(&mut self, w: Width, to: u64, from: u64, bytes: u64) -> Result<(), Exception> {
        crate::system::string::copy_in_page(self, w, to, from, bytes)
    }

    fn fill(&mut self, w: Width, to: u64, value: u64, bytes: u64) -> Result<(), Exception> {
        crate::system::string::fill_in_page(self, w, to, value, bytes)
    }

    #[inline(always)]
    fn by_element(&mut self) -> bool {
        self.careful
    }

    #[inline(always)]
    fn in_kernel(&mut self) -> bool {
        self.cpu.cpl == 0
    }

    #[inline(always)]
    fn system_flags(&mut self) -> u64 {
        self.cpu.rflags
    }

    #[inline(always)]
    fn set_system_flags(&mut self, value: u64) {
        self.cpu.rflags = value;
    }

    fn swap_gs_base(&mut self) {
        let cpu = &mut *self.cpu;
        std::mem::swap(&mut cpu.segments[Segment::Gs as usize].base, &mut cpu.kernel_gs_base);
    }

    #[inline(always)]
    fn set_flags(&mut self, op: FlagOp, w: Width, dst: u64, src: u64, carry: u64) {
        self.cpu.set_lazy_flags(Flags { op, width: w, dst, src, carry });
    }

    #[inline(always)]
    fn flags(&mut self) -> Flags<u64> {
        self.cpu.lazy_flags()
    }

    #[inline(always)]
    fn keep_flags_unless(&mut self, condition: bool, before: Flags<u64>) {
        if !condition {
            self.cpu.set_lazy_flags(before);
        }
    }

    #[inline(always)]
    fn jump(&mut self, target: u64) {
        self.next_rip = target;
    }

    #[inline(always)]
    fn branch(&mut self, condition: bool, distance: i64) {
        if condition {
            self.jump_near(distance);
        }
    }

    #[inline(always)]
    fn jump_near(&mut self, distance: i64) {
        self.next_rip = self.cpu.rip.wrapping_add(distance as u64);
    }

    #[inline(always)]
    fn rare(&mut self, condition: bool) -> bool {
        condition
    }

    #[inline(never)]
    fn helper(&mut self, insn: &Insn) -> Result<(), Exception> {
        crate::system::execute(self, insn)
    }

    #[cold]
    fn undefined(&mut self, insn: &Insn) -> Exception {
        self.log_unimplemented(insn);
        Exception::UD
    }

    #[cold]
    fn divide_error(&mut self) -> Exception {
        Exception::plain(vector::DE)
    }

    #[cold]
    fn general_protection(&mut self) -> Exception {
        Exception::GP0
    }

    #[inline(always)]
    fn xmm(&mut self, number: u8) -> u128 {
        let [low, high] = self.cpu.xmm[usize::from(number & 15)];
        u128::from(low) | u128::from(high) << 64
    }

    #[inline(always)]
    fn set_xmm(&mut self, number: u8, value: u128) {
        self.cpu.xmm[usize::from(number & 15)] = [value as u64, (value >> 64) as u64];
    }

    #[inline(always)]
    fn load_vec(&mut self, address: u64) -> Result<u128, Exception> {
        Ok(u128::from_le_bytes(self.load_bytes(address)?))
    }

    #[inline(always)]
    fn store_vec(&mut self, address: u64, value: u128) -> Result<(), Exception> {
        self.store_bytes(address, value.to_le_bytes())
    }

    #[inline(always)]
    fn ymm_high(&mut self, number: u8) -> u128 {
        let [low, high] = self.cpu.ymm_high[usize::from(number & 15)];
        u128::from(low) | u128::from(high) << 64
    }

    #[inline(always)]
    fn set_ymm_high(&mut self, number: u8, value: u128) {
        self.cpu.ymm_high[usize::from(number & 15)] = [value as u64, (value >> 64) as u64];
    }

    #[inline(always)]
    fn load_wide(&mut self, address: u64) -> Result<[u128; 2], Exception> {
        Ok([self.load_vec(address)?, self.load_vec(address.wrapping_add(16))?])
    }

    #[inline(always)]
    fn store_wide(&mut self, address: u64, [low, high]: [u128; 2]) -> Result<(), Exception> {
        self.probe_write(address, 32)?;
        self.store_vec(address, low)?;
        self.store_vec(address.wrapping_add(16), high)
    }

    #[inline(always)]
    fn sse_available(&mut self) -> Result<(), Exception> {
        const EM_TS: u64 = 0xc;
        const CR4_OSFXSR: u64 = 1 << 9;
        if self.cpu.cr0 & EM_TS == 0 && self.cpu.cr4 & CR4_OSFXSR != 0 {
            return Ok(());
        }
        let emulated = self.cpu.cr0 & 4 != 0 || self.cpu.cr4 & CR4_OSFXSR == 0;
        Err(Exception::plain(if emulated { vector::UD } else { vector::NM }))
    }

    #[inline(never)]
    fn avx_available(&mut self) -> Result<(), Exception> {
        const TS: u64 = 1 << 3;
        const CR4_OSXSAVE: u64 = 1 << 18;
        const SSE_AVX: u64 = 6;
        if self.cpu.cr4 & CR4_OSXSAVE == 0 || self.cpu.xcr0 & SSE_AVX != SSE_AVX {
            return Err(Exception::UD);
        }
        if self.cpu.cr0 & TS == 0 { Ok(()) } else { Err(Exception::plain(vector::NM)) }
    }

    #[inline(always)]
    fn mxcsr(&mut self) -> u64 {
        self.cpu.mxcsr.into()
    }

    #[inline(always)]
    fn set_mxcsr(&mut self, value: u64) {
        self.cpu.mxcsr = value as u32;
    }

    fn float_bin(&mut self, op: FloatOp, w: FloatWidth, a: u64, b: u64) -> Result<u64, Exception> {
        float::bin(self, op, w, a, b)
    }

    fn float_un(&mut self, op: FloatUnOp, a: u64) -> Result<u64, Exception> {
        float::un(self, op, a)
    }

    fn float_bin_packed(&mut self, op: FloatOp, w: FloatWidth, a: u128, b: u128) -> Result<u128, Exception> {
        float::bin_packed(self, op, w, a, b)
    }

    fn float_un_packed(&mut self, op: FloatUnOp, a: u128) -> Result<u128, Exception> {
        float::un_packed(self, op, a)
    }

    fn float_compare(&mut self, w: FloatWidth, signalling: bool, a: u64, b: u64) -> Result<u64, Exception> {
        float::compare(self, w, signalling, a, b)
    }

    fn float_bin_wide(
        &mut self,
        op: FloatOp,
        w: FloatWidth,
        a: [u128; 2],
        b: [u128; 2],
    ) -> Result<[u128; 2], Exception> {
        float::bin_wide(self, op, w, a, b)
    }

    fn float_un_wide(&mut self, op: FloatUnOp, a: [u128; 2]) -> Result<[u128; 2], Exception> {
        float::un_wide(self, op, a)
    }

    fn float_large<const N: usize>(
        &mut self,
        op: LargeFloatOp,
        operands: [[u128; N]; 3],
    ) -> Result<[u128; N], Exception> {
        float::large(self, op, operands)
    }

    fn int_large(&mut self, op: IntegerOp, operands: [u64; 3]) -> Result<u64, Exception> {
        Ok(integer::compute(op, operands))
    }

    fn vec_large(&mut self, op: LargeOp, operands: [u128; 3]) -> Result<u128, Exception> {
        Ok(large::large(op, operands))
    }
}
