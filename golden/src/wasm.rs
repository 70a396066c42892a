//! Generated Wasm as an executor of cases: each case's code is a region, translated as the converter does it.
//!
//! ```text
//! codes ── translate ──► regions ── module ──► wasmtime        state: the interpreter's machine, copied in before a call
//!                                                              and back after it
//! ```
//!
//! A region is entered wherever RIP is one of its entry points. What it leaves (a miss of the TLB, a rare case, an
//! instruction without a translation) the interpreter takes, for one instruction, as the dispatcher does; so outcomes are whole.
//! [`Tally`] counts how far translated code got, since outcomes alone do not show it.
//!
//! Limits: user mode only; the trap flag is the interpreter's from the first instruction on; each code is a region alone.

mod memory;
mod module;

use crate::case::{Case, End, Outcome};
use crate::compare::Executor;
use crate::interpreter::{Interpreter, MOST_STEPS};
use crate::layout;
use anyhow::{Context, Result};
use memory::GuestMemory;
pub(crate) use module::FIRST_REGION;
use runtime::translated::abi::{ExitReason, FULL_ROOM};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use translator::lift::{NoTargets, Options, Privilege, RegionSource, SourceBlock, Targets};
use translator::lower::{self, translate};
use wasmtime::{Config, Engine, Instance, Module, OptLevel, Store, TypedFunc};
use x86::Mnemonic;

/// Regions that share a module. Cases of the same code share a region.
const BATCH: usize = 256;

/// Type of the function that calls regions.
type Enter = TypedFunc<(i64, i32, i32, i32), i64>;

/// Generated Wasm under wasmtime.
pub struct Translated {
    engine: Engine,
    interpreter: Interpreter,
    tally: Tally,
}

/// Where cases ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that ran.
    pub cases: usize,
    /// Those that the interpreter had no part in.
    pub whole: usize,
    /// Instructions that translated code carried out.
    pub translated: u64,
    /// Those that it had a part in, by the reason for which translated code was left first.
    pub left: BTreeMap<&'static str, usize>,
    /// Instructions without a translation, and in how many cases they are.
    pub unlifted: BTreeMap<String, usize>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} of {} cases wholly translated; left by {:?}", self.whole, self.cases, self.left)?;
        writeln!(f, "without a translation: {:?}", self.unlifted)
    }
}

/// A case's region, ready to be called.
struct Bound {
    /// Offsets of its entry points.
    entries: Vec<i64>,
    /// Instructions that it leaves to the interpreter.
    unlifted: Vec<(i64, Mnemonic)>,
    /// Its entry of the function table.
    function: u32,
}

impl Translated {
    /// Starts an engine.
    ///
    /// # Errors
    /// If wasmtime does not know this processor.
    pub fn new() -> Result<Translated> {
        // What is tested is the code, not the engine's optimiser; compiling without is quicker.
        let engine = Engine::new(Config::new().cranelift_opt_level(OptLevel::None))?;
        Ok(Translated { engine, interpreter: Interpreter::new(), tally: Tally::default() })
    }

    /// What ran where, since the last call.
    pub fn take_tally(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// Runs each case for at most so many instructions: see [`Interpreter::run_for`].
    pub fn run_all_for(&mut self, runs: &[(&Case, usize)]) -> Vec<Outcome> {
        let batches = batches(runs).into_iter();
        batches.flat_map(|runs| self.batch(runs).unwrap_or_else(|error| refuse(runs, &error))).collect()
    }

    /// Runs cases that share a module. A defect of the translator or of its code fails them all.
    fn batch(&mut self, runs: &[(&Case, usize)]) -> Result<Vec<Outcome>> {
        let mut regions: Vec<lower::Translated> = Vec::new();
        let mut numbers: BTreeMap<&[u8], usize> = BTreeMap::new();
        for &(case, _) in runs {
            if let Entry::Vacant(vacant) = numbers.entry(case.code()) {
                regions.push(region(*vacant.insert(regions.len()) as u32, case)?);
            }
        }
        let bytes = module::of_regions(&regions, memory::ADDRESSES, memory::WASM_PAGES)?;
        let module = Module::new(&self.engine, bytes)?;
        let mut store = Store::new(&self.engine, ());
        let helpers = memory::helpers(&mut store);
        let instance = Instance::new(&mut store, &module, &helpers)?;
        let memory = instance.get_memory(&mut store, module::MEMORY).context("the module exports no memory")?;
        let mut memory = GuestMemory::new(store, memory);
        let enter: Enter = instance.get_typed_func(&mut memory.store, module::ENTER)?;
        let mut bound = Vec::new();
        for (number, region) in (0..).zip(regions) {
            let function = module::FIRST_TABLE_ENTRY + number;
            memory.bind(number, layout::CODE);
            bound.push(Bound { entries: region.entries, unlifted: region.unlifted, function });
        }
        let mut outcomes = Vec::new();
        for &(case, most) in runs {
            let region = &bound[numbers[case.code()]];
            self.note_unlifted(&region.unlifted);
            self.interpreter.load(case);
            let end = self.go(&mut memory, &enter, region, most).with_context(|| case.text())?;
            outcomes.push(self.interpreter.outcome(end));
        }
        Ok(outcomes)
    }

    fn note_unlifted(&mut self, unlifted: &[(i64, Mnemonic)]) {
        for (_, mnemonic) in unlifted {
            *self.tally.unlifted.entry(format!("{mnemonic:?}")).or_default() += 1;
        }
    }

    /// Runs the case that is loaded, for at most so many instructions.
    fn go(&mut self, memory: &mut GuestMemory, enter: &Enter, region: &Bound, most: usize) -> Result<End> {
        let mut first_left = None;
        let mut budget = most as i64;
        let mut end = None;
        while end.is_none() && budget > 0 {
            let left_by = self.call(memory, enter, region, &mut budget)?;
            end = match left_by {
                Some(ExitReason::Next) => self.interpreter.done(),
                // What is next is not this run's.
                _ if budget <= 0 => None,
                _ => {
                    first_left.get_or_insert(left_by.map_or("no entry point", reason_name));
                    budget -= 1;
                    self.interpreter.step()
                }
            };
        }
        self.tally.cases += 1;
        match first_left {
            None => self.tally.whole += 1,
            Some(name) => *self.tally.left.entry(name).or_default() += 1,
        }
        Ok(end.unwrap_or(End::Timeout))
    }

    /// Calls the region if RIP is at one of its entry points.
    fn call(
        &mut self,
        memory: &mut GuestMemory,
        enter: &Enter,
        region: &Bound,
        budget: &mut i64,
    ) -> Result<Option<ExitReason>> {
        let offset = self.interpreter.cpu().rip.wrapping_sub(layout::CODE) as i64;
        let entry = region.entries.iter().position(|entry| *entry == offset);
        let Some(entry) = entry.filter(|_| !self.interpreter.traps()) else { return Ok(None) };
        self.interpreter.cpu().budget = *budget;
        memory.load(&mut self.interpreter);
        let arguments = (layout::CODE as i64, entry as i32, FULL_ROOM, region.function as i32);
        enter.call(&mut memory.store, arguments)?;
        memory.store(&mut self.interpreter);
        self.tally.translated += (*budget - self.interpreter.cpu().budget) as u64;
        *budget = self.interpreter.cpu().budget;
        memory.exit_reason().map(Some)
    }
}

/// The module of one region.
///
/// # Errors
/// A defect of the translator.
pub(crate) fn module_of(source: &RegionSource, targets: &dyn Targets, options: &Options) -> Result<Vec<u8>> {
    let addresses = memory::ADDRESSES.chosen(options);
    let region = translate(source, targets, &addresses, options)?;
    module::of_regions(&[region], addresses, memory::WASM_PAGES)
}

fn reason_name(reason: ExitReason) -> &'static str {
    match reason {
        ExitReason::Next => "next",
        ExitReason::Miss => "miss",
        ExitReason::Unlifted => "unlifted",
        ExitReason::Rare => "rare",
        ExitReason::Stale => "stale",
        ExitReason::Budget => "budget",
    }
}

fn region(number: u32, case: &Case) -> Result<lower::Translated> {
    let source = RegionSource {
        privilege: Privilege::User,
        index: number,
        name: case.text(),
        blocks: vec![SourceBlock { offset: 0, bytes: case.code().to_vec(), runs: None }],
        entries: vec![0],
        inlined: Vec::new(),
    };
    translate(&source, &NoTargets, &memory::ADDRESSES, &Options::default())
}

impl Executor for Translated {
    fn name(&self) -> &str {
        "wasm"
    }

    fn run(&mut self, case: &Case) -> Outcome {
        self.run_batch(std::slice::from_ref(case)).remove(0)
    }

    fn run_batch(&mut self, cases: &[Case]) -> Vec<Outcome> {
        let runs: Vec<_> = cases.iter().map(|case| (case, MOST_STEPS)).collect();
        self.run_all_for(&runs)
    }
}

/// Cuts runs where there are regions enough for a module.
fn batches<'a, 'b>(mut runs: &'a [(&'b Case, usize)]) -> Vec<&'a [(&'b Case, usize)]> {
    let mut batches = Vec::new();
    while !runs.is_empty() {
        let mut codes = BTreeSet::new();
        let full = runs.iter().position(|(case, _)| codes.insert(case.code()) && codes.len() > BATCH);
        let (batch, rest) = runs.split_at(full.unwrap_or(runs.len()));
        batches.push(batch);
        runs = rest;
    }
    batches
}

fn refuse(runs: &[(&Case, usize)], error: &anyhow::Error) -> Vec<Outcome> {
    let refused = |case: &Case| Outcome { end: End::Refused(format!("{error:#}")), rip: 0, state: case.state.clone() };
    runs.iter().map(|(case, _)| refused(case)).collect()
}
