//! Random cases from iced-x86's instruction table.
//!
//! For a [`Code`], [`encode`] makes a valid encoding with random registers, immediates and memory operands from the operand kinds that the table
//! lists; [`fill`] makes a state in which it does something: memory operands mostly point into the window (also across its pages, at its
//! end, at the read-only page, at an alias), divisors mostly divide, branch targets lie in the code pages. So a new row of the table is tested without a
//! line of code here. Which codes take part, and why others do not, is in [`select`]. Everything follows from the seed alone.

mod encode;
mod fill;
mod memory;
mod random;
mod select;
mod sequence;
mod values;

pub use random::Random;
pub use select::{Family, codes, exclusion};
pub use sequence::sequence;

use crate::case::Case;
use crate::state::State;
use crate::undefined::result_is_undefined;
use iced_x86::{Code, Instruction};

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
    (0..ATTEMPTS).find_map(|_| {
        let (insn, bytes) = encode::encode(code, shape, random)?;
        with_state(&insn, &bytes, density, random)
    })
}

/// Attempts at a case before it is given up.
const ATTEMPTS: usize = 10;

fn with_state(insn: &Instruction, bytes: &[u8], density: Density, random: &mut Random) -> Option<Case> {
    let state = fill::state(insn, density, random);
    let defined = !result_is_undefined(insn, state.gpr[1] as u8);
    Case::new(bytes, state).ok().filter(|_| defined)
}

/// How many random cases of each code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Encodings of a code, chosen at random: registers, immediates, addressing, prefixes.
    pub encodings: usize,
    /// States in which each of them runs.
    pub states: usize,
}

/// Random cases of a code: those of one encoding follow one another. Fewer than asked for where no state is defined.
pub fn cases(code: Code, amount: Amount, random: &mut Random) -> Vec<Case> {
    let mut list = Vec::new();
    for _ in 0..amount.encodings {
        let encoded = (0..ATTEMPTS).find_map(|_| encode::encode(code, Shape::Any, random));
        let Some((insn, bytes)) = encoded else { continue };
        list.extend((0..amount.states).filter_map(|_| {
            let density = if random.one_in(4) { Density::Sparse } else { Density::Dense };
            (0..ATTEMPTS).find_map(|_| with_state(&insn, &bytes, density, random))
        }));
    }
    list
}

/// A case of any code, also of one that is left out of the comparisons, for the interpreter alone.
pub(crate) fn unchecked_case(code: Code, shape: Shape, random: &mut Random) -> Option<Case> {
    (0..ATTEMPTS).find_map(|_| {
        let (insn, bytes) = encode::encode(code, shape, random)?;
        Some(Case::unchecked(&bytes, fill::state(&insn, Density::Dense, random)))
    })
}

/// A state for any code: half of the registers point into data.
pub(crate) fn any_state(random: &mut Random) -> State {
    fill::any(random)
}
