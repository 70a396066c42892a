//! Where variables are stored in the processor's state, and where they are loaded from it.
//!
//! A variable that was set has to be in the state when the region is left, and after a call, or where the region is entered, it has to
//! be loaded before it is read. If the exits alone store and the entries alone load, an interpreter's loop stores at each call
//! what some rare path may have set, and loads after it what only another path reads. So both are put where they happen least
//! often by the block counts of the training run: stores at the end of blocks ([`Block::stored`]) or at exits, loads at the start of
//! blocks ([`Block::loaded`]) or at entries. That is a minimum cut for each variable:
//!
//! ```text
//! stores   from the blocks that set it, to the exits that it reaches           cut after blocks, or at the exits
//! loads    from entries and returns of calls, to the blocks that read it       cut before blocks, but not where it may be newer
//! ```
//!
//! Of places that cost the same the first that stores is taken, and the last that loads: in between a variable takes a register.
//!
//! What neither covers [`liveness`](super::liveness) sees to, so that a bad placement costs time and nothing else. The lazy
//! flags are left alone: nearly every block sets them.

use super::cut::{NEVER, Network, Stop};
use super::dce;
use super::liveness::{dirty_in, sets};
use crate::ir::{Block, BlockId, Inst, Reg, RegSet, Region, Terminator};

/// What an exit's store costs, in stores of a block: until there the variable takes a register, and every side exit on the way
/// stores it too.
const EXIT: u64 = 2;

/// A block that ran so often costs so much, and at equal counts there are as few places as can be. All of a region together, a million
/// blocks and more, cost less than [`NEVER`], whatever a profile says.
fn cost(runs: u64) -> u64 {
    (runs.min(1 << 32) << 4) + 1
}

/// Places both. Before the control flow is made reducible, which joins paths that nothing takes.
pub fn run(region: &mut Region) {
    dce::run(region);
    let facts = Facts::of(region);
    for reg in facts.all(|facts| facts.sets).iter() {
        place_stores(region, &facts, reg);
    }
    let dirty = dirty_in(region);
    for reg in facts.all(|facts| facts.reads).iter() {
        place_loads(region, &facts, &dirty, reg);
    }
}

/// What is known of a block.
struct BlockFacts {
    sets: RegSet,
    /// What it reads before it sets it.
    reads: RegSet,
    /// What it costs to store or load a variable there.
    cost: u64,
    /// Whether the region is entered there, or a call comes back.
    entered: bool,
}

struct Facts(Vec<BlockFacts>);

impl Facts {
    fn of(region: &Region) -> Facts {
        let of = |id: BlockId| {
            let block = region.block(id);
            // Blocks that no code belongs to may run as often as any, but those that leave hardly do.
            let cost = block.runs.map_or(if leaves(block) { cost(0) } else { NEVER }, cost);
            BlockFacts {
                sets: sets(region, id).minus(RegSet::FLAGS),
                reads: reads(region, block),
                cost,
                entered: false,
            }
        };
        let mut facts: Vec<BlockFacts> = region.block_ids().map(of).collect();
        let stubs = region.block(region.root).terminator.successors();
        for (number, stub) in stubs.iter().enumerate() {
            // The first is the function's own, which others call; what else is entered is so after the interpreter.
            let runs = if number == 0 { calls_of(region, *stub) } else { 0 };
            (facts[stub.index()].entered, facts[stub.index()].cost) = (true, cost(runs));
        }
        for block in &region.blocks {
            if let Terminator::Call { back, .. } = block.terminator {
                let back = &mut facts[back.index()];
                back.cost = if back.entered { back.cost } else { 0 }.saturating_add(cost(block.runs.unwrap_or(0)));
                back.entered = true;
            }
        }
        Facts(facts)
    }

    fn all(&self, which: impl Fn(&BlockFacts) -> RegSet) -> RegSet {
        self.0.iter().fold(RegSet::EMPTY, |all, facts| all.union(which(facts)))
    }
}

/// How often a function is entered at a stub: as often as the block after it runs, without the ways there within the region.
fn calls_of(region: &Region, stub: BlockId) -> u64 {
    let Terminator::Jump(first) = region.block(stub).terminator else { return 0 };
    let predecessors = region.blocks.iter().filter(|block| block.terminator.continues_at().contains(&first));
    let within = predecessors.fold(0u64, |sum, block| sum.saturating_add(block.runs.unwrap_or(0)));
    region.block(first).runs.unwrap_or(0).saturating_sub(within)
}

fn reads(region: &Region, block: &Block) -> RegSet {
    let (mut reads, mut set) = (RegSet::EMPTY, RegSet::FLAGS);
    for value in &block.insts {
        match *region.inst(*value) {
            Inst::Get(reg) if !set.contains(reg) => reads = reads.with(reg),
            Inst::Set(reg, _) => set = set.with(reg),
            _ => {}
        }
    }
    reads
}

/// Whether a block's end stores what differs. Side exits are hardly ever taken.
fn leaves(block: &Block) -> bool {
    matches!(block.terminator, Terminator::Leave { .. } | Terminator::Call { .. })
}

/// Nodes of a block: what comes to it, and what goes on from it.
fn nodes(id: BlockId) -> (usize, usize) {
    (2 * id.index(), 2 * id.index() + 1)
}

fn place_stores(region: &mut Region, facts: &Facts, reg: Reg) {
    let mut network = Network::new(2 * region.blocks.len());
    for (id, own) in region.block_ids().zip(&facts.0) {
        let block = region.block(id);
        let (end, after) = nodes(id);
        match (own.sets.contains(reg), leaves(block)) {
            // What a block sets before it leaves is stored there in any case.
            (true, true) => continue,
            (true, false) => network.begins(end, NEVER),
            (false, true) => {
                network.ends(end, own.cost.saturating_mul(EXIT));
                continue;
            }
            (false, false) => {}
        }
        network.edge(end, after, own.cost);
        for to in block.terminator.continues_at() {
            // What comes to a block that sets it is no more.
            if !facts.0[to.index()].sets.contains(reg) {
                network.edge(after, nodes(to).0, NEVER);
            }
        }
    }
    let reached = network.reached(Stop::Soonest);
    for id in region.block_ids() {
        let (end, after) = nodes(id);
        if reached[end] && !reached[after] && !leaves(region.block(id)) {
            let block = &mut region.blocks[id.index()];
            block.stored = block.stored.with(reg);
        }
    }
}

fn place_loads(region: &mut Region, facts: &Facts, dirty: &[RegSet], reg: Reg) {
    let mut network = Network::new(2 * region.blocks.len());
    let root = region.root;
    for (id, facts) in region.block_ids().zip(&facts.0) {
        let block = region.block(id);
        let (start, after) = nodes(id);
        if facts.entered {
            // Where jumps within the region bring newer variables, whoever enters loads them on the way.
            network.begins(start, facts.cost + 1);
        }
        network.edge(start, after, if dirty[id.index()].contains(reg) { NEVER } else { facts.cost });
        if facts.reads.contains(reg) {
            network.ends(after, NEVER);
        } else if id != root && !facts.sets.contains(reg) {
            block.terminator.continues_at().iter().for_each(|to| network.edge(after, nodes(*to).0, NEVER));
        }
    }
    let reached = network.reached(Stop::Latest);
    for id in region.block_ids() {
        let (start, after) = nodes(id);
        if reached[start] && !reached[after] {
            let block = &mut region.blocks[id.index()];
            block.loaded = block.loaded.with(reg);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};
    use x86::Gpr;

    const RBX: Reg = Reg::gpr(Gpr(3));
    const RSI: Reg = Reg::gpr(Gpr(6));
    const RARE: i64 = 0x13;

    /// A loop with a call, and a path that reads RSI and sets RBX.
    fn region(loops: u64, rare: u64) -> Region {
        let block = |offset, bytes: &[u8], runs| SourceBlock { offset, bytes: bytes.to_vec(), runs: Some(runs) };
        let blocks = vec![
            // test rdi,rdi; jz rare
            block(0, &[0x48, 0x85, 0xff, 0x74, 0x0e], loops),
            // call 0x1000
            block(0x05, &[0xe8, 0xf6, 0x0f, 0, 0], loops),
            // dec rdi; jnz 0
            block(0x0a, &[0x48, 0xff, 0xcf, 0x75, 0xf1], loops),
            // ret
            block(0x0f, &[0xc3], 1),
            // rare: mov rbx,rsi; jmp 5
            block(RARE, &[0x48, 0x89, 0xf3, 0xeb, 0xed], rare),
        ];
        let (name, entries, inlined) = (String::new(), vec![0], Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries, inlined };
        let mut region = lift(&source, &Options::default()).unwrap().region;
        run(&mut region);
        region
    }

    /// What the block of code at an offset loads and stores.
    fn at(region: &Region, offset: i64) -> (RegSet, RegSet) {
        let block = region.blocks.iter().find(|block| block.offset == offset && block.runs.is_some()).unwrap();
        (block.loaded, block.stored)
    }

    #[test]
    fn a_rare_path_does_its_own_loads_and_stores() {
        let region = region(1000, 1);
        let (loaded, stored) = at(&region, RARE);
        assert!(loaded.contains(RSI) && stored.contains(RBX), "{region}");
        let elsewhere = region.blocks.iter().filter(|block| block.offset != RARE);
        assert!(elsewhere.clone().all(|block| !block.loaded.contains(RSI) && !block.stored.contains(RBX)), "{region}");
    }

    #[test]
    fn a_path_that_is_taken_more_often_than_the_exits_leaves_both_to_them() {
        let region = region(10, 1000);
        let (loaded, stored) = at(&region, RARE);
        assert!(!loaded.contains(RSI) && !stored.contains(RBX), "{region}");
    }

    #[test]
    fn a_variable_is_never_loaded_where_it_may_be_newer_than_the_state() {
        let region = region(1000, 1);
        let dirty = dirty_in(&region);
        for (block, dirty) in region.blocks.iter().zip(dirty) {
            assert!(block.loaded.intersection(dirty).is_empty(), "{region}");
        }
    }
}
