//! Keeps the whole within a size: the blocks that are least likely to run go first.
//!
//! What ran often in training is worth most. What never ran is worth the more the nearer it is to what did: a branch that never
//! went there is about as likely to do so in another run whether it was tried ten times or a million times.

use super::graph::{Block, Graph};
use petgraph::Direction;
use petgraph::graph::NodeIndex;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;

/// What a block is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// It never ran, and is so many blocks behind one that did; [`u32::MAX`] where its function never ran.
    Behind(Reverse<u32>),
    /// It ran so often.
    Ran(u64),
}

impl fmt::Display for Rank {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rank::Behind(Reverse(u32::MAX)) => f.write_str("in functions that never ran"),
            Rank::Behind(Reverse(distance)) => write!(f, "{distance} or more blocks behind what ran"),
            Rank::Ran(count) => write!(f, "that ran {count} times or less"),
        }
    }
}

/// The ranks of a function's blocks, by node.
pub(super) fn ranks(graph: &Graph) -> Vec<Rank> {
    let first = |node: NodeIndex| match graph[node].count {
        0 => Rank::Behind(Reverse(u32::MAX)),
        count => Rank::Ran(count),
    };
    let mut ranks: Vec<Rank> = graph.node_indices().map(first).collect();
    let mut work: VecDeque<(NodeIndex, u32)> =
        graph.node_indices().filter(|&node| graph[node].count > 0).map(|node| (node, 0)).collect();
    while let Some((node, distance)) = work.pop_front() {
        for next in graph.neighbors_directed(node, Direction::Outgoing) {
            if ranks[next.index()] == Rank::Behind(Reverse(u32::MAX)) {
                ranks[next.index()] = Rank::Behind(Reverse(distance + 1));
                work.push_back((next, distance + 1));
            }
        }
    }
    ranks
}

/// The greatest rank that has no room, so that the blocks of greater ranks have at most `most` bytes.
pub(super) fn cut<'b>(blocks: impl Iterator<Item = (Rank, &'b Block)>, most: u64) -> Option<Rank> {
    let mut sizes: BTreeMap<Rank, u64> = BTreeMap::new();
    for (rank, block) in blocks {
        *sizes.entry(rank).or_default() += u64::from(block.length);
    }
    let mut total = 0;
    sizes.into_iter().rev().find_map(|(rank, size)| {
        total += size;
        (total > most).then_some(rank)
    })
}

/// The graph without blocks of that rank and lesser ones.
pub(super) fn keep(graph: &Graph, ranks: &[Rank], cut: Rank) -> Graph {
    graph.filter_map(|node, block| (ranks[node.index()] > cut).then(|| block.clone()), |_, &edge| Some(edge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::flow::Flow;
    use crate::discover::graph::Edge;

    fn block(count: u64, length: u32) -> Block {
        Block { start: 0, last: 0, length, insns: 1, count, weight: count, left: 0, entered: true, flow: Flow::Stop }
    }

    #[test]
    fn the_coldest_go_first() {
        let blocks = [(0, 50), (7, 20), (1, 30), (7, 10), (9, 5)].map(|(count, length)| block(count, length));
        let cases =
            [(115, None), (114, Some(0)), (65, Some(0)), (64, Some(1)), (35, Some(1)), (34, Some(7)), (4, Some(9))];
        for (most, expected) in cases {
            let ranked = blocks.iter().map(|block| (Rank::Ran(block.count), block));
            assert_eq!(cut(ranked, most), expected.map(Rank::Ran), "of {most} bytes");
        }
    }

    #[test]
    fn what_never_ran_is_worth_the_more_the_nearer_it_is_to_what_did() {
        let mut graph = Graph::new();
        let nodes = [3, 0, 0, 8, 0].map(|count| graph.add_node(block(count, 1)));
        for (from, to) in [(0, 1), (1, 2), (2, 0), (3, 2)] {
            graph.add_edge(nodes[from], nodes[to], Edge::Direct);
        }
        let behind = |distance| Rank::Behind(Reverse(distance));
        let expected = [Rank::Ran(3), behind(1), behind(1), Rank::Ran(8), behind(u32::MAX)];
        assert_eq!(ranks(&graph), expected);
        assert_eq!(keep(&graph, &expected, behind(2)).node_count(), 4);
        assert_eq!(keep(&graph, &expected, behind(1)).node_count(), 2);
    }
}
