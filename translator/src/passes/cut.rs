//! The cheapest places that separate where something comes from from where it must not get.

use petgraph::algo::dinics;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;

/// No place: it costs more than all others together.
pub(super) const NEVER: u64 = 1 << 60;

/// A network of places.
pub(super) struct Network {
    graph: DiGraph<(), u64>,
    source: NodeIndex,
    sink: NodeIndex,
}

impl Network {
    /// `nodes` nodes, numbered from 0, without edges.
    pub(super) fn new(nodes: usize) -> Network {
        let mut graph = DiGraph::with_capacity(nodes + 2, 2 * nodes);
        for _ in 0..nodes {
            graph.add_node(());
        }
        let (source, sink) = (graph.add_node(()), graph.add_node(()));
        Network { graph, source, sink }
    }

    /// It gets from a node to another, unless it is stopped there at a cost.
    pub(super) fn edge(&mut self, from: usize, to: usize, cost: u64) {
        self.graph.add_edge(NodeIndex::new(from), NodeIndex::new(to), cost);
    }

    /// It comes from a node, unless it is stopped before that at a cost.
    pub(super) fn begins(&mut self, at: usize, cost: u64) {
        self.graph.add_edge(self.source, NodeIndex::new(at), cost);
    }

    /// It must not get beyond a node, and is stopped there at a cost.
    pub(super) fn ends(&mut self, at: usize, cost: u64) {
        self.graph.add_edge(NodeIndex::new(at), self.sink, cost);
    }

    /// Where it gets to if it is stopped at the least cost, as soon as possible: it is stopped at the edges that lead out of these nodes.
    /// (L. R. Ford and D. R. Fulkerson, *Maximal flow through a network*, 1956.)
    pub(super) fn reached(&self) -> Vec<bool> {
        let (_, flows) = dinics(&self.graph, self.source, self.sink);
        let mut reached = vec![false; self.graph.node_count()];
        let mut work = vec![self.source];
        reached[self.source.index()] = true;
        while let Some(node) = work.pop() {
            let left = |edge: petgraph::graph::EdgeReference<'_, u64>| edge.weight() - flows[edge.id().index()];
            let onwards = self.graph.edges(node).filter(|edge| left(*edge) > 0).map(|edge| edge.target());
            let incoming = self.graph.edges_directed(node, petgraph::Direction::Incoming);
            let back = incoming.filter(|edge| flows[edge.id().index()] > 0).map(|edge| edge.source());
            for next in onwards.chain(back) {
                if !std::mem::replace(&mut reached[next.index()], true) {
                    work.push(next);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::{NEVER, Network};

    #[test]
    fn the_cheapest_places_are_found() {
        // 0 leads by 1 (dear) or 2 (cheap) to 3, which is cheaper than both together, and to 4, which is dearer than 2.
        let mut network = Network::new(5);
        network.begins(0, NEVER);
        for (from, to, cost) in [(0, 1, 10), (0, 2, 2), (1, 3, NEVER), (2, 3, NEVER), (2, 4, 7)] {
            network.edge(from, to, cost);
        }
        network.ends(3, 3);
        network.ends(4, 8);
        assert_eq!(network.reached()[..5], [true, true, false, true, false]);
    }
}
