//! The machine's state in a snapshot: processor, clock, random generator, devices. RAM is the [`Snapshot`]'s part.
//!
//! What is saved is what the architecture defines. TLBs, decoded code, bound regions and generations are found anew by
//! [`Vm::start`]; the arithmetic flags are written as RFLAGS has them, so that the bytes do not tell who ran the last
//! instruction. One list names the processor's registers; a field of [`Cpu`] that is in no list does not compile.
//!
//! [`Snapshot`]: crate::snapshot::Snapshot

use super::Vm;
use super::clock::{Clock, Random};
use crate::cpu::Cpu;
use crate::cpu::breakpoints::{BS, MET};
use crate::cpu::state::{SHADOW_OF_STACK, SegmentRegister, TableRegister};
use crate::devices::{Backends, Devices};
use crate::memory::Memory;
use crate::snapshot::codec::{CodecError, Reader, Writer};
use x86::flags::{bit, word};
use x86::plain::Plain;
use x86::{FlagOp, Flags, Level, Width};

const VERSION: u16 = 3;

crate::fields!(SegmentRegister { selector, rights, limit, base });
crate::fields!(TableRegister { base, limit });
crate::fields!(Clock { wall, system });

/// Lists [`Cpu`]'s fields: those that are saved, in the order of the encoding, and those that are not.
macro_rules! registers {
    (saved { $($saved:ident),* $(,)? } other { $($other:ident),* $(,)? }) => {
        fn save_registers(cpu: &Cpu, to: &mut Writer) {
            let Cpu { $($saved,)* $($other: _,)* } = cpu;
            $(to.field($saved);)*
        }

        fn load_registers(cpu: &mut Cpu, from: &mut Reader<'_>) -> Result<(), CodecError> {
            $(cpu.$saved = from.field()?;)*
            Ok(())
        }
    };
}
registers! {
    saved {
        gpr, rip, cpl, interrupt_shadow, nmi_blocked, level, mxcsr, segments, xmm, ymm_high,
        fpr, fcw, fsw, ftw, fop, fip, fdp,
        cr0, cr2, cr3, cr4, cr8, dr, debug_hits, xcr0, gdtr, idtr, ldtr, tr,
        efer, star, lstar, cstar, sfmask, kernel_gs_base, sysenter, pat, apic_base, tsc_aux, misc_enable, mtrr,
        retired, tsc_offset,
    }
    other {
        // RFLAGS, written as one word.
        rflags, flags_dst, flags_src, flags_carry, flags_op,
        // Of the run, and found anew.
        budget, slice, interrupt_waits, user_generation, kernel_generation, stamps, exit_reason, kernel_tlb, user_tlb, local_fills,
    }
}

/// What a resumed machine is told of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// Time of day, in nanoseconds since the Unix epoch.
    pub wall_clock_ns: u64,
    /// Seed of RDRAND and RDSEED from now on.
    pub seed: u64,
}

impl Vm {
    /// Writes the machine's state, without its memory, as one section. Between two calls of [`Vm::run`].
    pub fn save_state(&self, to: &mut Writer) {
        to.section("machine", VERSION, |to| {
            self.devices.save(to);
            to.section("clock", VERSION, |to| {
                to.field(&self.clock);
                to.field(&self.random.0);
            });
            to.section("processor", VERSION, |to| {
                to.field(&(word(&mut Plain, self.cpu.lazy_flags()) | self.cpu.rflags & !bit::ARITHMETIC));
                save_registers(&self.cpu, to);
                to.field(&self.halted);
                to.field(&self.shutdown);
            });
        });
    }

    /// A machine in the state that [`Vm::save_state`] wrote, with `memory` as it was then.
    ///
    /// # Errors
    /// If the section is damaged, of another version, or `backends` does not lend the devices that there were.
    pub fn load_state(from: &mut Reader<'_>, memory: Memory, backends: Backends) -> Result<Vm, CodecError> {
        from.section("machine", VERSION, |from| {
            let mut vm = Vm::with_devices(memory, Devices::load(from, backends)?);
            from.section("clock", VERSION, |from| {
                vm.clock = from.field()?;
                vm.random = Random(from.field()?);
                Ok(())
            })?;
            from.section("processor", VERSION, |from| {
                load_processor(&mut vm.cpu, from)?;
                (vm.halted, vm.shutdown) = (from.field()?, from.field()?);
                Ok(())
            })?;
            vm.start();
            Ok(vm)
        })
    }

    /// Tells a machine that was loaded what the host's time is and that it was stopped, and gives it other random
    /// numbers. The guest's TSC goes on where it was; its `CLOCK_REALTIME` is init's to set.
    pub fn resume(&mut self, resume: Resume) {
        let now = self.tsc();
        self.devices.set_wall_clock(now, resume.wall_clock_ns);
        self.random = Random(resume.seed);
        // The guest chose the address; one outside its memory is one that it cannot read either.
        let _ = self.publish_time(true);
    }
}

/// Reads the registers, RFLAGS first.
fn load_processor(cpu: &mut Cpu, from: &mut Reader<'_>) -> Result<(), CodecError> {
    const MXCSR_DEFINED: u32 = 0xffff;
    let rflags: u64 = from.field()?;
    from.check(rflags & 2 != 0 && rflags >> 22 == 0, "RFLAGS with bit 1 and no bit above 21")?;
    cpu.rflags = rflags & !bit::ARITHMETIC;
    let dst = rflags & bit::ARITHMETIC;
    cpu.set_lazy_flags(Flags { op: FlagOp::Explicit, width: Width::W64, dst, src: 0, carry: 0 });
    load_registers(cpu, from)?;
    from.check(cpu.cpl == 0 || cpu.cpl == 3, "privilege level 0 or 3")?;
    from.check(Level::from_number(cpu.level).is_some(), "a processor level from 1 to 3")?;
    from.check(cpu.interrupt_shadow <= SHADOW_OF_STACK, "an interrupt shadow from 0 to 2")?;
    from.check(cpu.nmi_blocked <= 1, "NMIs blocked or not")?;
    from.check(cpu.debug_hits & !(MET | BS) == 0, "no other bits of DR6 than B0 to B3 and BS")?;
    from.check(cpu.mxcsr & !MXCSR_DEFINED == 0, "MXCSR without reserved bits")
}
