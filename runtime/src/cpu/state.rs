//! The processor's state, laid out for translated code.
//!
//! [`Cpu`] is `repr(C)` and holds only integers of fixed size, so that its offsets are the same in the native and the
//! Wasm build: the translator takes them with `offset_of!`, translated code uses them as constants.

use super::breakpoints::{self, DebugRegisters};
use x86::{FlagOp, Flags, Level, Segment, Width};

/// [`Cpu::interrupt_shadow`] after STI: the next instruction is not interrupted.
pub const SHADOW_OF_STI: u32 = 1;
/// [`Cpu::interrupt_shadow`] after MOV SS and POP SS: no debug exception comes before the next instruction either (SDM
/// 3A, 6.8.3).
pub const SHADOW_OF_STACK: u32 = 2;

/// Entries of each TLB table: pages of 256 MiB before two of them have the same place. Only what is used of the tables takes memory,
/// and pages next to each other have places next to each other.
pub const TLB_ENTRIES: usize = 1 << 16;

/// One translation. A lookup of address `a` and size `n` takes entry `(a >> 12) % TLB_ENTRIES` and hits if
/// `(tag ^ a) <= 4096 - n` (unsigned): one comparison tests page, validity and page crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TlbEntry {
    /// Virtual address of the page, or the tag of [`TlbEntry::empty`].
    pub tag: u64,
    /// What to add to the low 32 bits of the address, modulo 2^32, to get the place in the machine's memory.
    pub addend: u32,
    /// [`TlbEntry::GLOBAL`], [`TlbEntry::LISTED`] and [`TlbEntry::VALID`].
    pub marks: u32,
}

impl TlbEntry {
    /// A flush of the local entries leaves it.
    pub const GLOBAL: u32 = 1;
    /// Its place is in [`LocalFills`].
    pub const LISTED: u32 = 2;

    /// It is a translation.
    pub const VALID: u32 = 4;

    /// Tag of the empty entry at the first place: of a page that is looked up at the second, and not canonical.
    const EMPTY_AT_FIRST: u64 = 0x8000_0000_0000_1000;

    /// The empty entry at a place in its table: all zero, the tag of a page that is looked up at the first place. So a table of
    /// zeros is empty, but for that place.
    pub const fn empty(index: usize) -> TlbEntry {
        TlbEntry { tag: if index.is_multiple_of(TLB_ENTRIES) { Self::EMPTY_AT_FIRST } else { 0 }, addend: 0, marks: 0 }
    }

    /// Whether it is a translation.
    pub const fn is_valid(&self) -> bool {
        self.marks & Self::VALID != 0
    }

    /// Number of the page in the machine's memory.
    pub const fn page(&self) -> u32 {
        self.addend.wrapping_add(self.tag as u32) >> 12
    }

    /// Whether it is a translation to a page of the machine's memory.
    pub const fn leads_to(&self, page: u32) -> bool {
        self.is_valid() && self.page() == page
    }

    /// Whether it is one that a flush of the local entries drops.
    pub const fn is_local(&self) -> bool {
        self.is_valid() && self.marks & Self::GLOBAL == 0
    }
}

/// One table of translations.
pub type TlbTable = [TlbEntry; TLB_ENTRIES];

/// The translations of one privilege: what is in `read` may be read, and so on. RAM only: device pages never are in
/// it, pages with code never in `write`.
#[derive(Debug)]
#[repr(C)]
pub struct Tlb {
    /// Pages that may be read.
    pub read: TlbTable,
    /// Pages that may be written, whose dirty bit is set and that hold no code.
    pub write: TlbTable,
    /// Pages whose code may be fetched.
    pub exec: TlbTable,
}

/// Where translations that are not global were filled in since the last flush of these, each place once, so that a flush
/// looks only there.
#[derive(Debug)]
#[repr(C)]
pub struct LocalFills {
    /// How many; more than fit if the list overflowed.
    pub count: u32,
    /// Numbers of table and entry: see `mmu::tlb`.
    pub entries: [u32; Self::MOST],
}

impl LocalFills {
    /// What the list holds.
    pub const MOST: usize = 8191;
    /// Adds a place.
    #[inline(always)]
    pub fn add(&mut self, place: u32) {
        if let Some(slot) = self.entries.get_mut(self.count as usize) {
            *slot = place;
        }
        self.count = self.count.saturating_add(1);
    }
}

/// A segment register with its cached descriptor. In 64-bit mode only FS and GS have a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct SegmentRegister {
    /// The selector.
    pub selector: u16,
    /// Access rights: bits 8 to 15 and 20 to 23 of the descriptor's second word, in that place shifted right by 8.
    pub rights: u16,
    /// The limit, in bytes.
    pub limit: u32,
    /// The base address.
    pub base: u64,
}

/// GDTR or IDTR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(C)]
pub struct TableRegister {
    /// Linear address of the table.
    pub base: u64,
    /// Its last byte's offset.
    pub limit: u64,
}

/// The processor. All of its fields may be zero: [`CpuCell`](super::CpuCell) makes it so.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Cpu {
    /// RAX to R15, in encoding order.
    pub gpr: [u64; 16],
    /// Address of the next instruction.
    pub rip: u64,
    /// [`Flags::dst`] of the last instruction that set flags.
    pub flags_dst: u64,
    /// [`Flags::src`].
    pub flags_src: u64,
    /// [`Flags::carry`].
    pub flags_carry: u64,
    /// [`FlagOp::pack`] of the last instruction that set flags.
    pub flags_op: u32,
    /// Current privilege level, 0 or 3.
    pub cpl: u32,
    /// RFLAGS without the six arithmetic flags.
    pub rflags: u64,
    /// Instructions that may still retire before the machine looks up: at 0 the dispatcher stops.
    pub budget: i64,
    /// The budget at the start of the machine's current slice.
    pub slice: i64,
    /// Stamp that a region translated for user mode must carry: see `translated`.
    pub user_generation: u64,
    /// The same for kernel mode.
    pub kernel_generation: u64,
    /// Place in the machine's memory of the stamps of the current address space.
    pub stamps: u32,
    /// MXCSR.
    pub mxcsr: u32,
    /// ES, CS, SS, DS, FS, GS.
    pub segments: [SegmentRegister; 6],
    /// XMM0 to XMM15, low half first.
    pub xmm: [[u64; 2]; 16],
    /// Bits 128 to 255 of YMM0 to YMM15, low half first.
    pub ymm_high: [[u64; 2]; 16],
    /// Why translated code came back to the dispatcher: an `ExitReason`.
    pub exit_reason: u32,
    /// Nonzero while the instruction after STI ([`SHADOW_OF_STI`]) or MOV SS ([`SHADOW_OF_STACK`]) holds interrupts off.
    pub interrupt_shadow: u32,
    /// Nonzero where an interrupt waits that RFLAGS.IF or a shadow holds off.
    pub interrupt_waits: u32,
    /// Nonzero from the delivery of an NMI to the next IRET: no other NMI comes (SDM 3A, 6.7.1).
    pub nmi_blocked: u32,

    /// x87: registers by physical number, 80 bits in the low 10 bytes.
    pub fpr: [[u64; 2]; 8],
    /// x87 control word.
    pub fcw: u16,
    /// x87 status word, TOP in bits 11 to 13.
    pub fsw: u16,
    /// x87 abridged tag word: bit n is set where physical register n holds a value.
    pub ftw: u8,
    /// Number of the processor's [`Level`].
    pub level: u8,
    /// x87 opcode of the last instruction.
    pub fop: u16,
    /// x87 instruction pointer.
    pub fip: u64,
    /// x87 data pointer.
    pub fdp: u64,

    /// CR0.
    pub cr0: u64,
    /// CR2.
    pub cr2: u64,
    /// CR3.
    pub cr3: u64,
    /// CR4.
    pub cr4: u64,
    /// CR8: the task priority.
    pub cr8: u64,
    /// DR0 to DR7.
    pub dr: DebugRegisters,
    /// Why a #DB is still to come: bits of DR6.
    pub debug_hits: u64,
    /// XCR0.
    pub xcr0: u64,
    /// GDTR.
    pub gdtr: TableRegister,
    /// IDTR.
    pub idtr: TableRegister,
    /// LDTR.
    pub ldtr: SegmentRegister,
    /// Task register.
    pub tr: SegmentRegister,
    /// IA32_EFER.
    pub efer: u64,
    /// IA32_STAR.
    pub star: u64,
    /// IA32_LSTAR.
    pub lstar: u64,
    /// IA32_CSTAR.
    pub cstar: u64,
    /// IA32_FMASK.
    pub sfmask: u64,
    /// IA32_KERNEL_GS_BASE.
    pub kernel_gs_base: u64,
    /// IA32_SYSENTER_CS, _ESP, _EIP.
    pub sysenter: [u64; 3],
    /// IA32_PAT.
    pub pat: u64,
    /// IA32_APIC_BASE.
    pub apic_base: u64,
    /// IA32_TSC_AUX.
    pub tsc_aux: u64,
    /// IA32_MISC_ENABLE.
    pub misc_enable: u64,
    /// MTRRs: default type, then the fixed and variable ones as written.
    pub mtrr: [u64; 32],
    /// Instructions retired since reset.
    pub retired: u64,
    /// The guest's TSC is `retired` at one tick an instruction plus this.
    pub tsc_offset: u64,

    /// Translations for kernel mode.
    pub kernel_tlb: Tlb,
    /// Translations for user mode.
    pub user_tlb: Tlb,
    /// Where either has entries that are not global.
    pub local_fills: LocalFills,
}

impl Tlb {
    /// Makes tables of zeros empty ones.
    fn start(&mut self) {
        for table in [&mut self.read, &mut self.write, &mut self.exec] {
            table[0] = TlbEntry::empty(0);
        }
    }
}

impl Cpu {
    /// Makes a processor of zeros one that was reset, as far as that is not zero: its size is no one's stack's.
    pub(super) fn start(&mut self) {
        self.rflags = 2;
        self.mxcsr = 0x1f80;
        self.fcw = 0x37f;
        self.level = Level::V1 as u8;
        self.dr = breakpoints::RESET;
        self.xcr0 = 1;
        self.pat = 0x0007_0406_0007_0406;
        self.apic_base = 0xfee0_0900;
        self.misc_enable = 1;
        self.kernel_tlb.start();
        self.user_tlb.start();
    }

    /// The translations of the current privilege.
    #[inline(always)]
    pub fn tlb(&mut self) -> &mut Tlb {
        if self.cpl == 0 { &mut self.kernel_tlb } else { &mut self.user_tlb }
    }

    /// Which instructions the processor has.
    pub fn level(&self) -> Level {
        Level::from_number(self.level).unwrap_or(Level::V1)
    }

    /// A segment register.
    #[inline(always)]
    pub fn segment(&self, segment: Segment) -> &SegmentRegister {
        &self.segments[segment as usize]
    }

    /// The arithmetic flags as they were left.
    #[inline(always)]
    pub fn lazy_flags(&self) -> Flags<u64> {
        let (op, width) = FlagOp::unpack(self.flags_op).unwrap_or((FlagOp::Explicit, Width::W64));
        Flags { op, width, dst: self.flags_dst, src: self.flags_src, carry: self.flags_carry }
    }

    /// Leaves the arithmetic flags.
    #[inline(always)]
    pub fn set_lazy_flags(&mut self, flags: Flags<u64>) {
        self.flags_op = flags.op.pack(flags.width);
        self.flags_dst = flags.dst;
        self.flags_src = flags.src;
        self.flags_carry = flags.carry;
    }
}
