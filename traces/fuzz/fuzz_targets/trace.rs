//! Reads whatever it is given as the report of a run, and writes it in every format.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::trace(bytes);
});
