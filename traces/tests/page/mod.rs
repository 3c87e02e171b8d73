//! The page of a comparison: what is in it, and in a browser how it looks.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chromium;
mod colours;
mod layout;
mod picture;
mod reports;
mod structure;
