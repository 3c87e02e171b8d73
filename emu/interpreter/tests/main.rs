//! The interpreter against other implementations of the same instructions.

mod loongarch64;
