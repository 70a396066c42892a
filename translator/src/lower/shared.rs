//! What all regions of a module share: types, and functions that translated code calls beside other regions.
//!
//! Both are numbered in a row, from [`Addresses::first_type`] and [`Addresses::first_shared`]. The functions that need tail
//! calls come last, so that a module for engines without can leave them out.

use super::flags_word::{flags_word_function, flags_word_type};
use super::jump::{jump_function, jump_type};
use super::lookup::{lookup_function, lookup_type};
use super::state::{enter_function, enter_type};
use crate::ir::Access;
use crate::lift::{Addresses, Privilege, TailCalls};
use anyhow::Result;
use wasm_encoder::{FuncType, Function, ValType};

/// A type of translated code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum SharedType {
    /// Of a region.
    Region,
    /// Of the jump functions.
    Jump,
    /// Of the flags function.
    FlagsWord,
    /// Of the lookup functions.
    Lookup,
    /// Of the enter function.
    Enter,
    /// Of a block that gives what regions do.
    Results,
}

impl SharedType {
    /// How many there are.
    pub const COUNT: u32 = 6;
}

/// What regions give: where to go on, and the budget.
pub(super) const RESULTS: [ValType; 2] = [ValType::I64; 2];

/// Types of a region, `(base: i64, entry: i32, room: i32, budget: i64) -> (i64, i64)`, and of the others, by number.
pub fn types() -> [FuncType; SharedType::COUNT as usize] {
    let region = FuncType::new([ValType::I64, ValType::I32, ValType::I32, ValType::I64], RESULTS);
    [region, jump_type(), flags_word_type(), lookup_type(), enter_type(), FuncType::new([], RESULTS)]
}

/// A function that all regions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// Calls a region for the dispatcher.
    Enter,
    /// Makes a word of lazy flags.
    FlagsWord,
    /// Looks an address up in the TLB.
    Lookup(Privilege, Access),
    /// Goes to a computed address.
    Jump(Privilege),
}

/// How many functions there are.
pub const FUNCTIONS: usize = 8;

/// The functions, in order, with their names and types.
#[rustfmt::skip]
const ALL: [(Shared, &str, SharedType); FUNCTIONS] = [
    (Shared::Enter,                                    "enter",               SharedType::Enter),
    (Shared::FlagsWord,                                "flags",               SharedType::FlagsWord),
    (Shared::Lookup(Privilege::Kernel, Access::Read),  "lookup:kernel:read",  SharedType::Lookup),
    (Shared::Lookup(Privilege::Kernel, Access::Write), "lookup:kernel:write", SharedType::Lookup),
    (Shared::Lookup(Privilege::User, Access::Read),    "lookup:user:read",    SharedType::Lookup),
    (Shared::Lookup(Privilege::User, Access::Write),   "lookup:user:write",   SharedType::Lookup),
    (Shared::Jump(Privilege::Kernel),                  "jump:kernel",         SharedType::Jump),
    (Shared::Jump(Privilege::User),                    "jump:user",           SharedType::Jump),
];

impl Shared {
    /// Its place among them.
    pub(crate) fn number(self) -> u32 {
        ALL.iter().position(|(shared, ..)| *shared == self).unwrap_or_default() as u32
    }

    fn function(self, addresses: &Addresses) -> Result<Function> {
        Ok(match self {
            Shared::Enter => enter_function(addresses),
            Shared::FlagsWord => flags_word_function(addresses)?,
            Shared::Lookup(privilege, access) => lookup_function(privilege, access, addresses),
            Shared::Jump(privilege) => jump_function(privilege, addresses),
        })
    }
}

/// The functions for a kind of engine, in order: name, type and body.
///
/// # Errors
/// A defect of the translator.
pub fn functions(addresses: &Addresses, tail_calls: TailCalls) -> Result<Vec<(&'static str, SharedType, Function)>> {
    let fits = |shared: &Shared| tail_calls == TailCalls::Yes || !matches!(shared, Shared::Jump(_));
    let chosen = ALL.iter().filter(|(shared, ..)| fits(shared));
    chosen.map(|(shared, name, ty)| Ok((*name, *ty, shared.function(addresses)?))).collect()
}
