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

fn run(bytes: &Bytes, before: &State) -> Result<(Insn, State), (Insn, Stop, State)> {
    let insn = decode(bytes).unwrap_or_else(|why| panic!("{bytes:02x?}: {why:?}"));
    let mut machine = *before;
    match x86::exec(&mut machine, &insn) {
        Ok(()) => Ok((insn, machine)),
        Err(stop) => Err((insn, stop, machine)),
    }
}

/// Compares one case; tells whether the instruction has a body.
fn agrees(host: &mut Host, bytes: &Bytes, before: &State) -> bool {
    let (insn, stop, ours) = match run(bytes, before) {
        Ok((insn, after)) => (insn, None, after),
        Err((_, Stop::Undefined, _)) => return false,
        Err((insn, stop, after)) => (insn, Some(stop), after),
    };
    let (theirs, signal) = host.run(bytes, before);
    let expected = match signal {
        0 => None,
        libc::SIGFPE => Some(Stop::SimdException),
        libc::SIGSEGV => Some(Stop::GeneralProtection),
        other => panic!("{:?} {bytes:02x?}: signal {other} on the host", insn.mnemonic),
    };
    let same = stop == expected && ours.same_as(&theirs, stop.is_none() && approximate(insn.mnemonic));
    assert!(
        same,
        "{:?} {bytes:02x?}\nbefore {before:x?}\nhere   {stop:?} {ours:x?}\nhost   {expected:?} {theirs:x?}",
        insn.mnemonic
    );
    true
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

/// Every row of the table must have been met in one form or the other.
#[test]
fn every_encoding_agrees_with_the_host() {
    let mut met = sweep(Kind::Registers);
    met.extend(sweep(Kind::AlignedMemory));
    met.extend(sweep(Kind::MisalignedMemory));
    let table = include_str!("../../src/body/sse/mod.rs");
    let rows = table.split("Mn::").skip(1).map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap());
    let missing: Vec<_> = rows.filter(|row| !met.contains(*row)).collect();
    assert!(missing.is_empty() && met.len() > 200, "not tested: {missing:?}");
}

/// ADD, MUL, SUB, DIV of all pairs of edges, in the fast mode and in every rounding mode.
#[test]
fn all_pairs_of_edges_agree_with_the_host() {
    let mut host = Host::new();
    let pairs32 = values::pairs(&values::edges32());
    let pairs64 = values::pairs(&values::edges64());
    for opcode in [0x58, 0x59, 0x5c, 0x5e] {
        for mxcsr in [0x1fa0, 0x1f80, 0x3f80, 0x5f80, 0x7f80, 0x9f80, 0xff80, 0x1fc0] {
            for (bytes, pairs) in [(vec![0x0f, opcode, 0xca], &pairs32), (vec![0x66, 0x0f, opcode, 0xca], &pairs64)] {
                for &[a, b] in pairs {
                    let mut before = State { mxcsr, ..State::default() };
                    (before.xmm[1], before.xmm[2]) = (a, b);
                    assert!(agrees(&mut host, &bytes, &before));
                }
            }
        }
    }
}
