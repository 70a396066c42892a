//! Processor levels: which instructions a processor has. System V psABI for x86-64, section 3.1.1, table 3.1.
//!
//! | level | beyond the level before |
//! |---|---|
//! | [`Level::V1`] | the baseline, CMPXCHG16B, RDRAND, RDSEED, RDTSCP, FSGSBASE, INVPCID |
//! | [`Level::V2`] | SSE3, SSSE3, SSE4.1, SSE4.2, POPCNT; AES and PCLMULQDQ, as the first processors of that level had them |
//! | [`Level::V3`] | AVX, AVX2, BMI1, BMI2, F16C, FMA, LZCNT, MOVBE, the XSAVE family; ADX, SHA, RDPID, CLFLUSHOPT, CLWB |
//!
//! What a level lacks is #UD, but for two: where TZCNT and LZCNT are missing their prefix means nothing, and they are
//! BSF and BSR. Hints (PREFETCHW, CLDEMOTE, RDSSP, ENDBR, …) are no operations on every processor.

use iced_x86::{Code, CpuidFeature as Feature, Mnemonic};

/// A processor level, least first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// x86-64.
    V1 = 1,
    /// x86-64-v2.
    #[default]
    V2 = 2,
    /// x86-64-v3.
    V3 = 3,
}

impl Level {
    /// All, least first.
    pub const ALL: [Level; 3] = [Level::V1, Level::V2, Level::V3];

    /// The level of a number, 1 to 3.
    pub const fn from_number(number: u8) -> Option<Level> {
        match number {
            1 => Some(Level::V1),
            2 => Some(Level::V2),
            3 => Some(Level::V3),
            _ => None,
        }
    }

    /// Its name: `x86-64`, `x86-64-v2` or `x86-64-v3`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::V1 => "x86-64",
            Level::V2 => "x86-64-v2",
            Level::V3 => "x86-64-v3",
        }
    }

    /// The level of a name.
    pub fn from_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Whether a processor of this level has an instruction.
    pub fn has(self, code: Code) -> bool {
        least(code).is_some_and(|least| least <= self)
    }
}

/// The least level that has an instruction; `None` if none has.
pub fn least(code: Code) -> Option<Level> {
    if is_hint(code.mnemonic()) {
        return Some(Level::V1);
    }
    code.cpuid_features().iter().try_fold(Level::V1, |level, &feature| Some(level.max(least_with(feature)?)))
}

/// The least level with a feature.
fn least_with(feature: Feature) -> Option<Level> {
    use Feature as F;
    match feature {
        F::INTEL8086 | F::INTEL186 | F::INTEL286 | F::INTEL386 | F::INTEL486 | F::X64 => Some(Level::V1),
        F::CPUID | F::CX8 | F::CMOV | F::TSC | F::MSR | F::RDPMC | F::SYSCALL | F::PAUSE => Some(Level::V1),
        F::MULTIBYTENOP | F::CLFSH | F::RDTSCP | F::CMPXCHG16B | F::FSGSBASE | F::INVPCID => Some(Level::V1),
        F::RDRAND | F::RDSEED | F::SMAP | F::WBNOINVD => Some(Level::V1),
        F::FPU | F::FPU287 | F::FPU387 | F::MMX | F::FXSR | F::SSE | F::SSE2 => Some(Level::V1),
        F::SSE3 | F::SSSE3 | F::SSE4_1 | F::SSE4_2 | F::POPCNT | F::AES | F::PCLMULQDQ => Some(Level::V2),
        F::AVX | F::AVX2 | F::BMI1 | F::BMI2 | F::F16C | F::FMA | F::LZCNT | F::MOVBE => Some(Level::V3),
        F::XSAVE | F::XSAVEOPT | F::XSAVEC | F::ADX | F::SHA | F::RDPID | F::CLFLUSHOPT | F::CLWB => Some(Level::V3),
        _ => None,
    }
}

/// Encodings that processors without the feature take for a no-operation.
fn is_hint(mnemonic: Mnemonic) -> bool {
    use Mnemonic as M;
    matches!(
        mnemonic,
        M::Nop
            | M::Reservednop
            | M::Endbr32
            | M::Endbr64
            | M::Rdsspd
            | M::Rdsspq
            | M::Cldemote
            | M::Prefetch
            | M::Prefetchw
            | M::Prefetchwt1
            | M::Prefetchit0
            | M::Prefetchit1
    )
}
