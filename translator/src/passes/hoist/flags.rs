//! The lazy flags where a loop begins again, by its other variables.
//!
//! Whoever comes into a loop from outside brings flags that it knows nothing of, so that they are variables of the loop, which each
//! iteration sets, though hardly an exit is taken that needs them. An engine moves them from register to register, or to the
//! stack. At the back edges, though, they mostly are what a comparison of the loop's variables left: then a loop that is entered by
//! these alone has them anew where it begins, from variables that it has anyway, and keeps none.

use super::Loop;
use crate::ir::{Builder, Inst, Reg, RegSet, Region, Value};
use x86::{BinOp, Width};

/// What a part of the flags is at a loop's head, by variables that are no flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Constant(u64),
    /// A variable, and what is to be added to it.
    Sum(Reg, u64),
}

/// What the flags are at a loop's head for who comes by a back edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeadFlags(Vec<(Reg, Source)>);

impl HeadFlags {
    /// Those of a loop, if all that it sets of the flags is known at its back edges. At the others they are as they were.
    pub(super) fn of(region: &Region, found: &Loop) -> Option<HeadFlags> {
        let sets = |reg: Reg| {
            let all = found.body.iter().flat_map(|id| &region.block(*id).insts);
            all.clone().any(|value| matches!(region.inst(*value), Inst::Set(set, _) if *set == reg))
        };
        let latches = found.body.iter().filter(|id| region.block(**id).terminator.successors().contains(&found.head));
        let mut known = Vec::new();
        for part in RegSet::FLAGS.iter().filter(|part| sets(*part)) {
            let mut sources = latches.clone().map(|id| source(region, &region.block(*id).insts, part));
            let first = sources.next()??;
            if !sources.all(|other| other == Some(first)) {
                return None;
            }
            known.push((part, first));
        }
        (!known.is_empty()).then_some(HeadFlags(known))
    }

    /// Sets them, at the head's start.
    pub(super) fn set(&self, builder: &mut Builder<'_>) {
        for (part, source) in &self.0 {
            let value = match *source {
                Source::Constant(constant) => builder.constant(constant),
                Source::Sum(reg, offset) => {
                    let (variable, offset) = (builder.get(reg), builder.constant(offset));
                    builder.bin(BinOp::Add, Width::W64, variable, offset)
                }
            };
            builder.push(Inst::Set(*part, value));
        }
    }
}

/// What a part of the flags is at a block's end.
fn source(region: &Region, insts: &[Value], part: Reg) -> Option<Source> {
    let last = |reg: Reg| {
        insts.iter().rev().find_map(|value| match *region.inst(*value) {
            Inst::Set(set, value) if set == reg => Some(value),
            _ => None,
        })
    };
    let value = last(part)?;
    match *region.inst(value) {
        Inst::Const(constant) => return Some(Source::Constant(constant)),
        Inst::Get(reg) if !RegSet::FLAGS.contains(reg) && last(reg).is_none() => return Some(Source::Sum(reg, 0)),
        _ => {}
    }
    insts.iter().find_map(|set| {
        let Inst::Set(reg, now) = *region.inst(*set) else { return None };
        if RegSet::FLAGS.contains(reg) || last(reg) != Some(now) {
            return None;
        }
        if now == value {
            return Some(Source::Sum(reg, 0));
        }
        let Inst::Bin(op @ (BinOp::Add | BinOp::Sub), Width::W64, before, by) = *region.inst(now) else { return None };
        let by = region.constant(by).filter(|_| before == value)?;
        Some(Source::Sum(reg, if op == BinOp::Add { by.wrapping_neg() } else { by }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};
    use crate::passes::budget;
    use x86::Gpr;

    /// Of a loop of `mov rax, [rdi]; add rdi, 8`, what follows, and JNE to its start.
    fn flags(end: &[u8]) -> Option<HeadFlags> {
        let mut code = [&[0x48, 0x8b, 0x07, 0x48, 0x83, 0xc7, 8][..], end].concat();
        code.extend([0x75, (0u8).wrapping_sub(code.len() as u8 + 2), 0xc3]);
        let (blocks, inlined) = (vec![SourceBlock { offset: 0, bytes: code, runs: None }], Vec::new());
        let (name, entries) = ("t".into(), vec![0]);
        let source = RegionSource { privilege: Privilege::User, index: 0, name, blocks, entries, inlined };
        let region = lift(&source, &Options::default()).unwrap().region;
        let heads = budget::loop_heads(&region);
        let found =
            region.block_ids().find_map(|id| super::super::find(&region, &heads, id).filter(|_| heads[id.index()]));
        HeadFlags::of(&region, &found.expect("a loop"))
    }

    fn part(flags: &Option<HeadFlags>, part: Reg) -> Option<Source> {
        let HeadFlags(known) = flags.as_ref()?;
        known.iter().find(|(reg, _)| *reg == part).map(|(_, source)| *source)
    }

    #[test]
    fn operands_of_a_comparison_are_variables_of_the_loop() {
        let [rdi, rdx] = [7, 2].map(|number| Reg::gpr(Gpr(number)));
        // cmp rdi, rdx
        let compared = flags(&[0x48, 0x39, 0xd7]);
        assert_eq!(part(&compared, Reg::FLAG_SRC), Some(Source::Sum(rdx, 0)), "{compared:?}");
        assert_eq!(part(&compared, Reg::FLAG_DST), Some(Source::Sum(rdi, 0)), "{compared:?}");
        // sub rdx, 1: the operand is what it was before.
        let counted = flags(&[0x48, 0x83, 0xea, 1]);
        assert_eq!(part(&counted, Reg::FLAG_SRC), Some(Source::Constant(1)), "{counted:?}");
        assert_eq!(part(&counted, Reg::FLAG_DST), Some(Source::Sum(rdx, 1)), "{counted:?}");
    }

    #[test]
    fn what_no_variable_has_is_not_known() {
        // test [rdi], rax: a word of memory.
        assert_eq!(flags(&[0x48, 0x85, 0x07]), None);
    }
}
