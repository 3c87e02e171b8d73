//! ELF files of guests: the segments to load, and the functions that can be called.

mod error;
pub(crate) mod format;
mod guest;
mod load;
mod machine;

pub use error::GuestError;
pub use guest::{Guest, Segment, Symbol};
