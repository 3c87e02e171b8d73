//! What reads machine code that anyone may have built: a function for each kind of file. Fuzz targets call them with what
//! they make up, and `guest/tests/corpora.rs` with the files that were kept. Each says whether the bytes were such a
//! file.

use std::fmt::Display;

mod cache;
mod elf_guest;
mod kernel;
mod kernel_file;

pub use cache::cache;
pub use elf_guest::elf_guest;
pub use kernel_file::{kernel_file, rpm};

/// An error is one line, whatever the file has in it.
fn assert_one_line(error: &impl Display) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}
