//! The interpreter against other implementations of the same instructions, and on any bytes.

mod any_word;
mod loongarch64;
