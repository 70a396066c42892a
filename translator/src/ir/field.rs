//! Fields of the processor's state that a region reads and writes in place, since they are no variables.

use core::mem::{offset_of, size_of};
use runtime::cpu::Cpu;
use runtime::cpu::state::SegmentRegister;
use x86::{Segment, SystemRegister};

/// A field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// A register that is only read.
    Register(SystemRegister),
    /// Whether an interrupt waits.
    InterruptWaits,
    /// Instructions retired before the current slice.
    Retired,
    /// The slice's budget at its start.
    Slice,
    /// What is added to the instructions retired to give the time-stamp counter.
    TscOffset,
    /// The privilege level.
    Level,
    /// Selector, access rights and limit of a segment register, 16, 16 and 32 bits.
    Segment(Segment),
    /// Base of a segment register.
    SegmentBase(Segment),
}

impl Field {
    /// Where it is in [`Cpu`], and its size in bytes.
    pub const fn place(self) -> (usize, u64) {
        match self {
            Field::Register(register) => (register_place(register), 8),
            Field::InterruptWaits => (offset_of!(Cpu, interrupt_waits), 4),
            Field::Retired => (offset_of!(Cpu, retired), 8),
            Field::Slice => (offset_of!(Cpu, slice), 8),
            Field::TscOffset => (offset_of!(Cpu, tsc_offset), 8),
            Field::Level => (offset_of!(Cpu, cpl), 4),
            Field::Segment(which) => (segment(which), 8),
            Field::SegmentBase(which) => (segment(which) + offset_of!(SegmentRegister, base), 8),
        }
    }
}

const fn segment(segment: Segment) -> usize {
    offset_of!(Cpu, segments) + segment as usize * size_of::<SegmentRegister>()
}

const fn register_place(register: SystemRegister) -> usize {
    match register {
        SystemRegister::Cr0 => offset_of!(Cpu, cr0),
        SystemRegister::Cr2 => offset_of!(Cpu, cr2),
        SystemRegister::Cr3 => offset_of!(Cpu, cr3),
        SystemRegister::Cr4 => offset_of!(Cpu, cr4),
        SystemRegister::Efer => offset_of!(Cpu, efer),
        SystemRegister::Star => offset_of!(Cpu, star),
        SystemRegister::Lstar => offset_of!(Cpu, lstar),
        SystemRegister::Fmask => offset_of!(Cpu, sfmask),
        SystemRegister::TscAux => offset_of!(Cpu, tsc_aux),
    }
}
