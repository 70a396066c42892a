//! The heap of the Wasm build: an arena of fixed size between the runtime's data and the linked snapshot.
//!
//! The linker appends the image and the guest's RAM to linear memory, right after the arena, so the heap must never
//! look at `memory.size`, nor grow memory (which would end up after the RAM, in the way of RAM that is added later).
//! wasi-libc's allocator does both, some versions of it even hand out all of the initial memory. So this one serves
//! Rust and, under C's names, wasi-libc itself, whose own `malloc` is then not linked. When the arena is full,
//! allocation fails.
//!
//! The arena is `__heap_base..__heap_end`, both set by wasm-ld; its size is the set-up's `--initial-heap`.

#![allow(unsafe_code)]

use dlmalloc::{Allocator, Dlmalloc};
use std::alloc::{GlobalAlloc, Layout};
use std::cell::{Cell, UnsafeCell};
use std::ptr::null_mut;

unsafe extern "C" {
    static __heap_base: u8;
    static __heap_end: u8;
}

/// `errno` of WASI preview 1.
const ENOMEM: i32 = 48;

/// Bytes of the arena that dlmalloc has been given.
struct Arena {
    used: Cell<usize>,
}

// SAFETY: what `alloc` returns lies in the arena, which nobody else uses, and is returned once.
unsafe impl Allocator for Arena {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let base = (&raw const __heap_base).addr().next_multiple_of(16);
        let free = (&raw const __heap_end).addr().saturating_sub(base + self.used.get());
        if size > free {
            return (null_mut(), 0, 0);
        }
        let start = base + self.used.get();
        self.used.set(self.used.get() + size);
        (std::ptr::with_exposed_provenance_mut(start), size, 0)
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
        4096
    }
}

struct Heap(UnsafeCell<Dlmalloc<Arena>>);

// SAFETY: wasm32-wasip1 has one thread.
unsafe impl Sync for Heap {}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Arena { used: Cell::new(0) })));

impl Heap {
    /// Runs `f` on the allocator. `f` must not allocate.
    fn with<R>(&self, f: impl FnOnce(&mut Dlmalloc<Arena>) -> R) -> R {
        // SAFETY: one thread, and dlmalloc calls nothing but `Arena`, so there is no second reference.
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
