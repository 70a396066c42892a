//! What the manual leaves undefined after an instruction, so that no comparison looks at it.
//!
//! Source: the "Flags Affected" and "FPU Flags Affected" paragraphs of SDM volume 2 for each mnemonic. Where undefinedness depends on a
//! shift count, the count comes from the immediate or, for the first instruction of a case, from CL; otherwise it is taken as unknown.
//! Not masked: the destination of BSF and BSR with a zero source, which AMD's manual (APM volume 3, BSF) says is unchanged.

use crate::case::{Case, End};
use crate::layout;
use crate::operand;
use crate::state::{RSP, STATUS_FLAGS, State};
use iced_x86::{FlowControl, Instruction, Mnemonic, OpKind, RflagsBits};

const CF: u64 = 1;
const PF: u64 = 4;
const AF: u64 = 0x10;
const ZF: u64 = 0x40;
const SF: u64 = 0x80;
const OF: u64 = 0x800;
/// x87 status: C0, C1, C2, C3.
const C0: u16 = 0x100;
const C1: u16 = 0x200;
const C2: u16 = 0x400;
const C3: u16 = 0x4000;

/// State bits that are undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undefined {
    /// Of RFLAGS.
    pub flags: u64,
    /// Of the x87 status word.
    pub status: u16,
    /// Of memory: address and length. The last-instruction pointers that the first instruction stored, in which makers differ; what an
    /// ENTER that faults has pushed below RSP; or what an access of more than eight bytes that faults has written (SDM volume 3, 8.1.1).
    pub memory: Option<(u64, u64)>,
}

impl Undefined {
    /// What is undefined after all of a case's instructions, which end so.
    pub fn after(case: &Case, end: &End) -> Undefined {
        let mut all = Undefined::default();
        let list = case.instructions();
        let straight = list.iter().all(|i| i.flow_control() == FlowControl::Next);
        for (i, insn) in list.iter().enumerate() {
            let one = of(insn, (i == 0).then_some(case.state.gpr[1] as u8));
            let defined = if straight { defined_flags(insn) & !one.flags } else { 0 };
            all.flags = all.flags & !defined | one.flags;
            all.status = if straight && defines_status(insn) { 0 } else { all.status } | one.status;
        }
        let faults = matches!(end, End::Fault(_));
        all.memory = list.first().and_then(|insn| match insn.mnemonic() {
            Mnemonic::Enter => pushed(insn, &case.state).filter(|_| faults),
            _ if faults => large_operand(insn, &case.state),
            _ => pointers(insn, &case.state),
        });
        if faults && list.first().is_some_and(is_repeated_comparison) {
            all.flags |= STATUS_FLAGS;
        }
        all
    }

    /// Clears in a state whatever is undefined, and what empty x87 registers hold.
    pub fn clear(self, state: &mut State) {
        state.flags &= !self.flags;
        if let Some((address, len)) = self.memory {
            let homes = (address..address.saturating_add(len)).filter_map(layout::home);
            homes.for_each(|a| state.memory.set_byte(a, 0));
        }
        let x87 = &mut state.x87;
        x87.status &= !self.status;
        for n in 0..8 {
            if x87.is_empty(n) {
                x87.registers[n] = 0;
            }
        }
    }
}

/// The pointers in the 32-bit format that FNSTENV and FNSAVE store: bytes 12 to 27 (SDM volume 1, figure 8-9).
fn pointers(insn: &Instruction, state: &State) -> Option<(u64, u64)> {
    let stores = matches!(insn.mnemonic(), Mnemonic::Fnstenv | Mnemonic::Fnsave);
    let operand = operand::memory_operand(insn).filter(|_| stores)?;
    operand::address(insn, operand, state).map(|address| (address.wrapping_add(12), 16))
}

/// CMPS and SCAS with a prefix: at a page fault RFLAGS may not be what they were before (SDM volume 2, REP).
fn is_repeated_comparison(insn: &Instruction) -> bool {
    use Mnemonic as M;
    let compares = matches!(
        insn.mnemonic(),
        M::Cmpsb | M::Cmpsw | M::Cmpsd | M::Cmpsq | M::Scasb | M::Scasw | M::Scasd | M::Scasq
    );
    compares && insn.is_string_instruction() && (insn.has_rep_prefix() || insn.has_repne_prefix())
}

/// A memory operand of more than eight bytes.
fn large_operand(insn: &Instruction, state: &State) -> Option<(u64, u64)> {
    let size = insn.memory_size().size() as u64;
    let operand = operand::memory_operand(insn).filter(|_| size > 8)?;
    operand::address(insn, operand, state).map(|address| (address, size))
}

/// What ENTER pushes: RBP, and as many frame pointers as it nests.
fn pushed(insn: &Instruction, state: &State) -> Option<(u64, u64)> {
    let bytes = 8 * (1 + u64::from(insn.immediate8_2nd() & 31));
    Some((state.gpr[RSP].wrapping_sub(bytes), bytes))
}

/// Flags that the instruction always writes. Shifts by a register may write none.
fn defined_flags(insn: &Instruction) -> u64 {
    let may_write_none = matches!(shift_count(insn, None), Some(None | Some(0)));
    if may_write_none || insn.has_rep_prefix() || insn.has_repne_prefix() {
        return 0;
    }
    let bits = insn.rflags_modified() & !insn.rflags_undefined();
    let table = [
        (RflagsBits::CF, CF),
        (RflagsBits::PF, PF),
        (RflagsBits::AF, AF),
        (RflagsBits::ZF, ZF),
        (RflagsBits::SF, SF),
        (RflagsBits::OF, OF),
    ];
    table.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, flag)| flag).sum()
}

fn defines_status(insn: &Instruction) -> bool {
    matches!(insn.mnemonic(), Mnemonic::Fninit | Mnemonic::Fnsave | Mnemonic::Frstor | Mnemonic::Fldenv)
}

/// What one instruction leaves undefined; `cl` is CL before it, where known.
pub fn of(insn: &Instruction, cl: Option<u8>) -> Undefined {
    Undefined { flags: flags(insn, cl), status: status(insn.mnemonic()), memory: None }
}

#[rustfmt::skip]
fn flags(insn: &Instruction, cl: Option<u8>) -> u64 {
    use Mnemonic as M;
    match insn.mnemonic() {
        M::And | M::Or | M::Xor | M::Test                    => AF,
        M::Mul | M::Imul                                     => SF | ZF | AF | PF,
        M::Div | M::Idiv                                     => CF | OF | SF | ZF | AF | PF,
        M::Bt | M::Bts | M::Btr | M::Btc                     => OF | SF | AF | PF,
        M::Bsf | M::Bsr                                      => CF | OF | SF | AF | PF,
        M::Tzcnt | M::Lzcnt                                  => OF | SF | AF | PF,
        M::Andn | M::Blsi | M::Blsmsk | M::Blsr | M::Bzhi    => AF | PF,
        M::Bextr                                             => AF | SF | PF,
        M::Shl | M::Sal | M::Shr | M::Sar                    => shift(insn, cl, AF),
        M::Shld | M::Shrd                                    => shift(insn, cl, AF),
        M::Rol | M::Ror | M::Rcl | M::Rcr                    => shift(insn, cl, 0),
        _ => 0,
    }
}

/// Shifts and rotates: `always` after any count but 0, OF after a count above 1, CF of SHL and SHR after a count not below the operand's size.
fn shift(insn: &Instruction, cl: Option<u8>, always: u64) -> u64 {
    let bits = operand_bits(insn);
    let carries = matches!(insn.mnemonic(), Mnemonic::Shl | Mnemonic::Sal | Mnemonic::Shr);
    let carry_lost = |count| carries && count >= bits;
    match shift_count(insn, cl) {
        Some(Some(0)) | None => 0,
        Some(Some(1)) => always,
        Some(Some(count)) => always | OF | if carry_lost(count) { CF } else { 0 },
        Some(None) => always | OF | if carries && bits < 32 { CF } else { 0 },
    }
}

/// For shifts and rotates the masked count, `Some(None)` if unknown; `None` for all others.
fn shift_count(insn: &Instruction, cl: Option<u8>) -> Option<Option<u32>> {
    use Mnemonic as M;
    let last = match insn.mnemonic() {
        M::Shl | M::Sal | M::Shr | M::Sar | M::Rol | M::Ror | M::Rcl | M::Rcr => 1,
        M::Shld | M::Shrd => 2,
        _ => return None,
    };
    let mask = if operand_bits(insn) == 64 { 63 } else { 31 };
    let count = if insn.op_kind(last) == OpKind::Immediate8 { Some(insn.immediate8()) } else { cl };
    Some(count.map(|c| u32::from(c) & mask))
}

/// Whether the destination itself is undefined: SHLD and SHRD with a count above the operand's size (SDM volume 2, SHLD). Such cases are not
/// generated.
pub fn result_is_undefined(insn: &Instruction, cl: u8) -> bool {
    let double = matches!(insn.mnemonic(), Mnemonic::Shld | Mnemonic::Shrd);
    double && shift_count(insn, Some(cl)).flatten().is_some_and(|count| count > operand_bits(insn))
}

/// Size of operand 0.
fn operand_bits(insn: &Instruction) -> u32 {
    let bytes = match insn.op0_kind() {
        OpKind::Register => insn.op0_register().size(),
        _ => insn.memory_size().size(),
    };
    8 * bytes as u32
}

#[rustfmt::skip]
fn status(mnemonic: Mnemonic) -> u16 {
    use Mnemonic as M;
    match mnemonic {
        // "C0, C2, C3 undefined", C1 is defined.
        M::Fadd | M::Faddp | M::Fiadd | M::Fsub | M::Fsubp | M::Fisub | M::Fsubr | M::Fsubrp | M::Fisubr | M::Fmul | M::Fmulp | M::Fimul
        | M::Fdiv | M::Fdivp | M::Fidiv | M::Fdivr | M::Fdivrp | M::Fidivr | M::Fsqrt | M::Frndint | M::Fscale | M::Fxtract | M::Fabs
        | M::Fchs | M::Fld | M::Fild | M::Fbld | M::Fld1 | M::Fldz | M::Fldpi | M::Fldl2e | M::Fldl2t | M::Fldlg2 | M::Fldln2 | M::Fst | M::Fstp | M::Fstpnce
        | M::Fist | M::Fistp | M::Fisttp | M::Fbstp | M::Fxch | M::Fincstp | M::Fdecstp | M::Fcmovb | M::Fcmovbe | M::Fcmove | M::Fcmovnb
        | M::Fcmovnbe | M::Fcmovne | M::Fcmovnu | M::Fcmovu  => C0 | C2 | C3,
        // "C0, C1, C2, C3 undefined".
        M::Ffree | M::Ffreep | M::Fldcw | M::Fnstcw | M::Fnstsw | M::Fnstenv | M::Fnclex | M::Fnop | M::Wait => C0 | C1 | C2 | C3,
        _ => 0,
    }
}
