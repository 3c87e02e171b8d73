//! Sweeps: run a writer on very many entries, in a loop within the guest, and learn which entries it treats alike.
//!
//! [`Sweeper`] runs machine code. [`learn`](learn()) asks for answers of entries and knows neither engine nor guest.

mod cover;
mod learn;
mod probes;
mod region;
mod sweeper;
#[cfg(test)]
mod tests;

pub use cover::Part;
pub use learn::{Classification, ClassificationError, FILLINGS, LimitError, MOST_ENTRIES, learn};
pub use sweeper::{SweepError, Sweeper};
