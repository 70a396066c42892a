//! XMM instructions against the host's own processor: every opcode of the three maps that decodes to one and has a body,
//! with registers and with memory, on edge values, in all modes of MXCSR.
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod host;
mod machine;
mod sweep;
mod values;

use host::Host;
use machine::{State, Stop};
use sweep::{Bytes, Kind, all};
use values::Values;
use x86::{Insn, Mnemonic, decode};

/// Cases for each instruction.
const CASES: usize = if cfg!(debug_assertions) { 1500 } else { 20_000 };

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

fn sweep(kind: Kind) -> usize {
    let mut host = Host::new();
    let mut values = Values::new();
    let mut mnemonics = std::collections::BTreeSet::new();
    for bytes in all(kind) {
        for _ in 0..CASES {
            let before = values.state(kind);
            if !agrees(&mut host, &bytes, &before) {
                break;
            }
            mnemonics.insert(decode(&bytes).unwrap().mnemonic as usize);
        }
    }
    mnemonics.len()
}

#[test]
fn registers() {
    assert_eq!(sweep(Kind::Registers), 242);
}

#[test]
fn aligned_memory() {
    assert_eq!(sweep(Kind::AlignedMemory), 242);
}

#[test]
fn misaligned_memory() {
    assert_eq!(sweep(Kind::MisalignedMemory), 242);
}
