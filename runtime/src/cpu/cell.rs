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
    /// A processor of its own, as after a reset.
    pub fn new() -> CpuCell {
        let mut cell = CpuCell(zeroed());
        cell.start();
        cell
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn zeroed() -> NonNull<Cpu> {
    // SAFETY: all fields of `Cpu` are integers, which may be zero.
    NonNull::from(Box::leak(unsafe { Box::<Cpu>::new_zeroed().assume_init() }))
}

/// The module's processor. There is one: the caller asks once.
#[cfg(target_arch = "wasm32")]
fn zeroed() -> NonNull<Cpu> {
    NonNull::new(of_module()).expect("a static has an address")
}

/// Where the module's processor is.
#[cfg(target_arch = "wasm32")]
pub fn of_module() -> *mut Cpu {
    (&raw mut PRELIFT_CPU).cast()
}

/// The module's processor, at the address that the linker gives to translated code. Of zeros, so that nothing of it is in the
/// module, nor has to be looked at when that is made.
#[cfg(target_arch = "wasm32")]
#[unsafe(no_mangle)]
static mut PRELIFT_CPU: std::mem::MaybeUninit<Cpu> = std::mem::MaybeUninit::zeroed();

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
