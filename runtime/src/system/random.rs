//! RDRAND and RDSEED. SDM volume 1, section 7.3.17. Numbers come from the machine's generator: seeded once, so that
//! deterministic runs repeat; reseeded from the host on resume.

use super::Done;
use crate::vm::Vm;
use x86::flags::bit;
use x86::operands::write;
use x86::{FlagOp, Insn, Machine, Width};

/// The destination gets a number; CF says that there was one, the other flags are cleared.
pub(super) fn rdrand(vm: &mut Vm, insn: &Insn) -> Done {
    let value = vm.random.next() & insn.width.mask();
    write(vm, insn, 0, insn.width, value)?;
    vm.set_flags(FlagOp::Explicit, Width::W64, bit::CF, 0, 0);
    Ok(())
}
