//! One instruction at a time: single steps, breakpoints, alignment checks, interrupt shadows. SDM volume 3A, 6.8.3 and
//! 6.15 (#DB, #AC); volume 3B, chapter 17.
//!
//! ```text
//! what changes TF, RF, AC, CPL, CR0.AM, DR0–DR7 or the shadow ── attention ──► look_for_care ──► careful
//! careful: code breakpoint? ──► one instruction, interpreted ──► #DB for data and port breakpoints and TF
//! ```
//!
//! While [`Vm::careful`] is set no translated code runs, and pages with data breakpoints are not in the TLB, so that the
//! rest of the machine need not know of all this.

use super::Vm;
use crate::cpu::breakpoints::{self, BS, Event, MET};
use crate::cpu::state::SHADOW_OF_STACK;
use crate::exception::{Exception, vector};
use crate::mmu::{Privilege, flush_all};
use x86::{Insn, Mnemonic};

const TF: u64 = 1 << 8;
const RF: u64 = 1 << 16;
const AC: u64 = 1 << 18;
const CR0_AM: u64 = 1 << 18;
const CR4_DE: u64 = 1 << 3;

/// Whether a trap follows the instruction if RFLAGS.TF was set before it (SDM 3B, 17.3.1.4). Interrupts clear TF on their way;
/// of SYSCALL and SYSRET what TF is afterwards counts ([`Vm::step_at_once`]).
fn is_stepped(insn: &Insn) -> bool {
    use Mnemonic::{Int, Int1, Int3, Syscall, Sysret, Sysretq};
    !matches!(insn.mnemonic, Int | Int1 | Int3 | Syscall | Sysret | Sysretq)
}

impl Vm {
    /// Whether accesses of user mode must be aligned.
    pub(crate) fn alignment_is_checked(&self) -> bool {
        self.cpu.cpl == 3 && self.cpu.rflags & AC != 0 && self.cpu.cr0 & CR0_AM != 0
    }

    /// Decides whether the next instructions need care. RF without a breakpoint that it could hold off is dropped: the
    /// next instruction ends it, or faults and pushes it set.
    pub(super) fn look_for_care(&mut self) {
        let breakpoints = breakpoints::any_enabled(&self.cpu.dr);
        if !breakpoints {
            self.cpu.rflags &= !RF;
        }
        let aligned = self.alignment_is_checked();
        if aligned && !self.aligned {
            flush_all(&mut self.cpu);
            self.forget_kept();
        }
        self.aligned = aligned;
        let traps = self.cpu.rflags & TF != 0 || self.cpu.debug_hits != 0;
        self.debugged = breakpoints || aligned || traps;
        self.careful = self.debugged || self.cpu.interrupt_shadow != 0;
    }

    /// Carries out one instruction, and what is due before and after it.
    pub(super) fn careful_step(&mut self) {
        let shadow = self.cpu.interrupt_shadow;
        if self.debugged {
            self.debugged_step(shadow == SHADOW_OF_STACK);
        } else {
            self.interpret(1);
        }
        if shadow != 0 {
            self.cpu.interrupt_shadow = 0;
            self.attention = true;
        }
    }

    /// `switching`: MOV SS came before, so that no debug exception comes now.
    fn debugged_step(&mut self, switching: bool) {
        if self.cpu.debug_hits != 0 && !switching {
            return self.debug_exception(0);
        }
        let (rip, flags) = (self.cpu.rip, self.cpu.rflags);
        if flags & RF == 0 && !switching {
            let met = breakpoints::met(&self.cpu.dr, Event::Execute, rip, 1);
            if met != 0 {
                return self.debug_exception(met);
            }
        }
        let Ok(block) = self.fetch() else {
            self.interpret(1);
            return;
        };
        let insn = block.insns[0];
        self.alignment = if self.aligned { largest_alignment(&insn) } else { 1 };
        self.cpu.rflags &= !RF;
        let events = self.counts.events;
        self.interpret(1);
        self.alignment = 1;
        if self.counts.events != events {
            return;
        }
        let traps = flags & TF != 0 && is_stepped(&insn);
        let holds_off = self.cpu.interrupt_shadow == SHADOW_OF_STACK && !switching;
        if (traps || self.cpu.debug_hits != 0) && !holds_off {
            self.debug_exception(if traps { BS } else { 0 });
        }
    }

    /// A single step that is due before the next instruction, if RFLAGS.TF is set now.
    pub(crate) fn step_at_once(&mut self) {
        if self.cpu.rflags & TF != 0 {
            self.cpu.debug_hits |= BS;
        }
    }

    /// #DB with these bits in DR6, and those of breakpoints met before.
    fn debug_exception(&mut self, bits: u64) {
        self.cpu.dr[6] = self.cpu.dr[6] & !MET | bits | std::mem::take(&mut self.cpu.debug_hits);
        self.halted = false;
        self.raise(Exception::plain(vector::DB));
    }

    /// Looks at an access that is about to be carried out: its alignment, and data breakpoints.
    pub(crate) fn watch(
        &mut self,
        event: Event,
        privilege: Privilege,
        address: u64,
        size: u64,
    ) -> Result<(), Exception> {
        self.check_alignment(privilege, address, size)?;
        if breakpoints::any_enabled(&self.cpu.dr) && privilege != Privilege::Implicit {
            self.cpu.debug_hits |= breakpoints::met(&self.cpu.dr, event, address, size);
        }
        Ok(())
    }

    /// Notes an access to a port, for the breakpoints that CR4.DE allows.
    pub(crate) fn watch_port(&mut self, port: u16, size: u64) {
        if self.cpu.cr4 & CR4_DE != 0 {
            self.cpu.debug_hits |= breakpoints::met(&self.cpu.dr, Event::Port, port.into(), size);
        }
    }

    /// #AC(0) for a misaligned access of user mode, while that is checked (SDM 3A, table 6-7).
    pub(crate) fn check_alignment(&self, privilege: Privilege, address: u64, size: u64) -> Result<(), Exception> {
        let natural = match size {
            2 | 4 | 8 => size,
            10 => 8,
            _ => 1,
        };
        if privilege == Privilege::User && !address.is_multiple_of(natural.min(self.alignment)) {
            return Err(Exception::with_error(vector::AC, 0));
        }
        Ok(())
    }
}

/// The alignment that no access of the instruction goes beyond (SDM 3A, table 6-7; SDM 2, VMASKMOV, VPGATHER and table
/// 2-21 for those that never raise #AC).
fn largest_alignment(insn: &Insn) -> u64 {
    use Mnemonic::*;
    match insn.mnemonic {
        Sgdt | Sidt | Fldenv | Fnstenv | Fnsave | Frstor => 4,
        Vmaskmovps | Vmaskmovpd | Vpmaskmovd | Vpmaskmovq => 1,
        Vgatherdps | Vgatherdpd | Vgatherqps | Vgatherqpd | Vpgatherdd | Vpgatherdq | Vpgatherqd | Vpgatherqq => 1,
        _ => 8,
    }
}
