//! The translator's intermediate representation of one region.
//!
//! Inside a block values are SSA: every [`Inst`] is a [`Value`], used only in its own block. Guest state that lives
//! across blocks is in region-wide variables, [`Reg`], which become Wasm locals: `Get` and `Set` are instructions.
//! Guest memory is reached through a check of the TLB, which either leaves the region or gives a place in the machine's
//! memory. Leaving is an [`Exit`]: a side exit within a block (the interpreter takes the instruction), or a block's end.
//!
//! Integers are i64 and hold their width zero-extended; truth values and places in memory are i32, vectors v128.

mod build;
mod field;
mod inst;
mod print;
mod reg;
mod verify;

pub use build::Builder;
pub use field::Field;
pub use inst::{Access, Inst, Type};
pub use reg::{Reg, RegSet};
pub use verify::verify;

use runtime::translated::abi::ExitReason;
use x86::{FlagOp, Width};

/// An instruction of the region, and what it gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub u32);

/// A block of the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

/// A way out of the region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExitId(pub u32);

/// Accesses of a block that are checked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

/// A value of the region that is no guest state, and lives across blocks: an integer. Its number is below
/// [`Region::temps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Temp(pub u32);

impl Value {
    /// Index into [`Region::insts`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl BlockId {
    /// Index into [`Region::blocks`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl GroupId {
    /// Index into [`Region::groups`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ExitId {
    /// Index into [`Region::exits`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What is known of the lazy flags at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlagsAt {
    /// The operation is this one; its operands are in the flag registers.
    Known(FlagOp, Width),
    /// The operation is in [`Reg::FLAG_OP`].
    Dynamic,
}

impl FlagsAt {
    /// A word of flags in [`Reg::FLAG_DST`].
    pub const EXPLICIT: FlagsAt = FlagsAt::Known(FlagOp::Explicit, Width::W64);

    /// The registers that say what the flags are.
    pub fn registers(self) -> RegSet {
        match self {
            FlagsAt::Known(op, _) => RegSet::flag_operands(op),
            FlagsAt::Dynamic => RegSet::FLAGS,
        }
    }
}

/// How a region is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitKind {
    /// To the dispatcher, which interprets the instruction at the exit's offset. Never hot.
    Side(ExitReason),
    /// To the block at the exit's offset.
    Static,
    /// To an address that the terminator computes.
    Indirect,
    /// To the address that a RET popped, which the terminator computes: where a caller waits, back to it.
    Return,
    /// To an address that the terminator computes, at the other privilege level.
    Across,
}

/// A way out: where guest execution stands then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub kind: ExitKind,
    /// Offset of the next guest instruction from the region's base; where that is computed, of the instruction that does.
    pub offset: i64,
    /// Guest instructions retired and not yet taken off the budget.
    pub retired: u32,
    /// The lazy flags.
    pub flags: FlagsAt,
}

/// How a block ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terminator {
    /// To one block.
    Jump(BlockId),
    /// To one of two.
    Branch {
        /// The condition.
        condition: Value,
        /// Where it holds.
        then: BlockId,
        /// Where not.
        other: BlockId,
    },
    /// To the block that the selector (the function's `entry` parameter, which dispatch blocks use again) numbers.
    Switch(Vec<BlockId>),
    /// Out of the region.
    Leave {
        /// How.
        exit: ExitId,
        /// The target of an indirect jump.
        target: Option<Value>,
    },
    /// Out of the region, for a callee that comes back. All variables then are as the processor's state has them.
    Call {
        /// How.
        exit: ExitId,
        /// The target of an indirect call.
        target: Option<Value>,
        /// Where the callee's RET leads to.
        back: BlockId,
    },
    /// Back from a callee that is part of the region.
    Return {
        /// How to leave if the address that was popped is not the one after the call.
        exit: ExitId,
        /// That address.
        target: Value,
        /// The block after the call.
        back: BlockId,
    },
}

impl Terminator {
    /// The blocks that may follow, with repetitions.
    pub fn successors(&self) -> Vec<BlockId> {
        match self {
            Terminator::Jump(to) => vec![*to],
            Terminator::Branch { then, other, .. } => vec![*then, *other],
            Terminator::Switch(targets) => targets.clone(),
            Terminator::Call { back, .. } | Terminator::Return { back, .. } => vec![*back],
            Terminator::Leave { .. } => Vec::new(),
        }
    }

    /// The blocks that may follow with the variables as this one leaves them, and with what it has not yet taken off the
    /// budget.
    pub fn continues_at(&self) -> Vec<BlockId> {
        if let Terminator::Call { .. } = self { Vec::new() } else { self.successors() }
    }

    /// The way out that it takes.
    pub fn exit(&self) -> Option<ExitId> {
        match self {
            Terminator::Leave { exit, .. } | Terminator::Call { exit, .. } | Terminator::Return { exit, .. } => {
                Some(*exit)
            }
            _ => None,
        }
    }

    /// Replaces successors.
    pub fn redirect(&mut self, mut to: impl FnMut(BlockId) -> BlockId) {
        match self {
            Terminator::Jump(a) => *a = to(*a),
            Terminator::Branch { then, other, .. } => {
                *then = to(*then);
                *other = to(*other);
            }
            Terminator::Switch(targets) => targets.iter_mut().for_each(|target| *target = to(*target)),
            Terminator::Call { back, .. } | Terminator::Return { back, .. } => *back = to(*back),
            Terminator::Leave { .. } => {}
        }
    }

    /// The way out that it takes and the value that it uses, to be changed.
    pub fn parts_mut(&mut self) -> (Option<&mut ExitId>, Option<&mut Value>) {
        match self {
            Terminator::Jump(_) | Terminator::Switch(_) => (None, None),
            Terminator::Branch { condition, .. } => (None, Some(condition)),
            Terminator::Return { exit, target, .. } => (Some(exit), Some(target)),
            Terminator::Leave { exit, target } | Terminator::Call { exit, target, .. } => (Some(exit), target.as_mut()),
        }
    }

    /// The value that it uses.
    pub fn operand(&self) -> Option<Value> {
        match self {
            Terminator::Branch { condition: operand, .. } | Terminator::Return { target: operand, .. } => {
                Some(*operand)
            }
            Terminator::Leave { target, .. } | Terminator::Call { target, .. } => *target,
            _ => None,
        }
    }
}

/// Accesses off one address that are checked together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Offset of the first byte from the base address.
    pub low: i64,
    /// Bytes from there to the end of the last, at most 4096.
    pub span: u16,
    /// The accesses, at different offsets.
    pub members: Vec<Member>,
}

/// An access of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Offset from the group's first byte.
    pub offset: u16,
    /// How many bytes.
    pub span: u16,
    /// The table.
    pub access: Access,
}

impl Group {
    /// What all members together need: a page that may be written may be read.
    pub fn access(&self) -> Access {
        self.members.iter().map(|member| member.access).max().unwrap_or(Access::Read)
    }
}

/// A test that the budget lasts, at the start of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetCheck {
    /// Instructions that may retire until the next test.
    pub need: u32,
    /// Where to go if they might not.
    pub exit: ExitId,
}

/// A loop's own count of the budget: that is `floor` and what is `left`, which alone goes down in the loop. The variable of the budget,
/// which lives all over the region, is spilled there: a load and a store one after the other would be the loop's fastest iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// What goes down.
    pub left: Temp,
    /// What does not.
    pub floor: Temp,
}

/// A block.
#[derive(Debug, Clone)]
pub struct Block {
    /// Offset of its first guest instruction; of the target's for blocks that hold none.
    pub offset: i64,
    /// The lazy flags at its start.
    pub flags: FlagsAt,
    /// How often it ran in training, where that is known.
    pub runs: Option<u64>,
    /// What holds the budget, if not its variable.
    pub counter: Option<Counter>,
    /// What held the budget before: its variable is set first of all.
    pub restores: Option<Counter>,
    /// The budget test before anything else.
    pub check: Option<BudgetCheck>,
    /// Sets the selector of the switch that follows.
    pub select: Option<u32>,
    /// What it computes, in order.
    pub insts: Vec<Value>,
    /// Guest instructions that it retires.
    pub retired: u32,
    /// Instructions after it that must not end the budget either: an interrupt comes after none of those.
    pub held: u32,
    /// What it takes off the budget before it ends; what it gives back, if that is negative.
    pub flush: i32,
    /// Variables that it loads from the processor's state first, after the test of the budget.
    pub loaded: RegSet,
    /// Variables that it stores there before it ends.
    pub stored: RegSet,
    /// Its end.
    pub terminator: Terminator,
}

impl Block {
    /// A block without instructions.
    pub fn empty(offset: i64, flags: FlagsAt, terminator: Terminator) -> Block {
        Block {
            offset,
            flags,
            runs: None,
            counter: None,
            restores: None,
            check: None,
            select: None,
            insts: Vec::new(),
            retired: 0,
            held: 0,
            flush: 0,
            loaded: RegSet::EMPTY,
            stored: RegSet::EMPTY,
            terminator,
        }
    }
}

/// A region.
#[derive(Debug, Clone)]
pub struct Region {
    /// What the blocks' values are.
    pub insts: Vec<Inst>,
    /// For each value that is an integer, the bits that may be set.
    pub possible: Vec<u64>,
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The ways out.
    pub exits: Vec<Exit>,
    /// Accesses that are checked together.
    pub groups: Vec<Group>,
    /// How many temporaries there are.
    pub temps: u32,
    /// The block that the function starts with.
    pub root: BlockId,
    /// Whether it has VEX instructions on vector registers, which the control registers and XCR0 must allow.
    pub uses_avx: bool,
    /// Whether it uses XMM registers or MXCSR, for which the control registers must allow SSE.
    pub uses_sse: bool,
    /// Whether the engine has products of 128 bits: if not, high halves are computed of products of halves.
    pub wide_products: bool,
}

impl Region {
    /// A region without blocks.
    pub fn new() -> Region {
        Region {
            insts: Vec::new(),
            possible: Vec::new(),
            blocks: Vec::new(),
            exits: Vec::new(),
            groups: Vec::new(),
            temps: 0,
            root: BlockId(0),
            uses_sse: false,
            wide_products: false,
            uses_avx: false,
        }
    }

    /// The instruction that gives a value.
    pub fn inst(&self, value: Value) -> &Inst {
        &self.insts[value.index()]
    }

    /// A block.
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.index()]
    }

    /// The bits of an integer that may be set.
    pub fn possible(&self, value: Value) -> u64 {
        self.possible[value.index()]
    }

    /// The constant that a value is, if it is one.
    pub fn constant(&self, value: Value) -> Option<u64> {
        match self.inst(value) {
            Inst::Const(constant) => Some(*constant),
            _ => None,
        }
    }

    /// Adds a block.
    pub fn add_block(&mut self, block: Block) -> BlockId {
        self.blocks.push(block);
        BlockId(self.blocks.len() as u32 - 1)
    }

    /// Adds a way out.
    pub fn add_exit(&mut self, exit: Exit) -> ExitId {
        self.exits.push(exit);
        ExitId(self.exits.len() as u32 - 1)
    }

    /// Adds a temporary.
    pub fn add_temp(&mut self) -> Temp {
        self.temps += 1;
        Temp(self.temps - 1)
    }

    /// All blocks' numbers.
    pub fn block_ids(&self) -> impl DoubleEndedIterator<Item = BlockId> + use<> {
        (0..self.blocks.len() as u32).map(BlockId)
    }

    /// For each block the blocks that lead to it, each once for each edge.
    pub fn predecessors(&self) -> Vec<Vec<BlockId>> {
        let mut all = vec![Vec::new(); self.blocks.len()];
        for id in self.block_ids() {
            for to in self.block(id).terminator.successors() {
                all[to.index()].push(id);
            }
        }
        all
    }
}

impl Default for Region {
    fn default() -> Self {
        Region::new()
    }
}
