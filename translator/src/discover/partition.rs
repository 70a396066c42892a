//! Divides a function's blocks among regions.
//!
//! What fits the cap is one region. Else regions grow, each from the hottest loop nest that is left, always by the
//! neighbour that control most often goes to or comes from; what has no neighbours left is filled up by address. An arm of a branch whose
//! other ends are in a region may come into it beyond the cap: how often it is taken depends on the input. Blocks
//! that never ran do not mix with those that did, but where these are all around them.
//!
//! A region is bound only when all its pages are mapped, and a process maps pages of files as it touches them. So in user
//! mode blocks that never ran stay out of a region unless they lie on pages where others ran, and each page's are a region: which
//! pages another run touches nobody knows.

use super::graph::{Block, Graph};
use super::{Cap, loops};
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use runtime::memory::PAGE;
use runtime::profile::Mode;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Most neighbours that a growing region looks at.
const MAX_FRONTIER: usize = 1024;

/// How much of a cap is used.
#[derive(Debug, Clone, Copy, Default)]
struct Load {
    blocks: usize,
    insns: usize,
    entries: usize,
}

impl Load {
    fn of(graph: &Graph, nodes: &[NodeIndex]) -> Load {
        nodes.iter().map(|&node| &graph[node]).fold(Load::default(), |load, block| Load {
            blocks: load.blocks + 1,
            insns: load.insns + block.insns as usize,
            entries: load.entries + usize::from(block.entered && block.count > 0),
        })
    }

    fn with(self, other: Load) -> Load {
        Load {
            blocks: self.blocks + other.blocks,
            insns: self.insns + other.insns,
            entries: self.entries + other.entries,
        }
    }

    fn fits(self, cap: &Cap) -> bool {
        self.blocks <= cap.blocks && self.insns <= cap.insns && self.entries <= cap.entries
    }
}

/// Divides the blocks; each part is ascending. The hottest come first where a function is cut.
pub(super) fn partition(graph: &Graph, mode: Mode, cap: &Cap) -> Vec<Vec<NodeIndex>> {
    let (near, far) = by_distance(graph, mode);
    let mut parts = Vec::new();
    for nodes in std::iter::once(near).chain(by_page(graph, far)).filter(|nodes| !nodes.is_empty()) {
        if Load::of(graph, &nodes).fits(cap) {
            parts.push(nodes);
            continue;
        }
        let (hot, mut cold): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|&node| graph[node].count > 0);
        let mut hot = cut(graph, &hot, cap);
        adopt(graph, &mut hot, &mut cold, cap);
        parts.extend(hot);
        parts.extend(cut(graph, &cold, cap));
    }
    parts
}

/// Blocks by the page that they lie on. One on two pages belongs to the second if the first is the lowest of all: the function is
/// mostly entered there; else it is by itself.
fn by_page(graph: &Graph, nodes: Vec<NodeIndex>) -> impl Iterator<Item = Vec<NodeIndex>> {
    let page = |address: u64| address / PAGE as u64;
    let lowest = graph.node_weights().map(|block| page(block.start)).min();
    let mut pages: BTreeMap<(u64, u64), Vec<NodeIndex>> = BTreeMap::new();
    for node in nodes {
        let (first, last) = (page(graph[node].start), page(graph[node].end() - 1));
        let first = if Some(first) == lowest { last } else { first };
        pages.entry((first, last)).or_default().push(node);
    }
    pages.into_values()
}

/// What a region may hold with arms of branches.
fn with_arms(cap: &Cap) -> Cap {
    Cap { blocks: cap.blocks + cap.blocks / 2, insns: cap.insns + cap.insns / 4, ..*cap }
}

/// The part, as `part` tells it, of all that a block comes from and goes to, if it is the same for all and there is both.
fn arm_of(graph: &Graph, node: NodeIndex, part: impl Fn(NodeIndex) -> Option<usize>) -> Option<usize> {
    let [mut from, mut to] = [Direction::Incoming, Direction::Outgoing]
        .map(|direction| graph.neighbors_directed(node, direction).map(&part));
    let first = from.next()??;
    (to.next()?? == first && from.chain(to).all(|other| other == Some(first))).then_some(first)
}

/// Adds blocks that never ran to the parts that are all around them: one arm of a branch, which another run may take as often as the
/// other, and which would come back to the middle of a block whose flags are known otherwise.
fn adopt(graph: &Graph, parts: &mut [Vec<NodeIndex>], cold: &mut Vec<NodeIndex>, cap: &Cap) {
    let roomy = with_arms(cap);
    let holder = numbers(parts);
    let mut loads: Vec<Load> = parts.iter().map(|part| Load::of(graph, part)).collect();
    let arm = |node: NodeIndex| arm_of(graph, node, |neighbour| holder.get(&neighbour).copied());
    cold.retain(|&node| {
        let Some(part) = arm(node) else { return true };
        let load = loads[part].with(Load::of(graph, &[node]));
        if load.fits(&roomy) {
            loads[part] = load;
            parts[part].push(node);
        }
        !load.fits(&roomy)
    });
    parts.iter_mut().for_each(|part| part.sort_unstable());
}

/// Blocks that ran or lie on pages where others ran, and blocks that do not.
pub(super) fn by_distance(graph: &Graph, mode: Mode) -> (Vec<NodeIndex>, Vec<NodeIndex>) {
    let pages = |block: &Block| block.start / PAGE as u64..=(block.end() - 1) / PAGE as u64;
    let ran = |node: &NodeIndex| graph[*node].count > 0;
    let touched: BTreeSet<u64> = graph.node_indices().filter(ran).flat_map(|node| pages(&graph[node])).collect();
    graph
        .node_indices()
        .partition(|node| mode == Mode::Kernel || ran(node) || pages(&graph[*node]).all(|page| touched.contains(&page)))
}

/// The number of each node's list.
fn numbers(lists: &[Vec<NodeIndex>]) -> BTreeMap<NodeIndex, usize> {
    (0..).zip(lists).flat_map(|(number, list)| list.iter().map(move |&node| (node, number))).collect()
}

/// A unit beside a growing region.
#[derive(Debug, Clone, Copy, Default)]
struct Neighbour {
    /// How often control goes from the one to the other.
    heat: u64,
    /// Whether it is an arm of a branch whose other ends are in the region.
    is_arm: bool,
}

struct Units<'g> {
    graph: &'g Graph,
    units: Vec<Vec<NodeIndex>>,
    loads: Vec<Load>,
    /// The unit of each block.
    of: BTreeMap<NodeIndex, usize>,
    /// The region of each unit that is in one.
    taken: Vec<Option<usize>>,
}

/// Cuts blocks into regions.
fn cut(graph: &Graph, nodes: &[NodeIndex], cap: &Cap) -> Vec<Vec<NodeIndex>> {
    let units = loops::units(graph, nodes, |unit| Load::of(graph, unit).fits(cap));
    let loads = units.iter().map(|unit| Load::of(graph, unit)).collect();
    let of = numbers(&units);
    let taken = vec![None; units.len()];
    let mut seeds: Vec<usize> = (0..units.len()).collect();
    seeds.sort_by_key(|&unit| (Reverse(units[unit].iter().map(|&node| graph[node].count).max()), unit));
    let mut units = Units { graph, units, loads, of, taken };
    let mut parts = Vec::new();
    let mut rest = 0;
    for seed in seeds {
        if units.taken[seed].is_none() {
            parts.push(units.grow(seed, parts.len(), cap, &mut rest));
        }
    }
    parts
}

impl Units<'_> {
    /// The region of this number, which grows from a unit; before `rest` no unit is left.
    fn grow(&mut self, seed: usize, number: usize, cap: &Cap, rest: &mut usize) -> Vec<NodeIndex> {
        let mut part = Vec::new();
        let mut load = Load::default();
        let mut frontier: BTreeMap<usize, Neighbour> = BTreeMap::new();
        let roomy = with_arms(cap);
        let mut next = Some(seed);
        while let Some(unit) = next {
            self.taken[unit] = Some(number);
            load = load.with(self.loads[unit]);
            part.extend_from_slice(&self.units[unit]);
            self.look_around(unit, &mut frontier);
            let limit = |neighbour: &Neighbour| if neighbour.is_arm { &roomy } else { cap };
            frontier
                .retain(|&unit, known| self.taken[unit].is_none() && load.with(self.loads[unit]).fits(limit(known)));
            next = frontier.iter().max_by_key(|(unit, known)| (known.heat, Reverse(**unit))).map(|(&unit, _)| unit);
            if next.is_none() {
                next = self.by_address(load, cap, rest);
            }
        }
        part.sort_unstable();
        part
    }

    /// The first unit that is left, if it still fits.
    fn by_address(&self, load: Load, cap: &Cap, rest: &mut usize) -> Option<usize> {
        while self.taken.get(*rest).is_some_and(Option::is_some) {
            *rest += 1;
        }
        self.loads.get(*rest).filter(|other| load.with(**other).fits(cap)).map(|_| *rest)
    }

    /// Whether a unit is one block, and what it comes from and goes to is in one region.
    fn is_arm(&self, unit: usize) -> bool {
        let part = |node| self.taken[*self.of.get(&node)?];
        matches!(self.units[unit][..], [node] if arm_of(self.graph, node, part).is_some())
    }

    /// Keeps the neighbours of a unit of the growing region.
    fn look_around(&self, unit: usize, frontier: &mut BTreeMap<usize, Neighbour>) {
        for &node in &self.units[unit] {
            for neighbour in self.graph.neighbors_undirected(node) {
                if let Some(&other) = self.of.get(&neighbour)
                    && self.taken[other].is_none()
                    && (frontier.len() < MAX_FRONTIER || frontier.contains_key(&other))
                {
                    let heat = self.graph[node].count.min(self.graph[neighbour].count);
                    let is_arm = self.is_arm(other);
                    let known = frontier.entry(other).or_default();
                    *known = Neighbour { heat: known.heat.max(heat), is_arm };
                }
            }
        }
    }
}
