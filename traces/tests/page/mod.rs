//! The page of a comparison: its content, and its look in a browser.

mod chromium;
mod colours;
mod layout;
mod picture;
mod reports;
mod structure;
