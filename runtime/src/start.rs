//! The module's `_start`, for toolchains whose C library has one that leaves calling constructors to the linker.
//!
//! Where nothing calls `__wasm_call_ctors`, wasm-ld wraps every export so that it runs all constructors before and
//! all destructors after: translated code calls exported functions all the time, so that must not happen. The
//! set-up asks for this file by `--cfg prelift_start`; other toolchains bring an object file that does the same.
//! Convention: WASI "Application ABI", command modules.

#![allow(unsafe_code)]

unsafe extern "C" {
    safe fn __wasm_call_ctors();
    safe fn __wasm_call_dtors();
    /// In wasi-libc: calls `main`.
    safe fn __original_main() -> i32;
}

/// Runs the program; returning from here is exit code 0.
#[unsafe(no_mangle)]
extern "C" fn _start() {
    __wasm_call_ctors();
    let code = __original_main();
    if code != 0 {
        std::process::exit(code);
    }
    __wasm_call_dtors();
}
