//! The instruction budget: what has retired is taken off where paths meet, and tested where the region begins and at loop
//! heads.
//!
//! What has retired since is *pending*: a constant for each block, which its successors carry on. Where paths meet the one that is taken
//! most often keeps its count, and the others take off, or add, what they differ by; before a test, and where nothing ever ran, all is
//! taken off, and where it has become much. An exit says how much is still to be taken off there. A test asks for the longest way to the next test, so that between
//! tests nothing needs to look. Where a callee comes back there is a test of its own.

use crate::ir::{Block, BlockId, BudgetCheck, Exit, ExitKind, Inst, Region, Terminator};
use runtime::translated::abi::ExitReason;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// More is not left pending: exits have room for a few times as many.
const MOST_PENDING: u32 = 4096;

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
    tested.extend(region.blocks.iter().filter_map(comes_back));
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

/// Where the callee comes back to.
fn comes_back(block: &Block) -> Option<BlockId> {
    if let Terminator::Call { back, .. } = block.terminator { Some(back) } else { None }
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
    let (before, after) = pending(region);
    for id in region.block_ids() {
        let (own, total) = (after[id.index()], before[id.index()] + region.block(id).retired);
        carry(region, id, before[id.index()]);
        let mut flush = i64::from(total) - i64::from(own);
        let successors = region.block(id).terminator.continues_at();
        let differs = |to: &BlockId| i64::from(own) - i64::from(before[to.index()]);
        match successors[..] {
            [only] => flush += differs(&only),
            _ => {
                let apart: BTreeSet<BlockId> = successors.into_iter().filter(|to| differs(to) != 0).collect();
                let edges: BTreeMap<BlockId, BlockId> =
                    apart.iter().map(|to| (*to, between(region, id, *to, differs(to) as i32))).collect();
                let redirected = |to: BlockId| edges.get(&to).copied().unwrap_or(to);
                region.blocks[id.index()].terminator.redirect(redirected);
            }
        }
        region.blocks[id.index()].flush = flush as i32;
        if let Terminator::Return { exit, .. } = region.block(id).terminator {
            // It is taken off before the address is looked at.
            let retired = &mut region.exits[exit.index()].retired;
            *retired = (i64::from(*retired) - flush) as u32;
        }
    }
}

/// What is pending where each block begins, and where it ends.
fn pending(region: &Region) -> (Vec<u32>, Vec<u32>) {
    let predecessors = region.predecessors();
    let order = depth_first(region);
    let heads = retreated_to(region, &order);
    let come_back: BTreeSet<BlockId> = region.blocks.iter().filter_map(comes_back).collect();
    let switches = |id: BlockId| matches!(region.block(id).terminator, Terminator::Switch(_));
    // The root is come to from outside, too; a callee has taken off what retired; and a test looks at the budget, whoever comes to it.
    let nothing = |id: BlockId| {
        let meets = predecessors[id.index()].len() > 1;
        let tested = heads[id.index()] || id == region.root || region.block(id).check.is_some() || looks(region, id);
        tested
            || come_back.contains(&id)
            || meets && !ran(region, id)
            || predecessors[id.index()].iter().any(|from| switches(*from))
    };
    let (mut before, mut after) = (vec![0; region.blocks.len()], vec![0; region.blocks.len()]);
    for &id in order.postorder.iter().rev() {
        if !nothing(id) {
            let from = predecessors[id.index()].iter().copied();
            let most = from.max_by_key(|from| (taken(region, &predecessors, *from, id), Reverse(*from)));
            before[id.index()] = most.map_or(0, |from| after[from.index()]);
        }
        let successors = region.block(id).terminator.continues_at();
        let most = successors.iter().copied().max_by_key(|to| taken(region, &predecessors, id, *to));
        let takes_all = switches(id)
            || if ran(region, id) { most.is_some_and(nothing) } else { successors.iter().any(|to| nothing(*to)) };
        let total = before[id.index()] + region.block(id).retired;
        after[id.index()] = if takes_all || total > MOST_PENDING { 0 } else { total };
    }
    (before, after)
}

/// Whether the block tests what is left of a loop's own count.
fn looks(region: &Region, id: BlockId) -> bool {
    let block = region.block(id);
    let left = block.counter.map(|counter| counter.left);
    block.insts.iter().any(|value| matches!(region.inst(*value), Inst::Temp(temp) if Some(*temp) == left))
}

fn ran(region: &Region, id: BlockId) -> bool {
    region.block(id).runs.is_some_and(|runs| runs > 0)
}

/// About how often an edge was taken.
fn taken(region: &Region, predecessors: &[Vec<BlockId>], from: BlockId, to: BlockId) -> u64 {
    let runs = |id: BlockId| region.block(id).runs.unwrap_or(0);
    let others = region.block(from).terminator.continues_at().into_iter().filter(|other| *other != to);
    let alone = others.filter(|other| predecessors[other.index()].len() == 1);
    runs(from).saturating_sub(alone.map(runs).sum()).min(runs(to))
}

/// A block on an edge, which takes something off where the edge's block would.
fn between(region: &mut Region, from: BlockId, to: BlockId, flush: i32) -> BlockId {
    let (runs, next) = (region.block(from).runs, region.block(to));
    let mut block = Block::empty(next.offset, next.flags, Terminator::Jump(to));
    (block.runs, block.flush, block.counter) = (runs.min(next.runs), flush, region.block(from).counter);
    region.add_block(block)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};

    /// Offsets of a hot arm, of one that hardly ever runs, of where they meet, and of what comes after.
    const HOT: i64 = 0x05;
    const RARE: i64 = 0x20;
    const JOIN: i64 = 0x0b;
    const END: i64 = 0x10;

    /// A loop around two arms, of which one runs so often, the other as often as given.
    fn arms(rare: u64) -> Region {
        let block = |offset, bytes: &[u8], runs| SourceBlock { offset, bytes: bytes.to_vec(), runs: Some(runs) };
        let blocks = vec![
            // test rdi,rdi; jz RARE
            block(0, &[0x48, 0x85, 0xff, 0x74, 0x1b], 1000),
            // mov rax,[rsi]; mov rcx,[rdx]
            block(HOT, &[0x48, 0x8b, 0x06, 0x48, 0x8b, 0x0a], 1000 - rare),
            // dec rdi; jnz 0
            block(JOIN, &[0x48, 0xff, 0xcf, 0x75, 0xf0], 1000),
            // ret
            block(END, &[0xc3], 1),
            // nop; nop; nop; mov rax,[rdx]; jmp JOIN
            block(RARE, &[0x90, 0x90, 0x90, 0x48, 0x8b, 0x02, 0xeb, 0xe3], rare),
        ];
        let (name, entries, inlined) = (String::new(), vec![0], Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries, inlined };
        let mut region = lift(&source, &Options::default()).unwrap().region;
        place_checks(&mut region);
        place_flushes(&mut region);
        crate::ir::verify(&region).unwrap();
        region
    }

    /// The block of code at an offset.
    fn at(region: &Region, offset: i64) -> &Block {
        region.blocks.iter().find(|block| block.offset == offset && block.retired > 0).unwrap()
    }

    /// Follows every edge: what retired less what was taken off is the same on all ways to a block, nothing at a test, and what
    /// its first exit says. Gives how many blocks that was asked of.
    fn settle(region: &Region) -> usize {
        let mut owed: Vec<Option<i64>> = vec![None; region.blocks.len()];
        owed[region.root.index()] = Some(0);
        let mut work = vec![region.root];
        while let Some(id) = work.pop() {
            let block = region.block(id);
            let before = owed[id.index()].unwrap();
            assert!(block.check.is_none() || before == 0, "{region}");
            if let Some(exit) = block.insts.iter().find_map(|value| region.inst(*value).exit()) {
                let own = if block.offset == RARE { 3 } else { 0 };
                assert_eq!(i64::from(region.exits[exit.index()].retired), before + own, "{region}");
            }
            let after = before + i64::from(block.retired) - i64::from(block.flush);
            for to in block.terminator.continues_at() {
                match owed[to.index()] {
                    Some(known) => assert_eq!(known, after, "{region}"),
                    None => {
                        owed[to.index()] = Some(after);
                        work.push(to);
                    }
                }
            }
        }
        owed.iter().flatten().count()
    }

    #[test]
    fn where_paths_meet_the_hotter_takes_nothing_off() {
        for (rare, hot_flush, rare_flush) in [(1, 0, 3), (900, -3, 0)] {
            let region = arms(rare);
            assert!(settle(&region) >= 6);
            assert_eq!((at(&region, HOT).flush, at(&region, RARE).flush), (hot_flush, rare_flush), "{region}");
            // Two instructions to the branch, two in the hot arm and two where they meet, or five in the rare one.
            assert_eq!(at(&region, JOIN).flush, if rare == 1 { 6 } else { 9 }, "{region}");
        }
    }

    #[test]
    fn little_is_pending_however_long_the_way_is() {
        let mut blocks = Vec::new();
        for number in 0..100 {
            // Over a NOP or not.
            let straight = [&[0x90u8; 250][..], &[0x74, 0x01]].concat();
            blocks.push(SourceBlock { offset: 0x100 * number, bytes: straight, runs: Some(1000) });
            blocks.push(SourceBlock { offset: 0x100 * number + 252, bytes: vec![0x90], runs: Some(400) });
            // jmp to the next
            let next = SourceBlock { offset: 0x100 * number + 253, bytes: vec![0xeb, 0x01], runs: Some(1000) };
            blocks.push(next);
        }
        // mov rax,[rdi]; ret
        blocks.push(SourceBlock { offset: 0x100 * 100, bytes: vec![0x48, 0x8b, 0x07, 0xc3], runs: Some(1000) });
        let (name, entries, inlined) = (String::new(), vec![0], Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries, inlined };
        let mut region = lift(&source, &Options::default()).unwrap().region;
        place_checks(&mut region);
        place_flushes(&mut region);
        assert!(settle(&region) > 300);
        let most = region.exits.iter().map(|exit| exit.retired).max().unwrap();
        assert!(most < 2 * MOST_PENDING && at(&region, 0x100 * 50).retired == 251, "{most}");
    }

    #[test]
    fn what_never_ran_takes_its_own_off() {
        let region = arms(0);
        assert!(settle(&region) >= 6);
        assert_eq!((at(&region, HOT).flush, at(&region, RARE).flush), (0, 3), "{region}");
    }
}
