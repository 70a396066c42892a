//! Where the processor's state lives: on the heap natively, at a fixed address in the Wasm build, where translated code
//! reads and writes it too.

#![allow(unsafe_code)]

use super::Cpu;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;

/// The one owner of a [`Cpu`].
#[derive(Debug)]
pub struct CpuCell(NonNull<Cpu>);

impl CpuCell {
    /// A processor of its own.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new() -> CpuCell {
        CpuCell(NonNull::from(Box::leak(Box::new(Cpu::ZERO))))
    }

    /// The module's processor. There is one: the caller asks once.
    #[cfg(target_arch = "wasm32")]
    pub fn new() -> CpuCell {
        CpuCell(NonNull::new(&raw mut PRELIFT_CPU).expect("a static has an address"))
    }
}

/// The module's processor, at the address that the linker gives to translated code.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
pub static mut PRELIFT_CPU: Cpu = Cpu::ZERO;

impl Default for CpuCell {
    fn default() -> Self {
        CpuCell::new()
    }
}

impl Drop for CpuCell {
    fn drop(&mut self) {
        // SAFETY: natively the pointer came from `Box::leak` and is dropped once.
        #[cfg(not(target_arch = "wasm32"))]
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl Deref for CpuCell {
    type Target = Cpu;

    #[inline(always)]
    fn deref(&self) -> &Cpu {
        // SAFETY: valid as long as `self`; translated code runs only inside a call that borrows the machine exclusively.
        unsafe { self.0.as_ref() }
    }
}

impl DerefMut for CpuCell {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Cpu {
        // SAFETY: as for `deref`, and `self` is borrowed exclusively.
        unsafe { self.0.as_mut() }
    }
}
