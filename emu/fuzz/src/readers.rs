//! What sets up kernels that anyone may have built. The fuzz target calls it with what it makes up, and
//! `emu/tests/corpora.rs` with the files that were kept.

mod kernel_layout;
mod types;

pub use kernel_layout::{Kernels, kernel_layout};
