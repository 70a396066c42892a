//! CPUID: the processor that the guest sees. SDM volume 2, CPUID; Linux `Documentation/virt/kvm/x86/cpuid.rst` and
//! `msr.rst` for the paravirtual leaves.
//!
//! Each level adds the features of [`x86::level`], and nothing that is not there.

use super::extended::CR4_OSXSAVE;
use crate::cpu::Cpu;
use crate::devices::APIC_TSC_RATIO;
use crate::mmu::PHYSICAL_BITS;
use crate::vm::{TSC_KHZ, Vm};
use crate::x87::xsave;
use x86::operands::{read_gpr, write_gpr};
use x86::{Gpr, Level, Width};

/// One bit of a feature word, by its place.
const fn bits<const N: usize>(places: [u32; N]) -> u32 {
    let (mut word, mut index) = (0, 0);
    while index < N {
        word |= 1 << places[index];
        index += 1;
    }
    word
}

/// FPU DE PSE TSC MSR PAE CX8 APIC PGE CMOV PAT CLFSH MMX FXSR SSE SSE2.
const LEAF1_EDX: u32 = bits([0, 2, 3, 4, 5, 6, 8, 9, 13, 15, 16, 19, 23, 24, 25, 26]);
/// CX16, PCID, TSC-deadline, RDRAND, hypervisor.
const LEAF1_ECX: u32 = bits([13, 17, 24, 30, 31]);
/// FSGSBASE, SMEP, ERMS, INVPCID, no selectors in x87 environments, RDSEED, SMAP. With ERMS (repeated MOVSB and STOSB are fast) libraries and
/// kernel copy by these, which a bulk operator does a page at a time.
const LEAF7_EBX: u32 = bits([0, 7, 9, 10, 13, 18, 20]);
/// UMIP.
const LEAF7_ECX: u32 = bits([2]);
/// SSE3, PCLMULQDQ, SSSE3, SSE4.1, SSE4.2, POPCNT, AES.
const LEAF1_ECX_V2: u32 = bits([0, 1, 9, 19, 20, 23, 25]);
/// FMA, MOVBE, XSAVE, AVX, F16C. OSXSAVE is CR4's.
const LEAF1_ECX_V3: u32 = bits([12, 22, 26, 28, 29]);
const OSXSAVE: u32 = bits([27]);
/// BMI1, AVX2, BMI2, ADX, CLFLUSHOPT, CLWB, SHA.
const LEAF7_EBX_V3: u32 = bits([3, 5, 8, 19, 23, 24, 29]);
/// RDPID.
const LEAF7_ECX_V3: u32 = bits([22]);
/// LZCNT.
const EXTENDED_ECX_V3: u32 = bits([5]);
/// XSAVEOPT, XSAVEC, XGETBV with ECX = 1.
const XSAVE_FEATURES: u32 = bits([0, 1, 2]);
/// SYSCALL, NX, 1 GiB pages, RDTSCP, long mode.
const EXTENDED_EDX: u32 = bits([11, 20, 26, 27, 29]);
/// LAHF in 64-bit mode.
const EXTENDED_ECX: u32 = bits([0]);
/// Clock source 2 with stable bit (3, 24), and no I/O delay (1).
const KVM_FEATURES: u32 = bits([1, 3, 24]);
/// TSC that does not stop (leaf 0x8000_0007).
const INVARIANT_TSC: u32 = bits([8]);

/// TSC ticks in one tick of the APIC's timer.
const RATIO: u32 = APIC_TSC_RATIO as u32;

const VENDOR: [u8; 12] = *b"GenuineIntel";
const KVM: [u8; 12] = *b"KVMKVMKVM\0\0\0";
const BRAND: &[u8; 48] = b"prelift x86-64\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Family 6, model 15, stepping 1.
const SIGNATURE: u32 = 0x0000_06f1;

fn word(bytes: &[u8], index: usize) -> u32 {
    u32::from_le_bytes([bytes[4 * index], bytes[4 * index + 1], bytes[4 * index + 2], bytes[4 * index + 3]])
}

/// The XSAVE leaf. The area that XCR0 asks for ends with its last component.
fn xsave_leaf(cpu: &Cpu, subleaf: u32) -> [u32; 4] {
    let whole = (xsave::AVX_OFFSET + xsave::AVX_SIZE) as u32;
    let now = if cpu.xcr0 & xsave::AVX != 0 { whole } else { xsave::AVX_OFFSET as u32 };
    match subleaf {
        0 => [xsave::ALL as u32, now, whole, 0],
        1 => [XSAVE_FEATURES, now, 0, 0],
        2 => [xsave::AVX_SIZE as u32, xsave::AVX_OFFSET as u32, 0, 0],
        _ => [0; 4],
    }
}

/// `word` where the processor has a level.
fn from(cpu: &Cpu, level: Level, word: u32) -> u32 {
    if cpu.level() >= level { word } else { 0 }
}

fn leaf1_ecx(cpu: &Cpu) -> u32 {
    let osxsave = if cpu.cr4 & CR4_OSXSAVE != 0 { OSXSAVE } else { 0 };
    LEAF1_ECX | from(cpu, Level::V2, LEAF1_ECX_V2) | from(cpu, Level::V3, LEAF1_ECX_V3) | osxsave
}

/// EAX, EBX, ECX and EDX of a leaf.
fn leaf(cpu: &Cpu, leaf: u32, subleaf: u32) -> [u32; 4] {
    let v3 = |word| from(cpu, Level::V3, word);
    let brand = |part: usize| [0, 1, 2, 3].map(|index| word(BRAND, 4 * part + index));
    match leaf {
        0 => [0x16, word(&VENDOR, 0), word(&VENDOR, 2), word(&VENDOR, 1)],
        // CLFLUSH lines of 64 bytes; one logical processor, APIC id 0.
        1 => [SIGNATURE, 8 << 8 | 1 << 16, leaf1_ecx(cpu), LEAF1_EDX],
        7 if subleaf == 0 => [0, LEAF7_EBX | v3(LEAF7_EBX_V3), LEAF7_ECX | v3(LEAF7_ECX_V3), 0],
        0xd if cpu.level() >= Level::V3 => xsave_leaf(cpu, subleaf),
        // TSC = crystal * ratio; crystal in Hz.
        0x15 => [1, RATIO, TSC_KHZ / RATIO * 1000, 0],
        0x16 => [TSC_KHZ / 1000, TSC_KHZ / 1000, TSC_KHZ / 1000, 0],
        0x4000_0000 => [0x4000_0010, word(&KVM, 0), word(&KVM, 1), word(&KVM, 2)],
        0x4000_0001 => [KVM_FEATURES, 0, 0, 0],
        // TSC and APIC bus frequency in kHz.
        0x4000_0010 => [TSC_KHZ, TSC_KHZ / RATIO, 0, 0],
        0x8000_0000 => [0x8000_0008, 0, 0, 0],
        0x8000_0001 => [0, 0, EXTENDED_ECX | v3(EXTENDED_ECX_V3), EXTENDED_EDX],
        0x8000_0002..=0x8000_0004 => brand((leaf - 0x8000_0002) as usize),
        0x8000_0007 => [0, 0, 0, INVARIANT_TSC],
        0x8000_0008 => [PHYSICAL_BITS | 48 << 8, 0, 0, 0],
        _ => [0; 4],
    }
}

pub(super) fn cpuid(vm: &mut Vm) {
    let number = read_gpr(vm, Gpr::RAX, Width::W32) as u32;
    let subleaf = read_gpr(vm, Gpr::RCX, Width::W32) as u32;
    let [a, b, c, d] = leaf(&vm.cpu, number, subleaf);
    for (register, value) in [(Gpr::RAX, a), (Gpr::RBX, b), (Gpr::RCX, c), (Gpr::RDX, d)] {
        write_gpr(vm, register, Width::W32, value.into());
    }
}
