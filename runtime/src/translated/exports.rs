//! The helpers as the module exports them: see [`super::helpers`].

#![allow(unsafe_code)]

use super::helpers::{self, Quick, Round};
use crate::cpu::Cpu;
use crate::cpu::cell;
use core::arch::wasm32::{u64x2, u64x2_extract_lane, v128};

/// What the last helper gave beside its result.
#[unsafe(no_mangle)]
static mut PRELIFT_RESULT: [u64; 2] = [0; 2];

fn integer(value: v128) -> u128 {
    u128::from(u64x2_extract_lane::<1>(value)) << 64 | u128::from(u64x2_extract_lane::<0>(value))
}

// A vector is one parameter in Wasm, whatever C makes of it elsewhere.
#[allow(improper_ctypes_definitions)]
#[unsafe(no_mangle)]
extern "C" fn prelift_large(op: u32, a: v128, b: v128, c: v128) -> v128 {
    let result = helpers::large(op, [a, b, c].map(integer));
    u64x2(result as u64, (result >> 64) as u64)
}

#[unsafe(no_mangle)]
extern "C" fn prelift_integer(op: u32, a: u64, b: u64, c: u64) -> u64 {
    helpers::integer(op, [a, b, c])
}

/// The processor's state, for as long as a helper runs.
#[inline(always)]
fn with_cpu(run: impl FnOnce(&mut Cpu) -> Option<[u64; 2]>) -> u32 {
    // SAFETY: one thread; translated code calls helpers, and while one runs nobody holds a reference to the state.
    let cpu = unsafe { &mut *cell::of_module() };
    let Some(result) = run(cpu) else { return 1 };
    // SAFETY: as above; no reference to this static is ever made.
    unsafe { (&raw mut PRELIFT_RESULT).write(result) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn prelift_x87(form: u64, rip: u64, data: u64, low: u64, high: u64) -> u32 {
    with_cpu(|cpu| helpers::x87(cpu, form, rip, data, [low, high]))
}

macro_rules! quick {
    ($($name:ident: $what:ident),*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name(form: u64, rip: u64, data: u64, low: u64, high: u64) -> u32 {
            with_cpu(|cpu| helpers::x87_quick(Quick::$what, cpu, form, rip, data, [low, high]))
        }
    )*};
}

macro_rules! aes {
    ($($name:ident: $round:ident),*) => {$(
        #[allow(improper_ctypes_definitions)]
        #[unsafe(no_mangle)]
        extern "C" fn $name(state: v128) -> v128 {
            let halves = [u64x2_extract_lane::<0>(state), u64x2_extract_lane::<1>(state)];
            let [low, high] = helpers::aes(Round::$round, halves);
            u64x2(low, high)
        }
    )*};
}

aes! {
    prelift_aes_encrypt: Encrypt,
    prelift_aes_encrypt_last: EncryptLast,
    prelift_aes_decrypt: Decrypt,
    prelift_aes_decrypt_last: DecryptLast
}

quick! {
    prelift_x87_load: Load,
    prelift_x87_store: Store,
    prelift_x87_sum: Sum,
    prelift_x87_product: Product,
    prelift_x87_quotient: Quotient
}
