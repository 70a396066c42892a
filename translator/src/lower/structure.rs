//! Structured control flow from a reducible graph (N. Ramsey, *Beyond Relooper*, ICFP 2022).
//!
//! The dominator tree is walked. A block that is a join point is put after the Wasm block that its immediate dominator's
//! code is in, so that a jump to it is a `br` out of that block; a loop's head is put into a Wasm loop with all that it
//! dominates; any other block is put where it is jumped to. The walk keeps its own stack, so that deep trees do not recurse.

use super::emit::{Emitter, Label, SELECTOR};
use crate::ir::{BlockId, Region, Terminator};
use anyhow::{Result, ensure};
use petgraph::algo::dominators::simple_fast;
use petgraph::graphmap::DiGraphMap;
use wasm_encoder::BlockType;

/// What the walk needs to know of the graph.
pub(super) struct Shape {
    /// Number in reverse postorder.
    order: Vec<usize>,
    /// For each block the join points that it dominates immediately, first in order first.
    joins: Vec<Vec<BlockId>>,
    is_join: Vec<bool>,
    is_head: Vec<bool>,
}

/// Analyses a region.
///
/// # Errors
/// A loop that is entered past its head: the graph was to be made reducible before.
pub(super) fn analyse(region: &Region) -> Result<Shape> {
    let mut graph = DiGraphMap::<u32, ()>::new();
    graph.add_node(region.root.0);
    for id in region.block_ids() {
        for to in region.block(id).terminator.successors() {
            graph.add_edge(id.0, to.0, ());
        }
    }
    let count = region.blocks.len();
    let mut order = vec![usize::MAX; count];
    let mut postorder = petgraph::visit::DfsPostOrder::new(&graph, region.root.0);
    let mut visited = Vec::new();
    while let Some(id) = postorder.next(&graph) {
        visited.push(id);
    }
    visited.reverse();
    visited.iter().enumerate().for_each(|(number, id)| order[*id as usize] = number);
    let dominators = simple_fast(&graph, region.root.0);
    let mut shape =
        Shape { order, joins: vec![Vec::new(); count], is_join: vec![false; count], is_head: vec![false; count] };
    let mut forward = vec![0; count];
    for &id in &visited {
        let terminator = &region.block(BlockId(id)).terminator;
        for to in terminator.successors() {
            if shape.is_back(BlockId(id), to) {
                shape.is_head[to.index()] = true;
                let dominated = dominators.dominators(id).is_some_and(|mut all| all.any(|d| d == to.0));
                ensure!(dominated, "the loop at {to} has several heads");
            } else {
                forward[to.index()] += if matches!(terminator, Terminator::Switch(_)) { 2 } else { 1 };
            }
        }
    }
    for &id in &visited {
        shape.is_join[id as usize] = forward[id as usize] > 1;
        if shape.is_join[id as usize]
            && let Some(parent) = dominators.immediate_dominator(id)
        {
            shape.joins[parent as usize].push(BlockId(id));
        }
    }
    Ok(shape)
}

impl Shape {
    fn is_back(&self, from: BlockId, to: BlockId) -> bool {
        self.order[to.index()] <= self.order[from.index()]
    }

    /// Where a `br` from one block to another goes; `None` if the block is put right there.
    fn label(&self, from: BlockId, to: BlockId) -> Option<Label> {
        if self.is_back(from, to) {
            Some(Label::Loop(to))
        } else {
            self.is_join[to.index()].then_some(Label::Before(to))
        }
    }
}

enum Step {
    Tree(BlockId),
    Code(BlockId),
    Go { from: BlockId, to: BlockId },
    Else,
    End,
}

impl Emitter<'_> {
    /// Emits the region's blocks.
    ///
    /// # Errors
    /// What analysis or a block refuses.
    pub(super) fn control_flow(&mut self) -> Result<()> {
        let shape = analyse(self.region)?;
        let mut steps = vec![Step::Tree(self.region.root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Tree(id) => self.tree(&shape, id, &mut steps),
                Step::Code(id) => self.code(&shape, id, &mut steps)?,
                Step::Go { from, to } => self.go(&shape, from, to, &mut steps),
                Step::Else => drop(self.op().else_()),
                Step::End => {
                    self.op().end();
                    self.labels.pop();
                }
            }
        }
        Ok(())
    }

    fn open(&mut self, label: Label) {
        match label {
            Label::Loop(_) => self.op().loop_(BlockType::Empty),
            Label::If => self.op().if_(BlockType::Empty),
            Label::Before(_) | Label::SideExit(_) | Label::End => self.op().block(BlockType::Empty),
        };
        self.labels.push(label);
    }

    /// The block with all that it dominates.
    fn tree(&mut self, shape: &Shape, id: BlockId, steps: &mut Vec<Step>) {
        if shape.is_head[id.index()] {
            self.open(Label::Loop(id));
            steps.push(Step::End);
        }
        // The last join point in order belongs to the outermost block.
        for &join in shape.joins[id.index()].iter().rev() {
            self.open(Label::Before(join));
            steps.push(Step::Tree(join));
            steps.push(Step::End);
        }
        steps.push(Step::Code(id));
    }

    fn go(&mut self, shape: &Shape, from: BlockId, to: BlockId, steps: &mut Vec<Step>) {
        match shape.label(from, to) {
            Some(label) => {
                let depth = self.depth(label);
                self.op().br(depth);
            }
            None => steps.push(Step::Tree(to)),
        }
    }

    fn code(&mut self, shape: &Shape, id: BlockId, steps: &mut Vec<Step>) -> Result<()> {
        let trees = self.body(id)?;
        let block = self.region.block(id);
        match &block.terminator {
            Terminator::Jump(to) => self.go(shape, id, *to, steps),
            Terminator::Switch(targets) if self.loads_at_switch(id) => self.switch_on_entry(shape, id, targets),
            Terminator::Switch(targets) if id != self.region.root => self.switch_in_loop(shape, id, targets),
            Terminator::Switch(targets) => self.switch(shape, id, targets),
            Terminator::Leave { exit, target } => self.leave(id, *exit, *target)?,
            Terminator::Call { exit, target, back } => {
                if self.call(id, *exit, *target, *back)? {
                    self.go(shape, id, *back, steps);
                }
            }
            Terminator::Return { exit, target, back } => {
                self.wide(*target)?;
                self.address(self.region.block(*back).offset);
                self.op().i64_ne();
                self.if_seldom(|this| this.leave(id, *exit, Some(*target)))?;
                self.go(shape, id, *back, steps);
            }
            Terminator::Branch { condition, then, other } => {
                self.truth(*condition)?;
                self.branch(shape, id, (*then, *other), steps);
            }
        }
        self.release(&trees, &block.insts, block.insts.len());
        self.release_members();
        Ok(())
    }

    /// The switch of a region's start. Mostly the first entry is asked for, a function's, which needs few variables; that is
    /// found out first, and only for the others all that any of them needs is loaded.
    fn switch_on_entry(&mut self, shape: &Shape, id: BlockId, targets: &[BlockId]) {
        self.op().local_get(SELECTOR);
        self.if_seldom(|this| {
            this.load_registers(id);
            this.switch(shape, id, targets);
        });
        let Some(&first) = targets.first() else { return self.end_of_code() };
        self.load_registers(first);
        if let Some(label) = shape.label(id, first) {
            let depth = self.depth(label);
            self.op().br(depth);
        }
    }

    /// The switch of a loop with several entries: back edges ask for the first.
    fn switch_in_loop(&mut self, shape: &Shape, id: BlockId, targets: &[BlockId]) {
        if let Some(label) = targets.first().and_then(|to| shape.label(id, *to)) {
            let depth = self.depth(label);
            self.op().local_get(SELECTOR).i32_eqz().br_if(depth);
        }
        self.switch(shape, id, targets);
    }

    fn switch(&mut self, shape: &Shape, id: BlockId, targets: &[BlockId]) {
        let depths: Vec<u32> =
            targets.iter().filter_map(|to| shape.label(id, *to)).map(|label| self.depth(label)).collect();
        // Entry points are numbered densely, so the last one serves as what lies beyond.
        let Some(&last) = depths.last() else { return self.end_of_code() };
        self.op().local_get(SELECTOR).br_table(depths, last);
    }

    /// A switch without targets goes to what follows all blocks.
    fn end_of_code(&mut self) {
        let depth = self.depth(Label::End);
        self.op().br(depth);
    }

    /// A branch on the truth value on the stack.
    fn branch(&mut self, shape: &Shape, from: BlockId, (then, other): (BlockId, BlockId), steps: &mut Vec<Step>) {
        match (shape.label(from, then), shape.label(from, other)) {
            (Some(label), _) => {
                let depth = self.depth(label);
                self.op().br_if(depth);
                self.go(shape, from, other, steps);
            }
            (None, Some(label)) => {
                let depth = self.depth(label);
                self.op().i32_eqz().br_if(depth);
                self.go(shape, from, then, steps);
            }
            (None, None) => {
                self.open(Label::If);
                steps.push(Step::End);
                steps.push(Step::Go { from, to: other });
                steps.push(Step::Else);
                steps.push(Step::Go { from, to: then });
            }
        }
    }
}
