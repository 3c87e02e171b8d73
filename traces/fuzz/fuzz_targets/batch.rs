//! Reads whatever it is given as `batch.json` of a results directory.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::batch(bytes);
});
