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

/// Entries of each TLB table.
pub const TLB_ENTRIES: usize = 8192;

/// One translation. A lookup of address `a` and size `n` takes entry `(a >> 12) % TLB_ENTRIES` and hits if
/// `(tag ^ a) <= 4096 - n` (unsigned): one comparison tests page, validity and page crossing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct TlbEntry {
    /// Virtual address of the page, or that of [`TlbEntry::empty`].
    pub tag: u64,
    /// What to add to the low 32 bits of the address, modulo 2^32, to get the place in the machine's memory.
    pub addend: u32,
    /// [`TlbEntry::GLOBAL`] and [`TlbEntry::LISTED`].
    pub marks: u32,
}

impl TlbEntry {
    /// Bits 62 and 63 of a tag that is no translation's: no canonical address has them so.
    const INVALID: u64 = 0x8000_0000_0000_0000;

    /// A flush of the local entries leaves it.
    pub const GLOBAL: u32 = 1;
    /// Its place is in [`LocalFills`].
    pub const LISTED: u32 = 2;

    /// The empty entry at a place in its table. Its tag is of a page that is looked up at another place, since one that
    /// is not canonical is looked up like others and must not be found.
    pub const fn empty(index: usize) -> TlbEntry {
        TlbEntry { tag: Self::INVALID | (index.is_multiple_of(TLB_ENTRIES) as u64) << 12, addend: 0, marks: 0 }
    }

    /// Whether it is a translation.
    pub const fn is_valid(&self) -> bool {
        self.tag >> 62 != Self::INVALID >> 62
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
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
#[repr(C)]
pub struct LocalFills {
    /// How many; more than fit if the list overflowed.
    pub count: u32,
    /// Numbers of table and entry: see `mmu::tlb`.
    pub entries: [u16; Self::MOST],
}

impl LocalFills {
    /// What the list holds.
    pub const MOST: usize = 2046;
    /// Nothing.
    pub const NONE: LocalFills = LocalFills { count: 0, entries: [0; Self::MOST] };

    /// Adds a place.
    #[inline(always)]
    pub fn add(&mut self, place: u16) {
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

/// The processor.
#[derive(Debug, Clone)]
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

const fn empty_table() -> TlbTable {
    let mut table = [TlbEntry::empty(1); TLB_ENTRIES];
    table[0] = TlbEntry::empty(0);
    table
}

impl Tlb {
    /// A table without entries.
    pub const EMPTY: Tlb = Tlb { read: empty_table(), write: empty_table(), exec: empty_table() };
}

impl Cpu {
    /// All zero but for the TLBs, which are empty: a constant, so that it can be a static.
    pub const ZERO: Cpu = Cpu {
        gpr: [0; 16],
        rip: 0,
        flags_dst: 0,
        flags_src: 0,
        flags_carry: 0,
        flags_op: 0,
        cpl: 0,
        rflags: 2,
        budget: 0,
        slice: 0,
        user_generation: 0,
        kernel_generation: 0,
        stamps: 0,
        mxcsr: 0x1f80,
        segments: [SegmentRegister { selector: 0, rights: 0, limit: 0, base: 0 }; 6],
        xmm: [[0; 2]; 16],
        ymm_high: [[0; 2]; 16],
        exit_reason: 0,
        interrupt_shadow: 0,
        interrupt_waits: 0,
        nmi_blocked: 0,
        fpr: [[0; 2]; 8],
        fcw: 0x37f,
        fsw: 0,
        ftw: 0,
        level: Level::V1 as u8,
        fop: 0,
        fip: 0,
        fdp: 0,
        cr0: 0,
        cr2: 0,
        cr3: 0,
        cr4: 0,
        cr8: 0,
        dr: breakpoints::RESET,
        debug_hits: 0,
        xcr0: 1,
        gdtr: TableRegister { base: 0, limit: 0 },
        idtr: TableRegister { base: 0, limit: 0 },
        ldtr: SegmentRegister { selector: 0, rights: 0, limit: 0, base: 0 },
        tr: SegmentRegister { selector: 0, rights: 0, limit: 0, base: 0 },
        efer: 0,
        star: 0,
        lstar: 0,
        cstar: 0,
        sfmask: 0,
        kernel_gs_base: 0,
        sysenter: [0; 3],
        pat: 0x0007_0406_0007_0406,
        apic_base: 0xfee0_0900,
        tsc_aux: 0,
        misc_enable: 1,
        mtrr: [0; 32],
        retired: 0,
        tsc_offset: 0,
        kernel_tlb: Tlb::EMPTY,
        user_tlb: Tlb::EMPTY,
        local_fills: LocalFills::NONE,
    };

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
