//! Reads any bytes as the messages of a batch worker.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_fuzz::worker(bytes);
});
