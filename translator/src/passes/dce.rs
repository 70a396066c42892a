//! Dead code: what no effect of a block uses, directly or not.

use crate::ir::{Region, Value};
use std::collections::HashSet;

/// The values of a block in `order` that an effect, or the terminator's operand `used`, needs.
pub fn live(region: &Region, order: &[Value], used: Option<Value>) -> HashSet<Value> {
    let mut live: HashSet<Value> = used.into_iter().collect();
    for &value in order.iter().rev() {
        let inst = region.inst(value);
        if inst.is_effect() {
            live.insert(value);
        }
        if live.contains(&value) {
            live.extend(inst.operands());
        }
    }
    live
}

/// Drops dead code from every block.
pub fn run(region: &mut Region) {
    for id in region.block_ids() {
        let block = region.block(id);
        let live = live(region, &block.insts, block.terminator.operand());
        region.blocks[id.index()].insts.retain(|value| live.contains(value));
    }
}
