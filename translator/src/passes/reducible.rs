//! Makes control flow reducible: every loop gets one block through which it is entered.
//!
//! In each strongly connected component with several entered blocks a *dispatch* block is put before them; all edges from
//! outside, and the back edges to the first entered block, go to it by way of a small block that sets the selector. What is
//! left of the component without its header is looked at again. (The idea of LLVM's WebAssemblyFixIrreducibleControlFlow;
//! here only one of the entered blocks gets its inner edges redirected, the others are then ordinary join points.)

use crate::ir::{Block, BlockId, FlagsAt, Region, Terminator};
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// Runs the pass.
pub fn run(region: &mut Region) {
    let mut work = vec![region.block_ids().collect::<BTreeSet<_>>()];
    while let Some(nodes) = work.pop() {
        for component in components(region, &nodes) {
            let header_free = one_header(region, component);
            if header_free.len() > 1 {
                work.push(header_free);
            }
        }
    }
}

/// The loops among some blocks.
fn components(region: &Region, nodes: &BTreeSet<BlockId>) -> Vec<BTreeSet<BlockId>> {
    let mut graph = DiGraphMap::<u32, ()>::new();
    for id in nodes {
        graph.add_node(id.0);
        for to in region.block(*id).terminator.successors().iter().filter(|to| nodes.contains(to)) {
            graph.add_edge(id.0, to.0, ());
        }
    }
    let components = tarjan_scc(&graph);
    components.into_iter().filter(|c| c.len() > 1).map(|c| c.into_iter().map(BlockId).collect()).collect()
}

/// Gives a component a single header, and what is left of it without.
fn one_header(region: &mut Region, mut component: BTreeSet<BlockId>) -> BTreeSet<BlockId> {
    // The root is come to from outside, and alone: where local jumps lead back to it, it is the header.
    if component.remove(&region.root) {
        return component;
    }
    let mut entered: Vec<BlockId> = Vec::new();
    for (to, from) in region.predecessors().iter().enumerate() {
        let to = BlockId(to as u32);
        if component.contains(&to) && from.iter().any(|from| !component.contains(from)) {
            entered.push(to);
        }
    }
    entered.sort_by_key(|id| (region.block(*id).offset, *id));
    match entered[..] {
        [] => {}
        [header] => drop(component.remove(&header)),
        [first, ..] => component.extend(dispatch(region, &component, &entered, first)),
    }
    component
}

/// Puts a dispatch block before the entered blocks; gives the new blocks inside the component.
fn dispatch(
    region: &mut Region,
    component: &BTreeSet<BlockId>,
    entered: &[BlockId],
    first: BlockId,
) -> BTreeSet<BlockId> {
    let offset = region.block(first).offset;
    let block = Block::empty(offset, FlagsAt::Dynamic, Terminator::Switch(entered.to_vec()));
    let dispatch = region.add_block(block);
    let selectors: BTreeMap<BlockId, u32> = entered.iter().copied().zip(0..).collect();
    let mut inside = BTreeSet::new();
    for id in region.block_ids().filter(|id| *id != dispatch) {
        let within = component.contains(&id);
        let mut terminator = region.block(id).terminator.clone();
        terminator.redirect(|to| match selectors.get(&to) {
            Some(&selector) if !within || to == first => {
                let mut step = Block::empty(region.block(to).offset, FlagsAt::Dynamic, Terminator::Jump(dispatch));
                step.select = Some(selector);
                let step = region.add_block(step);
                if within {
                    inside.insert(step);
                }
                step
            }
            _ => to,
        });
        region.blocks[id.index()].terminator = terminator;
    }
    inside
}
