//! The instruction budget: what has retired is taken off where paths meet, and tested where the region begins and at loop
//! heads.
//!
//! A block with one predecessor carries on that one's count; before a block with several, or a test, the count is taken off. An exit
//! says how much is still to be taken off there. A test asks for the longest way to the next test, so that between tests
//! nothing needs to look. Where a callee comes back there is a test of its own.

use crate::ir::{BlockId, BudgetCheck, Exit, ExitKind, Inst, Region, Terminator};
use runtime::translated::abi::ExitReason;

/// Places the tests. Before the control flow is made reducible: `stubs` are the root's successors.
pub fn place_checks(region: &mut Region) {
    let order = depth_first(region);
    let heads = retreated_to(region, &order);
    let mut longest = vec![0u32; region.blocks.len()];
    for &id in order.postorder.iter() {
        let block = region.block(id);
        let next = block.terminator.continues_at().into_iter().filter(|to| !heads[to.index()]);
        longest[id.index()] = block.retired + block.held + next.map(|to| longest[to.index()]).max().unwrap_or(0);
    }
    let mut tested: Vec<BlockId> = region.block(region.root).terminator.successors();
    tested.extend(region.blocks.iter().filter_map(|block| match block.terminator {
        Terminator::Call { back, .. } => Some(back),
        _ => None,
    }));
    // What the root leads to is tested.
    tested.extend(region.block_ids().filter(|id| heads[id.index()] && *id != region.root));
    for id in tested {
        if longest[id.index()] > 0 && region.block(id).check.is_none() {
            let need = longest[id.index()];
            let block = region.block(id);
            let (offset, flags) = (block.offset, block.flags);
            let exit = region.add_exit(Exit { kind: ExitKind::Side(ExitReason::Budget), offset, retired: 0, flags });
            region.blocks[id.index()].check = Some(BudgetCheck { need, exit });
        }
    }
}

struct Order {
    postorder: Vec<BlockId>,
    /// Number in postorder; `None` for what the root does not reach.
    number: Vec<Option<usize>>,
}

/// Depth first from the root.
fn depth_first(region: &Region) -> Order {
    let mut order = Order { postorder: Vec::new(), number: vec![None; region.blocks.len()] };
    let mut seen = vec![false; region.blocks.len()];
    let mut stack = vec![(region.root, 0)];
    seen[region.root.index()] = true;
    while let Some((id, next)) = stack.pop() {
        match region.block(id).terminator.successors().get(next) {
            Some(&to) => {
                stack.push((id, next + 1));
                if !std::mem::replace(&mut seen[to.index()], true) {
                    stack.push((to, 0));
                }
            }
            None => {
                order.number[id.index()] = Some(order.postorder.len());
                order.postorder.push(id);
            }
        }
    }
    order
}

/// Targets of retreating edges: without them there is no cycle.
pub(super) fn loop_heads(region: &Region) -> Vec<bool> {
    retreated_to(region, &depth_first(region))
}

fn retreated_to(region: &Region, order: &Order) -> Vec<bool> {
    let mut heads = vec![false; region.blocks.len()];
    for &id in &order.postorder {
        for to in region.block(id).terminator.successors() {
            heads[to.index()] |= order.number[to.index()] >= order.number[id.index()];
        }
    }
    heads
}

/// Takes what retired off the budget where paths meet, and tells each exit what is left to take off.
pub fn place_flushes(region: &mut Region) {
    let predecessors = region.predecessors();
    let mut pending = vec![0; region.blocks.len()];
    let mut order = depth_first(region).postorder;
    order.reverse();
    for id in order {
        let before: u32 = pending[id.index()];
        let successors = region.block(id).terminator.continues_at();
        // The root is come to from outside, too; and a test looks at the budget, whoever comes to it.
        let meets = successors
            .iter()
            .any(|to| *to == region.root || predecessors[to.index()].len() > 1 || region.block(*to).check.is_some());
        let after = before + region.block(id).retired;
        region.blocks[id.index()].flush = if meets { after } else { 0 };
        successors.iter().for_each(|to| pending[to.index()] = if meets { 0 } else { after });
        carry(region, id, before);
        if let (Terminator::Return { exit, .. }, true) = (&region.block(id).terminator, meets) {
            // It is taken off before the address is looked at.
            let exit = exit.index();
            region.exits[exit].retired -= after;
        }
    }
}

fn carry(region: &mut Region, id: BlockId, before: u32) {
    let block = region.block(id);
    let mut exits: Vec<_> = block.insts.iter().filter_map(|value| region.inst(*value).exit()).collect();
    exits.extend(block.terminator.exit());
    // Several tests of a block may share one.
    exits.sort_unstable_by_key(|exit| exit.index());
    exits.dedup();
    exits.into_iter().for_each(|exit| region.exits[exit.index()].retired += before);
    for value in region.block(id).insts.clone() {
        if let Inst::Budget(retired) = &mut region.insts[value.index()] {
            *retired += before;
        }
    }
}
