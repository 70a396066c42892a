//! The cheapest places that separate where something comes from from where it must not get.

use petgraph::Direction;
use petgraph::algo::dinics;
use petgraph::graph::{DiGraph, EdgeReference, NodeIndex};
use petgraph::visit::EdgeRef;

/// No place: it costs more than all others together.
pub(super) const NEVER: u64 = 1 << 60;

/// Which of the places that cost the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The first.
    Soonest,
    /// The last.
    Latest,
}

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

    /// Where it gets to if it is stopped at the least cost: it is stopped at the edges that lead out of these nodes. Of places that cost the
    /// same, as soon as possible or as late. (L. R. Ford and D. R. Fulkerson, *Maximal flow through a network*, 1956.)
    pub(super) fn reached(&self, stop: Stop) -> Vec<bool> {
        let (_, flows) = dinics(&self.graph, self.source, self.sink);
        // Along the edges from the source, or against them from the sink: whoever still gets to the sink is behind the cut.
        let (first, onwards, soonest) = match stop {
            Stop::Soonest => (self.source, Direction::Outgoing, true),
            Stop::Latest => (self.sink, Direction::Incoming, false),
        };
        let mut reached = vec![!soonest; self.graph.node_count()];
        let mut work = vec![first];
        reached[first.index()] = soonest;
        while let Some(node) = work.pop() {
            let far = |edge: EdgeReference<'_, u64>| if edge.source() == node { edge.target() } else { edge.source() };
            let left = |edge: &EdgeReference<'_, u64>| flows[edge.id().index()] < *edge.weight();
            let used = |edge: &EdgeReference<'_, u64>| flows[edge.id().index()] > 0;
            let along = self.graph.edges_directed(node, onwards).filter(left);
            let against = self.graph.edges_directed(node, onwards.opposite()).filter(used);
            for next in along.chain(against).map(far) {
                if std::mem::replace(&mut reached[next.index()], soonest) != soonest {
                    work.push(next);
                }
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::{NEVER, Network, Stop};

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
        for stop in [Stop::Soonest, Stop::Latest] {
            assert_eq!(network.reached(stop)[..5], [true, true, false, true, false]);
        }
    }

    #[test]
    fn of_places_that_cost_the_same_the_first_or_the_last_is_taken() {
        let mut network = Network::new(4);
        network.begins(0, 5);
        for (from, to, cost) in [(0, 1, 2), (1, 2, 7), (2, 3, 2)] {
            network.edge(from, to, cost);
        }
        network.ends(3, NEVER);
        assert_eq!(network.reached(Stop::Soonest)[..4], [true, false, false, false]);
        assert_eq!(network.reached(Stop::Latest)[..4], [true, true, true, false]);
    }
}
