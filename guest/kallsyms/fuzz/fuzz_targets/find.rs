//! Reads any bytes as an image and as a cache: no panic, and the symbols found are consistent.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/kallsyms/exercise.rs"]
mod exercise;

fuzz_target!(|data: &[u8]| {
    exercise::exercise(data);
});
