//! Writing the section `prelift.regions`.
//!
//! ```text
//! section  := version, first function, vec(binary), vec(mnemonic), vec(region)
//! binary   := mode (0 kernel, 1 user), name, instructions that ran
//! mnemonic := name
//! region   := binary, entries, instructions, bytes of x86 code, instructions that ran, of them left to the interpreter,
//!             side exits (TLB misses, rare cases, budget, unlifted), vec(unlifted)
//! unlifted := mnemonic, places, times that these ran
//! ```
//!
//! Numbers, names and vectors are encoded as everywhere in a module: LEB128; a length and UTF-8; a length and the items.

use super::{Figures, RegionFigures, VERSION};
use crate::discover::Binary;
use crate::lower::SideExits;
use std::collections::BTreeMap;
use wasm_encoder::Encode;

/// Mnemonics and their numbers.
type Mnemonics<'a> = BTreeMap<&'a str, usize>;

impl Figures {
    /// The section's contents.
    pub fn encode(&self) -> Vec<u8> {
        let mnemonics = self.mnemonics();
        let mut to = Vec::new();
        VERSION.encode(&mut to);
        self.first_function.0.encode(&mut to);
        self.binaries.len().encode(&mut to);
        self.binaries.iter().for_each(|binary| encode_binary(binary, &mut to));
        mnemonics.len().encode(&mut to);
        mnemonics.keys().for_each(|name| name.encode(&mut to));
        self.regions.len().encode(&mut to);
        self.regions.iter().for_each(|region| encode_region(region, &mnemonics, &mut to));
        to
    }

    fn mnemonics(&self) -> Mnemonics<'_> {
        let mut all: Vec<&str> =
            self.regions.iter().flat_map(|region| &region.unlifted).map(|u| &*u.mnemonic).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter().zip(0..).collect()
    }
}

fn encode_binary(binary: &Binary, to: &mut Vec<u8>) {
    to.push(binary.mode as u8);
    binary.name.encode(to);
    binary.ran.encode(to);
}

fn encode_region(region: &RegionFigures, mnemonics: &Mnemonics<'_>, to: &mut Vec<u8>) {
    let SideExits { miss, rare, budget, unlifted } = region.side_exits;
    for number in [region.binary.0, region.entries, region.instructions, region.guest_bytes] {
        number.encode(to);
    }
    region.ran.encode(to);
    region.left.encode(to);
    for number in [miss, rare, budget, unlifted] {
        number.encode(to);
    }
    region.unlifted.len().encode(to);
    for left in &region.unlifted {
        mnemonics[&*left.mnemonic].encode(to);
        left.places.encode(to);
        left.ran.encode(to);
    }
}
