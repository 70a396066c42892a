//! The control-flow graph of a function: straight lines between leaders, and how control goes from one to another.

use super::explore::{Step, Trace};
use super::flow::Flow;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeMap;

/// Most instructions of a block: longer lines are cut, so that a region's cap can hold.
const MAX_BLOCK: u32 = 256;

/// Instructions in a row, entered at the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Address of the first byte.
    pub(super) start: u64,
    /// Address of the last instruction.
    pub(super) last: u64,
    /// Bytes.
    pub(super) length: u32,
    /// Instructions.
    pub(super) insns: u32,
    /// How often the first ran.
    pub(super) count: u64,
    /// How often all of them ran, added up.
    pub(super) weight: u64,
    /// How often the last ran, if the interpreter must carry it out.
    pub(super) left: u64,
    /// Whether control enters here from elsewhere: a caller, an indirect jump, a return, or the interpreter.
    pub(super) entered: bool,
    /// Where control goes after it.
    pub(super) flow: Flow,
}

impl Block {
    /// Address after the last byte.
    pub(super) fn end(&self) -> u64 {
        self.start + u64::from(self.length)
    }
}

/// How control goes from one block to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    /// By a jump, a branch, or on.
    Direct,
    /// After a callee or the interpreter.
    Back,
    /// By an indirect jump that was seen, or that a table is for.
    Indirect,
}

/// A function's graph. Nodes are in the order of their addresses.
pub(super) type Graph = DiGraph<Block, Edge>;

/// Builds the graph; `jumps` are the places (last byte) and targets of indirect jumps that were seen or whose tables were found.
pub(super) fn build(trace: &Trace, jumps: &[(u64, u64)]) -> Graph {
    let mut graph = Graph::new();
    let mut numbers: BTreeMap<u64, NodeIndex> = BTreeMap::new();
    let mut ends: BTreeMap<u64, NodeIndex> = BTreeMap::new();
    for &leader in &trace.leaders {
        let mut at = leader;
        while let Some(block) = line(trace, at) {
            let (start, end) = (block.start, block.end());
            let cut = block.flow == Flow::Next && !trace.leaders.contains(&end);
            let node = graph.add_node(block);
            numbers.insert(start, node);
            ends.insert(end, node);
            if !cut {
                break;
            }
            at = end;
        }
    }
    for node in graph.node_indices() {
        connect(&mut graph, &numbers, node);
    }
    for (last_byte, target) in jumps {
        let from = last_byte.checked_add(1).and_then(|end| ends.get(&end));
        if let (Some(&from), Some(&to)) = (from, numbers.get(target))
            && graph[from].flow == Flow::Indirect
        {
            graph.update_edge(from, to, Edge::Indirect);
        }
    }
    graph
}

/// The straight line that begins at `start`.
fn line(trace: &Trace, start: u64) -> Option<Block> {
    let first: &Step = trace.steps.get(&start)?;
    let mut block = Block {
        start,
        last: start,
        length: 0,
        insns: 0,
        count: first.count,
        weight: 0,
        left: 0,
        entered: trace.entered.contains(&start),
        flow: Flow::Next,
    };
    while let Some(step) = trace.steps.get(&block.end()) {
        block.last = block.end();
        block.length += u32::from(step.length);
        block.insns += 1;
        block.weight = block.weight.saturating_add(step.count);
        block.flow = step.flow;
        block.left = if matches!(step.flow, Flow::Resume | Flow::Stop) { step.count } else { 0 };
        if step.flow != Flow::Next || block.insns == MAX_BLOCK || trace.leaders.contains(&block.end()) {
            break;
        }
    }
    Some(block)
}

fn connect(graph: &mut Graph, numbers: &BTreeMap<u64, NodeIndex>, from: NodeIndex) {
    let block = &graph[from];
    let (flow, end) = (block.flow, block.end());
    if let Flow::Jump(target) | Flow::Branch(target) = flow
        && let Some(&to) = numbers.get(&target)
    {
        graph.update_edge(from, to, Edge::Direct);
    }
    if flow.falls_through()
        && let Some(&to) = numbers.get(&end)
    {
        let edge = if flow.comes_back() { Edge::Back } else { Edge::Direct };
        graph[to].entered |= edge == Edge::Back;
        graph.update_edge(from, to, edge);
    }
    // A call of the function itself, or into its middle.
    if let Flow::Call(target) = flow
        && let Some(&to) = numbers.get(&target)
    {
        graph[to].entered = true;
    }
}
