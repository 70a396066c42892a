//! Discovery: a profile and the files that code comes from, to regions.
//!
//! ```text
//! vmlinux, image ─ elf, frame ─► functions ─┐
//! profile ─ assign ─► blocks by function ───┴─ explore ─► instructions ─ graph ─► blocks, edges
//!    ─ budget ─ partition (loops) ─► parts ─ inline, regions ─► Region ─┬─► targets::Directory   fixed exits between regions
//!                                                                       └─► RegionCode           what the runtime binds by
//! ```
//!
//! Nothing in the profile is trusted: nonsense costs speed. Results depend on the inputs alone, in order and numbers.

mod assign;
mod binaries;
mod binding;
mod budget;
mod elf;
mod explore;
mod extend;
mod flow;
mod frame;
mod functions;
mod graph;
mod inline;
mod loops;
mod partition;
mod regions;
mod report;
mod survey;
mod sweep;
mod targets;
#[cfg(test)]
mod tests;
mod text;

pub use binaries::{Binary, BinaryId};
pub use budget::Rank;
pub use functions::Function;
pub use regions::{Guess, Inlined, Region, RegionBlock, RegionId};
pub use report::{Report, Share};
pub use targets::{Directory, Exits, Target};

use crate::image::erofs::ErofsImage;
use anyhow::Result;
use assign::Sites;
use clap::ValueEnum;
use explore::{Work, explore};
use functions::Known;
use graph::Graph;
use inline::Callees;
use rayon::prelude::*;
use regions::Parts;
use runtime::profile::{CodeAddress, Mode, Profile};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fs::File;
use sweep::Places;
use text::{Bytes, Text};

/// Tells which instructions have no translation: the interpreter takes them and goes on with the next.
pub type Leaves<'a> = dyn Fn(&x86::Insn) -> bool + Sync + 'a;

/// What is known of the code.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// What ran.
    pub profile: &'a Profile,
    /// The kernel's ELF file.
    pub vmlinux: Option<&'a [u8]>,
    /// The root file system.
    pub image: Option<ImageCode<'a>>,
}

/// The root file system's image.
#[derive(Clone, Copy)]
pub struct ImageCode<'a> {
    /// Where its files are.
    pub layout: &'a ErofsImage,
    /// The image itself.
    pub bytes: &'a File,
}

/// Which code to take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Coverage {
    /// What ran.
    Hot,
    /// What ran, and what control may lead to from there within the function.
    #[default]
    Reachable,
    /// Functions that never ran too, as far as the budget lasts.
    All,
}

/// How much a region holds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Blocks.
    pub blocks: usize,
    /// Instructions.
    pub insns: usize,
    /// Entry points.
    pub entries: usize,
}

/// What is inlined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InlineCap {
    /// Most instructions of a callee.
    pub insns: u32,
    /// Most instructions that a region takes in.
    pub room: u32,
    /// Most callees one inside another.
    pub depth: u32,
    /// A call must be one of so many of the instructions that ran.
    pub share: u64,
    /// How often it must have run at least.
    pub least: u64,
}

impl InlineCap {
    /// Nothing.
    pub const NOTHING: InlineCap = InlineCap { insns: 0, room: 0, depth: 0, share: 1, least: u64::MAX };
}

impl Default for InlineCap {
    /// Few of the calls that run, but most of the calls that run often.
    fn default() -> Self {
        InlineCap { insns: 48, room: 400, depth: 3, share: 1 << 18, least: 64 }
    }
}

/// Choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Which code to take.
    pub coverage: Coverage,
    /// With [`Coverage::Hot`], how often an instruction must have run.
    pub threshold: u64,
    /// What a region holds.
    pub cap: Cap,
    /// What a region of one of the hottest functions holds.
    pub large: Cap,
    /// Which functions those are: of a thousand instructions that ran so many were theirs.
    pub large_per_mille: u64,
    /// Most bytes of x86 code to take; the coldest blocks are left out.
    pub max_bytes: u64,
    /// What is inlined.
    pub inline: InlineCap,
}

impl Default for Options {
    /// Regions as large as the engines' compilers take them without slowing down; 6 MiB of code.
    fn default() -> Self {
        Options {
            coverage: Coverage::default(),
            threshold: 1,
            cap: Cap { blocks: 200, insns: 1800, entries: 100 },
            large: Cap { blocks: 4000, insns: 40_000, entries: 400 },
            large_per_mille: 30,
            max_bytes: 6 << 20,
            inline: InlineCap::default(),
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovery {
    /// The regions, by number: what runs often first ([`heat`]), and what runs as often ascending by mode and function, a function's
    /// hottest part first.
    pub regions: Vec<Region>,
    /// Whose code ran, and is in the regions.
    pub binaries: Vec<Binary>,
    /// How much of what ran they hold.
    pub report: Report,
}

/// A function, explored.
struct Explored<'w> {
    work: &'w Work,
    text: Text,
    graph: Graph,
    ran: u64,
}

/// Finds the regions to translate.
///
/// # Errors
/// `vmlinux` is no ELF file for x86-64, or the image cannot be read.
pub fn discover(inputs: Inputs<'_>, leaves: &Leaves<'_>, options: &Options) -> Result<Discovery> {
    let known = Known::read(inputs, options)?;
    let mut works = assign::assign(inputs.profile, &known);
    let seen = assign::indirect(inputs.profile, &mut works);
    let mut report = Report { notes: known.notes.clone(), ..Report::default() };
    let bytes = Bytes::new(inputs.profile, &known.code);
    if options.coverage == Coverage::All {
        extend::extend(&mut works, &known, &bytes, leaves, options);
    }
    lead_across(&mut works, &bytes, leaves, options);
    enter_places(&mut works, &known);
    let nothing = Sites::new();
    let seen_in = |work: &Work| seen.get(&work.function.mode).unwrap_or(&nothing);
    let mut explored: Vec<Explored<'_>> = works
        .par_iter()
        .map(|work| {
            let text = bytes.of(&work.function);
            let trace = explore(work, &text, leaves, options);
            let graph = graph::build(&trace, &jumps(work, seen_in(work), &known.places));
            Explored { work, text, graph, ran: trace.ran }
        })
        .collect();
    report.cut = within_budget(&mut explored, options.max_bytes);
    let total = explored.iter().fold(0u64, |sum, function| sum.saturating_add(function.ran));
    let callees = Callees::new(&explored, total, options.inline);
    let regions: Vec<Vec<Region>> = explored
        .par_iter()
        .map(|function| function.regions(seen_in(function.work), total, &callees, options))
        .collect();
    let mut regions: Vec<Region> = regions.into_iter().flatten().collect();
    regions.sort_by_key(|region| Reverse(heat(region)));
    for (number, region) in (0..).zip(&mut regions) {
        region.id = RegionId(number);
        report.add_region(region);
    }
    account(&mut report, inputs.profile, &explored);
    let binaries = binaries::assign(inputs.profile, &known, &mut regions);
    Ok(Discovery { regions, binaries, report })
}

/// How often a region ran, in steps of a factor of eight: engines lay code out in the order of a module's functions, and what runs then
/// lies together, in few pages.
fn heat(region: &Region) -> u32 {
    region.weight.checked_ilog2().map_or(0, |log| log / 3 + 1)
}

/// Leaves blocks out until the rest has at most `most` bytes; gives the greatest rank of those that are left out.
fn within_budget(explored: &mut [Explored<'_>], most: u64) -> Option<Rank> {
    let ranks: Vec<Vec<Rank>> = explored.par_iter().map(|function| budget::ranks(&function.graph)).collect();
    let blocks = explored
        .iter()
        .zip(&ranks)
        .flat_map(|(function, ranks)| function.graph.node_weights().zip(ranks).map(|(block, rank)| (*rank, block)));
    let cut = budget::cut(blocks, most)?;
    explored.par_iter_mut().zip(&ranks).for_each(|(function, ranks)| {
        function.graph = budget::keep(&function.graph, ranks, cut);
    });
    Some(cut)
}

/// Where fixed jumps and calls lead out of functions.
fn leads_to(works: &[Work], bytes: &Bytes<'_>, leaves: &Leaves<'_>, options: &Options) -> BTreeSet<CodeAddress> {
    let led = works.par_iter().flat_map_iter(|work| {
        let mode = work.function.mode;
        let targets = explore(work, &bytes.of(&work.function), leaves, options).leads_to;
        targets.into_iter().map(move |address| CodeAddress { mode, address })
    });
    led.collect()
}

/// Tells each function where fixed jumps and calls of the others lead into it.
fn lead_across(works: &mut [Work], bytes: &Bytes<'_>, leaves: &Leaves<'_>, options: &Options) {
    for target in leads_to(works, bytes, leaves, options) {
        if let Some(work) = assign::holder(works, target) {
            works[work].external.push(target.address);
        }
    }
}

/// Tells each function where computed jumps may lead into it.
fn enter_places(works: &mut [Work], known: &Known<'_>) {
    for &address in &known.places.entries {
        if let Some(work) = assign::holder(works, CodeAddress { mode: Mode::User, address }) {
            works[work].external.push(address);
        }
    }
}

/// The indirect jumps within a function: those that were seen, and those of its tables.
fn jumps(work: &Work, seen: &Sites, places: &Places) -> Vec<(u64, u64)> {
    let Function { mode, range, .. } = &work.function;
    let seen = seen.range(range.clone());
    let seen = seen.flat_map(|(&from, targets)| targets.keys().map(move |&to| (from, to)));
    let first = places.jumps.partition_point(|(from, _)| *from < range.start);
    let of_tables = places.jumps[first..].iter().take_while(|(from, _)| *mode == Mode::User && *from < range.end);
    seen.chain(of_tables.copied()).collect()
}

impl Explored<'_> {
    fn regions(&self, seen: &Sites, total: u64, callees: &Callees<'_>, options: &Options) -> Vec<Region> {
        let hot = u128::from(self.ran) * 1000 >= u128::from(total) * u128::from(options.large_per_mille);
        let cap = if hot && self.ran > 0 { &options.large } else { &options.cap };
        let function = &self.work.function;
        let parts = partition::partition(&self.graph, function.mode, cap);
        let (stretch, graph, text) = (&self.work.stretch, &self.graph, &self.text);
        Parts { function, stretch, graph, text, seen, callees }.regions(&parts, cap)
    }
}

/// Adds to the report what ran and what of it was left out.
fn account(report: &mut Report, profile: &Profile, explored: &[Explored<'_>]) {
    for (at, block) in &profile.blocks {
        let share = report.share(at.mode);
        share.ran = share.ran.saturating_add(block.count.saturating_mul(block.insns.into()));
    }
    for share in [&mut report.kernel, &mut report.user] {
        share.unknown = share.ran;
    }
    for function in explored {
        let share = report.share(function.work.function.mode);
        share.functions += 1;
        share.unknown = share.unknown.saturating_sub(function.ran);
    }
    for share in [&mut report.kernel, &mut report.user] {
        share.cold = share.ran.saturating_sub(share.unknown).saturating_sub(share.taken);
    }
}
