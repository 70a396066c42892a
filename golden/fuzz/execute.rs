//! The fuzz target `execute`: see `golden/src/fuzz/execute.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(broken) = golden::fuzz::execute(input) {
        panic!("{broken:#}");
    }
});
