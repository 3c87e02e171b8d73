//! Why no table, or no symbols, could be had.

/// Why an image gave no table, or a table no symbols.
///
/// Places are offsets in bytes from the start of the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no token table: the image is packed, is not a kernel's, is of the other byte order,
    /// or was built without `CONFIG_KALLSYMS`.
    #[error("no kallsyms token table in the image (still packed, or the other byte order?)")]
    NoTokenTable,
    /// There is a token table, but no markers and names before it that belong together.
    #[error("a token table is at image offset {token_table:#x}, but no kallsyms names belong to it")]
    NoNames {
        /// Where `kallsyms_token_table` is.
        token_table: usize,
    },
    /// Tokens and names are there, but neither place where `kallsyms_offsets` may be holds offsets
    /// in ascending order of addresses.
    #[error("{symbols} kallsyms names are at image offset {names:#x}, but no offsets belong to them")]
    NoOffsets {
        /// Where `kallsyms_names` is.
        names: usize,
        /// How many symbols the table has.
        symbols: usize,
    },
    /// The image is so full of near misses that the search gave up.
    #[error("the search for kallsyms in the image was given up: too much that almost fits")]
    TooMuchWork,
    /// The base given is not of the kind that this table needs.
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
    /// A name is longer than any that the kernel can have (512 bytes with the letter of its type;
    /// `KSYM_NAME_LEN` in Linux v6.1 to v7.2, `include/linux/kallsyms.h`).
    #[error("the name of kallsyms symbol {index} is too long")]
    NameTooLong {
        /// The symbol's number in the table.
        index: usize,
    },
    /// A name, or the letter of its type, has a byte that is not a printable ASCII character.
    #[error("the name of kallsyms symbol {index} is not printable ASCII")]
    NameNotAscii {
        /// The symbol's number in the table.
        index: usize,
    },
    /// All names together are longer than 128 MiB, some ten times what the largest kernel has.
    #[error("the kallsyms names take more than 128 MiB")]
    NamesTooLarge,
}

impl Error {
    /// How far the search came before this error: of several, the one that came furthest is told.
    pub(crate) fn stage(&self) -> u8 {
        match self {
            Error::NoTokenTable => 0,
            Error::NoNames { .. } => 1,
            Error::NoOffsets { .. } => 2,
            _ => 3,
        }
    }
}
