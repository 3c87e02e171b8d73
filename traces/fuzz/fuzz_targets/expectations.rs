//! Reads whatever it is given as a list of expected findings, and judges a comparison by it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::expectations(bytes);
});
