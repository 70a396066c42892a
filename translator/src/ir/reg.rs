//! Region-wide variables: the guest state that a region holds in Wasm locals.

use super::inst::Type;
use std::fmt;
use x86::{FlagOp, Gpr};

/// A variable: a guest register, a part of the lazy flags, or a segment base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reg(u8);

impl Reg {
    /// `Flags::dst`.
    pub const FLAG_DST: Reg = Reg(32);
    /// `Flags::src`.
    pub const FLAG_SRC: Reg = Reg(33);
    /// `Flags::carry`.
    pub const FLAG_CARRY: Reg = Reg(34);
    /// `FlagOp::pack`, where it is not known.
    pub const FLAG_OP: Reg = Reg(35);
    /// Base of FS.
    pub const FS_BASE: Reg = Reg(36);
    /// Base of GS.
    pub const GS_BASE: Reg = Reg(37);
    /// MXCSR.
    pub const MXCSR: Reg = Reg(38);
    /// RFLAGS without the arithmetic flags.
    pub const SYSTEM_FLAGS: Reg = Reg(55);
    /// IA32_KERNEL_GS_BASE.
    pub const KERNEL_GS_BASE: Reg = Reg(56);
    /// Number of variables.
    pub const COUNT: usize = 57;

    /// A general-purpose register.
    pub const fn gpr(gpr: Gpr) -> Reg {
        Reg(gpr.0)
    }

    /// An XMM register.
    pub const fn xmm(number: u8) -> Reg {
        Reg(16 + number)
    }

    /// Bits 128 to 255 of a YMM register.
    pub const fn ymm_high(number: u8) -> Reg {
        Reg(39 + number)
    }

    /// Dense number, below [`Reg::COUNT`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All.
    pub fn all() -> impl Iterator<Item = Reg> {
        (0..Reg::COUNT as u8).map(Reg)
    }

    /// The XMM register's number, if it is one.
    pub fn as_xmm(self) -> Option<u8> {
        (16..32).contains(&self.0).then(|| self.0 - 16)
    }

    /// The number of the YMM register whose upper half it is, if it is one.
    pub fn as_ymm_high(self) -> Option<u8> {
        (39..55).contains(&self.0).then(|| self.0 - 39)
    }

    /// The general-purpose register, if it is one.
    pub fn as_gpr(self) -> Option<Gpr> {
        (self.0 < 16).then_some(Gpr(self.0))
    }

    /// Its type.
    pub fn ty(self) -> Type {
        if self.as_xmm().or(self.as_ymm_high()).is_some() { Type::Vec } else { Type::Int }
    }
}

impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const GPR: [&str; 16] = [
            "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
            "r15",
        ];
        const OTHER: [&str; 7] = ["flag_dst", "flag_src", "flag_carry", "flag_op", "fs_base", "gs_base", "mxcsr"];
        match self.0 {
            n @ 0..16 => f.write_str(GPR[usize::from(n)]),
            n @ 16..32 => write!(f, "xmm{}", n - 16),
            55 => f.write_str("system_flags"),
            56 => f.write_str("kernel_gs_base"),
            n @ 39.. => write!(f, "ymm{}_high", n - 39),
            n => f.write_str(OTHER[usize::from(n) - 32]),
        }
    }
}

/// A set of variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RegSet(u64);

impl RegSet {
    /// None.
    pub const EMPTY: RegSet = RegSet(0);
    /// The lazy flags.
    pub const FLAGS: RegSet = RegSet(0xf << 32);

    /// The flag registers that mean something for `op`; [`Reg::FLAG_OP`] is not among them.
    pub fn flag_operands(op: FlagOp) -> RegSet {
        let mut set = RegSet::EMPTY.with(Reg::FLAG_DST);
        if !matches!(op, FlagOp::Explicit | FlagOp::Logic) {
            set = set.with(Reg::FLAG_SRC);
        }
        if matches!(op, FlagOp::Adc | FlagOp::Sbb) {
            set = set.with(Reg::FLAG_CARRY);
        }
        set
    }

    /// The set and one more.
    #[must_use]
    pub const fn with(self, reg: Reg) -> RegSet {
        RegSet(self.0 | 1 << reg.0)
    }

    /// The set without one.
    #[must_use]
    pub const fn without(self, reg: Reg) -> RegSet {
        RegSet(self.0 & !(1 << reg.0))
    }

    /// What is in either.
    #[must_use]
    pub const fn union(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub const fn minus(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn intersection(self, other: RegSet) -> RegSet {
        RegSet(self.0 & other.0)
    }

    /// Whether it has a variable.
    pub const fn contains(self, reg: Reg) -> bool {
        self.0 >> reg.0 & 1 == 1
    }

    /// Whether there is nothing in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its variables, in order.
    pub fn iter(self) -> impl Iterator<Item = Reg> {
        Reg::all().filter(move |reg| self.contains(*reg))
    }
}
