//! The WebAssembly features that an output module may use.

use wasmparser::WasmFeatures;

/// WebAssembly 2.0 (SIMD and bulk memory included), tail calls, and wide arithmetic for those who ask for it.
/// No memory64, no threads: DESIGN.md, decision 9.
pub fn features() -> WasmFeatures {
    WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::WIDE_ARITHMETIC
}
