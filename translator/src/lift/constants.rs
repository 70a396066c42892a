//! Registers that hold one constant as long as a region runs, as far as its instructions tell.
//!
//! Compilers take the reciprocal that they divide by out of the loop, into a register. Where all that sets the register in the
//! region is one constant (but for what takes its value back from the stack), it is that in all likelihood; a product with it
//! leaves where it is not, and is a quotient else (`passes::quotient`).

use super::machine::Lifter;
use crate::ir::{Inst, Value};
use crate::passes::quotient::is_reciprocal;
use runtime::translated::abi::ExitReason;
use x86::{Arith, BinOp, Compare, Gpr, Width};

/// The constants, by register.
pub(super) type Constants = [Option<u64>; 16];

/// What instructions set registers to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sets {
    registers: [Set; 16],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Set {
    #[default]
    Never,
    To(u64),
    Variously,
}

impl Set {
    fn and(self, other: Set) -> Set {
        match (self, other) {
            (Set::Never, set) | (set, Set::Never) => set,
            (one, other) if one == other => one,
            _ => Set::Variously,
        }
    }
}

impl Sets {
    /// A register is set, to a constant if it is known.
    pub(super) fn add(&mut self, register: Gpr, constant: Option<u64>) {
        let set = constant.map_or(Set::Variously, Set::To);
        let register = &mut self.registers[usize::from(register.0) & 15];
        *register = register.and(set);
    }

    /// The constants of registers that all of these leave alone, or set to it.
    pub(super) fn constants<'s>(all: impl Iterator<Item = &'s Sets>) -> Constants {
        let none = Sets::default();
        let sets = all.fold(none, |one, other| Sets {
            registers: std::array::from_fn(|number| one.registers[number].and(other.registers[number])),
        });
        sets.registers.map(|set| if let Set::To(constant) = set { Some(constant) } else { None })
    }
}

impl Lifter<'_> {
    /// The operands of an operation; of a high half, with the reciprocal that one is most likely.
    pub(super) fn with_reciprocal(&mut self, op: BinOp, w: Width, a: Value, b: Value) -> (Value, Value) {
        let high = matches!(op, BinOp::MulHighUnsigned | BinOp::MulHighSigned);
        if !high || w != Width::W64 || self.written {
            return (a, b);
        }
        let signed = op == BinOp::MulHighSigned;
        match (self.reciprocal(signed, b, a), self.reciprocal(signed, a, b)) {
            (Some(constant), _) => (a, self.assumed(b, constant)),
            (_, Some(constant)) => (self.assumed(a, constant), b),
            _ => (a, b),
        }
    }

    fn reciprocal(&self, signed: bool, value: Value, other: Value) -> Option<u64> {
        let region = &self.builder.region;
        let Inst::Get(register) = *region.inst(value) else { return None };
        let constant = self.constants[usize::from(register.as_gpr()?.0)]?;
        is_reciprocal(signed, constant, region.possible(other)).then_some(constant)
    }

    /// The constant; leaves where the value is another.
    fn assumed(&mut self, value: Value, constant: u64) -> Value {
        let constant = self.imm(constant);
        let other = self.compare(Compare::Ne, Width::W64, value, constant);
        let exit = self.side_exit(ExitReason::Rare);
        self.builder.push(Inst::ExitIf { condition: other, exit });
        constant
    }
}

#[cfg(test)]
mod tests {
    use crate::ir::{Inst, Region};
    use crate::lift::{Options, Privilege, RegionSource, SourceBlock, lift};
    use x86::BinOp;

    /// movabs r13, 0xcccccccccccccccd
    const RECIPROCAL: [u8; 10] = [0x49, 0xbd, 0xcd, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc, 0xcc];
    /// l: mov rax, rbx; mul r13; shr rdx, 3; mov rbx, rdx; dec ecx; jnz l
    const LOOP: [u8; 17] =
        [0x48, 0x89, 0xd8, 0x49, 0xf7, 0xe5, 0x48, 0xc1, 0xea, 3, 0x48, 0x89, 0xd3, 0xff, 0xc9, 0x75, 0xef];
    const POP_R13: [u8; 2] = [0x41, 0x5d];
    const INC_R13: [u8; 3] = [0x49, 0xff, 0xc5];

    fn region(before: &[u8], after: &[u8]) -> Region {
        let mut blocks = Vec::new();
        let mut offset = 0;
        for bytes in [before, &LOOP, after] {
            blocks.push(SourceBlock { offset, bytes: bytes.to_vec(), runs: None });
            offset += bytes.len() as i64;
        }
        let source = RegionSource {
            privilege: Privilege::User,
            index: 0,
            name: String::new(),
            blocks,
            entries: vec![0],
            inlined: Vec::new(),
        };
        lift(&source, &Options::default()).unwrap().region
    }

    fn divides(region: &Region) -> bool {
        region.insts.iter().any(|inst| matches!(inst, Inst::Bin(BinOp::DivUnsigned, ..)))
    }

    #[test]
    fn a_reciprocal_in_a_register_is_known_where_nothing_else_is_there() {
        assert!(divides(&region(&RECIPROCAL, &POP_R13)));
        assert!(!divides(&region(&RECIPROCAL, &INC_R13)));
        assert!(!divides(&region(&INC_R13, &POP_R13)));
        let mut other = RECIPROCAL;
        other[2] = 0xcb;
        assert!(!divides(&region(&other, &POP_R13)));
    }
}
