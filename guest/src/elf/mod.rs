//! ELF files of guests: what is loaded of them, and what can be called in them.

mod error;
pub(crate) mod format;
mod guest;
mod load;
mod machine;

pub use error::GuestError;
pub use guest::{Guest, Segment, Symbol};
