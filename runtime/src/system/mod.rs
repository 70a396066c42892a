//! Operations that have one function here, which the interpreter calls and to which translated code leaves: the system
//! instructions (SDM volume 1, section 5.1.12 to 5.1.15 and 5.20), strings, ports, divisions of unusual shape, x87 and
//! state saving. Which mnemonic is which function is one line each.

mod control;
mod cpuid;
mod debug;
mod deliver;
mod extended;
mod flags;
mod integer;
mod legacy;
mod masked;
mod msr;
mod port;
mod random;
mod segments;
pub(crate) mod string;
mod transfer;

pub(crate) use deliver::{exception, interrupt};
pub(crate) use extended::require_xsave;
pub(crate) use flags::rflags;

use crate::exception::{Exception, vector};
use crate::vm::Vm;
use x86::{Insn, Mnemonic as Mn, Segment, Width};

type Done = Result<(), Exception>;

/// Carries out an instruction that `x86::exec` gives to the machine.
#[rustfmt::skip]
pub(crate) fn execute(vm: &mut Vm, insn: &Insn) -> Done {
    match insn.mnemonic {
        Mn::Mov                     => control::mov(vm, insn),
        Mn::Push | Mn::Pop          => segments::stack(vm, insn),
        Mn::Div | Mn::Idiv          => integer::divide(vm, insn),
        Mn::Rcl | Mn::Rcr           => integer::rotate_through_carry(vm, insn),
        Mn::Enter                   => integer::enter(vm, insn),
        Mn::Cmpxchg8b               => integer::compare_exchange_8(vm, insn),
        Mn::Cmpxchg16b              => Err(Exception::GP0),
        Mn::Movsb | Mn::Movsw | Mn::Movsd | Mn::Movsq   => string::copy(vm, insn),
        Mn::Stosb | Mn::Stosw | Mn::Stosd | Mn::Stosq   => string::fill(vm, insn),
        Mn::Lodsb | Mn::Lodsw | Mn::Lodsd | Mn::Lodsq   => string::load(vm, insn),
        Mn::Scasb | Mn::Scasw | Mn::Scasd | Mn::Scasq   => string::scan(vm, insn),
        Mn::Cmpsb | Mn::Cmpsw | Mn::Cmpsd | Mn::Cmpsq   => string::compare(vm, insn),
        Mn::In | Mn::Out            => port::transfer(vm, insn),
        Mn::Insb | Mn::Insw | Mn::Insd      => port::input_string(vm, insn),
        Mn::Outsb | Mn::Outsw | Mn::Outsd   => port::output_string(vm, insn),
        Mn::Cli                     => flags::cli(vm),
        Mn::Sti                     => flags::sti(vm),
        Mn::Clac | Mn::Stac         => flags::access(vm, insn.mnemonic == Mn::Stac),
        Mn::Popfq | Mn::Popfd | Mn::Popf    => flags::pop(vm, insn),
        Mn::Syscall                 => Err(Exception::UD),
        Mn::Sysretq | Mn::Sysret    => transfer::sysret(vm, insn),
        Mn::Iretq | Mn::Iretd | Mn::Iret    => transfer::iret(vm, insn),
        Mn::Int                     => transfer::software_interrupt(vm, insn.imm as u8),
        Mn::Int3                    => transfer::software_interrupt(vm, vector::BP),
        Mn::Int1                    => debug::int1(vm),
        Mn::Ud2 | Mn::Ud1 | Mn::Ud0 => Err(Exception::UD),
        Mn::Retf                    => transfer::far_return(vm, insn),
        Mn::Jmp                     => transfer::far_jump(vm, insn),
        Mn::Call                    => transfer::far_call(vm, insn),
        Mn::Hlt                     => control::halt(vm),
        Mn::Lss                     => segments::load_far_pointer(vm, insn, Segment::Ss),
        Mn::Lfs                     => segments::load_far_pointer(vm, insn, Segment::Fs),
        Mn::Lgs                     => segments::load_far_pointer(vm, insn, Segment::Gs),
        Mn::Lds                     => segments::load_far_pointer(vm, insn, Segment::Ds),
        Mn::Les                     => segments::load_far_pointer(vm, insn, Segment::Es),
        Mn::Pusha | Mn::Pushad      => legacy::push_all(vm, insn),
        Mn::Popa | Mn::Popad        => legacy::pop_all(vm, insn),
        Mn::Into                    => legacy::into(vm),
        Mn::Bound                   => legacy::bound(vm, insn),
        Mn::Arpl                    => legacy::adjust_privilege(vm, insn),
        Mn::Aaa | Mn::Aas           => { legacy::adjust_unpacked(vm, insn.mnemonic == Mn::Aaa); Ok(()) }
        Mn::Daa | Mn::Das           => { legacy::adjust_packed(vm, insn.mnemonic == Mn::Daa); Ok(()) }
        Mn::Aam                     => legacy::split(vm, insn),
        Mn::Aad                     => { legacy::join(vm, insn); Ok(()) }
        Mn::Swapgs                  => Err(Exception::GP0),
        Mn::Lgdt | Mn::Lidt         => segments::load_table(vm, insn),
        Mn::Sgdt | Mn::Sidt         => segments::store_table(vm, insn),
        Mn::Lldt                    => segments::load_ldt(vm, insn),
        Mn::Ltr                     => segments::load_task(vm, insn),
        Mn::Sldt | Mn::Str          => segments::store_selector(vm, insn),
        Mn::Lar | Mn::Lsl           => segments::inspect(vm, insn),
        Mn::Verr | Mn::Verw         => segments::verify(vm, insn),
        Mn::Rdfsbase | Mn::Rdgsbase | Mn::Wrfsbase | Mn::Wrgsbase => segments::refuse_base(vm),
        Mn::Clts                    => control::clear_task_switched(vm),
        Mn::Smsw                    => control::store_status(vm, insn),
        Mn::Lmsw                    => control::load_status(vm, insn),
        Mn::Invlpg                  => control::invalidate_page(vm, insn),
        Mn::Invpcid                 => control::invalidate_context(vm, insn),
        Mn::Wbinvd | Mn::Wbnoinvd | Mn::Invd => control::privileged(vm),
        Mn::Clflush | Mn::Clflushopt | Mn::Clwb => control::flush_line(vm, insn),
        Mn::Rdmsr                   => msr::rdmsr(vm),
        Mn::Wrmsr                   => msr::wrmsr(vm),
        // There is no performance counter, so every number of one is wrong.
        Mn::Rdpmc                   => Err(Exception::GP0),
        Mn::Rdtsc | Mn::Rdtscp      => Err(Exception::GP0),
        Mn::Cpuid                   => { cpuid::cpuid(vm); Ok(()) }
        Mn::Rdrand | Mn::Rdseed     => random::rdrand(vm, insn),
        Mn::Rdpid                   => msr::rdpid(vm, insn),
        Mn::Xgetbv                  => extended::xgetbv(vm),
        Mn::Xsetbv                  => extended::xsetbv(vm),
        Mn::Vmaskmovps | Mn::Vpmaskmovd => masked::masked_move(vm, insn, Width::W32),
        Mn::Vmaskmovpd | Mn::Vpmaskmovq => masked::masked_move(vm, insn, Width::W64),
        Mn::Vgatherdps | Mn::Vpgatherdd => masked::gather(vm, insn, Width::W32, Width::W32),
        Mn::Vgatherdpd | Mn::Vpgatherdq => masked::gather(vm, insn, Width::W32, Width::W64),
        Mn::Vgatherqps | Mn::Vpgatherqd => masked::gather(vm, insn, Width::W64, Width::W32),
        Mn::Vgatherqpd | Mn::Vpgatherqq => masked::gather(vm, insn, Width::W64, Width::W64),
        _ => crate::x87::execute(vm, insn),
    }
}

/// #GP(0) unless the processor is at privilege level 0.
fn require_kernel(vm: &Vm) -> Done {
    if vm.cpu.cpl == 0 { Ok(()) } else { Err(Exception::GP0) }
}

#[cfg(test)]
mod compatibility_tests;
