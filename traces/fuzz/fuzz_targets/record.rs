//! Reads whatever it is given as a line of a batch's results, and does all that is done with one.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::record(bytes);
});
