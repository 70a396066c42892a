//! Translated code: how it is called, bound to guest memory, and left.

pub mod abi;

use crate::vm::Vm;

/// The translated regions of this module; none in a native build.
#[derive(Default)]
pub(crate) struct Translated {}

impl Translated {
    /// Address of the stamps of an address-space slot.
    pub(crate) fn user_stamps(&self, _slot: usize) -> u32 {
        0
    }

    /// Unbinds everything.
    pub(crate) fn forget(&mut self) {}
}

impl Vm {
    /// Unbinds regions whose code was written to.
    pub(crate) fn unbind(&mut self, _regions: &[u32]) {}

    /// Runs translated code at RIP; whether there was some.
    #[inline(always)]
    pub(crate) fn run_translated(&mut self) -> bool {
        false
    }
}
