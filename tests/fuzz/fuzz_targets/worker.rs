//! Reads whatever it is given as what a worker of a batch says.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_fuzz::worker(bytes);
});
