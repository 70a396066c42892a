//! What is known of each translated region when it is made: the module's custom section `prelift.regions`, which engines
//! ignore and `prelift inspect` reads.
//!
//! A region's name is in the name section, and its size is that of its function's body: neither is told again.

mod measure;
mod read;
#[cfg(test)]
mod tests;
mod write;

use crate::discover::{Binary, BinaryId};
use crate::link::FuncIndex;
use crate::lower::SideExits;

/// The encoding's version.
const VERSION: u32 = 1;

/// What is known of the regions of a module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// The function of the first region; those of the others follow.
    pub first_function: FuncIndex,
    /// What the code comes from, and how much of it ran in training.
    pub binaries: Vec<Binary>,
    /// The regions, by number.
    pub regions: Vec<RegionFigures>,
}

/// What is known of a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionFigures {
    /// What its code comes from.
    pub binary: BinaryId,
    /// Entry points; a region that could not be translated has none.
    pub entries: u32,
    /// Guest instructions translated.
    pub instructions: u32,
    /// Bytes of x86 code, what is inlined included.
    pub guest_bytes: u32,
    /// How often its own instructions ran in training, added up. What is inlined counts where it was taken from.
    pub ran: u64,
    /// Of them, those that the interpreter carries out.
    pub left: u64,
    /// Its side exits.
    pub side_exits: SideExits,
    /// What it leaves to the interpreter, by mnemonic, ascending.
    pub unlifted: Vec<Unlifted>,
}

/// A mnemonic that translated code leaves to the interpreter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unlifted {
    /// Its name.
    pub mnemonic: String,
    /// At how many places.
    pub places: u32,
    /// How often these ran in training, added up.
    pub ran: u64,
}
