//! The part of the abstract machine that system instructions are about: privilege, registers beyond those of programs, time.

use crate::insn::Segment;
use crate::machine::Arith;

/// A register that system instructions read. 64 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemRegister {
    /// CR0.
    Cr0,
    /// CR2.
    Cr2,
    /// CR3.
    Cr3,
    /// CR4.
    Cr4,
    /// IA32_EFER.
    Efer,
    /// IA32_STAR.
    Star,
    /// IA32_LSTAR.
    Lstar,
    /// IA32_FMASK.
    Fmask,
    /// IA32_TSC_AUX.
    TscAux,
}

/// State of the processor that programs do not see. A machine without it gives such instructions to its helper.
pub trait Privileged: Arith {
    /// Whether the machine has this state. One that has not is asked nothing else.
    fn has_system(&self) -> bool {
        false
    }
    /// Reads a register.
    fn system_register(&mut self, _register: SystemRegister) -> Self::Int {
        self.imm(0)
    }
    /// The selector in a segment register.
    fn selector(&mut self, _segment: Segment) -> Self::Int {
        self.imm(0)
    }
    /// The time-stamp counter.
    fn time(&mut self) -> Self::Int {
        self.imm(0)
    }
    /// Sets the base of FS or GS.
    fn set_segment_base(&mut self, _segment: Segment, _base: Self::Int) {}
    /// To be called before RFLAGS is set to a value in which an interrupt, a trap or a check that was off may be on. The
    /// interpreter looks after the instruction; the lifter leaves before it where there is something to look at.
    fn opens(&mut self, _flags: Self::Int) {}
    /// Where the condition holds, no interrupt comes before the end of the next instruction.
    fn hold_interrupts(&mut self, _condition: Self::Bool) {}
    /// Makes a selector that of CS or SS, with a flat segment of these access rights
    /// (bits 8 to 15 and 20 to 23 of the descriptor's second word, shifted right by 8).
    fn set_flat_segment(&mut self, _segment: Segment, _selector: Self::Int, _rights: u16) {}
    /// Goes to an address at another privilege level, 0 or 3, in 64-bit mode. CS and SS are set.
    fn cross(&mut self, _level: u32, _target: Self::Int) {}
}
