//! Where the processors of Intel and AMD differ, so that a comparison on either passes.
//!
//! The guest's processor calls itself Intel's (`system/cpuid`) and does as theirs where a manual says so. What is listed here was
//! seen on both (Zen 4, Sapphire Rapids); a program cannot rely on it. All but the last two rows are about an instruction that
//! faults, whose effects the handler may see and which is executed again.
//!
//! | instructions | difference | manual |
//! |---|---|---|
//! | CMPS | which operand is loaded first, so which of two faults comes | none: SDM volume 2 says that it compares them |
//! | x87 stores, VCVTPS2PH to memory | a fault of the operand, or an unmasked exception of the number, comes first | SDM volume 3, 6.9: order within a class is the implementation's |
//! | MASKMOVDQU, MASKMOVQ, VMASKMOV, VPMASKMOV | CR2 is any address of the access in the page that faults | SDM volume 3, 4.7: the address of the access |
//! | gathers | bits of the mask other than signs, which Intel's fill first; the upper halves of mask and destination, which Intel's clear | SDM volume 2, VGATHER: "extend from most significant bit" |
//! | MMX stores | Intel's have set TOP and tags already | SDM volume 1, 9.5.2: each MMX instruction does |
//! | VCVTPS2PH to memory | Intel's have set MXCSR's flags already | none |
//! | SHA with memory that is not aligned | #GP on Intel's, none on AMD's | SDM volume 2: exceptions of class 4 |
//! | DPPS, DPPD | which of several NaNs the sum is | none: the order of the operands of a sum is not told |

use crate::case::{Access, Case, End, Fault, Outcome};
use crate::state::{State, X87};
use crate::{layout, operand};
use iced_x86::{Instruction, Mnemonic as M, OpKind};
use runtime::mmu::canonical;

/// Exception summary and busy, which an unmasked x87 exception sets.
const SUMMARY: u16 = 0x8080;
const PAGE: u64 = 0x1000;
/// The six exception flags of MXCSR.
const MXCSR_FLAGS: u32 = 0x3f;

/// Makes an outcome the same that makers do differently.
pub fn settle(case: &Case, outcome: &mut Outcome) {
    let list = case.instructions();
    let Some(insn) = list.first() else { return };
    match insn.mnemonic() {
        M::Dpps | M::Vdpps => each_word(insn, &mut outcome.state, one_nan32),
        M::Dppd | M::Vdppd => each_word(insn, &mut outcome.state, one_nan64),
        _ if compares_memory(insn) && is_fault_of_any(insn, 0..2, outcome) => {
            outcome.end = End::Fault(Fault::Protection(0));
        }
        _ => {}
    }
    let End::Fault(fault) = &mut outcome.end else { return };
    let state = &mut outcome.state;
    match insn.mnemonic() {
        M::Maskmovdqu
        | M::Vmaskmovdqu
        | M::Maskmovq
        | M::Vmaskmovps
        | M::Vmaskmovpd
        | M::Vpmaskmovd
        | M::Vpmaskmovq => {
            if let Fault::Page { address, .. } = fault {
                *address &= !(PAGE - 1);
            }
        }
        M::Vgatherdps | M::Vgatherqps | M::Vpgatherdd | M::Vpgatherqd => keep_signs(insn, 32, state),
        M::Vgatherdpd | M::Vgatherqpd | M::Vpgatherdq | M::Vpgatherqq => keep_signs(insn, 64, state),
        M::Vcvtps2ph => state.mxcsr &= !MXCSR_FLAGS,
        _ if (0..insn.op_count()).any(|n| insn.op_kind(n) == OpKind::Register && insn.op_register(n).is_mm()) => {
            state.x87 = X87 { status: 0, tags: 0, control: state.x87.control, registers: [0; 8] };
        }
        _ => {}
    }
}

/// Whether two outcomes of a case are what the makers do, each in its own way, and in no common one.
pub fn both_may(case: &Case, one: &Outcome, other: &Outcome) -> bool {
    let list = case.instructions();
    let Some(insn) = list.first() else { return false };
    let either = |may: fn(&Instruction, &Outcome, &Outcome) -> bool| may(insn, one, other) || may(insn, other, one);
    either(number_before_operand) || either(alignment_of_sha)
}

/// `one` met the number's exception, and stored nothing; `other` the operand's.
fn number_before_operand(insn: &Instruction, one: &Outcome, other: &Outcome) -> bool {
    let stores = matches!(insn.mnemonic(), M::Fst | M::Fstp | M::Fist | M::Fistp | M::Fisttp | M::Fbstp | M::Vcvtps2ph);
    // x87's is pending until the next instruction.
    let pending = one.end == End::Done && one.state.x87.status & SUMMARY == SUMMARY;
    let raised = pending || one.end == End::Fault(Fault::Simd);
    let alike = one.state.memory == other.state.memory && one.state.gpr == other.state.gpr;
    stores && raised && alike && is_fault_of_any(insn, 0..1, other)
}

/// `one` wants the memory aligned.
fn alignment_of_sha(insn: &Instruction, one: &Outcome, other: &Outcome) -> bool {
    let sha = matches!(
        insn.mnemonic(),
        M::Sha1msg1 | M::Sha1msg2 | M::Sha1nexte | M::Sha1rnds4 | M::Sha256msg1 | M::Sha256msg2 | M::Sha256rnds2
    );
    let address = operand::address(insn, 1, &one.state);
    let refused = matches!(one.end, End::Fault(Fault::Protection(0) | Fault::Stack(0)));
    sha && refused && other.end != End::Timeout && address.is_some_and(|address| address % 16 != 0)
}

fn compares_memory(insn: &Instruction) -> bool {
    insn.is_string_instruction() && matches!(insn.mnemonic(), M::Cmpsb | M::Cmpsw | M::Cmpsd | M::Cmpsq)
}

/// Whether an outcome is the fault that one of these memory operands gives, as computed from the registers that it has.
fn is_fault_of_any(insn: &Instruction, operands: std::ops::Range<u32>, outcome: &Outcome) -> bool {
    let End::Fault(fault) = outcome.end else { return false };
    operands.into_iter().any(|operand| is_fault_of(insn, operand, &outcome.state, fault))
}

/// Whether memory operand `operand` of `insn` gives `fault`: its first byte that cannot be accessed, or an address that is not canonical.
fn is_fault_of(insn: &Instruction, operand: u32, state: &State, fault: Fault) -> bool {
    let Some(first) = operand::address(insn, operand, state) else { return false };
    let mut bytes = (0..insn.memory_size().size() as u64).map(|offset| first.wrapping_add(offset));
    match fault {
        Fault::Page { address, access: Access::Read, .. } => {
            bytes.find(|&byte| !layout::is_readable(byte)) == Some(address)
        }
        Fault::Page { address, access: Access::Write, .. } => {
            bytes.find(|&byte| !layout::is_writable(byte)) == Some(address)
        }
        Fault::Protection(0) | Fault::Stack(0) => bytes.any(|byte| !canonical(byte)),
        _ => false,
    }
}

/// Of a gather's mask, the signs of the lanes; of mask and destination, what the form has.
fn keep_signs(insn: &Instruction, bits: u32, state: &mut State) {
    let (dst, mask) = (insn.op_register(0), insn.op_register(2));
    let signs = if bits == 32 { 0x8000_0000_8000_0000 } else { 1 << 63 };
    state.ymm[mask.number()].iter_mut().for_each(|word| *word &= signs);
    for register in [dst, mask].into_iter().filter(|register| register.is_xmm()) {
        state.ymm[register.number()][2..].fill(0);
    }
}

/// Changes the destination's words.
fn each_word(insn: &Instruction, state: &mut State, change: fn(u64) -> u64) {
    state.ymm[insn.op0_register().number()].iter_mut().for_each(|word| *word = change(*word));
}

/// One NaN for all.
fn one_nan64(bits: u64) -> u64 {
    if f64::from_bits(bits).is_nan() { f64::NAN.to_bits() } else { bits }
}

fn one_nan32(pair: u64) -> u64 {
    let one = |bits: u32| if f32::from_bits(bits).is_nan() { f32::NAN.to_bits() } else { bits };
    u64::from(one(pair as u32)) | u64::from(one((pair >> 32) as u32)) << 32
}

#[cfg(test)]
#[path = "makers_tests.rs"]
mod tests;
