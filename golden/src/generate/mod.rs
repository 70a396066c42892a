//! Random cases from iced-x86's instruction table.
//!
//! For a [`Code`], [`encode`] makes a valid encoding with random registers, immediates and memory operands from the operand kinds that the table
//! lists; [`fill`] makes a state in which it does something: memory operands mostly point into the window (also across its pages, at its
//! end, at the read-only page), divisors mostly divide, branch targets lie in the code pages. So a new row of the table is tested without a
//! line of code here. Which codes take part, and why others do not, is in [`select`]. Everything follows from the seed alone.

mod encode;
mod fill;
mod random;
mod select;
mod values;

pub use random::Random;
pub use select::{Family, codes, exclusion};

use crate::case::Case;
use crate::undefined::result_is_undefined;
use iced_x86::Code;

/// How much of the state a case sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Density {
    /// Only what the instruction reads, edge values: for rows that people read.
    Sparse,
    /// Everything.
    Dense,
}

/// Whether operands that can be either are registers or memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Registers.
    Register,
    /// Memory.
    Memory,
    /// Random.
    Any,
}

/// A random case of one instruction; `None` if ten attempts found no encoding.
pub fn case(code: Code, shape: Shape, density: Density, random: &mut Random) -> Option<Case> {
    (0..10).find_map(|_| {
        let (insn, bytes) = encode::encode(code, shape, random)?;
        let state = fill::state(&insn, density, random);
        let defined = !result_is_undefined(&insn, state.gpr[1] as u8);
        Case::new(&bytes, state).ok().filter(|_| defined)
    })
}

/// A case of any code, also of one that is left out of the comparisons, for the interpreter alone.
pub(crate) fn unchecked_case(code: Code, shape: Shape, random: &mut Random) -> Option<Case> {
    (0..10).find_map(|_| {
        let (insn, bytes) = encode::encode(code, shape, random)?;
        Some(Case::unchecked(&bytes, fill::state(&insn, Density::Dense, random)))
    })
}
