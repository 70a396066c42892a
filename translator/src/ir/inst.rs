//! Instructions of the IR: what they give, what they use, and what order they keep.

use super::{ExitId, Field, GroupId, Reg, Temp, Value};
use runtime::translated::helpers::Quick;
use x86::vector::float::{FloatOp, FloatUnOp, FloatWidth, Predicate};
use x86::vector::{VecOp, VecShift, VecUnOp};
use x86::{BinOp, Compare, UnOp, Width};

/// Type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// i64: an integer, zero-extended from its width.
    Int,
    /// i32: 0 or 1.
    Bool,
    /// i32: an entry of the TLB, or a place in the machine's memory.
    Place,
    /// v128.
    Vec,
    /// f32 or f64.
    Float(FloatWidth),
    /// Nothing.
    Unit,
}

/// What a memory access does, which selects the TLB's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// Reads.
    Read,
    /// Writes, or reads and then writes.
    Write,
}

/// An instruction. `Value` operands are of the same block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inst {
    /// An integer constant.
    Const(u64),
    /// A truth constant.
    ConstBool(bool),
    /// The region's base address.
    Base,
    /// The flags at the block's start as a word: stands in while a block's own effect on the flags is found out, and
    /// must be unused by the end.
    EntryFlags,
    /// The word of flags that the lazy flags `dst`, `src` and `carry` make under a packed operation known at run time.
    FlagsWord {
        /// The operation.
        op: Value,
        /// See [`x86::Flags`].
        operands: [Value; 3],
    },
    /// A variable.
    Get(Reg),
    /// A field of the processor's state.
    Read(Field),
    /// Sets a field of the processor's state.
    Write(Field, Value),
    /// The instructions that may still retire, as at an instruction before which the region has retired so many that are
    /// not yet taken off the budget.
    Budget(u32),
    /// Sets a variable.
    Set(Reg, Value),
    /// See [`BinOp`].
    Bin(BinOp, Width, Value, Value),
    /// See [`UnOp`].
    Un(UnOp, Width, Value),
    /// See [`Compare`].
    Compare(Compare, Width, Value, Value),
    /// 1 for true, 0 for false.
    Int(Value),
    /// The second where the first, a truth value, holds, else the third.
    Select(Value, Value, Value),
    /// Negation.
    Not(Value),
    /// Conjunction.
    Both(Value, Value),
    /// Disjunction.
    Either(Value, Value),
    /// Looks `span` bytes from an address up in the TLB and leaves unless they may be accessed: gives how far their place in the
    /// machine's memory is from the address.
    Check {
        /// The table.
        access: Access,
        /// The linear address.
        address: Value,
        /// Bytes from it on, at most 4096.
        span: u16,
        /// Where to go on a miss.
        exit: ExitId,
    },
    /// Where the address is in the machine's memory, by what its check gave.
    Pointer {
        /// The check.
        check: Value,
        /// The address.
        address: Value,
    },
    /// Looks all that a group's members touch up, and leaves unless they may be accessed: gives the members' places.
    Group {
        /// The members.
        group: GroupId,
        /// The linear address that they are counted from.
        base: Value,
        /// Where to go on a miss.
        exit: ExitId,
    },
    /// Where a member of a group is in the machine's memory.
    Member {
        /// The group.
        group: Value,
        /// The member's number.
        member: u8,
    },
    /// Loads from a pointer.
    Load(Width, Value, u32),
    /// Stores to a pointer, at a constant offset.
    Store(Width, Value, u32, Value),
    /// Copies bytes upwards between places in the machine's memory, as elements of a width.
    Copy {
        /// Width of an element.
        width: Width,
        /// To where.
        to: Value,
        /// From where.
        from: Value,
        /// How many bytes: whole elements.
        bytes: Value,
    },
    /// Fills bytes with elements of a width.
    Fill {
        /// Width of an element.
        width: Width,
        /// From where on.
        to: Value,
        /// The element.
        value: Value,
        /// How many bytes: whole elements.
        bytes: Value,
    },
    /// Loads 16 bytes.
    LoadVec(Value, u32),
    /// Loads the low 4 or 8 bytes of a vector; the rest is 0.
    LoadLow(Width, Value, u32),
    /// Stores 16 bytes.
    StoreVec(Value, u32, Value),
    /// A vector of a low and a high half.
    VecFrom(Value, Value),
    /// A vector constant.
    VecConst(u128),
    /// A lane of a vector, zero-extended.
    VecLane(Width, Value, u8),
    /// A vector with one lane replaced.
    VecWithLane(Width, Value, u8, Value),
    /// See [`VecOp`].
    VecBin(VecOp, Value, Value),
    /// See [`VecUnOp`].
    VecUn(VecUnOp, Value),
    /// Shifts every lane by one count, which is below the lane's width.
    VecShift(VecShift, Value, Value),
    /// Bytes chosen from two vectors, 0 to 15 from the first, 16 to 31 from the second.
    VecShuffle(Value, Value, [u8; 16]),
    /// The sign bits of the lanes of a width.
    VecBitmask(Width, Value),
    /// The number of some bits.
    FromBits(FloatWidth, Value),
    /// The bits of a number.
    Bits(FloatWidth, Value),
    /// A lane of a vector, as a number.
    VecLaneFloat(FloatWidth, Value, u8),
    /// A vector with one lane replaced by a number.
    VecWithLaneFloat(FloatWidth, Value, u8, Value),
    /// A vector with a number in every lane.
    VecSplatFloat(FloatWidth, Value),
    /// `a op b` for the four operations of arithmetic; what Wasm leaves open is not used (`x86::vector::float::fast`).
    FloatBin(FloatOp, FloatWidth, Value, Value),
    /// See [`FloatUnOp`]: numbers, but for the integers of conversions.
    FloatUn(FloatUnOp, Value),
    /// Whether the predicate holds, of two that are no NaN.
    FloatCompare(Predicate, FloatWidth, Value, Value),
    /// See [`FloatOp`], in every lane.
    VecFloatBin(FloatOp, FloatWidth, Value, Value),
    /// See [`FloatUnOp`], in as many lanes as fit; the rest is 0.
    VecFloatUn(FloatUnOp, Value),
    /// A large operation on vectors: `runtime::translated::helpers::large`.
    HelpVec(u32, [Value; 3]),
    /// A large operation on integers: `runtime::translated::helpers::integer`.
    HelpInt(u32, [Value; 3]),
    /// An instruction of the x87 unit, `runtime::translated::helpers::x87`, or `x87_quick` for a common one: the form; RIP, the
    /// operand's offset and its bits. Whether the interpreter has to take it.
    HelpX87(Option<Quick>, u64, [Value; 4]),
    /// Half of what the last [`Inst::HelpX87`] gave.
    Helped(u8),
    /// What a temporary of the region holds. No block both sets one and reads it.
    Temp(Temp),
    /// Sets a temporary.
    SetTemp(Temp, Value),
    /// Whether `span` bytes from an address lie in one page, and the TLB has it.
    Probe {
        /// The table.
        access: Access,
        /// The linear address.
        address: Value,
        /// Bytes from it on, at most 4096.
        span: u16,
    },
    /// How far the place of an address in the machine's memory is from the address, where a probe of it holds.
    Distance {
        /// The table.
        access: Access,
        /// The linear address.
        address: Value,
    },
    /// The place whose number is the low half of an integer.
    Place(Value),
    /// Leaves where the condition holds.
    ExitIf {
        /// The condition.
        condition: Value,
        /// Where to.
        exit: ExitId,
    },
}

impl Inst {
    /// Type of what it gives.
    pub fn ty(&self) -> Type {
        match self {
            Inst::Const(_) | Inst::Base | Inst::EntryFlags | Inst::Bin(..) | Inst::Un(..) | Inst::Int(_) => Type::Int,
            Inst::FlagsWord { .. } | Inst::HelpInt(..) | Inst::Helped(_) | Inst::Read(_) | Inst::Budget(_) => Type::Int,
            Inst::Temp(_) | Inst::Distance { .. } => Type::Int,
            Inst::HelpVec(..) => Type::Vec,
            Inst::Select(..) | Inst::Load(..) | Inst::VecLane(..) | Inst::VecBitmask(..) => Type::Int,
            Inst::Get(reg) => reg.ty(),
            Inst::ConstBool(_) | Inst::Compare(..) | Inst::Not(_) | Inst::Both(..) | Inst::Either(..) => Type::Bool,
            Inst::FloatCompare(..) | Inst::HelpX87(..) | Inst::Probe { .. } => Type::Bool,
            Inst::Bits(..) => Type::Int,
            Inst::FromBits(w, _) | Inst::VecLaneFloat(w, ..) | Inst::FloatBin(_, w, ..) => Type::Float(*w),
            Inst::FloatUn(op, _) => un_types(*op).1,
            Inst::VecWithLaneFloat(..) | Inst::VecFloatBin(..) | Inst::VecFloatUn(..) => Type::Vec,
            Inst::VecSplatFloat(..) => Type::Vec,
            Inst::Check { .. } | Inst::Pointer { .. } | Inst::Group { .. } | Inst::Member { .. } | Inst::Place(_) => {
                Type::Place
            }
            Inst::LoadVec(..)
            | Inst::LoadLow(..)
            | Inst::VecFrom(..)
            | Inst::VecConst(_)
            | Inst::VecWithLane(..)
            | Inst::VecBin(..) => Type::Vec,
            Inst::VecUn(..) | Inst::VecShift(..) | Inst::VecShuffle(..) => Type::Vec,
            Inst::Set(..) | Inst::Store(..) | Inst::StoreVec(..) | Inst::ExitIf { .. } => Type::Unit,
            Inst::Copy { .. } | Inst::Fill { .. } | Inst::Write(..) | Inst::SetTemp(..) => Type::Unit,
        }
    }

    /// Whether it must stay, and stay in order, even if nobody uses what it gives.
    pub fn is_effect(&self) -> bool {
        self.ty() == Type::Unit
            || matches!(self, Inst::Check { .. } | Inst::Group { .. } | Inst::HelpX87(..) | Inst::Helped(_))
    }

    /// Whether it writes guest memory.
    pub fn writes_memory(&self) -> bool {
        matches!(self, Inst::Store(..) | Inst::StoreVec(..) | Inst::Copy { .. } | Inst::Fill { .. })
    }

    /// Whether it reads guest memory.
    pub fn reads_memory(&self) -> bool {
        matches!(self, Inst::Load(..) | Inst::LoadVec(..) | Inst::LoadLow(..))
    }

    /// Whether two of them with the same operands are one.
    pub fn is_pure(&self) -> bool {
        !self.is_effect()
            && !self.reads_memory()
            && !matches!(self, Inst::Get(_) | Inst::Read(_) | Inst::Budget(_) | Inst::Temp(_))
    }

    /// The way out that it may take.
    pub fn exit(&self) -> Option<ExitId> {
        match self {
            Inst::Check { exit, .. } | Inst::Group { exit, .. } | Inst::ExitIf { exit, .. } => Some(*exit),
            _ => None,
        }
    }

    /// The way out that it may take, to be changed.
    pub fn exit_mut(&mut self) -> Option<&mut ExitId> {
        match self {
            Inst::Check { exit, .. } | Inst::Group { exit, .. } | Inst::ExitIf { exit, .. } => Some(exit),
            _ => None,
        }
    }

    /// The values that it uses, in order.
    pub fn operands(mut self) -> impl Iterator<Item = Value> {
        self.operands_mut().map(|operand| operand.map(|value| *value)).into_iter().flatten()
    }

    /// The values that it uses, in order, to be changed.
    pub fn operands_mut(&mut self) -> [Option<&mut Value>; 4] {
        match self {
            Inst::FlagsWord { op, operands: [a, b, c] } => [Some(a), Some(b), Some(c), Some(op)],
            Inst::HelpX87(_, _, [rip, a, b, c]) => [Some(a), Some(b), Some(c), Some(rip)],
            Inst::Const(_) | Inst::ConstBool(_) | Inst::VecConst(_) | Inst::Base | Inst::EntryFlags | Inst::Get(_) => {
                [None, None, None, None]
            }
            Inst::Helped(_) | Inst::Read(_) | Inst::Budget(_) | Inst::Temp(_) => [None, None, None, None],
            Inst::Write(_, a) | Inst::Set(_, a) | Inst::Un(_, _, a) | Inst::Int(a) | Inst::Not(a) => one(a),
            Inst::Load(_, a, _) | Inst::LoadLow(_, a, _) | Inst::LoadVec(a, _) | Inst::VecLane(_, a, _) => one(a),
            Inst::VecUn(_, a) | Inst::VecBitmask(_, a) => one(a),
            Inst::FromBits(_, a) | Inst::Bits(_, a) | Inst::VecLaneFloat(_, a, _) => one(a),
            Inst::FloatUn(_, a) | Inst::VecFloatUn(_, a) | Inst::VecSplatFloat(_, a) => one(a),
            Inst::Check { address: a, .. } | Inst::ExitIf { condition: a, .. } => one(a),
            Inst::Group { base: a, .. } | Inst::Member { group: a, .. } => one(a),
            Inst::Probe { address: a, .. } | Inst::Distance { address: a, .. } => one(a),
            Inst::SetTemp(_, a) | Inst::Place(a) => one(a),
            Inst::VecWithLane(_, a, _, b) | Inst::VecBin(_, a, b) | Inst::VecShift(_, a, b) => two(a, b),
            Inst::VecShuffle(a, b, _) => two(a, b),
            Inst::FloatBin(_, _, a, b) | Inst::FloatCompare(_, _, a, b) => two(a, b),
            Inst::VecWithLaneFloat(_, a, _, b) | Inst::VecFloatBin(_, _, a, b) => two(a, b),
            Inst::Bin(_, _, a, b) | Inst::Compare(_, _, a, b) | Inst::Both(a, b) => two(a, b),
            Inst::Either(a, b) | Inst::VecFrom(a, b) => two(a, b),
            Inst::Pointer { check: a, address: b } => two(a, b),
            Inst::Store(_, a, _, b) | Inst::StoreVec(a, _, b) => two(a, b),
            Inst::HelpVec(_, [a, b, c]) | Inst::HelpInt(_, [a, b, c]) | Inst::Select(a, b, c) => {
                [Some(a), Some(b), Some(c), None]
            }
            Inst::Copy { to: a, from: b, bytes: c, .. } | Inst::Fill { to: a, value: b, bytes: c, .. } => {
                [Some(a), Some(b), Some(c), None]
            }
        }
    }
}

fn one(a: &mut Value) -> [Option<&mut Value>; 4] {
    [Some(a), None, None, None]
}

fn two<'i>(a: &'i mut Value, b: &'i mut Value) -> [Option<&'i mut Value>; 4] {
    [Some(a), Some(b), None, None]
}

/// Types of the operand and of the result of an operation on one number.
pub(super) fn un_types(op: FloatUnOp) -> (Type, Type) {
    use FloatWidth::{F32, F64};
    match op {
        FloatUnOp::Sqrt(w) | FloatUnOp::Round(w, _) => (Type::Float(w), Type::Float(w)),
        FloatUnOp::Reciprocal | FloatUnOp::ReciprocalSqrt => (Type::Float(F32), Type::Float(F32)),
        FloatUnOp::Promote => (Type::Float(F32), Type::Float(F64)),
        FloatUnOp::Demote => (Type::Float(F64), Type::Float(F32)),
        FloatUnOp::FromInt { to, .. } => (Type::Int, Type::Float(to)),
        FloatUnOp::ToInt { from, .. } => (Type::Float(from), Type::Int),
    }
}
