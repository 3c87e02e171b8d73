//! Reads whatever it is given as a matrix of jobs, and counts out its numbers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::matrix(bytes);
});
