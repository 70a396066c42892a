//! Checks of a loop's accesses are made before it, where their addresses move by constants.
//!
//! ```text
//!   pages: budget test of the loop's head
//!          may the next iteration's bytes be accessed, and for how many iterations more do they stay in these pages?
//!          floor = budget - that many iterations, but not less than the loop needs; left = budget - floor
//!          branch if so: copy of head, head
//!   copy of the loop without these checks, which takes what retires off `left`; its back edges lead to `test`
//!   test:  branch left >= 0: copy of head, pages
//!   head:  the loop as it was; its back edges lead to `pages`
//! ```
//!
//! The budget falls by at least the shortest way around in every iteration, so that the test that every back edge needs
//! anyway tells when a page may end. Where a page is missed, or an access lies in two, one iteration is made as it always
//! was. Where the flags that a back edge brings are known ([`flags`]), only back edges lead to `pages`, and who comes from outside to `head`.
//! Nothing in a loop without calls changes the TLB, and a page with code is never in its write table.
//!
//! Only innermost loops without calls, and accesses that every iteration makes.

mod affine;
mod flags;

use super::{budget, copy};
use crate::ir::{Access, Block, BlockId, BudgetCheck, Builder, Counter, Inst, Region, Temp, Terminator, Value};
use affine::{Affine, Motion};
use flags::HeadFlags;
use std::collections::{BTreeMap, BTreeSet};
use x86::{BinOp, Compare, Width};

/// Most blocks of a loop.
const MOST_BLOCKS: usize = 12;
/// Most guest instructions of a loop: it is there twice afterwards.
const MOST_INSNS: u32 = 96;
/// So many iterations on average are too few.
const FEW: u64 = 4;
/// Most ranges that are checked before a loop: each costs some ten operations there.
const MOST_RANGES: usize = 4;
/// Most bytes that a range moves by in an iteration, and that it has: else pages end too soon.
const MOST_STEP: u64 = 256;
const MOST_SPAN: i64 = 512;

/// An innermost loop.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) head: BlockId,
    /// Its blocks, the head first, each after those that lead to it but for back edges.
    pub(super) body: Vec<BlockId>,
}

/// An access of the loop that can be checked before it.
#[derive(Debug, Clone)]
struct Site {
    /// The [`Inst::Check`] or [`Inst::Group`].
    check: Value,
    access: Access,
    /// Address of the first byte, by the registers at the head.
    address: Affine,
    span: u16,
}

/// Bytes that are probed together.
#[derive(Debug, Clone)]
struct Range {
    access: Access,
    /// Address of the first byte, by the registers at the head.
    address: Affine,
    span: i64,
    /// What an iteration adds to it.
    step: i64,
    /// The checks that it stands for.
    checks: Vec<Value>,
}

/// What is decided for a loop.
#[derive(Debug, Default)]
struct Plan {
    ranges: Vec<Range>,
    /// Exits that are taken where an address, by the registers at the head, has one of some low bits; an iteration does
    /// not change these.
    aligned: Vec<(Value, Affine, u64)>,
}

/// Hoists what it can, after the tests of the budget are placed.
pub fn run(region: &mut Region) {
    let heads = budget::loop_heads(region);
    let found = region.block_ids().filter(|id| heads[id.index()]).filter_map(|id| find(region, &heads, id));
    let loops: Vec<Loop> = found.filter(|found| stays(region, found)).collect();
    for found in loops {
        let plan = plan(region, &found);
        if let (Some(check), false) = (region.block(found.head).check, plan.ranges.is_empty()) {
            split(region, &found, &plan, check);
        }
    }
}

/// The loop of a head, if it is one to look at.
fn find(region: &Region, heads: &[bool], head: BlockId) -> Option<Loop> {
    let fits = |id: BlockId| {
        let block = region.block(id);
        let plain = !matches!(block.terminator, Terminator::Call { .. } | Terminator::Switch(_));
        plain && block.select.is_none() && (id == head || !heads[id.index()] && block.check.is_none())
    };
    // What the head reaches without coming back to it, as far as that may be part of the loop.
    let mut order = Vec::new();
    let (mut seen, mut stack) = (BTreeSet::from([head]), vec![(head, 0)]);
    while let Some((id, next)) = stack.pop() {
        match region.block(id).terminator.successors().get(next) {
            Some(&to) => {
                stack.push((id, next + 1));
                if seen.len() <= 4 * MOST_BLOCKS && fits(to) && seen.insert(to) {
                    stack.push((to, 0));
                }
            }
            None => order.push(id),
        }
    }
    // Of these, what leads back. Postorder puts the successors first.
    let mut leads = BTreeSet::new();
    for &id in &order {
        if region.block(id).terminator.successors().iter().any(|to| *to == head || leads.contains(to)) {
            leads.insert(id);
        }
    }
    order.retain(|id| leads.contains(id));
    order.reverse();
    let insns: u32 = order.iter().map(|id| region.block(*id).retired).sum();
    let small = order.len() <= MOST_BLOCKS && insns <= MOST_INSNS;
    (small && fits(head) && order.first() == Some(&head)).then_some(Loop { head, body: order })
}

/// Whether the loop is worth it, as far as is known: the block before it costs as much as some iterations save.
fn stays(region: &Region, found: &Loop) -> bool {
    let Some(runs) = region.block(found.head).runs else { return true };
    let inside = |id: BlockId| found.body.contains(&id);
    let leads_to =
        |id: BlockId, to: &[BlockId]| region.block(id).terminator.successors().iter().any(|s| to.contains(s));
    let runs_of = |which: &dyn Fn(BlockId) -> bool| {
        let blocks = region.block_ids().filter(|id| which(*id)).map(|id| region.block(id));
        blocks.fold(0u64, |sum, block| sum.saturating_add(block.runs.unwrap_or(0)))
    };
    // Who comes past the head comes from outside too, and jumps whose target is computed have no block that was counted.
    let outside = runs_of(&|id| !inside(id) && leads_to(id, &found.body));
    let back = runs_of(&|id| inside(id) && leads_to(id, &[found.head]));
    let entered = outside.max(runs.saturating_sub(back));
    runs > entered.saturating_mul(FEW)
}

fn plan(region: &Region, found: &Loop) -> Plan {
    let motion = Motion::of(region, found);
    let mut plan = Plan::default();
    for &id in found.body.iter().filter(|id| motion.always(**id)) {
        for &value in &region.block(id).insts {
            match *region.inst(value) {
                Inst::Check { access, address, span, .. } => {
                    let address = motion.affine(region, id, address);
                    plan.add(&motion, address.map(|address| Site { check: value, access, address, span }));
                }
                Inst::Group { group, base, .. } => {
                    let group = &region.groups[group.index()];
                    let address = motion.affine(region, id, base).map(|base| base.plus(group.low));
                    let (access, span) = (group.access(), group.span);
                    plan.add(&motion, address.map(|address| Site { check: value, access, address, span }));
                }
                Inst::ExitIf { condition, .. } => {
                    if let Some((address, mask)) = low_bits(region, condition)
                        && let Some(address) = motion.affine(region, id, address)
                        && motion.step(&address) as u64 & mask == 0
                    {
                        plan.aligned.push((value, address, mask));
                    }
                }
                _ => {}
            }
        }
    }
    plan
}

/// An address and the mask of its low bits, of which a condition says that one is set.
fn low_bits(region: &Region, condition: Value) -> Option<(Value, u64)> {
    let Inst::Compare(Compare::Ne, _, low, zero) = *region.inst(condition) else { return None };
    let Inst::Bin(BinOp::And, _, address, mask) = *region.inst(low) else { return None };
    let mask = region.constant(mask).filter(|mask| *mask < 64 && (mask + 1).is_power_of_two())?;
    (region.constant(zero) == Some(0)).then_some((address, mask))
}

impl Plan {
    fn add(&mut self, motion: &Motion, site: Option<Site>) {
        let Some(site) = site else { return };
        let step = motion.step(&site.address);
        if step.unsigned_abs() > MOST_STEP || i64::from(site.span) > MOST_SPAN {
            return;
        }
        for range in &mut self.ranges {
            let Some(offset) = site.address.less(&range.address) else { continue };
            let (low, end) = (offset.min(0), range.span.max(offset.saturating_add(site.span.into())));
            if end.saturating_sub(low) <= MOST_SPAN {
                range.address = range.address.plus(low);
                range.span = end - low;
                range.access = range.access.max(site.access);
                range.checks.push(site.check);
                return;
            }
        }
        if self.ranges.len() < MOST_RANGES {
            let Site { check, access, address, span } = site;
            self.ranges.push(Range { access, address, span: span.into(), step, checks: vec![check] });
        }
    }
}

/// Puts the new blocks into the region.
fn split(region: &mut Region, found: &Loop, plan: &Plan, check: BudgetCheck) {
    let Block { offset, flags, .. } = *region.block(found.head);
    let cost = shortest(region, found);
    let counter = Counter { left: region.add_temp(), floor: region.add_temp() };
    let distances: Vec<Temp> = plan.ranges.iter().map(|_| region.add_temp()).collect();
    let empty = |region: &mut Region| region.add_block(Block::empty(offset, flags, Terminator::Jump(found.head)));
    let (pages, test) = (empty(region), empty(region));
    let flags = HeadFlags::of(region, found);
    for id in region.block_ids().filter(|id| flags.is_none() || found.body.contains(id)) {
        region.blocks[id.index()].terminator.redirect(|to| if to == found.head { pages } else { to });
    }

    let hoisted = plan.ranges.iter().zip(&distances);
    let hoisted: BTreeMap<Value, Temp> =
        hoisted.flat_map(|(range, temp)| range.checks.iter().map(|check| (*check, *temp))).collect();
    let gone: BTreeSet<Value> = plan.aligned.iter().map(|(exit, ..)| *exit).collect();
    let copies: BTreeMap<BlockId, BlockId> =
        found.body.iter().map(|&id| (id, copy::without(region, id, &hoisted, &gone))).collect();
    let mut ways_out: BTreeMap<BlockId, BlockId> = BTreeMap::new();
    for copy in copies.values() {
        for to in region.block(*copy).terminator.successors() {
            if to != pages && !copies.contains_key(&to) {
                ways_out.entry(to).or_insert_with(|| way_out(region, to, counter));
            }
        }
        let block = &mut region.blocks[copy.index()];
        block.counter = Some(counter);
        block.terminator.redirect(|to| match copies.get(&to) {
            Some(copy) => *copy,
            None if to == pages => test,
            None => ways_out[&to],
        });
    }

    match flags {
        None => region.blocks[found.head.index()].check = None,
        Some(flags) => set_first(region, copies[&found.head], &flags),
    }
    let (insts, condition) = pages_block(region, plan, &distances, counter, check.need, cost);
    let exit = region.add_exit(region.exits[check.exit.index()]);
    let block = &mut region.blocks[pages.index()];
    (block.check, block.insts) = (Some(BudgetCheck { exit, ..check }), insts);
    block.terminator = Terminator::Branch { condition, then: copies[&found.head], other: found.head };

    let again = way_out(region, pages, counter);
    let mut builder = Builder::new(region);
    let (zero, left) = (builder.constant(0), builder.push(Inst::Temp(counter.left)));
    let condition = builder.compare(Compare::LeSigned, Width::W64, zero, left);
    let insts = builder.finish();
    let block = &mut region.blocks[test.index()];
    (block.insts, block.counter) = (insts, Some(counter));
    block.terminator = Terminator::Branch { condition, then: copies[&found.head], other: again };
}

/// Sets the flags before all else that a block does.
fn set_first(region: &mut Region, id: BlockId, flags: &HeadFlags) {
    let mut builder = Builder::new(region);
    flags.set(&mut builder);
    let mut insts = builder.finish();
    let block = &mut region.blocks[id.index()];
    insts.append(&mut block.insts);
    block.insts = insts;
}

/// A block on the way to another, where the budget goes back into its variable.
fn way_out(region: &mut Region, to: BlockId, counter: Counter) -> BlockId {
    let Block { offset, flags, .. } = *region.block(to);
    region.add_block(Block { restores: Some(counter), ..Block::empty(offset, flags, Terminator::Jump(to)) })
}

/// Guest instructions that the shortest way around retires.
fn shortest(region: &Region, found: &Loop) -> u32 {
    let mut before: BTreeMap<BlockId, u32> = BTreeMap::from([(found.head, 0)]);
    let mut around = u32::MAX;
    for id in &found.body {
        let Some(&so_far) = before.get(id) else { continue };
        let block = region.block(*id);
        let after = so_far + block.retired;
        for to in block.terminator.successors() {
            let known = if to == found.head { &mut around } else { before.entry(to).or_insert(u32::MAX) };
            *known = after.min(*known);
        }
    }
    around
}

/// What the block before the loop computes, and whether the loop without checks may run.
fn pages_block(
    region: &mut Region,
    plan: &Plan,
    distances: &[Temp],
    counter: Counter,
    need: u32,
    cost: u32,
) -> (Vec<Value>, Value) {
    let mut builder = Builder::new(region);
    let mut good = builder.truth(true);
    let mut more: Option<Value> = None;
    for (range, distance) in plan.ranges.iter().zip(distances) {
        let address = range.address.build(&mut builder);
        let probe = builder.push(Inst::Probe { access: range.access, address, span: range.span as u16 });
        good = builder.both(good, probe);
        let far = builder.push(Inst::Distance { access: range.access, address });
        builder.push(Inst::SetTemp(*distance, far));
        if let Some(iterations) = iterations(&mut builder, range, address) {
            more = Some(match more {
                None => iterations,
                Some(others) => {
                    let fewer = builder.compare(Compare::LtUnsigned, Width::W64, iterations, others);
                    builder.select(fewer, iterations, others)
                }
            });
        }
    }
    for (_, address, mask) in &plan.aligned {
        let address = address.build(&mut builder);
        let (mask, zero) = (builder.constant(*mask), builder.constant(0));
        let low = builder.bin(BinOp::And, Width::W64, address, mask);
        let aligned = builder.compare(Compare::Eq, Width::W64, low, zero);
        good = builder.both(good, aligned);
    }
    let need = builder.constant(need.into());
    let lowest = match more {
        None => need,
        Some(more) => {
            let cost = builder.constant(cost.into());
            let retire = builder.bin(BinOp::Mul, Width::W64, more, cost);
            let budget = builder.push(Inst::Budget(0));
            let then = builder.bin(BinOp::Sub, Width::W64, budget, retire);
            let enough = builder.compare(Compare::LtSigned, Width::W64, need, then);
            builder.select(enough, then, need)
        }
    };
    builder.push(Inst::SetTemp(counter.floor, lowest));
    let budget = builder.push(Inst::Budget(0));
    let left = builder.bin(BinOp::Sub, Width::W64, budget, lowest);
    builder.push(Inst::SetTemp(counter.left, left));
    (builder.finish(), good)
}

/// How many iterations after the next the bytes stay in their page, if they do not stay for ever: a little less where the
/// step is no power of two.
fn iterations(builder: &mut Builder<'_>, range: &Range, address: Value) -> Option<Value> {
    if range.step == 0 {
        return None;
    }
    let mask = builder.constant(4095);
    let into = builder.bin(BinOp::And, Width::W64, address, mask);
    let room = if range.step > 0 {
        let last = builder.constant((4096 - range.span) as u64);
        builder.bin(BinOp::Sub, Width::W64, last, into)
    } else {
        into
    };
    let shift = builder.constant(range.step.unsigned_abs().next_power_of_two().trailing_zeros().into());
    Some(builder.bin(BinOp::Shr, Width::W64, room, shift))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};

    /// A loop of `mov rax, [rdi+rcx*8]; add [rsi], rax; add rsi, STEP; inc rcx; dec rdx; jnz`, that ran so often.
    fn hoisted(step: u8, runs: Option<u64>) -> Region {
        let mut code = vec![0x48, 0x8b, 0x04, 0xcf, 0x48, 0x01, 0x06, 0x48, 0x83, 0xc6, step, 0x48, 0xff, 0xc1];
        code.extend([0x48, 0xff, 0xca, 0x75, 0xed, 0xc3]);
        let before = SourceBlock { offset: -1, bytes: vec![0x90], runs: Some(10) };
        let blocks = vec![before, SourceBlock { offset: 0, bytes: code, runs }];
        let (entries, inlined) = (vec![-1, 0], Vec::new());
        let source = RegionSource { privilege: Privilege::User, index: 0, name: "t".into(), blocks, entries, inlined };
        let mut region = lift(&source, &Options::default()).unwrap().region;
        budget::place_checks(&mut region);
        run(&mut region);
        crate::ir::verify(&region).unwrap();
        region
    }

    fn count(region: &Region, what: fn(&Inst) -> bool) -> usize {
        let all = region.blocks.iter().flat_map(|block| &block.insts);
        all.filter(|value| what(region.inst(**value))).count()
    }

    #[test]
    fn a_loop_gets_a_copy_without_checks() {
        let region = hoisted(8, None);
        assert_eq!(count(&region, |inst| matches!(inst, Inst::Probe { .. })), 2, "{region}");
        assert_eq!(count(&region, |inst| matches!(inst, Inst::Place(_))), 2, "{region}");
        // Those of the loop as it was, and the RET's.
        assert_eq!(count(&region, |inst| matches!(inst, Inst::Check { .. })), 3, "{region}");
    }

    #[test]
    fn loops_of_few_iterations_stay_as_they_are() {
        assert_eq!(hoisted(8, Some(30)).temps, 0);
        assert!(hoisted(8, Some(3000)).temps > 0);
    }

    #[test]
    fn who_comes_past_the_head_counts_too() {
        for (past_the_head, stays) in [(1000, true), (1, false)] {
            let block = |offset, bytes: &[u8], runs| SourceBlock { offset, bytes: bytes.to_vec(), runs: Some(runs) };
            let blocks = vec![
                // jmp into the loop
                block(-2, &[0xeb, 0x07], past_the_head),
                // the head: mov rax,[rdi]; add rdi,8
                block(0, &[0x48, 0x8b, 0x07, 0x48, 0x83, 0xc7, 0x08], 2000),
                // dec rdx; jnz the head; ret
                block(7, &[0x48, 0xff, 0xca, 0x75, 0xf4, 0xc3], 2000),
                // jmp to the head
                block(0x20, &[0xeb, 0xde], 10),
            ];
            let (name, entries, inlined) = (String::new(), vec![0x20, -2], Vec::new());
            let source = RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries, inlined };
            let mut region = lift(&source, &Options::default()).unwrap().region;
            budget::place_checks(&mut region);
            run(&mut region);
            assert_eq!(region.temps == 0, stays, "{region}");
        }
    }
}
