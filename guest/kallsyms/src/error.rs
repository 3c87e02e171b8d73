//! Errors of finding a table in an image, and of reading its symbols.

/// Errors of finding a table in an image, and of reading its symbols.
///
/// Places are offsets in bytes from the start of the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The image has no token table.
    ///
    /// It is packed, is not a kernel's, has the other byte order, or was built without `CONFIG_KALLSYMS`.
    #[error("no kallsyms token table in the image (still packed, or the other byte order?)")]
    NoTokenTable,
    /// A token table exists, but no markers and names before it belong together.
    #[error("a token table is at image offset {token_table:#x}, but no kallsyms names belong to it")]
    NoNames {
        /// The place of `kallsyms_token_table`.
        token_table: usize,
    },
    /// Tokens and names exist, but no offsets belong to them.
    ///
    /// Neither place where `kallsyms_offsets` can be holds offsets in ascending order of addresses.
    #[error("{symbols} kallsyms names are at image offset {names:#x}, but no offsets belong to them")]
    NoOffsets {
        /// The place of `kallsyms_names`.
        names: usize,
        /// The number of symbols of the table.
        symbols: usize,
    },
    /// The search gave up, because the image has too many near misses.
    #[error("the search for kallsyms in the image was given up: too much that almost fits")]
    TooMuchWork,
    /// The base is not of the kind that this table needs.
    #[error("this kallsyms table needs {} to give addresses", if *.pc_relative {
        "the address of its offsets (Base::OffsetsAt)"
    } else {
        "the value of its relative base (Base::Relative)"
    })]
    WrongBase {
        /// Whether the table's offsets are PC-relative, and so need
        /// [`Base::OffsetsAt`](crate::Base::OffsetsAt).
        pc_relative: bool,
    },
    /// A name is longer than any that the kernel can have.
    ///
    /// The limit is 512 bytes with the letter of its type (`KSYM_NAME_LEN` in Linux v6.1 to v7.2,
    /// `include/linux/kallsyms.h`).
    #[error("the name of kallsyms symbol {index} is too long")]
    NameTooLong {
        /// The symbol's number in the table.
        index: usize,
    },
    /// A name, or the letter of its type, is not printable ASCII.
    #[error("the name of kallsyms symbol {index} is not printable ASCII")]
    NameNotAscii {
        /// The symbol's number in the table.
        index: usize,
    },
    /// All names together are longer than 128 MiB.
    ///
    /// That is some ten times the length of the largest kernel's names.
    #[error("the kallsyms names take more than 128 MiB")]
    NamesTooLarge,
}

impl Error {
    /// Returns the stage of the search at which this error occurs.
    ///
    /// Among several errors, the search reports one of the latest stage.
    pub(crate) fn stage(&self) -> u8 {
        match self {
            Error::NoTokenTable => 0,
            Error::NoNames { .. } => 1,
            Error::NoOffsets { .. } => 2,
            _ => 3,
        }
    }
}
