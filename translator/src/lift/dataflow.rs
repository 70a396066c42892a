//! Which lazy flags a block starts with.
//!
//! Backwards: whether a block, or one after it, reads the flags that it starts with. Forwards: what its predecessors
//! leave. Where they leave the same operation the block knows it. Where not, and nobody reads them, the operation's number
//! is a variable (`Dynamic`), which predecessors set; where somebody does, predecessors compute the word of flags
//! (`Explicit`). An entry point gets any flags: as one more predecessor that disagrees if nobody reads them, else its
//! stub lets pass only what the block expects, unless callees come back there: then it computes the word.

use crate::ir::FlagsAt;

/// What a block leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// This.
    Known(FlagsAt),
    /// A choice of two, one of which may be what it starts with.
    Kept,
    /// What it starts with.
    Same,
}

/// What a block does to the flags.
#[derive(Debug, Clone)]
pub(super) struct Summary {
    /// Whether it reads those that it starts with.
    pub(super) reads: bool,
    /// What it leaves.
    pub(super) leaves: Leaves,
    /// Whether it is an entry point.
    pub(super) entry: bool,
    /// Whether callees come back to it, which they do often, and with any flags.
    pub(super) returned_to: bool,
    /// The blocks after it.
    pub(super) successors: Vec<usize>,
}

/// What was found, for each block.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// The flags that it starts with.
    pub(super) starts: Vec<FlagsAt>,
    /// Whether it, or one after it, reads those.
    pub(super) reads: Vec<bool>,
    /// Whether it must leave the word of flags.
    pub(super) explicit: Vec<bool>,
}

/// Solves both directions.
pub(super) fn solve(blocks: &[Summary]) -> Plan {
    let reads = backwards(blocks);
    let mut starts: Vec<Option<FlagsAt>> = vec![None; blocks.len()];
    let mut explicit = vec![false; blocks.len()];
    // Both only ever become true, so that the iteration ends.
    let (mut forced, mut mixed) = (vec![false; blocks.len()], vec![false; blocks.len()]);
    let predecessors = predecessors(blocks);
    loop {
        let mut changed = false;
        for block in 0..blocks.len() {
            let leaves: Vec<FlagsAt> =
                predecessors[block].iter().filter_map(|&p| left(&blocks[p], starts[p], explicit[p])).collect();
            let disagree =
                blocks[block].returned_to || leaves.iter().any(|l| *l != leaves[0] || *l == FlagsAt::Dynamic);
            let start = match (reads[block], blocks[block].entry) {
                (true, _) if forced[block] || disagree => {
                    forced[block] = true;
                    Some(FlagsAt::EXPLICIT)
                }
                (true, true) => Some(leaves.first().copied().unwrap_or(FlagsAt::EXPLICIT)),
                (true, false) => leaves.first().copied(),
                (false, true) => Some(FlagsAt::Dynamic),
                (false, false) if mixed[block] || disagree => {
                    mixed[block] = true;
                    Some(FlagsAt::Dynamic)
                }
                (false, false) => leaves.first().copied(),
            };
            changed |= start != starts[block];
            starts[block] = start;
            for &p in &predecessors[block] {
                let differs = left(&blocks[p], starts[p], explicit[p]).is_some_and(|left| Some(left) != start);
                let convert = forced[block] && differs;
                changed |= convert;
                explicit[p] |= convert;
            }
        }
        if !changed {
            break;
        }
    }
    // A block that nothing reaches from an entry point is not given.
    let starts = starts.into_iter().map(|start| start.unwrap_or(FlagsAt::Dynamic)).collect();
    Plan { starts, reads, explicit }
}

fn left(block: &Summary, start: Option<FlagsAt>, explicit: bool) -> Option<FlagsAt> {
    match block.leaves {
        _ if explicit => Some(FlagsAt::EXPLICIT),
        Leaves::Known(at) => Some(at),
        Leaves::Kept => Some(FlagsAt::Dynamic),
        Leaves::Same => start,
    }
}

fn predecessors(blocks: &[Summary]) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); blocks.len()];
    for (number, block) in blocks.iter().enumerate() {
        block.successors.iter().for_each(|&to| all[to].push(number));
    }
    all
}

fn backwards(blocks: &[Summary]) -> Vec<bool> {
    let mut reads: Vec<bool> = blocks.iter().map(|block| block.reads).collect();
    loop {
        let mut changed = false;
        for (number, block) in blocks.iter().enumerate().rev() {
            let passes = !matches!(block.leaves, Leaves::Known(_));
            if !reads[number] && passes && block.successors.iter().any(|&to| reads[to]) {
                reads[number] = true;
                changed = true;
            }
        }
        if !changed {
            return reads;
        }
    }
}
