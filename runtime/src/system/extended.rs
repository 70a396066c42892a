//! Extended control registers: XGETBV and XSETBV. SDM volume 1, section 13.3, and volume 2.

use super::{Done, require_kernel};
use crate::exception::Exception;
use crate::vm::Vm;
use crate::x87::xsave;
use x86::operands::{read_gpr, write_gpr};
use x86::{Gpr, Width};

/// The operating system uses XSAVE.
pub(super) const CR4_OSXSAVE: u64 = 1 << 18;

/// #UD unless the operating system uses XSAVE.
pub(crate) fn require_xsave(vm: &Vm) -> Done {
    if vm.cpu.cr4 & CR4_OSXSAVE == 0 { Err(Exception::UD) } else { Ok(()) }
}

/// XGETBV: XCR0, or with ECX = 1 the components of it that are in use.
pub(super) fn xgetbv(vm: &mut Vm) -> Done {
    require_xsave(vm)?;
    let value = match read_gpr(vm, Gpr::RCX, Width::W32) {
        0 => vm.cpu.xcr0,
        1 => vm.cpu.xcr0 & xsave::in_use(&vm.cpu, vm.mode),
        _ => return Err(Exception::GP0),
    };
    write_gpr(vm, Gpr::RAX, Width::W32, value & Width::W32.mask());
    write_gpr(vm, Gpr::RDX, Width::W32, value >> 32);
    Ok(())
}

/// XSETBV: x87 must be there, and SSE where AVX is.
pub(super) fn xsetbv(vm: &mut Vm) -> Done {
    require_xsave(vm)?;
    require_kernel(vm)?;
    let value = read_gpr(vm, Gpr::RDX, Width::W32) << 32 | read_gpr(vm, Gpr::RAX, Width::W32);
    let consistent = value & xsave::X87 != 0 && (value & xsave::AVX == 0 || value & xsave::SSE != 0);
    if read_gpr(vm, Gpr::RCX, Width::W32) != 0 || value & !xsave::ALL != 0 || !consistent {
        return Err(Exception::GP0);
    }
    vm.cpu.xcr0 = value;
    Ok(())
}
