//! Makes control flow reducible: every loop gets one block through which it is entered.
//!
//! In each strongly connected component with several entered blocks one is made the header. What leads from the others to it
//! without a loop is copied, if it is little, and whoever comes from outside goes through the copy: so are entered the loops with a call, which
//! the interpreter may come back to after it. Else a *dispatch* block is put before all of them; all edges from outside, and the
//! back edges to the header, go to it by way of a small block that sets the selector. What is left of the component without its header is
//! looked at again. (The second is the idea of LLVM's WebAssemblyFixIrreducibleControlFlow; here only one of the entered
//! blocks gets its inner edges redirected, the others are then ordinary join points.)

use super::copy;
use crate::ir::{Block, BlockId, FlagsAt, Region, Terminator};
use crate::lift::Peeling;
use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use std::collections::{BTreeMap, BTreeSet};

/// Most guest instructions that are copied for one loop.
const MOST_COPIED: u32 = 48;

/// Runs the pass.
pub fn run(region: &mut Region, peeling: Peeling) {
    let mut work = vec![region.block_ids().collect::<BTreeSet<_>>()];
    while let Some(nodes) = work.pop() {
        for component in components(region, &nodes) {
            let header_free = one_header(region, component, peeling);
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
fn one_header(region: &mut Region, mut component: BTreeSet<BlockId>, peeling: Peeling) -> BTreeSet<BlockId> {
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
        [header, ref others @ ..] if peeling == Peeling::Copied && peel(region, &component, header, others) => {
            component.remove(&header);
        }
        [first, ..] => component.extend(dispatch(region, &component, &entered, first)),
    }
    component
}

/// Leads who comes from outside to copies of what leads from `others` to the header, if these are few and no loop.
fn peel(region: &mut Region, component: &BTreeSet<BlockId>, header: BlockId, others: &[BlockId]) -> bool {
    let mut path: BTreeSet<BlockId> = others.iter().copied().collect();
    let mut work = others.to_vec();
    while let Some(id) = work.pop() {
        for to in region.block(id).terminator.successors() {
            if to != header && component.contains(&to) && path.insert(to) {
                work.push(to);
            }
        }
    }
    let size = path.iter().fold(0u32, |sum, id| sum.saturating_add(region.block(*id).retired));
    if size > MOST_COPIED || region.block(header).runs == Some(0) || !components(region, &path).is_empty() {
        return false;
    }
    let originals: Vec<BlockId> = region.block_ids().filter(|id| !component.contains(id)).collect();
    let copies: BTreeMap<BlockId, BlockId> = path.iter().map(|&id| (id, copy::whole(region, id))).collect();
    for from in originals.iter().chain(copies.values()) {
        region.blocks[from.index()].terminator.redirect(|to| copies.get(&to).copied().unwrap_or(to));
    }
    true
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};

    /// Switches of a loop with a call, after which it may be entered too and so many instructions follow, but for the region's own.
    fn switches(after: usize, runs: u64, peeling: Peeling) -> usize {
        let call = vec![0xe8, 0xfb, 0x0f, 0, 0];
        let mut rest = vec![0x90; after];
        // dec rdi; jnz 0; ret
        rest.extend([0x48, 0xff, 0xcf, 0x0f, 0x85]);
        rest.extend((-(after as i32) - 14).to_le_bytes());
        rest.push(0xc3);
        let block = |offset, bytes| SourceBlock { offset, bytes, runs: Some(runs) };
        let (name, blocks) = (String::new(), vec![block(0, call), block(5, rest)]);
        let source =
            RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries: vec![0], inlined: Vec::new() };
        let mut region = lift(&source, &Options::default()).unwrap().region;
        run(&mut region, peeling);
        crate::ir::verify(&region).unwrap();
        let switches = region.block_ids().filter(|id| matches!(region.block(*id).terminator, Terminator::Switch(_)));
        switches.filter(|id| *id != region.root).count()
    }

    #[test]
    fn a_loop_that_is_entered_after_its_call_needs_no_switch() {
        assert_eq!(switches(1, 10, Peeling::Copied), 0);
    }

    #[test]
    fn what_is_large_or_never_ran_is_not_copied() {
        assert_eq!(switches(MOST_COPIED as usize + 1, 10, Peeling::Copied), 1);
        assert_eq!(switches(1, 0, Peeling::Copied), 1);
        assert_eq!(switches(1, 10, Peeling::Omitted), 1);
    }
}
