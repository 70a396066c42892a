//! Regions: parts of a function, with the bytes of their blocks and their entry points.
//!
//! A region is entered where its function is, where callees, the interpreter and indirect jumps come to, where other
//! regions jump to, and at the heads of its loops, so that after a TLB miss the interpreter soon hands back. An entry
//! costs only speed where it is missing: of more than the cap the coldest are left out.

use super::assign::Sites;
use super::binaries::BinaryId;
use super::functions::Function;
use super::graph::{Block, Edge, Graph};
use super::inline::{Callees, Chosen};
use super::text::Text;
use super::{Cap, loops};
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use petgraph::visit::EdgeRef;
use runtime::memory::PAGE;
use runtime::profile::Mode;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Number of a region, dense from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RegionId(pub u32);

/// Code to translate into one function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// Its number.
    pub id: RegionId,
    /// What its code comes from.
    pub binary: BinaryId,
    /// Whose code it is.
    pub mode: Mode,
    /// The address that its offsets count from, as [`CodeAddress`](runtime::profile::CodeAddress) has it: the start of
    /// the page of its lowest block, inlined ones among them.
    pub base: u64,
    /// The function's name; parts after the first have `#1`, `#2`, … at its end.
    pub name: String,
    /// Its blocks, ascending. Blocks may overlap where code jumps between the bytes of an instruction.
    pub blocks: Vec<RegionBlock>,
    /// Callees in the place of calls.
    pub inlined: Vec<Inlined>,
    /// Offsets of blocks where it is entered, ascending; the number of an entry is its place here.
    pub entries: Vec<u32>,
    /// Where its indirect jumps, calls and returns went.
    pub guesses: Vec<Guess>,
    /// Addresses that keep their distance to the region's: only there may fixed exits lead to other regions.
    pub stretch: Range<u64>,
    /// How often its instructions ran while the profile was recorded, added up.
    pub weight: u64,
    /// Of them, those that only the interpreter can carry out.
    pub left_to_interpreter: u64,
}

/// A callee in the place of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inlined {
    /// Who calls: 0 the region's own code, else the callee of that number less 1, further up in the list.
    pub caller: usize,
    /// Offset of the call.
    pub site: u32,
    /// Offset of what it calls.
    pub entry: u32,
    /// Its blocks, ascending.
    pub blocks: Vec<RegionBlock>,
}

/// A straight line of instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionBlock {
    /// Offset of its first byte from the base.
    pub offset: u32,
    /// Whole instructions; only the last transfers control.
    pub bytes: Vec<u8>,
    /// Instructions.
    pub insns: u32,
    /// How often it ran.
    pub count: u64,
}

/// Where an indirect transfer went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// Offset of the instruction.
    pub offset: u32,
    /// Offsets of targets in the same stretch of code and how often, the most frequent first. They may lie outside the
    /// region.
    pub targets: Vec<(i64, u64)>,
}

/// A function taken apart.
pub(super) struct Parts<'a> {
    pub(super) function: &'a Function,
    pub(super) stretch: &'a Range<u64>,
    pub(super) graph: &'a Graph,
    pub(super) text: &'a Text,
    /// Last byte of an indirect transfer: target and how often.
    pub(super) seen: &'a Sites,
    pub(super) callees: &'a Callees<'a>,
}

/// The blocks of some nodes, ascending, with offsets from `base`.
fn blocks(graph: &Graph, text: &Text, nodes: &[NodeIndex], base: u64) -> Vec<RegionBlock> {
    let blocks = nodes.iter().map(|&node| &graph[node]).map(|block| RegionBlock {
        // Functions are short, and what is inlined is near.
        offset: (block.start - base) as u32,
        bytes: text.window(block.start, block.length as usize).to_vec(),
        insns: block.insns,
        count: block.count,
    });
    let mut blocks: Vec<RegionBlock> = blocks.collect();
    blocks.sort_unstable_by_key(|block| block.offset);
    blocks
}

impl Parts<'_> {
    /// Makes the regions, numbered from 0.
    pub(super) fn regions(&self, parts: &[Vec<NodeIndex>], cap: &Cap) -> Vec<Region> {
        let heads = loops::heads(self.graph);
        (0..).zip(parts).map(|(number, part)| self.region(number, part, &heads, cap)).collect()
    }

    fn region(&self, number: u32, part: &[NodeIndex], heads: &BTreeSet<NodeIndex>, cap: &Cap) -> Region {
        let chosen = self.inlined(part);
        let starts = self.with_callees(part, &chosen).map(|block| block.start);
        let lowest = starts.min().unwrap_or(self.function.range.start);
        let base = lowest - lowest % PAGE as u64;
        let offset = |address: u64| (address - base) as u32;
        let inlined = chosen.iter().map(|&Chosen { caller, site, entry, callee }| Inlined {
            caller,
            site: offset(site),
            entry: offset(entry),
            blocks: blocks(callee.graph, callee.text, &callee.nodes, base),
        });
        let sum =
            |of: fn(&Block) -> u64| part.iter().fold(0u64, |sum, &node| sum.saturating_add(of(&self.graph[node])));
        Region {
            id: RegionId(number),
            // Told when all regions are known.
            binary: BinaryId(0),
            mode: self.function.mode,
            base,
            name: if number == 0 { self.function.name.clone() } else { format!("{}#{number}", self.function.name) },
            blocks: blocks(self.graph, self.text, part, base),
            inlined: inlined.collect(),
            entries: self.entries(part, heads, cap).into_iter().map(offset).collect(),
            guesses: self.guesses(part, &chosen, base),
            stretch: self.stretch.clone(),
            weight: sum(|block| block.weight),
            left_to_interpreter: sum(|block| block.left),
        }
    }

    /// Addresses of the entries, ascending.
    fn entries(&self, part: &[NodeIndex], heads: &BTreeSet<NodeIndex>, cap: &Cap) -> Vec<u64> {
        let members: BTreeSet<NodeIndex> = part.iter().copied().collect();
        let from_outside = |node: NodeIndex| {
            let mut edges = self.graph.edges_directed(node, Direction::Incoming);
            edges.any(|edge| *edge.weight() != Edge::Direct || !members.contains(&edge.source()))
        };
        let mut entries: Vec<NodeIndex> = part
            .iter()
            .copied()
            .filter(|&node| self.graph[node].entered || heads.contains(&node) || from_outside(node))
            .collect();
        if entries.is_empty() {
            entries.extend(part.first());
        }
        entries.sort_by_key(|&node| (Reverse(self.graph[node].count), node));
        entries.truncate(cap.entries);
        let mut addresses: Vec<u64> = entries.into_iter().map(|node| self.graph[node].start).collect();
        addresses.sort_unstable();
        addresses
    }

    /// What to inline.
    fn inlined(&self, part: &[NodeIndex]) -> Vec<Chosen<'_, '_>> {
        let first = self.graph.node_weights().find(|block| block.start == self.function.range.start);
        let runs = first.map_or(0, |block| block.count);
        let own = part.iter().map(|&node| &self.graph[node]);
        self.callees.choose(self.function.mode, self.stretch, runs, own)
    }

    /// The blocks of a part, and of what is inlined there.
    fn with_callees<'b>(
        &'b self,
        part: &'b [NodeIndex],
        chosen: &'b [Chosen<'_, '_>],
    ) -> impl Iterator<Item = &'b Block> {
        let theirs = chosen.iter().flat_map(|Chosen { callee, .. }| callee.blocks());
        part.iter().map(|&node| &self.graph[node]).chain(theirs)
    }

    fn guesses(&self, part: &[NodeIndex], chosen: &[Chosen<'_, '_>], base: u64) -> Vec<Guess> {
        let sites: BTreeMap<u64, &Block> = self.with_callees(part, chosen).map(|block| (block.last, block)).collect();
        sites.into_values().filter_map(|block| self.guess(block, base)).collect()
    }

    fn guess(&self, block: &Block, base: u64) -> Option<Guess> {
        let seen = self.seen.get(&(block.end() - 1))?;
        let near = seen.iter().filter(|(target, _)| self.stretch.contains(target));
        let mut targets: Vec<(i64, u64)> = near.map(|(&to, &count)| (to.wrapping_sub(base) as i64, count)).collect();
        targets.sort_unstable_by_key(|&(target, count)| (Reverse(count), target));
        (!targets.is_empty()).then_some(Guess { offset: (block.last - base) as u32, targets })
    }
}
