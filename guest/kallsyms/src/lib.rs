//! Reads the symbol table that a Linux kernel carries for its own use.
//!
//! A distribution's kernel image has no ELF symbols, but with `CONFIG_KALLSYMS` it holds the table
//! behind `/proc/kallsyms`. No header gives the place of that table; [`Table::find`] finds it
//! by its form, in an image of a 64-bit kernel that is unpacked and otherwise as built (a flat
//! `Image`, or an ELF `vmlinux` read as plain bytes). [`Table::symbols`] then makes [`Symbols`] of
//! it: all names and addresses, with lookup both ways.
//!
//! The table exists in four layouts, see [`Layout`]. In all of them numbers have the byte order of
//! the architecture ([`Endian`]), except that the entries of `kallsyms_seqs_of_names` are always
//! big-endian.
//!
//! ```no_run
//! use pmdscope_kallsyms::{Base, Endian, Table};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let image = std::fs::read("Image")?;
//! let table = Table::find(&image, Endian::Little)?;
//! let base = match table.relative_base() {
//!     // As in the file; see `BaseSlot::value` for when that is not the final value.
//!     Some(slot) => Base::Relative(slot.value),
//!     // The image is loaded at this address.
//!     None => Base::OffsetsAt(0xffff_8000_8000_0000 + table.positions().offsets as u64),
//! };
//! let symbols = table.symbols(base)?;
//! let schedule = symbols.first_named("schedule").ok_or("no such symbol")?;
//! println!("{:#x} {:?} bytes", schedule.address, symbols.size_of(&schedule));
//! # Ok(())
//! # }
//! ```
//!
//! # Sources
//!
//! Facts about the format come from `scripts/kallsyms.c` (which writes the table) and
//! `kernel/kallsyms.c` (which reads it) of Linux v5.10, v6.1 (6.1.176), v6.12 and v7.2, in the
//! sources of Debian; where an item rests on one of them its documentation says so. Versions in
//! between were not examined one by one.
//!
//! # Hostile input
//!
//! No input makes this crate panic. Work and memory are bounded by a small multiple of the image's
//! size or, if that is not enough, by constants: see the README.

#![forbid(unsafe_code)]

mod builder;
mod bytes;
mod cache;
mod columns;
mod error;
mod find;
mod parts;
mod symbols;
mod table;

pub use bytes::Endian;
pub use cache::CacheError;
pub use error::Error;
pub use parts::{Base, BaseSlot, Layout, Positions};
pub use symbols::{Symbol, Symbols};
pub use table::Table;
