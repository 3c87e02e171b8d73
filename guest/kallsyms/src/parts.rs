//! The parts of a table: their order, places and forms.

/// The length of the longest name, with the letter of its type before it.
///
/// `KSYM_NAME_LEN` is 512 and counts a NUL in place of the letter (Linux v6.1 to v7.2,
/// `include/linux/kallsyms.h`; 128 in v5.10).
pub(crate) const MAX_NAME: usize = 512;

/// The order and the parts of a table.
///
/// The parts follow each other, each aligned to 8 bytes (4 bytes in [`PcRelative`](Self::PcRelative)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// `offsets`, `relative_base`, `num_syms`, `names`, `markers`, `token_table`, `token_index`.
    ///
    /// Source: Linux v5.10, `scripts/kallsyms.c`, `write_src`.
    OffsetsFirst,
    /// As [`OffsetsFirst`](Self::OffsetsFirst), with `seqs_of_names`.
    ///
    /// It is between `markers` and `token_table`.
    ///
    /// Source: Linux 6.1.176 (Debian 6.1.176-1), `scripts/kallsyms.c`, `write_src`.
    OffsetsFirstWithSeqs,
    /// `num_syms`, `names`, `markers`, `token_table`, `token_index`, `offsets`, `relative_base`,
    /// `seqs_of_names`.
    ///
    /// Source: Linux v6.12, `scripts/kallsyms.c`, `write_src`.
    OffsetsLast,
    /// As [`OffsetsLast`](Self::OffsetsLast), without `relative_base`.
    ///
    /// Each offset counts from the address of its own slot.
    ///
    /// Source: Linux v7.2, `scripts/kallsyms.c`, `write_src`.
    PcRelative,
}

impl Layout {
    /// Whether offsets count from the addresses of their own slots, not from a base.
    pub fn is_pc_relative(self) -> bool {
        self == Layout::PcRelative
    }
}

impl std::fmt::Display for Layout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Layout::OffsetsFirst => "offsets first (as in Linux 5.10)",
            Layout::OffsetsFirstWithSeqs => "offsets first, with seqs_of_names (as in Linux 6.1)",
            Layout::OffsetsLast => "offsets last (as in Linux 6.12)",
            Layout::PcRelative => "offsets last, PC-relative (as in Linux 7.2)",
        })
    }
}

/// The places of a table's parts, in bytes from the start of the image.
///
/// Each is the place of the symbol `kallsyms_` followed by the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Positions {
    /// The number of symbols: one `u32`.
    pub num_syms: usize,
    /// The packed names.
    ///
    /// Each is a length of one or two bytes, and as many numbers of tokens.
    pub names: usize,
    /// The offset in `names` of each 256th name: `u32` each, the first 0.
    pub markers: usize,
    /// 256 strings, each ended by a NUL.
    pub token_table: usize,
    /// The offset in `token_table` of each token: 256 `u16`.
    pub token_index: usize,
    /// One `i32` or `u32` for each symbol; see [`Base`].
    pub offsets: usize,
    /// The numbers of the symbols in the order of their names.
    ///
    /// They have three bytes each, big-endian on each architecture. `None` in [`Layout::OffsetsFirst`],
    /// and where the image has something else in this place. This crate sorts names itself and does not use it.
    pub seqs_of_names: Option<usize>,
}

/// The slot `kallsyms_relative_base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BaseSlot {
    /// The place of the slot, in bytes from the start of the image.
    ///
    /// The slot has 8 bytes.
    pub position: usize,
    /// The number that the image holds in the slot.
    ///
    /// It is the base itself if the image is linked to its final address or its relocations were applied. An arm64
    /// kernel of 5.10 or 6.1 holds 0 here: the value is in the `Elf64_Rela` entry (`R_AARCH64_RELATIVE`, 0x403)
    /// for this slot, elsewhere in the image. On s390x 6.1 a value of 0 is the base. (Both as seen in Debian's
    /// kernels.)
    pub value: u64,
}

/// The base that offsets count from. The image alone may not determine it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// The value of `kallsyms_relative_base` in the running kernel.
    ///
    /// All layouts but [`Layout::PcRelative`] have it.
    ///
    /// An offset is unsigned and counts from this (Linux v6.12, `kernel/kallsyms.c`,
    /// `kallsyms_sym_address`); if the table [is absolute per-CPU](crate::Table::is_absolute_percpu), a
    /// negative offset `o` means `base - 1 - o`, and any other is itself the address.
    Relative(u64),
    /// The address of the first slot of `kallsyms_offsets` in the running kernel, for
    /// [`Layout::PcRelative`]: the address at which [`Positions::offsets`] is loaded.
    ///
    /// Offset `o` in slot `i` means this plus `4 * i + o`, `o` signed (Linux v7.2,
    /// `kernel/kallsyms.c`, `kallsyms_sym_address`).
    OffsetsAt(u64),
}

/// The meaning of an entry of `kallsyms_offsets`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetForm {
    Unsigned,
    AbsolutePercpu,
    PcRelative,
}

/// The encoding of a packed name's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthForm {
    /// One byte or two.
    ///
    /// If bit 7 is set, the first byte's other bits are the low seven and the next byte has the rest (Linux v6.1
    /// to v7.2, `scripts/kallsyms.c`, `write_src`).
    OneOrTwoBytes,
    /// One byte, in which bit 7 is like any other (Linux v5.10, `scripts/kallsyms.c`, `write_src`).
    OneByte,
}

impl LengthForm {
    /// Returns the place and length of the token numbers of the packed name at `at`.
    pub(crate) fn read(self, image: &[u8], at: usize) -> Option<(usize, usize)> {
        let first = usize::from(*image.get(at)?);
        if first & 0x80 != 0 && self == LengthForm::OneOrTwoBytes {
            let second = usize::from(*image.get(at + 1)?);
            Some((at + 2, first & 0x7f | second << 7))
        } else {
            Some((at + 1, first))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LengthForm::{OneByte, OneOrTwoBytes};

    #[test]
    fn lengths_of_one_and_two_bytes() {
        assert_eq!(OneOrTwoBytes.read(&[9, 0x7f, 5], 1), Some((2, 0x7f)));
        assert_eq!(OneOrTwoBytes.read(&[9, 0x85, 2], 1), Some((3, 0x105)));
        assert_eq!(OneOrTwoBytes.read(&[9, 0x85], 1), None);
        assert_eq!(OneByte.read(&[9, 0x85, 2], 1), Some((2, 0x85)));
        assert_eq!(OneByte.read(&[9], 1), None);
    }
}
