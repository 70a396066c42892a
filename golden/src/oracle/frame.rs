//! The signal frame of x86-64 Linux: registers in `ucontext_t`, vector and x87 state behind its `fpregs` pointer as an XSAVE image in
//! standard format (SDM volume 1, section 13.4).

use super::slot::{FX_LEN, Slot};
use std::arch::x86_64::__cpuid_count;

/// `gregs` indices of the general-purpose registers in encoding order.
#[rustfmt::skip]
const GREGS: [libc::c_int; 16] = [
    libc::REG_RAX, libc::REG_RCX, libc::REG_RDX, libc::REG_RBX, libc::REG_RSP, libc::REG_RBP, libc::REG_RSI, libc::REG_RDI,
    libc::REG_R8,  libc::REG_R9,  libc::REG_R10, libc::REG_R11, libc::REG_R12, libc::REG_R13, libc::REG_R14, libc::REG_R15,
];
/// Offset of `XSTATE_BV` in an XSAVE image.
const XSTATE_BV: usize = 512;
/// x87, SSE and AVX in `XSTATE_BV`.
const AVX: u64 = 4;
const X87_SSE: u64 = 3;

/// Offset of the upper YMM halves in an XSAVE image, if the processor has AVX.
pub(super) fn ymm_offset() -> Option<usize> {
    let avx = std::arch::is_x86_feature_detected!("avx");
    avx.then(|| __cpuid_count(0xd, 2).ebx as usize)
}

/// Puts a case's state into the frame.
///
/// # Safety
/// `context` is the frame of the signal being handled.
pub(super) unsafe fn load(slot: &Slot, context: *mut libc::ucontext_t, ymm: Option<usize>) {
    // SAFETY: the kernel made the frame, with an XSAVE image wherever the processor has AVX.
    unsafe {
        let machine = &mut (*context).uc_mcontext;
        for (i, &register) in GREGS.iter().enumerate() {
            machine.gregs[register as usize] = slot.gpr[i] as i64;
        }
        machine.gregs[libc::REG_RIP as usize] = slot.rip as i64;
        machine.gregs[libc::REG_EFL as usize] = slot.flags as i64;
        let image: *mut u8 = machine.fpregs.cast();
        image.copy_from_nonoverlapping(slot.fx.as_ptr(), FX_LEN);
        if let Some(offset) = ymm {
            let present: *mut u64 = image.add(XSTATE_BV).cast();
            *present |= X87_SSE | AVX;
            image.add(offset).copy_from_nonoverlapping(slot.ymm_high.as_ptr().cast(), 256);
        }
    }
}

/// Takes a case's state out of the frame.
///
/// # Safety
/// As for [`load`].
pub(super) unsafe fn store(slot: &mut Slot, context: *const libc::ucontext_t, ymm: Option<usize>) {
    // SAFETY: as in `load`.
    unsafe {
        let machine = &(*context).uc_mcontext;
        let register = |index: libc::c_int| machine.gregs[index as usize] as u64;
        for (i, &index) in GREGS.iter().enumerate() {
            slot.gpr[i] = register(index);
        }
        (slot.rip, slot.flags) = (register(libc::REG_RIP), register(libc::REG_EFL));
        (slot.trap, slot.error) = (register(libc::REG_TRAPNO), register(libc::REG_ERR));
        slot.cr2 = register(libc::REG_CR2);
        let image: *const u8 = machine.fpregs.cast();
        image.copy_to_nonoverlapping(slot.fx.as_mut_ptr(), FX_LEN);
        slot.ymm_high = [[0; 2]; 16];
        if let Some(offset) = ymm {
            let present: *const u64 = image.add(XSTATE_BV).cast();
            if *present & AVX != 0 {
                image.add(offset).copy_to_nonoverlapping(slot.ymm_high.as_mut_ptr().cast(), 256);
            }
        }
    }
}
