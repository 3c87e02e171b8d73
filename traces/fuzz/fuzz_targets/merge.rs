//! Merges whatever it is given as parts of a batch.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::merge(bytes);
});
