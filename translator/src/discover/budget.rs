//! Keeps the whole within a size: the coldest blocks go first.

use super::graph::{Block, Graph};
use std::collections::BTreeMap;

/// The least count that a block must have run for all such blocks to have at most `most` bytes; 0 where all fit.
pub(super) fn threshold<'b>(blocks: impl Iterator<Item = &'b Block>, most: u64) -> u64 {
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    for block in blocks {
        *sizes.entry(block.count).or_default() += u64::from(block.length);
    }
    let mut total = 0;
    for (&count, &size) in sizes.iter().rev() {
        total += size;
        if total > most {
            return count.saturating_add(1);
        }
    }
    0
}

/// The graph without blocks that ran less often.
pub(super) fn keep(graph: &Graph, threshold: u64) -> Graph {
    graph.filter_map(|_, block| (block.count >= threshold).then(|| block.clone()), |_, &edge| Some(edge))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::flow::Flow;

    #[test]
    fn the_coldest_go_first() {
        let block = |count, length| Block {
            start: 0,
            last: 0,
            length,
            insns: 1,
            count,
            weight: count,
            left: 0,
            entered: true,
            flow: Flow::Stop,
        };
        let blocks = [block(0, 50), block(7, 20), block(1, 30), block(7, 10), block(9, 5)];
        for (most, expected) in [(115, 0), (114, 1), (65, 1), (64, 2), (35, 2), (34, 8), (4, 10)] {
            assert_eq!(threshold(blocks.iter(), most), expected, "of {most} bytes");
        }
    }
}
