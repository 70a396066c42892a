//! The host's processor: runs one instruction between two loads and stores of its state.
#![allow(unsafe_code)]

use crate::machine::{BASE, MEMORY, State};
use std::arch::asm;
use x86::FlagOp;

/// What the instruction sees.
#[repr(C, align(64))]
struct Frame {
    memory: [u8; MEMORY],
    xmm: [u128; 3],
    rcx: u64,
    rdx: u64,
    flags: u64,
    mxcsr: u32,
    saved_mxcsr: u32,
}

/// A page of code.
pub(crate) struct Host {
    code: *mut u8,
}

const PAGE: usize = 4096;

impl Host {
    pub(crate) fn new() -> Host {
        for signal in [libc::SIGFPE, libc::SIGSEGV] {
            // SAFETY: the handler touches nothing but the frame it is given.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                action.sa_sigaction = skip as *const () as usize;
                action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                assert_eq!(libc::sigaction(signal, &action, std::ptr::null_mut()), 0);
            }
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping.
        let code = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, protection, kind, -1, 0) };
        assert_ne!(code, libc::MAP_FAILED);
        Host { code: code.cast() }
    }

    /// Runs the instruction; gives the state after it, and the signal that it raised or 0.
    pub(crate) fn run(&mut self, bytes: &[u8], before: &State) -> (State, i32) {
        let mut frame = Frame {
            memory: before.memory,
            xmm: [before.xmm[0], before.xmm[1], before.xmm[2]],
            rcx: before.gpr[1],
            rdx: before.gpr[2],
            flags: 0,
            mxcsr: before.mxcsr,
            saved_mxcsr: 0,
        };
        let operand = frame.memory.as_ptr() as u64 + (before.gpr[6] - BASE);
        let mut signal = 0u64;
        // SAFETY: the page holds the instruction and RET; the instruction reads and writes the registers named here and
        // the frame's memory. If it faults, the handler goes on at RET, whose address is in R8.
        unsafe {
            self.code.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            let after = self.code.add(bytes.len());
            after.write(0xc3);
            asm!(
                "stmxcsr [r10 + {saved}]",
                "movups xmm0, [r10 + {xmm}]",
                "movups xmm1, [r10 + {xmm} + 16]",
                "movups xmm2, [r10 + {xmm} + 32]",
                "mov rcx, [r10 + {rcx}]",
                "mov rdx, [r10 + {rcx} + 8]",
                "push 2",
                "popfq",
                "ldmxcsr [r10 + {mxcsr}]",
                "call r11",
                "stmxcsr [r10 + {mxcsr}]",
                "ldmxcsr [r10 + {saved}]",
                "pushfq",
                "pop [r10 + {flags}]",
                "mov [r10 + {rcx}], rcx",
                "mov [r10 + {rcx} + 8], rdx",
                "movups [r10 + {xmm}], xmm0",
                "movups [r10 + {xmm} + 16], xmm1",
                "movups [r10 + {xmm} + 32], xmm2",
                saved = const std::mem::offset_of!(Frame, saved_mxcsr),
                xmm = const std::mem::offset_of!(Frame, xmm),
                rcx = const std::mem::offset_of!(Frame, rcx),
                mxcsr = const std::mem::offset_of!(Frame, mxcsr),
                flags = const std::mem::offset_of!(Frame, flags),
                in("r10") &mut frame,
                in("r11") self.code,
                in("r8") after,
                inout("r9") signal,
                in("rsi") operand,
                in("rdi") operand,
                out("rcx") _,
                out("rdx") _,
                out("xmm0") _,
                out("xmm1") _,
                out("xmm2") _,
            );
        }
        (state(&frame, before), std::mem::take(&mut signal) as i32)
    }
}

fn state(frame: &Frame, before: &State) -> State {
    let mut after = *before;
    after.memory = frame.memory;
    after.xmm[..3].copy_from_slice(&frame.xmm);
    (after.gpr[1], after.gpr[2]) = (frame.rcx, frame.rdx);
    after.mxcsr = frame.mxcsr;
    after.flags.op = FlagOp::Explicit;
    after.flags.dst = frame.flags;
    after
}

/// Goes on after the instruction that faulted, with the signal's number in R9.
extern "C" fn skip(signal: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives the frame of the interrupted code.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let length = registers[libc::REG_R8 as usize].wrapping_sub(registers[libc::REG_RIP as usize]);
        if !(0..16).contains(&length) {
            libc::_exit(101);
        }
        registers[libc::REG_RIP as usize] = registers[libc::REG_R8 as usize];
        registers[libc::REG_R9 as usize] = signal.into();
    }
}
