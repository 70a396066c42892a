//! Segment registers, descriptors and descriptor tables. SDM volume 3A, chapters 3 and 5.

use super::{Done, require_kernel};
use crate::cpu::state::{SHADOW_OF_STACK, SegmentRegister};
use crate::exception::{Exception, vector};
use crate::mmu::canonical;
use crate::vm::Vm;
use x86::body::stack::{operand_width, push_value, top};
use x86::operands::{address, read, write};
use x86::{Code, CodeMode, Gpr, Insn, Machine, Mnemonic, Operand, Segment, Width};

/// A segment selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Selector(pub(super) u16);

impl Selector {
    pub(super) fn is_null(self) -> bool {
        self.0 & !3 == 0
    }

    pub(super) fn privilege(self) -> u32 {
        u32::from(self.0 & 3)
    }

    pub(super) fn error(self) -> u32 {
        u32::from(self.0 & !3)
    }
}

/// The eight bytes of a descriptor (SDM 3A, figure 3-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor(pub(super) u64);

impl Descriptor {
    fn base(self) -> u64 {
        (self.0 >> 16 & 0xff_ffff) | (self.0 >> 32 & 0xff00_0000)
    }

    pub(super) fn limit(self) -> u32 {
        let limit = (self.0 & 0xffff) as u32 | (self.0 >> 32 & 0xf_0000) as u32;
        if self.0 >> 55 & 1 == 1 { limit << 12 | 0xfff } else { limit }
    }

    fn rights(self) -> u16 {
        (self.0 >> 40 & 0xf0ff) as u16
    }

    fn kind(self) -> u64 {
        self.0 >> 40 & 0xf
    }

    fn is_system(self) -> bool {
        self.0 >> 44 & 1 == 0
    }

    pub(super) fn is_code(self) -> bool {
        !self.is_system() && self.kind() & 8 != 0
    }

    fn is_writable_data(self) -> bool {
        !self.is_system() && self.kind() & 0xa == 2
    }

    fn is_readable(self) -> bool {
        !self.is_system() && (self.kind() & 8 == 0 || self.kind() & 2 != 0)
    }

    pub(super) fn conforming(self) -> bool {
        self.is_code() && self.kind() & 4 != 0
    }

    pub(super) fn privilege(self) -> u32 {
        (self.0 >> 45 & 3) as u32
    }

    pub(super) fn present(self) -> bool {
        self.0 >> 47 & 1 == 1
    }

    /// The mode of the code in a code segment; `None` for 16 bits, which there is not here, and for what no mode has.
    pub(super) fn code_mode(self) -> Option<CodeMode> {
        match self.0 >> 53 & 3 {
            1 => Some(CodeMode::Long),
            2 => Some(CodeMode::Compatibility),
            _ => None,
        }
    }

    /// A 64-bit code segment.
    pub(super) fn long(self) -> bool {
        self.code_mode() == Some(CodeMode::Long)
    }

    fn register(self, selector: Selector) -> SegmentRegister {
        SegmentRegister { selector: selector.0, rights: self.rights(), limit: self.limit(), base: self.base() }
    }
}

/// A null segment register.
pub(super) fn null(selector: u16) -> SegmentRegister {
    SegmentRegister { selector, rights: 0, limit: 0, base: 0 }
}

/// Loads at privilege level 0, whatever the current one: descriptor tables and the TSS.
pub(super) fn system_load(vm: &mut Vm, w: Width, address: u64) -> Result<u64, Exception> {
    Ok(match w {
        Width::W8 => vm.load_system::<1>(address)?[0].into(),
        Width::W16 => u16::from_le_bytes(vm.load_system(address)?).into(),
        Width::W32 => u32::from_le_bytes(vm.load_system(address)?).into(),
        Width::W64 => u64::from_le_bytes(vm.load_system(address)?),
    })
}

/// Stores 8 bytes at a privilege level.
pub(super) fn store_at_level(vm: &mut Vm, address: u64, value: u64, level: u32) -> Done {
    if level < vm.cpu.cpl {
        vm.store_system(address, value.to_le_bytes())
    } else {
        vm.store(Width::W64, address, value)
    }
}

/// Reads the descriptor that a selector names.
pub(super) fn read_descriptor(vm: &mut Vm, selector: Selector) -> Result<Descriptor, Exception> {
    let fault = Exception::with_error(vector::GP, selector.error());
    if selector.is_null() {
        return Err(fault);
    }
    let (base, limit) = if selector.0 & 4 == 0 {
        (vm.cpu.gdtr.base, vm.cpu.gdtr.limit)
    } else {
        (vm.cpu.ldtr.base, u64::from(vm.cpu.ldtr.limit))
    };
    let offset = u64::from(selector.0 & !7);
    if offset + 7 > limit {
        return Err(fault);
    }
    system_load(vm, Width::W64, base.wrapping_add(offset)).map(Descriptor)
}

/// Sets CS and the privilege level.
pub(super) fn set_code(vm: &mut Vm, selector: Selector, code: Descriptor, level: u32) {
    vm.cpu.segments[Segment::Cs as usize] = code.register(Selector(selector.0 & !3 | level as u16));
    vm.cpu.cpl = level;
    vm.follow_code_segment();
    vm.attention = true;
}

/// Loads SS, DS, ES, FS or GS (SDM volume 2, MOV).
pub(super) fn load_segment(vm: &mut Vm, segment: Segment, selector: Selector) -> Done {
    let index = segment as usize;
    let (cpl, rpl) = (vm.cpu.cpl, selector.privilege());
    if selector.is_null() {
        if segment == Segment::Ss && (cpl == 3 || rpl != cpl || vm.mode == CodeMode::Compatibility) {
            return Err(Exception::GP0);
        }
        vm.cpu.segments[index] = null(selector.0);
        return Ok(());
    }
    let descriptor = read_descriptor(vm, selector)?;
    let fault = |vector| Err(Exception::with_error(vector, selector.error()));
    if segment == Segment::Ss {
        if rpl != cpl || !descriptor.is_writable_data() || descriptor.privilege() != cpl {
            return fault(vector::GP);
        }
        if !descriptor.present() {
            return fault(vector::SS);
        }
    } else {
        let guarded = !descriptor.conforming();
        if !descriptor.is_readable() || guarded && descriptor.privilege() < cpl.max(rpl) {
            return fault(vector::GP);
        }
        if !descriptor.present() {
            return fault(vector::NP);
        }
    }
    vm.cpu.segments[index] = descriptor.register(selector);
    Ok(())
}

/// Nothing comes between a load of SS and the next instruction (SDM 3A, 6.8.3).
fn hold_interrupts(vm: &mut Vm, segment: Segment) {
    if segment == Segment::Ss {
        vm.cpu.interrupt_shadow = SHADOW_OF_STACK;
        vm.attention = true;
    }
}

/// MOV to segment registers.
pub(super) fn mov(vm: &mut Vm, insn: &Insn) -> Done {
    match (insn.operands[0], insn.operands[1]) {
        (Operand::Segment(Segment::Cs), _) => Err(Exception::UD),
        (Operand::Segment(segment), _) => {
            let selector = read(vm, insn, 1, Width::W16)?;
            load_segment(vm, segment, Selector(selector as u16))?;
            hold_interrupts(vm, segment);
            Ok(())
        }
        _ => Err(vm.undefined(insn)),
    }
}

/// PUSH and POP of segment registers.
pub(super) fn stack(vm: &mut Vm, insn: &Insn) -> Done {
    let Operand::Segment(segment) = insn.operands[0] else { return Err(vm.undefined(insn)) };
    let width = operand_width(insn);
    if insn.mnemonic == Mnemonic::Push {
        let selector = vm.cpu.segment(segment).selector;
        return push_value(vm, insn.mode, width, selector.into());
    }
    let (selector, after) = top(vm, insn.mode, width)?;
    load_segment(vm, segment, Selector(selector as u16))?;
    vm.set_gpr(Gpr::RSP, after);
    hold_interrupts(vm, segment);
    Ok(())
}

/// LSS, LFS, LGS, LDS and LES: an offset to a register, and the selector after it to the segment register.
pub(super) fn load_far_pointer(vm: &mut Vm, insn: &Insn, segment: Segment) -> Done {
    let w = insn.width;
    let at = address(vm, insn);
    let offset = vm.load(w, at)?;
    let selector = Selector(vm.load(Width::W16, at.wrapping_add(w.bytes()))? as u16);
    load_segment(vm, segment, selector)?;
    write(vm, insn, 0, w, offset)
}

/// RDFSBASE and the like are #UD unless CR4.FSGSBASE allows them; an address that is not canonical is #GP(0).
pub(super) fn refuse_base(vm: &Vm) -> Done {
    const CR4_FSGSBASE: u64 = 1 << 16;
    Err(if vm.cpu.cr4 & CR4_FSGSBASE == 0 { Exception::UD } else { Exception::GP0 })
}

/// LGDT and LIDT.
pub(super) fn load_table(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let at = address(vm, insn);
    let limit = vm.load(Width::W16, at)?;
    let base = vm.load(insn.mode.stack_operand(), at.wrapping_add(2))?;
    let base = if matches!(insn.code, Code::Lgdt_m1632_16 | Code::Lidt_m1632_16) { base & 0xff_ffff } else { base };
    if !canonical(base) {
        return Err(Exception::GP0);
    }
    let table = if insn.mnemonic == Mnemonic::Lgdt { &mut vm.cpu.gdtr } else { &mut vm.cpu.idtr };
    (table.base, table.limit) = (base, limit);
    Ok(())
}

/// #GP(0) where CR4.UMIP keeps user mode from SGDT, SIDT, SLDT, STR and SMSW (SDM 3A, 2.5).
pub(super) fn require_no_umip(vm: &Vm) -> Done {
    const CR4_UMIP: u64 = 1 << 11;
    if vm.cpu.cr4 & CR4_UMIP == 0 { Ok(()) } else { require_kernel(vm) }
}

/// SGDT and SIDT.
pub(super) fn store_table(vm: &mut Vm, insn: &Insn) -> Done {
    require_no_umip(vm)?;
    let table = if insn.mnemonic == Mnemonic::Sgdt { vm.cpu.gdtr } else { vm.cpu.idtr };
    let at = address(vm, insn);
    let w = insn.mode.stack_operand();
    vm.probe_write(at, 2 + w.bytes())?;
    vm.store(Width::W16, at, table.limit)?;
    vm.store(w, at.wrapping_add(2), table.base & w.mask())
}

/// Reads a 16-byte system descriptor: type bits, and base and limit.
fn system_descriptor(vm: &mut Vm, selector: Selector) -> Result<(Descriptor, SegmentRegister), Exception> {
    let low = read_descriptor(vm, selector)?;
    let at = vm.cpu.gdtr.base.wrapping_add(u64::from(selector.0 & !7) + 8);
    if selector.0 & 4 != 0 || u64::from(selector.0 & !7) + 15 > vm.cpu.gdtr.limit {
        return Err(Exception::with_error(vector::GP, selector.error()));
    }
    let high = system_load(vm, Width::W64, at)?;
    let mut register = low.register(selector);
    register.base |= high << 32;
    Ok((low, register))
}

pub(super) fn load_ldt(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let selector = Selector(read(vm, insn, 0, Width::W16)? as u16);
    if selector.is_null() {
        vm.cpu.ldtr = null(selector.0);
        return Ok(());
    }
    let (descriptor, register) = system_descriptor(vm, selector)?;
    if !descriptor.is_system() || descriptor.kind() != 2 {
        return Err(Exception::with_error(vector::GP, selector.error()));
    }
    if !descriptor.present() {
        return Err(Exception::with_error(vector::NP, selector.error()));
    }
    vm.cpu.ldtr = register;
    Ok(())
}

/// LTR: an available 64-bit TSS, which becomes busy.
pub(super) fn load_task(vm: &mut Vm, insn: &Insn) -> Done {
    require_kernel(vm)?;
    let selector = Selector(read(vm, insn, 0, Width::W16)? as u16);
    let (descriptor, register) = system_descriptor(vm, selector)?;
    if !descriptor.is_system() || descriptor.kind() != 9 {
        return Err(Exception::with_error(vector::GP, selector.error()));
    }
    if !descriptor.present() {
        return Err(Exception::with_error(vector::NP, selector.error()));
    }
    let at = vm.cpu.gdtr.base.wrapping_add(u64::from(selector.0 & !7));
    vm.store_system(at, (descriptor.0 | 2 << 40).to_le_bytes())?;
    vm.cpu.tr = SegmentRegister { rights: register.rights | 2, ..register };
    Ok(())
}

/// SLDT and STR.
pub(super) fn store_selector(vm: &mut Vm, insn: &Insn) -> Done {
    require_no_umip(vm)?;
    let register = if insn.mnemonic == Mnemonic::Sldt { vm.cpu.ldtr } else { vm.cpu.tr };
    let width = if insn.operands[0] == Operand::Mem { Width::W16 } else { insn.width };
    write(vm, insn, 0, width, register.selector.into())
}

/// The descriptor of a selector, if the current privilege may see it and its type is one of those that count.
fn visible(vm: &mut Vm, selector: Selector, system_types: u64) -> Option<Descriptor> {
    let descriptor = read_descriptor(vm, selector).ok()?;
    let level = vm.cpu.cpl.max(selector.privilege());
    let known = !descriptor.is_system() || system_types >> descriptor.kind() & 1 == 1;
    (known && (descriptor.conforming() || descriptor.privilege() >= level)).then_some(descriptor)
}

fn set_zero_flag(vm: &mut Vm, set: bool) {
    super::flags::set_rflags(vm, if set { x86::flags::bit::ZF } else { 0 }, x86::flags::bit::ZF);
}

/// LAR and LSL: rights or limit of a descriptor, and ZF whether it is visible (SDM volume 2, LAR, LSL).
pub(super) fn inspect(vm: &mut Vm, insn: &Insn) -> Done {
    let selector = Selector(read(vm, insn, 1, Width::W16)? as u16);
    let lar = insn.mnemonic == Mnemonic::Lar;
    // In long mode: LDT, TSS (available, busy); LAR also call gates.
    let types = 1 << 2 | 1 << 9 | 1 << 11 | if lar { 1 << 12 } else { 0 };
    let found = visible(vm, selector, types);
    if let Some(descriptor) = found {
        let value = if lar { descriptor.0 >> 32 & 0xff_ff00 } else { descriptor.limit().into() };
        write(vm, insn, 0, insn.width, value & insn.width.mask())?;
    }
    set_zero_flag(vm, found.is_some());
    Ok(())
}

/// VERR and VERW.
pub(super) fn verify(vm: &mut Vm, insn: &Insn) -> Done {
    let selector = Selector(read(vm, insn, 0, Width::W16)? as u16);
    let found = visible(vm, selector, 0);
    let ok =
        found.is_some_and(|d| if insn.mnemonic == Mnemonic::Verr { d.is_readable() } else { d.is_writable_data() });
    set_zero_flag(vm, ok);
    Ok(())
}
