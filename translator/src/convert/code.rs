//! From a profile to the functions of all regions.

use super::figures::{Figures, RegionFigures, Unlifted};
use super::guest::Root;
use super::module::Plan;
use crate::discover::{self, Binary, Directory, Discovery, Exits, Guess, ImageCode, Inputs, Region, RegionBlock};
use crate::lift::{Chain, Inlined, Options, Privilege, RegionSource, SourceBlock, Targets};
use crate::link::{FuncIndex, Function, Runtime};
use crate::lower;
use crate::lower::shared::{self, SharedType};
use anyhow::{Context, Result};
use rayon::prelude::*;
use runtime::profile::{Mode, Profile};
use runtime::translated::binding::RegionCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which code is translated, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CodeChoices {
    /// Which.
    pub discover: discover::Options,
    /// How.
    pub lift: Options,
}

/// Translated code, ready to be linked.
#[derive(Debug)]
pub struct Code {
    /// The regions' functions by number, then those that they share.
    pub functions: Vec<Function>,
    /// What the runtime binds the regions by.
    pub bindings: Vec<RegionCode>,
    /// Counts.
    pub summary: CodeSummary,
    /// What is known of each region.
    pub figures: Figures,
    pub(super) plan: Plan,
}

/// Counts of the translated code.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CodeSummary {
    /// Regions.
    pub regions: usize,
    /// Their entry points.
    pub entries: usize,
    /// Guest instructions translated.
    pub instructions: u64,
    /// Bytes of x86 code.
    pub guest_bytes: u64,
    /// Bytes of Wasm code.
    pub wasm_bytes: u64,
    /// Regions left to the interpreter since they could not be translated: name and why.
    pub refused: Vec<String>,
    /// Mnemonics that translated code leaves to the interpreter, and at how many places.
    pub unlifted: Vec<(String, u64)>,
}

/// The exits of one region, as function indices.
struct Chains<'a> {
    exits: Exits<'a>,
    guesses: &'a [Guess],
    first: FuncIndex,
}

/// Most targets that an indirect transfer is compared with.
const MOST_GUESSES: usize = 4;
/// One that it went to less often than one time in so many is not worth the comparison.
const RARE_GUESS: u64 = 16;

impl Chains<'_> {
    /// Where the indirect transfer at an offset was seen to go.
    fn seen(&self, site: i64) -> Option<&Guess> {
        self.guesses.iter().find(|guess| i64::from(guess.offset) == site)
    }
}

impl Targets for Chains<'_> {
    fn resolve(&self, offset: i64) -> Option<Chain> {
        let target = self.exits.resolve(offset)?;
        let function_index = self.first.plus(target.region.0).0;
        Some(Chain { function_index, base_delta: target.base_delta, entry: target.entry })
    }

    fn jumps(&self, site: i64) -> Vec<i64> {
        self.seen(site).map(|guess| guess.targets.iter().map(|(target, _)| *target).collect()).unwrap_or_default()
    }

    fn guesses(&self, site: i64) -> Vec<(i64, Chain)> {
        let Some(guess) = self.seen(site) else { return Vec::new() };
        let total: u64 = guess.targets.iter().map(|(_, count)| count).sum();
        let often = guess.targets.iter().take(MOST_GUESSES).filter(|(_, count)| *count >= total / RARE_GUESS);
        often.filter_map(|&(offset, _)| Some((offset, self.resolve(offset)?))).collect()
    }
}

/// One region's function, the code it is bound by, and its counts.
struct Done {
    function: Function,
    binding: RegionCode,
    figures: RegionFigures,
    refused: Option<String>,
}

impl Code {
    /// Translates what a profile shows to be hot. Kernel and image tell where functions begin and end.
    ///
    /// # Errors
    /// If the kernel or the image cannot be read, or the runtime lacks what translated code uses.
    pub fn translate(
        profile: &Profile,
        vmlinux: &[u8],
        root: Option<&Root>,
        runtime: &Runtime,
        choices: &CodeChoices,
    ) -> Result<Code> {
        let options = &choices.lift;
        let image = root.map(|root| ImageCode { layout: &root.layout, bytes: &root.file });
        let inputs = Inputs { profile, vmlinux: Some(vmlinux), image };
        let leaves = |insn: &x86::Insn| crate::lift::leaves(insn, options);
        let found = discover::discover(inputs, &leaves, &choices.discover).context("discovery")?;
        let mut plan = Plan::new(runtime, found.regions.len())?;
        plan.addresses = plan.addresses.chosen(options);
        Self::lower(found, plan, &Options { level: profile.level, ..*options })
    }

    /// No regions: a module with this code interprets everything.
    ///
    /// # Errors
    /// If the runtime lacks what translated code uses.
    pub fn none(runtime: &Runtime) -> Result<Code> {
        Code::collect(Vec::new(), Vec::new(), Plan::new(runtime, 0)?, &Options::default())
    }

    fn lower(found: Discovery, plan: Plan, options: &Options) -> Result<Code> {
        let directory = Directory::new(&found.regions);
        let done: Vec<Done> = found
            .regions
            .par_iter()
            .map(|region| {
                let (exits, first) = (directory.seen_from(region), plan.first_function);
                let targets = Chains { exits, guesses: &region.guesses, first };
                one(region, &targets, &plan, options)
            })
            .collect();
        Code::collect(done, found.binaries, plan, options)
    }

    fn collect(done: Vec<Done>, binaries: Vec<Binary>, plan: Plan, options: &Options) -> Result<Code> {
        let mut summary = CodeSummary { regions: done.len(), ..CodeSummary::default() };
        let mut figures = Figures { first_function: plan.first_function, binaries, regions: Vec::new() };
        let mut unlifted = BTreeMap::<String, u64>::new();
        let (mut functions, mut bindings) = (Vec::new(), Vec::new());
        for region in done {
            summary.entries += region.binding.entries.len();
            summary.instructions += u64::from(region.figures.instructions);
            summary.guest_bytes += u64::from(region.figures.guest_bytes);
            summary.wasm_bytes += region.function.code.byte_len() as u64;
            summary.refused.extend(region.refused);
            for Unlifted { mnemonic, places, .. } in &region.figures.unlifted {
                *unlifted.entry(mnemonic.clone()).or_default() += u64::from(*places);
            }
            functions.push(region.function);
            bindings.push(region.binding);
            figures.regions.push(region.figures);
        }
        summary.unlifted = unlifted.into_iter().collect();
        summary.unlifted.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), name.clone()));
        for (name, ty, code) in shared::functions(&plan.addresses, options.tail_calls)? {
            functions.push(Function { name: name.into(), ty: plan.ty(ty), code, hints: Vec::new() });
        }
        Ok(Code { functions, bindings, summary, figures, plan })
    }
}

fn one(region: &Region, targets: &dyn Targets, plan: &Plan, options: &Options) -> Done {
    let mut binding = region.code();
    let (name, ty) = (region.name.clone(), plan.ty(SharedType::Region));
    match lower::translate(&source(region), targets, &plan.addresses, options) {
        Ok(translated) => {
            binding.entries = translated.entries.iter().map(|&offset| offset as u32).collect();
            let figures = RegionFigures::translated(region, &binding, &translated);
            let function = Function { name, ty, code: translated.function, hints: translated.hints };
            Done { function, binding, figures, refused: None }
        }
        Err(error) => {
            binding.entries.clear();
            let figures = RegionFigures::refused(region, &binding);
            let function = Function { name, ty, code: lower::unbound_function(&plan.addresses), hints: Vec::new() };
            Done { function, binding, figures, refused: Some(format!("{error:#}")) }
        }
    }
}

fn source(region: &Region) -> RegionSource {
    let privilege = if region.mode == Mode::Kernel { Privilege::Kernel } else { Privilege::User };
    let inlined = region.inlined.iter().map(|callee| Inlined {
        caller: callee.caller,
        site: callee.site.into(),
        entry: callee.entry.into(),
        blocks: source_blocks(&callee.blocks),
    });
    RegionSource {
        privilege,
        index: region.id.0,
        name: region.name.clone(),
        blocks: source_blocks(&region.blocks),
        entries: region.entries.iter().map(|&offset| offset.into()).collect(),
        inlined: inlined.collect(),
    }
}

fn source_blocks(blocks: &[RegionBlock]) -> Vec<SourceBlock> {
    blocks
        .iter()
        .map(|block| SourceBlock { offset: block.offset.into(), bytes: block.bytes.clone(), runs: Some(block.count) })
        .collect()
}
