//! Reads whatever it is given as a reproducer, and says all that is said of one.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::repro(bytes);
});
