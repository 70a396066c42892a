//! The heap of the Wasm build: linear memory that is added behind everything else.
//!
//! The linker appends the image and the guest's RAM to the runtime's own data and stack, so the heap may have nothing but
//! what `memory.grow` gives; then the module's data lie close together, as engines need to map them instead of copying.
//! wasi-libc's allocator is no use: some versions hand out all of the initial memory. So this one serves Rust and,
//! under C's names, wasi-libc itself, whose own `malloc` is then not linked.

#![allow(unsafe_code)]

use dlmalloc::{Allocator, Dlmalloc};
use std::alloc::{GlobalAlloc, Layout};
use std::cell::UnsafeCell;
use std::ptr::null_mut;

/// `errno` of WASI preview 1.
const ENOMEM: i32 = 48;

const WASM_PAGE: usize = 1 << 16;
/// Least that memory grows by, in its pages.
const STEP: usize = 16;

/// What lies behind the end of linear memory.
struct Tail;

// SAFETY: `memory.grow` gives memory that nobody else uses, once.
unsafe impl Allocator for Tail {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let pages = size.div_ceil(WASM_PAGE).max(STEP);
        match core::arch::wasm32::memory_grow::<0>(pages) {
            usize::MAX => (null_mut(), 0, 0),
            before => (std::ptr::with_exposed_provenance_mut(before * WASM_PAGE), pages * WASM_PAGE, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        WASM_PAGE
    }
}

struct Heap(UnsafeCell<Dlmalloc<Tail>>);

// SAFETY: wasm32-wasip1 has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Tail)));

impl Heap {
    /// Runs `f` on the allocator. `f` must not allocate.
    fn with<R>(&self, f: impl FnOnce(&mut Dlmalloc<Tail>) -> R) -> R {
        // SAFETY: one thread, and dlmalloc calls nothing but `Tail`, so there is no second reference.
        f(unsafe { &mut *self.0.get() })
    }
}

// SAFETY: dlmalloc fulfils the contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size may be asked for.
        self.with(|heap| unsafe { heap.malloc(layout.size(), layout.align()) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size may be asked for.
        self.with(|heap| unsafe { heap.calloc(layout.size(), layout.align()) })
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise about `block` and `layout`.
        self.with(|heap| unsafe { heap.free(block, layout.size(), layout.align()) });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise about `block` and `layout`.
        self.with(|heap| unsafe { heap.realloc(block, layout.size(), layout.align(), size) })
    }
}

/// C11 7.22.3.4.
#[unsafe(no_mangle)]
extern "C" fn malloc(size: usize) -> *mut u8 {
    // SAFETY: any size may be asked for.
    HEAP.with(|heap| unsafe { heap.c_malloc(size) })
}

/// C11 7.22.3.2.
#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, size: usize) -> *mut u8 {
    let Some(size) = count.checked_mul(size) else { return null_mut() };
    // SAFETY: any size may be asked for.
    HEAP.with(|heap| unsafe { heap.calloc(size, 1) })
}

/// C11 7.22.3.3.
///
/// # Safety
/// `block` is null or was returned by one of these functions and not freed since.
#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut u8) {
    if !block.is_null() {
        // SAFETY: as this function's.
        HEAP.with(|heap| unsafe { heap.c_free(block) });
    }
}

/// C11 7.22.3.5.
///
/// # Safety
/// As [`free`].
#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut u8, size: usize) -> *mut u8 {
    if block.is_null() {
        return malloc(size);
    }
    // SAFETY: as this function's.
    HEAP.with(|heap| unsafe { heap.c_realloc(block, size) })
}

/// C11 7.22.3.1.
#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut u8 {
    // SAFETY: any size and alignment may be asked for.
    HEAP.with(|heap| unsafe { heap.c_memalign(align, size) })
}

/// POSIX.1-2008.
///
/// # Safety
/// `result` may be written to.
#[unsafe(no_mangle)]
unsafe extern "C" fn posix_memalign(result: *mut *mut u8, align: usize, size: usize) -> i32 {
    let block = aligned_alloc(align, size);
    if block.is_null() {
        return ENOMEM;
    }
    // SAFETY: as this function's.
    unsafe { result.write(block) };
    0
}
