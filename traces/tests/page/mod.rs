//! The page of a comparison: what is in it, and in a browser how it looks.

mod chromium;
mod colours;
mod layout;
mod picture;
mod reports;
mod structure;
