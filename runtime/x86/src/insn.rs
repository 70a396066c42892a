//! The pre-decoded instruction: what the interpreter caches and the lifter reads.
//!
//! An [`Insn`] is position-independent: branch targets and RIP-relative addresses are distances from the instruction's
//! first byte, so that one decoded copy serves a code page wherever it is mapped.

use crate::width::Width;
use iced_x86::{Code, Mnemonic};

/// Number of a general-purpose register, 0 (RAX) to 15 (R15), in encoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gpr(pub u8);

impl Gpr {
    /// RAX.
    pub const RAX: Gpr = Gpr(0);
    /// RCX.
    pub const RCX: Gpr = Gpr(1);
    /// RDX.
    pub const RDX: Gpr = Gpr(2);
    /// RBX.
    pub const RBX: Gpr = Gpr(3);
    /// RSP.
    pub const RSP: Gpr = Gpr(4);
    /// RBP.
    pub const RBP: Gpr = Gpr(5);
    /// RSI.
    pub const RSI: Gpr = Gpr(6);
    /// RDI.
    pub const RDI: Gpr = Gpr(7);
    /// R8.
    pub const R8: Gpr = Gpr(8);
    /// R11.
    pub const R11: Gpr = Gpr(11);
}

/// The mode of the code segment that an instruction is in. SDM volume 3A, section 3.4.5: CS.L and CS.D.
///
/// Code of 16 bits (both clear) is not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum CodeMode {
    /// 64-bit mode.
    #[default]
    Long = 0,
    /// Compatibility mode with 32-bit operands and addresses: 32-bit programs.
    Compatibility = 1,
}

impl CodeMode {
    /// The width of what near transfers and most stack instructions push and pop.
    #[inline(always)]
    pub const fn stack_operand(self) -> Width {
        match self {
            CodeMode::Long => Width::W64,
            CodeMode::Compatibility => Width::W32,
        }
    }

    /// How many XMM and YMM registers there are.
    pub const fn vector_registers(self) -> u8 {
        match self {
            CodeMode::Long => 16,
            CodeMode::Compatibility => 8,
        }
    }
}

/// A segment register, in encoding order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Segment {
    /// ES.
    Es,
    /// CS.
    Cs,
    /// SS.
    Ss,
    /// DS.
    Ds,
    /// FS.
    Fs,
    /// GS.
    Gs,
}

impl Segment {
    /// All, in encoding order.
    pub const ALL: [Segment; 6] = [Segment::Es, Segment::Cs, Segment::Ss, Segment::Ds, Segment::Fs, Segment::Gs];
}

/// Where an operand is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operand {
    /// There is none.
    None,
    /// A general-purpose register, its low part as wide as the operand.
    Gpr(Gpr),
    /// Bits 8 to 15 of RAX, RCX, RDX or RBX.
    High(Gpr),
    /// [`Insn::imm`].
    Imm,
    /// [`Insn::mem`].
    Mem,
    /// XMM (or the low half of YMM) register.
    Xmm(u8),
    /// MMX register.
    Mmx(u8),
    /// x87 register, counted from the top of the stack.
    St(u8),
    /// Segment register.
    Segment(Segment),
    /// Control register.
    Control(u8),
    /// Debug register.
    Debug(u8),
}

/// A memory operand: `segment:[base + (index << scale) + disp]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mem {
    /// Base register.
    pub base: Option<Gpr>,
    /// Index register.
    pub index: Option<Gpr>,
    /// 0 to 3: the index counts bytes, words, doublewords or quadwords.
    pub scale: u8,
    /// The displacement; with `rip_relative` it counts from the instruction's first byte.
    pub disp: i64,
    /// FS or GS, whose base is added; the others have base 0 in 64-bit mode. In compatibility mode every address has its
    /// segment, with base and limit.
    pub segment: Option<Segment>,
    /// The address is relative to the instruction.
    pub rip_relative: bool,
    /// The sum is cut to this width before the segment base is added: the mode's, or what the address-size prefix says.
    pub address_width: Width,
}

/// Prefixes that a body or helper asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefixes {
    /// LOCK.
    pub lock: bool,
    /// REP or REPE.
    pub rep: bool,
    /// REPNE.
    pub repne: bool,
    /// How much of RCX, RSI and RDI string operations use: the mode's address size, or what the prefix says.
    pub address_width: Width,
}

/// Whether an instruction has a VEX prefix, and how long its vectors are. SDM volume 1, section 14.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Vex {
    /// It has none: an XMM destination is also the first source, and keeps its upper half.
    None,
    /// It has, and 128-bit operands: the first source is named apart, and the destination's upper half is cleared.
    L128,
    /// It has, and an operand of 256 bits.
    L256,
}

/// A decoded instruction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Insn {
    /// The exact encoding.
    pub code: Code,
    /// The mnemonic, by which the body is chosen.
    pub mnemonic: Mnemonic,
    /// The mode that it was decoded in.
    pub mode: CodeMode,
    /// Length in bytes, 1 to 15.
    pub length: u8,
    /// Width of the first operand; where it is not an integer, that of the second.
    pub width: Width,
    /// Width of the second operand where it differs (MOVZX, shifts by CL, …).
    pub source_width: Width,
    /// Prefixes.
    pub prefixes: Prefixes,
    /// Operands, destination first. A gather's vector of indices is the last.
    pub operands: [Operand; 4],
    /// The memory operand, if one of `operands` is [`Operand::Mem`].
    pub mem: Mem,
    /// The immediate, sign-extended as the encoding says and cut to the operand's width; for a near branch the
    /// distance of the target from the instruction's first byte; for a far branch the offset, and above its 32 bits the
    /// selector.
    pub imm: u64,
    /// The second immediate of ENTER.
    pub imm2: u8,
    /// Size of the memory operand in bytes, 0 where it has none (LEA, NOP).
    pub mem_size: u16,
    /// The VEX prefix.
    pub vex: Vex,
}

impl Insn {
    /// Whether both sources are the same register, as in `xor eax, eax` or `vpxor xmm1, xmm2, xmm2`.
    #[inline]
    pub fn same_registers(&self) -> bool {
        let first = usize::from(self.vex != Vex::None);
        matches!(self.operands[first], Operand::Gpr(_) | Operand::Xmm(_))
            && self.operands[first] == self.operands[first + 1]
    }

    /// Whether all operands are implied, as those of string instructions are: MOVSD and CMPSD name an SSE instruction
    /// and a string instruction each.
    #[inline]
    pub fn is_string(&self) -> bool {
        self.operands == [Operand::None; 4]
    }

    /// Whether one of the first two operands is an MMX register.
    #[inline]
    pub fn has_mmx(&self) -> bool {
        self.operands[..2].iter().any(|operand| matches!(operand, Operand::Mmx(_)))
    }

    /// Whether one operand is memory.
    #[inline]
    pub fn has_memory(&self) -> bool {
        self.operands.contains(&Operand::Mem)
    }
}
