//! Divides a function's blocks among regions.
//!
//! What fits the cap is one region. Else regions grow, each from the hottest loop nest that is left, always by the
//! neighbour that control most often goes to or comes from; what has no neighbours left is filled up by address. Blocks
//! that never ran do not mix with those that did.
//!
//! A region is bound only when all its pages are mapped, and a process maps pages of files as it touches them. So in user
//! mode blocks that never ran stay out of a region unless they lie on pages where others ran.

use super::graph::{Block, Graph};
use super::{Cap, loops};
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
    for nodes in [near, far] {
        if nodes.is_empty() {
            continue;
        }
        if Load::of(graph, &nodes).fits(cap) {
            parts.push(nodes);
            continue;
        }
        let (hot, cold): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|&node| graph[node].count > 0);
        parts.extend(cut(graph, &hot, cap));
        parts.extend(cut(graph, &cold, cap));
    }
    parts
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

struct Units<'g> {
    graph: &'g Graph,
    units: Vec<Vec<NodeIndex>>,
    loads: Vec<Load>,
    /// The unit of each block.
    of: BTreeMap<NodeIndex, usize>,
    taken: Vec<bool>,
}

/// Cuts blocks into regions.
fn cut(graph: &Graph, nodes: &[NodeIndex], cap: &Cap) -> Vec<Vec<NodeIndex>> {
    let units = loops::units(graph, nodes, |unit| Load::of(graph, unit).fits(cap));
    let loads = units.iter().map(|unit| Load::of(graph, unit)).collect();
    let of = (0..).zip(&units).flat_map(|(number, unit)| unit.iter().map(move |&node| (node, number))).collect();
    let taken = vec![false; units.len()];
    let mut seeds: Vec<usize> = (0..units.len()).collect();
    seeds.sort_by_key(|&unit| (Reverse(units[unit].iter().map(|&node| graph[node].count).max()), unit));
    let mut units = Units { graph, units, loads, of, taken };
    let mut parts = Vec::new();
    let mut rest = 0;
    for seed in seeds {
        if !units.taken[seed] {
            parts.push(units.grow(seed, cap, &mut rest));
        }
    }
    parts
}

impl Units<'_> {
    /// The region that grows from a unit; before `rest` no unit is left.
    fn grow(&mut self, seed: usize, cap: &Cap, rest: &mut usize) -> Vec<NodeIndex> {
        let mut part = Vec::new();
        let mut load = Load::default();
        let mut frontier: BTreeMap<usize, u64> = BTreeMap::new();
        let mut next = Some(seed);
        while let Some(unit) = next {
            self.taken[unit] = true;
            load = load.with(self.loads[unit]);
            part.extend_from_slice(&self.units[unit]);
            self.look_around(unit, &mut frontier);
            frontier.retain(|&unit, _| !self.taken[unit] && load.with(self.loads[unit]).fits(cap));
            next = frontier.iter().max_by_key(|(unit, heat)| (**heat, Reverse(**unit))).map(|(&unit, _)| unit);
            if next.is_none() {
                next = self.by_address(load, cap, rest);
            }
        }
        part.sort_unstable();
        part
    }

    /// The first unit that is left, if it still fits.
    fn by_address(&self, load: Load, cap: &Cap, rest: &mut usize) -> Option<usize> {
        while self.taken.get(*rest) == Some(&true) {
            *rest += 1;
        }
        self.loads.get(*rest).filter(|other| load.with(**other).fits(cap)).map(|_| *rest)
    }

    fn look_around(&self, unit: usize, frontier: &mut BTreeMap<usize, u64>) {
        for &node in &self.units[unit] {
            for neighbour in self.graph.neighbors_undirected(node) {
                if let Some(&other) = self.of.get(&neighbour)
                    && !self.taken[other]
                    && (frontier.len() < MAX_FRONTIER || frontier.contains_key(&other))
                {
                    let heat = self.graph[node].count.min(self.graph[neighbour].count);
                    let known = frontier.entry(other).or_default();
                    *known = (*known).max(heat);
                }
            }
        }
    }
}
