//! Compares whatever it is given as two batches.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::diff(bytes);
});
