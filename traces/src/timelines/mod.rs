//! Runs over time, in the formats of existing viewers.

pub mod chrome;
mod signals;
mod timeline;
pub mod vcd;
