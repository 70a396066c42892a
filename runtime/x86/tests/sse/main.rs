//! XMM instructions against the host's own processor: every opcode of the three maps that decodes to one and has a body,
//! with registers and with memory, on edge values, in all modes of MXCSR.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod host;
mod machine;
mod sweep;
mod values;

use host::Host;
use machine::{State, Stop};
use std::collections::BTreeSet;
use sweep::{Bytes, Kind, all};
use values::Values;
use x86::{Insn, Mnemonic, decode};

/// Cases for each opcode.
const CASES: usize = if cfg!(debug_assertions) { 1200 } else { 20_000 };

/// Runs one instruction here: what it was, why it stopped, and the state after it.
fn run(bytes: &Bytes, before: &State) -> (Insn, Option<Stop>, State) {
    let insn = decode(bytes).unwrap_or_else(|why| panic!("{bytes:02x?}: {why:?}"));
    let mut machine = *before;
    let stop = x86::exec(&mut machine, &insn).err();
    (insn, stop, machine)
}

/// Compares one case; tells whether the instruction has a body.
fn agrees(host: &mut Host, bytes: &Bytes, before: &State) -> bool {
    let (insn, stop, ours) = run(bytes, before);
    if stop == Some(Stop::Undefined) {
        return false;
    }
    let (mut theirs, signal) = host.run(bytes, before);
    let mut ours = ours;
    [&mut ours, &mut theirs].into_iter().for_each(|state| settle(insn.mnemonic, state));
    let expected = match signal {
        0 => None,
        libc::SIGFPE => Some(Stop::SimdException),
        libc::SIGSEGV => Some(Stop::GeneralProtection),
        other => panic!("{:?} {bytes:02x?}: signal {other} on the host", insn.mnemonic),
    };
    if takes_any_address(insn.mnemonic)
        && !before.gpr[6].is_multiple_of(16)
        && (stop, expected) == (Some(Stop::GeneralProtection), None)
    {
        return true;
    }
    let same = stop == expected && ours.same_as(&theirs, stop.is_none() && approximate(insn.mnemonic));
    assert!(
        same,
        "{:?} {bytes:02x?}\nbefore {before:x?}\nhere   {stop:?} {ours:x?}\nhost   {expected:?} {theirs:x?}",
        insn.mnemonic
    );
    true
}

/// SHA's memory must be aligned (SDM volume 2, exceptions of class 4), which AMD's processors do not ask for.
fn takes_any_address(mnemonic: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(mnemonic, Sha1msg1 | Sha1msg2 | Sha1nexte | Sha1rnds4 | Sha256msg1 | Sha256msg2 | Sha256rnds2)
}

/// Which of several NaNs the sum of DPPS and DPPD is no manual says, and Intel's and AMD's differ: makes them one.
fn settle(mnemonic: Mnemonic, state: &mut State) {
    let (bits, infinity) = match mnemonic {
        Mnemonic::Dpps => (32, 0x7f80_0000),
        Mnemonic::Dppd => (64, 0x7ff0_0000_0000_0000),
        _ => return,
    };
    let magnitude: u128 = (1 << (bits - 1)) - 1;
    for register in &mut state.xmm {
        for lane in (0..128).step_by(bits) {
            if *register >> lane & magnitude > infinity {
                *register |= (magnitude << 1 | 1) << lane;
            }
        }
    }
}

fn approximate(mnemonic: Mnemonic) -> bool {
    use Mnemonic::*;
    matches!(mnemonic, Rcpps | Rcpss | Rsqrtps | Rsqrtss)
}

/// Compares every encoding; gives the mnemonics that have a body.
fn sweep(kind: Kind) -> BTreeSet<String> {
    let mut host = Host::new();
    let mut values = Values::new();
    let mut mnemonics = BTreeSet::new();
    for (bytes, share) in all(kind) {
        for _ in 0..CASES / share {
            let before = values.state(kind);
            if !agrees(&mut host, &bytes, &before) {
                break;
            }
            mnemonics.insert(format!("{:?}", decode(&bytes).unwrap().mnemonic));
        }
    }
    mnemonics
}

/// Every row of the table with a legacy encoding must have been met in one form or the other.
#[test]
fn every_encoding_agrees_with_the_host() {
    let mut met = sweep(Kind::Registers);
    met.extend(sweep(Kind::AlignedMemory));
    met.extend(sweep(Kind::MisalignedMemory));
    let table = include_str!("../../src/body/sse/mod.rs");
    let rows = table.split("Mn::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    let missing: Vec<_> =
        rows.filter(|row| !row.starts_with('V') && !row.starts_with("Pcmpestr") && !met.contains(*row)).collect();
    assert!(missing.is_empty() && met.len() > 200, "not tested: {missing:?}");
}

/// The fast mode, every rounding mode, and with FTZ and DAZ.
const MODES: [u32; 8] = [0x1fa0, 0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x9f80, 0xff80, 0x1fc0];

fn pairs_agree(bytes: &Bytes, pairs: &[[u128; 2]]) {
    let mut host = Host::new();
    for mxcsr in MODES {
        for &[a, b] in pairs {
            let mut before = State { mxcsr, ..State::default() };
            (before.xmm[1], before.xmm[2]) = (a, b);
            assert!(agrees(&mut host, bytes, &before), "{bytes:02x?} has no body");
        }
    }
}

/// ADD, MUL, SUB, MIN, DIV, MAX of all pairs of edges.
#[test]
fn binary_operations_agree_on_all_edges() {
    let (pairs32, pairs64) = (values::pairs(&values::edges32()), values::pairs(&values::edges64()));
    for opcode in [0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f] {
        pairs_agree(&vec![0x0f, opcode, 0xca], &pairs32);
        pairs_agree(&vec![0x66, 0x0f, opcode, 0xca], &pairs64);
    }
}

/// The tests of the fast path for all lanes at once say what those for one number say.
#[test]
fn packed_fast_path_is_the_scalar_one() {
    use x86::vector::float::{FloatOp, FloatWidth, fast, fast_packed};
    let mut plain = x86::plain::Plain;
    let all = [(FloatWidth::F32, values::edges32()), (FloatWidth::F64, values::edges64())];
    for (w, edges) in all {
        // Any number may be a result here: the test must not depend on what the operation gives.
        for [a, b] in values::pairs(&edges) {
            for op in [FloatOp::Add, FloatOp::Mul, FloatOp::Div, FloatOp::Min] {
                for [x, y, result] in [[a, b, b], [b, edges[0], a]] {
                    let [sx, sy, sr] = [x, y, result].map(|v| v as u64 & w.bits().mask());
                    let one = fast::bin_is_ordinary(&mut plain, op, w, sx, sy, sr);
                    let packed = fast_packed::bin_packed_is_ordinary(&mut plain, op, w, x, y, result);
                    assert_eq!(one, packed, "{op:?} {x:x} {y:x} {result:x}");
                }
            }
        }
    }
}

/// Square roots, conversions and roundings of all edges.
#[test]
fn unary_operations_agree_on_all_edges() {
    let edges: Vec<_> = values::edges32().into_iter().chain(values::edges64()).map(|x| [x, x]).collect();
    for opcode in [0x51, 0x5a, 0x5b, 0x2c, 0x2d, 0xe6] {
        for prefix in [&[] as &[u8], &[0x66], &[0xf2], &[0xf3], &[0xf2, 0x48], &[0xf3, 0x48]] {
            let bytes = [prefix, &[0x0f, opcode, 0xca]].concat();
            if sweep::is_tested(&bytes) && run(&bytes, &State::default()).1 != Some(Stop::Undefined) {
                pairs_agree(&bytes, &edges);
            }
        }
    }
    for imm in 0..16 {
        pairs_agree(&vec![0x66, 0x0f, 0x3a, 0x08, 0xca, imm], &edges);
        pairs_agree(&vec![0x66, 0x0f, 0x3a, 0x09, 0xca, imm], &edges);
    }
}

/// RCPPS and RSQRTPS are within the manual's bound, relative error 1.5 · 2^-12, over all fractions' leading bits.
#[test]
fn approximations_are_within_the_documented_bound() {
    use x86::vector::float::{FloatUnOp, un};
    for bits in (0x0100_0000u32..0x7e00_0000).step_by(99_991) {
        let x = f64::from(f32::from_bits(bits));
        for (op, exact) in [(FloatUnOp::Reciprocal, 1.0 / x), (FloatUnOp::ReciprocalSqrt, 1.0 / x.sqrt())] {
            let value = f64::from(f32::from_bits(un(op, 0x1f80, bits.into()).value as u32));
            assert!((value / exact - 1.0).abs() <= 1.5 / 4096.0, "{op:?} {bits:x}");
        }
    }
}

/// CMPSD as a string instruction, and MMX registers, have no body here; MOVSD has one that touches no XMM register.
#[test]
fn what_is_not_for_xmm_registers_is_refused() {
    for bytes in [&[0xa7][..], &[0x0f, 0xfc, 0xca], &[0x0f, 0x6f, 0x0e], &[0x0f, 0x2a, 0xca]] {
        let before = State::default();
        let (_, stop, after) = run(&bytes.to_vec(), &before);
        assert!(stop == Some(Stop::Undefined) && after.same_as(&before, false), "{bytes:02x?}: {stop:?}");
    }
    let (_, stop, after) = run(&vec![0xa5], &State::default());
    assert!(stop.is_none() && after.xmm == State::default().xmm, "{stop:?}");
}
