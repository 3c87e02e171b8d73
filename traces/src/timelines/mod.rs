//! Runs over time, for the viewers of others.

pub mod chrome;
mod signals;
mod timeline;
pub mod vcd;
