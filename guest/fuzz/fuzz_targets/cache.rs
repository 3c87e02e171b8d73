//! Reads whatever it is given as an entry of the cache.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_guest_fuzz::cache(bytes);
});
