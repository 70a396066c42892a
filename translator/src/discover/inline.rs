//! Small callees that are translated in the place of their calls.
//!
//! A call costs a store and a load of each register that both sides use, and the tests of a region's start. So functions of
//! few instructions are copied to where they are called often, the hottest calls first, and with them what they call
//! often themselves.
//!
//! A region is bound only when all its pages are mapped, so a callee must run at least every second time that its caller
//! does, and in user mode only what ran of it, or lies beside that, comes along.

use super::flow::Flow;
use super::graph::{Block, Edge, Graph};
use super::text::Text;
use super::{Explored, InlineCap, partition};
use petgraph::graph::NodeIndex;
use runtime::profile::{CodeAddress, Mode};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

/// A callee so far away from the call, in bytes, is not inlined: offsets in a region have 32 bits.
const MOST_DISTANCE: u64 = 1 << 28;

/// The functions that are small enough, by their address.
pub(super) struct Callees<'e> {
    small: BTreeMap<CodeAddress, Callee<'e>>,
    /// How often a call must have run.
    hot: u64,
    cap: InlineCap,
}

/// A function that is small enough.
pub(super) struct Callee<'e> {
    pub(super) graph: &'e Graph,
    pub(super) text: &'e Text,
    /// Its blocks, ascending.
    pub(super) nodes: Vec<NodeIndex>,
    stretch: &'e Range<u64>,
    insns: u32,
    /// How often it ran.
    runs: u64,
}

impl Callee<'_> {
    /// Its blocks, ascending.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.nodes.iter().map(|&node| &self.graph[node])
    }
}

/// A callee in the place of a call.
pub(super) struct Chosen<'c, 'e> {
    /// The frame that calls: 0, or a place in the list plus 1.
    pub(super) caller: usize,
    /// Address of the call.
    pub(super) site: u64,
    /// Address that it calls.
    pub(super) entry: u64,
    pub(super) callee: &'c Callee<'e>,
}

/// A call that might be inlined. The hottest is the greatest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    count: u64,
    caller: Reverse<usize>,
    site: Reverse<u64>,
    target: u64,
    depth: u32,
}

impl<'e> Callees<'e> {
    /// Finds the small functions; `total` instructions ran in all.
    pub(super) fn new(explored: &'e [Explored<'_>], total: u64, cap: InlineCap) -> Callees<'e> {
        let small =
            explored.iter().filter_map(|function| Some((function.work.function.start(), callee(function, cap)?)));
        Callees { small: small.collect(), hot: (total / cap.share).max(cap.least), cap }
    }

    /// The callees to inline into a part of a function that begins with a block that ran `runs` times.
    pub(super) fn choose<'b>(
        &self,
        mode: Mode,
        stretch: &Range<u64>,
        runs: u64,
        blocks: impl Iterator<Item = &'b Block>,
    ) -> Vec<Chosen<'_, 'e>> {
        let mut calls: BinaryHeap<Call> = blocks.filter_map(|block| call(block, 0, 0, block.count, runs)).collect();
        let (mut chosen, mut room): (Vec<Chosen<'_, 'e>>, _) = (Vec::new(), self.cap.room);
        while let Some(Call { count, caller: Reverse(caller), site: Reverse(site), target, depth }) = calls.pop() {
            if count < self.hot {
                break;
            }
            let Some(callee) = self.small.get(&CodeAddress { mode, address: target }) else { continue };
            if callee.stretch != stretch || callee.insns > room || target.abs_diff(site) > MOST_DISTANCE {
                continue;
            }
            room -= callee.insns;
            chosen.push(Chosen { caller, site, entry: target, callee });
            if depth + 1 < self.cap.depth {
                let frame = chosen.len();
                calls.extend(callee.blocks().filter_map(|block| {
                    let share = u128::from(block.count) * u128::from(count) / u128::from(callee.runs.max(1));
                    let share = u64::try_from(share).unwrap_or(u64::MAX);
                    call(block, frame, depth + 1, share, count)
                }));
            }
        }
        chosen
    }
}

/// The call at a block's end, if it runs at least every second time that the function does.
fn call(block: &Block, caller: usize, depth: u32, count: u64, runs: u64) -> Option<Call> {
    let Flow::Call(target) = block.flow else { return None };
    let often = count.saturating_mul(2) >= runs;
    often.then_some(Call { count, caller: Reverse(caller), site: Reverse(block.last), target, depth })
}

/// The function, if it is small, returns, and leaves nothing to the interpreter.
fn callee<'e>(function: &'e Explored<'_>, cap: InlineCap) -> Option<Callee<'e>> {
    let (graph, mode) = (&function.graph, function.work.function.mode);
    let first = graph.node_indices().find(|&node| graph[node].start == function.work.function.range.start)?;
    let (nodes, _) = partition::by_distance(graph, mode);
    let blocks = || nodes.iter().map(|&node| &graph[node]);
    let insns = blocks().map(|block| block.insns).sum();
    let jumps = |&node: &NodeIndex| graph.edges(node).any(|edge| *edge.weight() == Edge::Indirect);
    let plain = blocks().all(|block| block.left == 0) && !nodes.iter().any(jumps);
    let returns = blocks().any(|block| block.flow == Flow::Return);
    (insns <= cap.insns && plain && returns && graph[first].count > 0).then(|| Callee {
        graph,
        text: &function.text,
        stretch: &function.work.stretch,
        insns,
        runs: graph[first].count,
        nodes,
    })
}
