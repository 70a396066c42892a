//! Loops: where they begin, and which blocks are better kept together.
//!
//! A loop head is the target of a retreating edge of a depth-first walk (Aho et al., 9.6.4). The units of [`units`] are
//! strongly connected components; one that is too large loses its hottest loop head, which becomes a unit of its own, and
//! is taken apart again: so inner loops stay whole (Bourdoncle's nesting, 1993).

use super::graph::Graph;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Loop nests are taken apart at most so often; what is then still too large is cut anywhere.
const MAX_ROUNDS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// The heads of loops, of a walk that begins at the entered blocks, in the order of nodes.
pub(super) fn heads(graph: &Graph) -> BTreeSet<NodeIndex> {
    let mut marks = vec![Mark::New; graph.node_count()];
    let mut heads = BTreeSet::new();
    let entered = graph.node_indices().filter(|&node| graph[node].entered);
    for root in entered.chain(graph.node_indices()) {
        if marks[root.index()] != Mark::New {
            continue;
        }
        marks[root.index()] = Mark::Open;
        let mut path = vec![(root, graph.neighbors(root))];
        while let Some((node, successors)) = path.last_mut() {
            match successors.next() {
                None => {
                    marks[node.index()] = Mark::Done;
                    path.pop();
                }
                Some(next) if marks[next.index()] == Mark::Open => {
                    heads.insert(next);
                }
                Some(next) if marks[next.index()] == Mark::New => {
                    marks[next.index()] = Mark::Open;
                    path.push((next, graph.neighbors(next)));
                }
                Some(_) => {}
            }
        }
    }
    heads
}

/// Divides `nodes` into loop nests for which `fits` holds, and single blocks. Each unit is ascending, and so are all.
pub(super) fn units(graph: &Graph, nodes: &[NodeIndex], fits: impl Fn(&[NodeIndex]) -> bool) -> Vec<Vec<NodeIndex>> {
    let heads = heads(graph);
    let mut units = Vec::new();
    let mut open = vec![(nodes.to_vec(), 0)];
    while let Some((nodes, round)) = open.pop() {
        for mut unit in components(graph, &nodes) {
            unit.sort_unstable();
            if unit.len() == 1 || fits(&unit) {
                units.push(unit);
            } else if round == MAX_ROUNDS {
                units.extend(unit.into_iter().map(|node| vec![node]));
            } else {
                let rank = |node: &NodeIndex| (heads.contains(node), graph[*node].count, Reverse(*node));
                let head = unit.iter().copied().max_by_key(rank).unwrap_or(unit[0]);
                units.push(vec![head]);
                unit.retain(|&node| node != head);
                open.push((unit, round + 1));
            }
        }
    }
    units.sort_unstable();
    units
}

/// Strongly connected components of the graph that has only `nodes`.
fn components(graph: &Graph, nodes: &[NodeIndex]) -> Vec<Vec<NodeIndex>> {
    let mut part: DiGraph<NodeIndex, ()> = DiGraph::with_capacity(nodes.len(), nodes.len() * 2);
    let mut numbers = vec![None; graph.node_count()];
    for &node in nodes {
        numbers[node.index()] = Some(part.add_node(node));
    }
    for &node in nodes {
        for next in graph.neighbors(node) {
            if let (Some(from), Some(to)) = (numbers[node.index()], numbers[next.index()]) {
                part.add_edge(from, to, ());
            }
        }
    }
    kosaraju_scc(&part).into_iter().map(|component| component.into_iter().map(|node| part[node]).collect()).collect()
}
