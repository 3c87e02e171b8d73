//! Reads whatever it is given as a segment and as a journal, and seals what they say again.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_traces_fuzz::segment(bytes);
});
