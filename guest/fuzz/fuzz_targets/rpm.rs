//! Opens whatever it is given as the header and files of an RPM package.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_guest_fuzz::rpm(bytes);
});
