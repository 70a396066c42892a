//! The fuzz target `translate`: see `golden/src/fuzz/translate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Err(broken) = golden::fuzz::translate(input) {
        panic!("{broken:#}");
    }
});
