//! The reasons why a file is not a guest.

use pmdscope_arches::{Arch, UnknownName};

use crate::abi::LIMIT;
use crate::declared::DeclarationError;

/// Errors of loading a guest, and of finding a function in it.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// The file has no ELF magic.
    #[error("not an ELF file")]
    NotElf,
    /// The file ends too early, or a field points outside of it.
    #[error("damaged ELF file, in its {part}")]
    Damaged {
        /// The part that was being read.
        part: &'static str,
        /// The reader's error.
        source: goblin::error::Error,
    },
    /// The file is for another architecture.
    #[error("an ELF file for {found}, not for {wanted}")]
    WrongMachine {
        /// The architecture it is for.
        found: String,
        /// The architecture it should be for.
        wanted: Arch,
    },
    /// The file is not a linked program.
    #[error("an ELF file that is not a linked program (its type is {0})")]
    NotProgram(&'static str),
    /// The entries of a table do not have the size that ELF gives them.
    #[error("damaged ELF file: an entry of its {table} takes {found} bytes instead of {wanted}")]
    EntrySize {
        /// The table.
        table: &'static str,
        /// The size in the file.
        found: u64,
        /// The size that ELF gives.
        wanted: u64,
    },
    /// A segment has bytes outside the file, or more bytes than it has memory.
    #[error(
        "damaged ELF file: the segment at {address:#x} takes {bytes:#x} bytes at {offset:#x} of a file of {length:#x}, and {size:#x} in memory"
    )]
    SegmentOutside {
        /// The segment's address.
        address: u64,
        /// The offset of its bytes in the file.
        offset: u64,
        /// The number of its bytes in the file.
        bytes: u64,
        /// The number of bytes it takes in memory.
        size: u64,
        /// The length of the file.
        length: u64,
    },
    /// No segment holds all of a function.
    #[error("damaged ELF file: its function {} does not lie in what it loads", .name.escape_debug())]
    FunctionOutside {
        /// The function's name.
        name: String,
    },
    /// A segment ends beyond the addresses that a guest may use.
    #[error("the segment at {address:#x} ends beyond {LIMIT:#x}, where a guest must end")]
    SegmentTooHigh {
        /// The segment's address.
        address: u64,
    },
    /// Two segments overlap.
    #[error("the segments at {first:#x} and {second:#x} overlap")]
    SegmentsOverlap {
        /// The address of the lower one.
        first: u64,
        /// The address of the upper one.
        second: u64,
    },
    /// The file lacks a part that every guest has.
    #[error("an ELF file without {0}")]
    Without(&'static str),
    /// A declaration of a routine is malformed.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// The guest declares a routine, but lacks its function.
    #[error("it declares {name}, and has no function {symbol}")]
    DeclaredWithout {
        /// The routine's name.
        name: String,
        /// The function's name.
        symbol: String,
    },
    /// The guest has no function of this name.
    #[error(transparent)]
    NoSuchFunction(UnknownName),
    /// What the guest says of itself as a probe is damaged.
    #[error("damaged probe: {0}")]
    Note(String),
}
