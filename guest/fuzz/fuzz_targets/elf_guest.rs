//! Reads whatever it is given as a guest, and looks up what is in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pmdscope_guest_fuzz::elf_guest(bytes);
});
