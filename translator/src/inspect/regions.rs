//! The translated regions, hottest first, and the binaries that they are from.

use super::functions::Functions;
use crate::convert::{Figures, RegionFigures, Unlifted};
use crate::lower::SideExits;
use anyhow::{Context, Result};
use runtime::profile::Mode;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What a module's regions are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Regions {
    /// How often instructions ran in training, added up, in regions or not. Blocks count as wholes, so that it is a little
    /// more than what retired where faults and interrupts cut them short.
    pub ran: u64,
    /// Ascending by mode and name.
    pub binaries: Vec<BinaryRow>,
    /// The regions: those whose instructions ran most often first.
    pub rows: Vec<RegionRow>,
}

/// A region.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RegionRow {
    /// The guest's function. Parts after its first have `#1`, `#2`, … at the end.
    pub function: String,
    /// Place of its binary in [`Regions::binaries`].
    pub binary: usize,
    /// Entry points; a region that could not be translated has none.
    pub entries: u32,
    /// Guest instructions.
    pub instructions: u32,
    /// Bytes of x86 code.
    pub guest_bytes: u32,
    /// Bytes of Wasm.
    pub wasm_bytes: u32,
    /// How often its instructions ran in training, added up.
    pub ran: u64,
    /// Its part of all that ran.
    pub share: f64,
    /// The part of it and of all rows before it.
    pub cumulative: f64,
    /// Of what ran, what the interpreter carried out.
    pub left: u64,
    /// Its side exits.
    pub side_exits: SideExits,
    /// Mnemonics that are left to the interpreter, those that ran most often first.
    #[serde(serialize_with = "by_name")]
    pub unlifted: Vec<Unlifted>,
}

/// The kernel, or a file of the image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BinaryRow {
    /// Its name: `kernel`, a path, or `memory` for what is in no known file.
    pub name: String,
    /// It is the kernel's.
    pub kernel: bool,
    /// Regions.
    pub regions: u64,
    /// Bytes of x86 code in them.
    pub guest_bytes: u64,
    /// Bytes of Wasm in them.
    pub wasm_bytes: u64,
    /// How often its instructions ran in training, added up.
    pub ran: u64,
    /// Of them, those in translated code.
    pub translated: u64,
}

/// `of` as a part of `whole`; 0 of nothing.
pub(super) fn share(of: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { of as f64 / whole as f64 }
}

fn growth(wasm: u64, x86: u64) -> Option<f64> {
    (x86 > 0).then(|| wasm as f64 / x86 as f64)
}

impl RegionRow {
    /// Bytes of Wasm for a byte of x86 code, if there is any.
    pub fn growth(&self) -> Option<f64> {
        growth(self.wasm_bytes.into(), self.guest_bytes.into())
    }
}

impl BinaryRow {
    /// The part of what ran that is in translated code.
    pub fn share(&self) -> f64 {
        share(self.translated, self.ran)
    }

    /// Bytes of Wasm for a byte of x86 code, if there is any.
    pub fn growth(&self) -> Option<f64> {
        growth(self.wasm_bytes, self.guest_bytes)
    }
}

impl Regions {
    /// Joins what was recorded at conversion with the names and sizes of the module's functions.
    ///
    /// # Errors
    /// If the module has fewer functions than regions.
    pub(super) fn new(figures: Figures, functions: &Functions) -> Result<Regions> {
        let binary = |binary: crate::discover::Binary| BinaryRow {
            name: binary.name,
            kernel: binary.mode == Mode::Kernel,
            regions: 0,
            guest_bytes: 0,
            wasm_bytes: 0,
            ran: binary.ran,
            translated: 0,
        };
        let mut binaries: Vec<BinaryRow> = figures.binaries.into_iter().map(binary).collect();
        let ran = binaries.iter().fold(0u64, |sum, binary| sum.saturating_add(binary.ran));
        let mut rows = Vec::new();
        for (number, region) in figures.regions.into_iter().enumerate() {
            let index = u32::try_from(number).ok().and_then(|number| figures.first_function.0.checked_add(number));
            let (index, size) = index
                .and_then(|index| Some((index, functions.size(index)?)))
                .with_context(|| format!("region {number}: expected a function of the module for it"))?;
            let row = row(region, functions.name(index), size, &binaries);
            binaries[row.binary].add(&row);
            rows.push(row);
        }
        rows.sort_by_key(|row| Reverse(row.ran));
        let mut sum = 0u64;
        for row in &mut rows {
            sum = sum.saturating_add(row.ran);
            (row.share, row.cumulative) = (share(row.ran, ran), share(sum, ran));
        }
        Ok(Regions { ran, binaries, rows })
    }

    /// A region's binary.
    pub fn binary(&self, row: &RegionRow) -> &BinaryRow {
        &self.binaries[row.binary]
    }

    /// How often instructions ran in translated code in training.
    pub fn translated(&self) -> u64 {
        self.binaries.iter().fold(0, |sum, binary| sum.saturating_add(binary.translated))
    }

    /// Mnemonics that all regions together leave to the interpreter, those that ran most often first.
    pub fn unlifted(&self) -> Vec<Unlifted> {
        let mut all = BTreeMap::<&str, (u32, u64)>::new();
        for Unlifted { mnemonic, places, ran } in self.rows.iter().flat_map(|row| &row.unlifted) {
            let (so_far, so_often) = all.entry(mnemonic).or_default();
            (*so_far, *so_often) = (so_far.saturating_add(*places), so_often.saturating_add(*ran));
        }
        let row = |(mnemonic, (places, ran)): (&str, _)| Unlifted { mnemonic: mnemonic.to_owned(), places, ran };
        hottest_first(all.into_iter().map(row).collect())
    }
}

fn row(region: RegionFigures, name: String, wasm_bytes: u32, binaries: &[BinaryRow]) -> RegionRow {
    let binary = region.binary.0 as usize;
    let function = name.strip_prefix(&*binaries[binary].name).and_then(|rest| rest.strip_prefix(':'));
    RegionRow {
        function: function.unwrap_or(&name).to_owned(),
        binary,
        entries: region.entries,
        instructions: region.instructions,
        guest_bytes: region.guest_bytes,
        wasm_bytes,
        ran: region.ran,
        share: 0.0,
        cumulative: 0.0,
        left: region.left,
        side_exits: region.side_exits,
        unlifted: hottest_first(region.unlifted),
    }
}

fn hottest_first(mut mnemonics: Vec<Unlifted>) -> Vec<Unlifted> {
    mnemonics.sort_by_key(|unlifted| (Reverse(unlifted.ran), Reverse(unlifted.places)));
    mnemonics
}

impl BinaryRow {
    fn add(&mut self, row: &RegionRow) {
        self.regions += 1;
        self.guest_bytes += u64::from(row.guest_bytes);
        self.wasm_bytes += u64::from(row.wasm_bytes);
        self.translated = self.translated.saturating_add(row.ran - row.left);
    }
}

/// Mnemonics as a JSON object: at how many places, and how often these ran.
fn by_name<S: serde::Serializer>(unlifted: &[Unlifted], to: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Left {
        places: u32,
        ran: u64,
    }
    to.collect_map(unlifted.iter().map(|left| (&left.mnemonic, Left { places: left.places, ran: left.ran })))
}
