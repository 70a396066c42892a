//! A hoisted loop as a Wasm function of its own.
//!
//! An engine allocates registers for a whole function, and in a region's nearly all variables end up on the stack: its calls take all
//! registers, and there is more alive than there are. In a function that is the loop and nothing else, its variables alone
//! share them.
//!
//! ```text
//! (func (param $base i64) (param variables that it reads, or may leave as they are …) (result variables that it sets …) (result i32)
//!   loop … end           the loop's blocks, as they would be in the region's function
//!   variables, and the number of the way out)
//! ```
//!
//! The ways out are the blocks after it, then its side exits. The region's function takes the latter: it has what is written back. So
//! the loop's function knows nothing of what it does not use, the budget's variable included: it counts by itself
//! ([`Counter`](crate::ir::Counter)).

use super::emit::{BASE, Body, Emitter, Given, Label, NamedExit, Scope, fill_in, val_type};
use super::exits::SideExits;
use super::structure::Shape;
use crate::ir::{BlockId, Counter, Inst, OutlinedLoop, Reg, RegSet, Region, Temp, Terminator};
use crate::passes::liveness::Liveness;
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use wasm_encoder::{BlockType, FuncType, ValType};

/// Bytes of an index that is not known when the code is written: as many as the longest has.
const INDEX_BYTES: usize = 5;
const CALL: u8 = 0x10;

/// What has a local in a function, and outlives a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variable {
    /// A part of the guest's state.
    Reg(Reg),
    /// Anything else.
    Temp(Temp),
}

impl Variable {
    fn ty(self) -> ValType {
        match self {
            Variable::Reg(reg) => val_type(reg.ty()),
            Variable::Temp(_) => ValType::I64,
        }
    }
}

/// What a loop's function is to be.
#[derive(Debug)]
pub(super) struct Outline {
    head: BlockId,
    counter: Counter,
    body: BTreeSet<BlockId>,
    /// The blocks after it, by number.
    ways: Vec<BlockId>,
    /// After the region's base.
    parameters: Vec<Variable>,
    /// Before the number of the way out.
    results: Vec<Variable>,
}

/// A loop's function.
#[derive(Debug)]
pub(super) struct LoopFunction {
    outline: Outline,
    /// Its side exits: their numbers come after those of the ways.
    exits: Vec<NamedExit>,
    /// They, by their cause.
    pub(super) side_exits: SideExits,
    body: Body,
}

/// A function of a region beside its own.
#[derive(Debug, Clone)]
pub struct Outlined {
    /// Its type.
    pub ty: FuncType,
    /// It.
    pub body: Body,
}

impl Outline {
    /// What is found of a loop, if it can be a function: if nothing leaves it but by a block after it or a side exit.
    pub(super) fn of(region: &Region, liveness: &Liveness, outlined: OutlinedLoop) -> Option<Outline> {
        let OutlinedLoop { head, counter } = outlined;
        let body: BTreeSet<BlockId> =
            region.block_ids().filter(|id| region.block(*id).counter == Some(counter)).collect();
        let mut ways = Vec::new();
        let (mut used, mut set) = (BTreeSet::from([Variable::Temp(counter.left)]), BTreeSet::new());
        for &id in &body {
            let block = region.block(id);
            let plain = matches!(block.terminator, Terminator::Jump(_) | Terminator::Branch { .. });
            if !plain || block.select.is_some() || block.check.is_some() || block.restores.is_some() {
                return None;
            }
            for to in block.terminator.successors() {
                if !body.contains(&to) && !ways.contains(&to) {
                    ways.push(to);
                }
            }
            used.extend(block.stored.iter().map(Variable::Reg));
            set.extend(block.loaded.iter().map(Variable::Reg));
            if block.flush != 0 {
                set.insert(Variable::Temp(counter.left));
            }
            for value in &block.insts {
                match *region.inst(*value) {
                    Inst::Get(reg) => drop(used.insert(Variable::Reg(reg))),
                    Inst::Set(reg, _) => drop(set.insert(Variable::Reg(reg))),
                    Inst::Temp(temp) => drop(used.insert(Variable::Temp(temp))),
                    Inst::SetTemp(temp, _) => drop(set.insert(Variable::Temp(temp))),
                    Inst::Budget(_) => return None,
                    _ => {}
                }
            }
        }
        let alive = liveness.live_in.get(head.index()).copied().unwrap_or(RegSet::EMPTY);
        let needed = |variable: &&Variable| match variable {
            Variable::Reg(reg) => alive.contains(*reg),
            Variable::Temp(_) => true,
        };
        let parameters = used.union(&set).filter(needed).copied().collect();
        let entered = region.block_ids().filter(|id| !body.contains(id));
        let entered = entered.flat_map(|id| region.block(id).terminator.successors());
        let by_the_head = entered.filter(|to| body.contains(to)).all(|to| to == head);
        let results = set.into_iter().collect();
        let outline = Outline { head, counter, body, ways, parameters, results };
        (by_the_head && outline.body.contains(&head) && !outline.ways.is_empty()).then_some(outline)
    }

    fn ty(&self) -> FuncType {
        let parameters = self.parameters.iter().map(|variable| variable.ty());
        let results = self.results.iter().map(|variable| variable.ty());
        FuncType::new([ValType::I64].into_iter().chain(parameters), results.chain([ValType::I32]))
    }

    /// Whether a block is part of the loop.
    fn contains(&self, id: BlockId) -> bool {
        self.body.contains(&id)
    }
}

impl LoopFunction {
    /// Makes the function of a loop.
    ///
    /// # Errors
    /// A defect of the translator.
    pub(super) fn new(given: Given<'_>, outline: Outline) -> Result<LoopFunction> {
        let mut emitter = Emitter::new(given, 1 + outline.parameters.len() as u32);
        for (variable, local) in outline.parameters.iter().zip(BASE + 1..) {
            emitter.bind(*variable, local);
        }
        let way = emitter.new_local(ValType::I32);
        emitter.scope = Scope::Loop { outline: &outline, way, exits: Vec::new() };
        emitter.op().block(BlockType::Empty);
        emitter.labels.push(Label::LoopEnd);
        emitter.control_flow()?;
        emitter.op().unreachable().end();
        emitter.labels.pop();
        for variable in &outline.results {
            let local = emitter.variable(*variable);
            emitter.op().local_get(local);
        }
        emitter.op().local_get(way).end();
        let side_exits = emitter.exit_counts;
        let exits = match &mut emitter.scope {
            Scope::Loop { exits, .. } => std::mem::take(exits),
            Scope::Region(_) => Vec::new(),
        };
        let body = emitter.finish()?;
        Ok(LoopFunction { outline, exits, side_exits, body })
    }

    /// The function alone.
    pub(super) fn outlined(self) -> Outlined {
        Outlined { ty: self.outline.ty(), body: self.body }
    }
}

/// A place in a function's code with the index of a called loop, in [`INDEX_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LoopCall {
    pub(super) place: usize,
    /// The loop's number.
    pub(super) callee: u32,
}

impl Body {
    /// Fills in the indices of the region's loops, of which the first has this one.
    pub fn call_loops_from(&mut self, first: u32) {
        for LoopCall { place, callee } in std::mem::take(&mut self.calls) {
            fill_in(&mut self.code[place..place + INDEX_BYTES], first + callee);
        }
    }
}

impl<'a> Emitter<'a> {
    /// The block that the function begins with.
    pub(super) fn first_block(&self) -> BlockId {
        match self.scope {
            Scope::Loop { outline, .. } => outline.head,
            Scope::Region(_) => self.region.root,
        }
    }

    /// The blocks that follow one in this function.
    pub(super) fn successors(&self, id: BlockId) -> Vec<BlockId> {
        match self.scope {
            Scope::Loop { outline, .. } if !outline.contains(id) => Vec::new(),
            Scope::Region(_) => match self.loop_at(id) {
                Some((_, made)) => made.outline.ways.clone(),
                None => self.region.block(id).terminator.successors(),
            },
            Scope::Loop { .. } => self.region.block(id).terminator.successors(),
        }
    }

    /// The loop with this head that the function calls, with its number.
    pub(super) fn loop_at(&self, id: BlockId) -> Option<(u32, &'a LoopFunction)> {
        let Scope::Region(loops) = self.scope else { return None };
        (0..).zip(loops).find(|(_, made)| made.outline.head == id)
    }

    /// The number of the way out of a loop's function that a block is.
    pub(super) fn way_out(&self, id: BlockId) -> Option<usize> {
        let Scope::Loop { outline, .. } = self.scope else { return None };
        outline.ways.iter().position(|way| *way == id)
    }

    /// Leaves a loop's function by a side exit, if this is one.
    pub(super) fn leave_loop_by(&mut self, exit: NamedExit) -> bool {
        let Scope::Loop { outline, exits, .. } = &mut self.scope else { return false };
        let number = exits.iter().position(|known| *known == exit).unwrap_or(exits.len());
        if number == exits.len() {
            exits.push(exit);
        }
        let way = outline.ways.len() + number;
        self.leave_loop(way);
        true
    }

    /// Leaves a loop's function by a way.
    pub(super) fn leave_loop(&mut self, number: usize) {
        let Scope::Loop { way, .. } = self.scope else { return };
        let depth = self.depth(Label::LoopEnd);
        self.op().i32_const(number as i32).local_set(way).br(depth);
    }

    /// Calls a loop, and goes where it leads to but for the last way out, which it gives.
    pub(super) fn call_loop(&mut self, shape: &Shape, number: u32, made: &LoopFunction) -> Result<BlockId> {
        let LoopFunction { outline, exits, .. } = made;
        self.op().local_get(BASE);
        for variable in &outline.parameters {
            let local = self.variable(*variable);
            self.op().local_get(local);
        }
        self.code.push(CALL);
        self.calls.push(LoopCall { place: self.code.len(), callee: number });
        self.code.extend([0; INDEX_BYTES]);
        let way = self.scratch(ValType::I32);
        self.op().local_set(way);
        for variable in outline.results.iter().rev() {
            let local = self.variable(*variable);
            self.op().local_set(local);
        }
        self.counter = Some(outline.counter);
        self.take_loop_exit(way, outline.ways.len(), exits);
        let (last, others) = outline.ways.split_last().context("a loop without a way out")?;
        for (number, to) in others.iter().enumerate() {
            let label = shape.label(outline.head, *to).with_context(|| format!("{to} after a loop has no label"))?;
            let depth = self.depth(label);
            self.op().local_get(way).i32_const(number as i32).i32_eq().br_if(depth);
        }
        self.give_back(ValType::I32, way);
        Ok(*last)
    }

    /// Takes the side exit that a loop was left by, if it was.
    fn take_loop_exit(&mut self, way: u32, first: usize, exits: &[NamedExit]) {
        let Some((last, others)) = exits.split_last() else { return };
        self.op().local_get(way).i32_const(first as i32).i32_ge_u();
        self.if_seldom(|this| {
            for (number, exit) in others.iter().enumerate() {
                this.op().local_get(way).i32_const((first + number) as i32).i32_eq();
                this.if_seldom(|this| this.take(*exit));
            }
            this.take(*last);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lift::{Addresses, Loops, NoTargets, Options, Privilege, RegionSource, SourceBlock};
    use crate::lower::{Translated, translate};
    use wasmparser::BinaryReader;

    /// Instructions that move two registers through memory, and their loop's end.
    fn translated(end: &[u8], options: &Options) -> Translated {
        // mov rax, [rdi]; mov [rsi], rax; add rdi, 8; add rsi, 8
        let code = [&[0x48, 0x8b, 0x07, 0x48, 0x89, 0x06, 0x48, 0x83, 0xc7, 8, 0x48, 0x83, 0xc6, 8][..], end].concat();
        let source = RegionSource {
            privilege: Privilege::User,
            index: 0,
            name: "f".into(),
            blocks: vec![SourceBlock { offset: 0, bytes: code, runs: None }],
            entries: vec![0],
            inlined: Vec::new(),
        };
        translate(&source, &NoTargets, &Addresses::default(), options).unwrap()
    }

    /// cmp rdi, rdx; jne the start; ret
    const COMPARED: [u8; 6] = [0x48, 0x39, 0xd7, 0x75, 0xed, 0xc3];

    #[test]
    fn a_hoisted_loop_is_a_function_of_what_it_uses() {
        let made = translated(&COMPARED, &Options::default());
        let [outlined] = &made.loops[..] else { panic!("{} loops", made.loops.len()) };
        // Base, RDX, RSI, RDI, two distances and what is left; RAX, RSI, RDI, operation and operands of the flags and what is left, and the way out.
        assert_eq!(outlined.ty.params(), [ValType::I64; 7]);
        assert_eq!(outlined.ty.results(), [&[ValType::I64; 7][..], &[ValType::I32]].concat());
        let inline = translated(&COMPARED, &Options { loops: Loops::Inline, ..Options::default() });
        assert!(inline.loops.is_empty() && inline.body.code.len() > made.body.code.len());
    }

    #[test]
    fn calls_of_loops_get_their_indices() {
        let mut made = translated(&COMPARED, &Options::default());
        let [LoopCall { place, callee: 0 }] = made.body.calls[..] else { panic!("{:?}", made.body.calls) };
        assert_eq!(made.body.code[place - 1], CALL);
        made.body.call_loops_from(0x1234567);
        let index = BinaryReader::new(&made.body.code[place..place + INDEX_BYTES], 0).read_var_u32();
        assert_eq!(index.unwrap(), 0x123_4567);
    }
}
