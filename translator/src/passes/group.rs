//! Checks of one block off one address are made together: the registers that a function saves, the fields of a structure,
//! the slots of a frame.
//!
//! The first check of a group tests all bytes that its members touch. Where they lie in one page, which one comparison
//! tells, the members' places follow by additions; where not, each is looked up for itself. A check that moves forward
//! this way may only miss where it would have missed anyway, unless the block is left in between: then the interpreter
//! takes an instruction or two that need not have been its. Nothing in a block can change what a lookup gives.

use crate::ir::{Access, BlockId, Group, GroupId, Inst, Member, Region, Value};
use std::collections::HashMap;
use x86::{BinOp, Width};

/// Most bytes from the first to the last that a group touches: groups that lie across pages are slower.
const MOST_SPAN: i64 = 256;

/// A check of the block.
#[derive(Debug, Clone, Copy)]
struct Site {
    check: Value,
    access: Access,
    offset: i64,
    span: u16,
}

/// Sites of one base that fit together, the first one first.
#[derive(Debug, Clone)]
struct Cluster {
    base: Value,
    low: i64,
    end: i64,
    sites: Vec<Site>,
}

/// Groups the checks of every block.
pub fn run(region: &mut Region) {
    region.block_ids().for_each(|id| block(region, id));
}

fn block(region: &mut Region, id: BlockId) {
    let clusters = clusters(region, id);
    let mut places: HashMap<Value, (Value, u8)> = HashMap::new();
    for cluster in clusters.into_iter().filter(|cluster| cluster.sites.len() > 1) {
        let head = cluster.sites[0].check;
        let group = GroupId(region.groups.len() as u32);
        let members = members(&cluster);
        for site in &cluster.sites {
            let number = members.iter().position(|member| i64::from(member.offset) == site.offset - cluster.low);
            places.insert(site.check, (head, number.unwrap_or_default() as u8));
        }
        let Inst::Check { exit, .. } = *region.inst(head) else { continue };
        region.insts[head.index()] = Inst::Group { group, base: cluster.base, exit };
        let span = (cluster.end - cluster.low) as u16;
        region.groups.push(Group { low: cluster.low, span, members });
    }
    for value in region.block(id).insts.clone() {
        if let Inst::Pointer { check, .. } = *region.inst(value)
            && let Some(&(group, member)) = places.get(&check)
        {
            region.insts[value.index()] = Inst::Member { group, member };
        }
    }
    let gone = |value: &Value| places.get(value).is_some_and(|(head, _)| head != value);
    region.blocks[id.index()].insts.retain(|value| !gone(value));
}

/// The sites of a block, in clusters.
fn clusters(region: &Region, id: BlockId) -> Vec<Cluster> {
    let mut all: Vec<Cluster> = Vec::new();
    for &check in &region.block(id).insts {
        let Inst::Check { access, address, span, .. } = *region.inst(check) else { continue };
        let Some((base, offset)) = split(region, address) else { continue };
        let site = Site { check, access, offset, span };
        let (low, end) = (offset, offset.saturating_add(span.into()));
        let joined = |c: &Cluster| (c.low.min(low), c.end.max(end));
        let fits = |c: &&mut Cluster| {
            let (low, end) = joined(c);
            c.base == base && end.saturating_sub(low) <= MOST_SPAN && c.sites.len() < usize::from(u8::MAX)
        };
        match all.iter_mut().rev().find(fits) {
            Some(cluster) => {
                (cluster.low, cluster.end) = joined(cluster);
                cluster.sites.push(site);
            }
            None => all.push(Cluster { base, low, end, sites: vec![site] }),
        }
    }
    all
}

/// An address as a value and a constant. A constant alone has no base to share.
fn split(region: &Region, address: Value) -> Option<(Value, i64)> {
    match *region.inst(address) {
        Inst::Const(_) => None,
        Inst::Bin(BinOp::Add, Width::W64, base, offset) => match region.constant(offset) {
            Some(offset) => Some((base, offset as i64)),
            None => Some((address, 0)),
        },
        _ => Some((address, 0)),
    }
}

/// One member for each offset, with the most that is asked of it.
fn members(cluster: &Cluster) -> Vec<Member> {
    let mut members: Vec<Member> = Vec::new();
    for site in &cluster.sites {
        let offset = (site.offset - cluster.low) as u16;
        match members.iter_mut().find(|member| member.offset == offset) {
            Some(member) => {
                member.span = member.span.max(site.span);
                member.access = member.access.max(site.access);
            }
            None => members.push(Member { offset, span: site.span, access: site.access }),
        }
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Block, Builder, Exit, ExitKind, FlagsAt, Reg, Terminator};
    use runtime::translated::abi::ExitReason;
    use x86::Gpr;

    /// A block that loads 8 bytes at each offset from RSP, or stores there.
    fn region(accesses: &[(Access, i64)]) -> Region {
        let mut region = Region::new();
        let kind = ExitKind::Side(ExitReason::Miss);
        let mut exits = Vec::new();
        for offset in 0..accesses.len() as i64 {
            exits.push(region.add_exit(Exit { kind, offset, retired: 0, flags: FlagsAt::EXPLICIT }));
        }
        let mut builder = Builder::new(&mut region);
        let base = builder.get(Reg::gpr(Gpr(4)));
        for (&(access, offset), &exit) in accesses.iter().zip(&exits) {
            let offset = builder.constant(offset as u64);
            let address = builder.bin(BinOp::Add, Width::W64, base, offset);
            let check = builder.push(Inst::Check { access, address, span: 8, exit });
            let pointer = builder.push(Inst::Pointer { check, address });
            builder.push(Inst::Store(Width::W64, pointer, 0, base));
        }
        let insts = builder.finish();
        let mut block = Block::empty(0, FlagsAt::EXPLICIT, Terminator::Switch(Vec::new()));
        block.insts = insts;
        region.root = region.add_block(block);
        run(&mut region);
        crate::ir::verify(&region).unwrap();
        region
    }

    fn checks(region: &Region) -> usize {
        region.block(region.root).insts.iter().filter(|v| matches!(region.inst(**v), Inst::Check { .. })).count()
    }

    #[test]
    fn near_accesses_are_one_group() {
        use Access::{Read, Write};
        let region = region(&[(Read, 8), (Write, -8), (Read, -8), (Read, 4096)]);
        let [group] = &region.groups[..] else { panic!("{region}") };
        assert_eq!((group.low, group.span), (-8, 24));
        let member = |offset, access| Member { offset, span: 8, access };
        assert_eq!(group.members, [member(16, Read), member(0, Write)]);
        assert_eq!(checks(&region), 1);
    }

    #[test]
    fn one_access_stays_a_check() {
        let region = region(&[(Access::Read, 0), (Access::Read, 300)]);
        assert!(region.groups.is_empty());
        assert_eq!(checks(&region), 2);
    }
}
