//! Which codes are tested, by family, and why others are not.

use iced_x86::{Code, CpuidFeature, FlowControl, MemorySize as S, Mnemonic, OpCodeOperandKind};
use x86::Level;

/// Families of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// General-purpose.
    General,
    /// x87.
    X87,
    /// MMX, and the MMX forms of SSE and SSE2.
    Mmx,
    /// SSE and SSE2.
    Sse,
    /// SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT and what else x86-64-v2 adds.
    V2,
    /// AVX, AVX2, BMI1, BMI2, FMA and what else x86-64-v3 adds.
    V3,
}

impl Family {
    /// All.
    pub const ALL: [Family; 6] = [Family::General, Family::X87, Family::Mmx, Family::Sse, Family::V2, Family::V3];
}

/// The codes of a family that take part, in the order of iced's table.
pub fn codes(family: Family) -> Vec<Code> {
    Code::values().filter(|&code| family_of(code) == Some(family) && exclusion(code).is_none()).collect()
}

/// The family of a code that exists in 64-bit mode, if any is modelled.
fn family_of(code: Code) -> Option<Family> {
    use CpuidFeature as F;
    let info = code.op_code();
    if !info.mode64() || !info.is_instruction() {
        return None;
    }
    match x86::level::least(code)? {
        Level::V1 => {}
        Level::V2 => return Some(Family::V2),
        Level::V3 => return Some(Family::V3),
    }
    let families = code.cpuid_features().iter().map(|feature| match *feature {
        F::INTEL8086
        | F::INTEL186
        | F::INTEL286
        | F::INTEL386
        | F::INTEL486
        | F::X64
        | F::CMOV
        | F::CX8
        | F::CMPXCHG16B => Some(Family::General),
        F::MULTIBYTENOP | F::PAUSE | F::CLFSH | F::FSGSBASE => Some(Family::General),
        F::FPU | F::FPU287 | F::FPU387 => Some(Family::X87),
        F::MMX => Some(Family::Mmx),
        F::SSE | F::SSE2 => Some(Family::Sse),
        _ => None,
    });
    let all: Option<Vec<Family>> = families.collect();
    let all = all?;
    let first = *all.first()?;
    let mmx = info
        .op_kinds()
        .iter()
        .any(|k| matches!(k, OpCodeOperandKind::mm_reg | OpCodeOperandKind::mm_rm | OpCodeOperandKind::mm_or_mem));
    Some(if mmx { Family::Mmx } else { first })
}

/// Why a code is not generated, if so.
pub fn exclusion(code: Code) -> Option<&'static str> {
    let info = code.op_code();
    let kinds = info.op_kinds();
    let has = |kind| kinds.contains(&kind);
    if info.is_privileged() || info.must_be_cpl0() || info.is_input_output() {
        return Some("privileged");
    }
    if info.fwait() {
        return Some("two instructions: WAIT and the form without it, tested each");
    }
    if has(OpCodeOperandKind::seg_reg)
        || [OpCodeOperandKind::es, OpCodeOperandKind::fs, OpCodeOperandKind::gs].iter().any(|k| has(*k))
    {
        return Some("selectors belong to the operating system");
    }
    if has(OpCodeOperandKind::br16_1) || has(OpCodeOperandKind::br16_2) {
        return Some("makers differ in near branches with a 16-bit operand size");
    }
    if has(OpCodeOperandKind::farbr2_2) || matches!(code.flow_control(), FlowControl::XbeginXabortXend) {
        return Some("far or transactional");
    }
    by_mnemonic(code)
}

#[rustfmt::skip]
fn by_mnemonic(code: Code) -> Option<&'static str> {
    use Mnemonic as M;
    match code {
        Code::Call_rm16 | Code::Jmp_rm16 | Code::Retnw | Code::Retnw_imm16 => return Some("makers differ in near branches with a 16-bit operand size"),
        Code::Bswap_r16 => return Some("undefined (SDM volume 2, BSWAP)"),
        Code::Call_m1616 | Code::Call_m1632 | Code::Call_m1664 | Code::Jmp_m1616 | Code::Jmp_m1632 | Code::Jmp_m1664 => return Some("far"),
        _ => {}
    }
    match code.mnemonic() {
        M::Syscall | M::Sysenter | M::Int | M::Sysexit | M::Sysret => Some("calls the operating system"),
        M::Iret | M::Iretd | M::Iretq | M::Retf | M::Lss | M::Lfs | M::Lgs | M::Lds | M::Les => Some("far"),
        M::Sgdt | M::Sidt | M::Sldt | M::Str | M::Smsw | M::Lar | M::Lsl | M::Verr | M::Verw | M::Rdpmc => Some("shows the operating system's tables"),
        M::Fnstenv | M::Fnsave | M::Fldenv | M::Frstor if matches!(code.op_code().memory_size(), S::FpuEnv14 | S::FpuState94) => Some("16-bit format"),
        M::Fxsave | M::Fxsave64 | M::Fxrstor | M::Fxrstor64
            => Some("makers differ in the last-instruction pointers, which a case does not hold"),
        M::Xsave | M::Xsave64 | M::Xsaveopt | M::Xsaveopt64 | M::Xsavec | M::Xsavec64 | M::Xrstor | M::Xrstor64
            => Some("the area holds last-instruction pointers, in which makers differ, and what the host's XCR0 has"),
        M::Xgetbv | M::Rdpid => Some("shows the operating system's settings"),
        M::Fsin | M::Fcos | M::Fsincos | M::Fptan | M::Fpatan | M::F2xm1 | M::Fyl2x | M::Fyl2xp1 => Some("makers differ within documented bounds"),
        M::Rcpps | M::Rcpss | M::Rsqrtps | M::Rsqrtss | M::Vrcpps | M::Vrcpss | M::Vrsqrtps | M::Vrsqrtss => Some("makers differ within documented bounds"),
        M::Fndisi | M::Fneni | M::Fnsetpm | M::Frstpm | M::Fsetpm | M::Fdisi | M::Feni => Some("no operation since the 387"),
        M::Fstdw | M::Fstsg | M::Fnstdw | M::Fnstsg => Some("387SL only"),
        M::Salc | M::Loadall | M::Int1 | M::Umonitor | M::Monitor | M::Mwait => Some("not for user mode in 64-bit code"),
        M::Ud0 => Some("makers differ in whether it has a ModRM byte"),
        M::Reservednop => Some("reserved encodings"),
        _ => None,
    }
}
