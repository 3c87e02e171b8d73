//! Opens whatever it is given as a package or boot image, and reads its types.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_guest_fuzz::kernel_file(bytes);
});
