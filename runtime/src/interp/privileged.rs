//! The abstract machine's system state on the processor's.

use crate::cpu::state::{SHADOW_OF_STI, SegmentRegister};
use crate::vm::Vm;
use x86::{Privileged, Segment, SystemRegister};

impl Privileged for Vm {
    #[inline(always)]
    fn has_system(&self) -> bool {
        true
    }

    #[inline(always)]
    fn system_register(&mut self, register: SystemRegister) -> u64 {
        match register {
            SystemRegister::Cr0 => self.cpu.cr0,
            SystemRegister::Cr2 => self.cpu.cr2,
            SystemRegister::Cr3 => self.cpu.cr3,
            SystemRegister::Cr4 => self.cpu.cr4,
            SystemRegister::Efer => self.cpu.efer,
            SystemRegister::Star => self.cpu.star,
            SystemRegister::Lstar => self.cpu.lstar,
            SystemRegister::Fmask => self.cpu.sfmask,
            SystemRegister::TscAux => self.cpu.tsc_aux,
        }
    }

    #[inline(always)]
    fn selector(&mut self, segment: Segment) -> u64 {
        self.cpu.segment(segment).selector.into()
    }

    #[inline(always)]
    fn time(&mut self) -> u64 {
        self.tsc()
    }

    #[inline(always)]
    fn set_segment_base(&mut self, segment: Segment, base: u64) {
        self.cpu.segments[segment as usize].base = base;
    }

    #[inline(always)]
    fn opens(&mut self, _flags: u64) {
        self.attention = true;
    }

    #[inline(always)]
    fn hold_interrupts(&mut self, condition: bool) {
        if condition {
            self.cpu.interrupt_shadow = SHADOW_OF_STI;
        }
    }

    fn set_flat_segment(&mut self, segment: Segment, selector: u64, rights: u16) {
        let register = SegmentRegister { selector: selector as u16, rights, limit: u32::MAX, base: 0 };
        self.cpu.segments[segment as usize] = register;
    }

    fn cross(&mut self, level: u32, target: u64) {
        self.cpu.cpl = level;
        self.follow_code_segment();
        self.next_rip = target;
        self.step_at_once();
        self.attention = true;
    }
}
