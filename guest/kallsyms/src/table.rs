//! The table as it is in the image: where its parts are, and how its offsets become addresses.

use crate::bytes::Bytes;
use crate::symbols::{Builder, Symbols};
use crate::{Endian, Error, find};

/// The longest name, with the letter of its type before it: `KSYM_NAME_LEN` is 512 and counts a NUL
/// in place of the letter (Linux v6.1 to v7.2, `include/linux/kallsyms.h`; 128 in v5.10).
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
    /// As [`OffsetsFirst`](Self::OffsetsFirst), with `seqs_of_names` between `markers` and
    /// `token_table`.
    ///
    /// Source: Linux 6.1.176 (Debian 6.1.176-1), `scripts/kallsyms.c`, `write_src`.
    OffsetsFirstWithSeqs,
    /// `num_syms`, `names`, `markers`, `token_table`, `token_index`, `offsets`, `relative_base`,
    /// `seqs_of_names`.
    ///
    /// Source: Linux v6.12, `scripts/kallsyms.c`, `write_src`.
    OffsetsLast,
    /// As [`OffsetsLast`](Self::OffsetsLast), without `relative_base`: each offset counts from the
    /// address of its own slot.
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

/// Where the parts of a table are, in bytes from the start of the image.
///
/// Each is the place of the symbol `kallsyms_` with the field's name after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Positions {
    /// The number of symbols: one `u32`.
    pub num_syms: usize,
    /// The packed names: for each symbol a length of one or two bytes and as many numbers of tokens.
    pub names: usize,
    /// Where in `names` each 256th name is: `u32` each, the first 0.
    pub markers: usize,
    /// 256 strings, each ended by a NUL.
    pub token_table: usize,
    /// Where in `token_table` each token begins: 256 `u16`.
    pub token_index: usize,
    /// One `i32` or `u32` for each symbol; see [`Base`].
    pub offsets: usize,
    /// The numbers of the symbols in the order of their names, three bytes each, big-endian on each
    /// architecture. `None` in [`Layout::OffsetsFirst`], and where what is there is not such a list.
    /// This crate sorts names itself and does not use it.
    pub seqs_of_names: Option<usize>,
}

/// The slot `kallsyms_relative_base`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BaseSlot {
    /// Where the slot is, in bytes from the start of the image. It is 8 bytes long.
    pub position: usize,
    /// What the slot holds in the image.
    ///
    /// That is the base itself where the image is linked to its final address or its relocations
    /// were applied. An arm64 kernel of 5.10 or 6.1 holds 0 here: the value is in the `Elf64_Rela`
    /// entry (`R_AARCH64_RELATIVE`, 0x403) for this slot, elsewhere in the image. On s390x 6.1 a
    /// value of 0 is the base. (Both as seen in Debian's kernels.)
    pub value: u64,
}

/// What offsets count from: what the image alone may not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Base {
    /// The value of `kallsyms_relative_base` in the running kernel, for all layouts that have it.
    ///
    /// An offset is unsigned and counts from this (Linux v6.12, `kernel/kallsyms.c`,
    /// `kallsyms_sym_address`); if the table [is absolute per-CPU](Table::is_absolute_percpu), a
    /// negative offset `o` means `base - 1 - o`, and any other is itself the address.
    Relative(u64),
    /// The address of the first slot of `kallsyms_offsets` in the running kernel, for
    /// [`Layout::PcRelative`]: the address at which [`Positions::offsets`] is loaded.
    ///
    /// Offset `o` in slot `i` means this plus `4 * i + o`, `o` signed (Linux v7.2,
    /// `kernel/kallsyms.c`, `kallsyms_sym_address`).
    OffsetsAt(u64),
}

/// What an entry of `kallsyms_offsets` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OffsetForm {
    Unsigned,
    AbsolutePercpu,
    PcRelative,
}

/// How the length of a packed name is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LengthForm {
    /// One byte; with bit 7 set, its other bits are the low seven and the next byte has the rest
    /// (Linux v6.1 to v7.2, `scripts/kallsyms.c`, `write_src`).
    OneOrTwoBytes,
    /// One byte, bit 7 as any other (Linux v5.10, `scripts/kallsyms.c`, `write_src`).
    OneByte,
}

impl LengthForm {
    /// The place and length of the token numbers of the packed name at `at`.
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

/// The kallsyms table of an image.
#[derive(Clone)]
pub struct Table<'a> {
    pub(crate) image: Bytes<'a>,
    pub(crate) layout: Layout,
    pub(crate) len: usize,
    pub(crate) positions: Positions,
    pub(crate) relative_base: Option<BaseSlot>,
    pub(crate) offset_form: OffsetForm,
    pub(crate) length_form: LengthForm,
    /// Place of each token in the image, and its length.
    pub(crate) tokens: Vec<(usize, usize)>,
}

impl std::fmt::Debug for Table<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table")
            .field("endian", &self.image.endian)
            .field("layout", &self.layout)
            .field("len", &self.len)
            .field("positions", &self.positions)
            .field("relative_base", &self.relative_base)
            .field("offset_form", &self.offset_form)
            .field("length_form", &self.length_form)
            .finish_non_exhaustive()
    }
}

impl<'a> Table<'a> {
    /// Finds the table in `image`, whose numbers are in the order `endian`.
    ///
    /// `image` may be a flat image or an ELF file: the table is contiguous in either, and positions
    /// are offsets in what was given. It may begin anywhere, no alignment is needed.
    ///
    /// All parts are checked against each other (that tokens end where the index says, names at the
    /// markers, that addresses ascend), so that a table that is found is a table.
    ///
    /// # Errors
    ///
    /// [`Error::NoTokenTable`], [`Error::NoNames`] or [`Error::NoOffsets`] by how much of a table
    /// there is, [`Error::TooMuchWork`] if the image seems made to keep the search busy.
    pub fn find(image: &'a [u8], endian: Endian) -> Result<Table<'a>, Error> {
        find::table(Bytes { all: image, endian })
    }

    /// Which of the four layouts the table has.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The number of symbols, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a table without symbols cannot be found")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The byte order in which the table was found.
    pub fn endian(&self) -> Endian {
        self.image.endian
    }

    /// Where the parts of the table are in the image.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The slot of the base from which offsets count, `None` if the layout is PC-relative.
    pub fn relative_base(&self) -> Option<BaseSlot> {
        self.relative_base
    }

    /// Whether the kernel was built with `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`: symbols of per-CPU
    /// variables then have offsets into the per-CPU area in place of addresses.
    ///
    /// So it is on x86_64 with SMP up to 6.12 (Linux v6.12, `scripts/kallsyms.c`,
    /// `make_percpus_absolute`; gone in v7.2). Seen in the offsets: others never are negative.
    pub fn is_absolute_percpu(&self) -> bool {
        self.offset_form == OffsetForm::AbsolutePercpu
    }

    /// All symbols, with addresses that count from `base`. Sums wrap at 64 bits.
    ///
    /// # Errors
    ///
    /// [`Error::WrongBase`] if `base` is not of the kind that the layout needs; and, for tables that
    /// no kernel has, [`Error::NameTooLong`], [`Error::NameNotAscii`] and [`Error::NamesTooLarge`].
    pub fn symbols(&self, base: Base) -> Result<Symbols, Error> {
        let wrong_base = Error::WrongBase { pc_relative: self.layout.is_pc_relative() };
        let mut builder = Builder::with_capacity(self.len);
        let mut name = Vec::with_capacity(MAX_NAME);
        let mut at = self.positions.names;
        for index in 0..self.len {
            // Both were read before, when the table was found: the errors cannot come up.
            let unread = || Error::NoNames { token_table: self.positions.token_table };
            let (start, len) = self.length_form.read(self.image.all, at).ok_or_else(unread)?;
            let packed = self.image.get(start, len).ok_or_else(unread)?;
            at = start + len;
            self.unpack(packed, &mut name).ok_or(Error::NameTooLong { index })?;
            let offset = self.offset(index).ok_or_else(unread)?;
            let (address, per_cpu) = match (self.offset_form, base) {
                (OffsetForm::Unsigned, Base::Relative(base)) => (base.wrapping_add(u64::from(offset)), false),
                (OffsetForm::AbsolutePercpu, Base::Relative(base)) => {
                    let signed = i64::from(offset.cast_signed());
                    if signed < 0 {
                        (base.wrapping_sub(1).wrapping_sub(signed.cast_unsigned()), false)
                    } else {
                        (u64::from(offset), true)
                    }
                }
                (OffsetForm::PcRelative, Base::OffsetsAt(first)) => {
                    let signed = i64::from(offset.cast_signed());
                    let slot = first.wrapping_add(4 * index as u64);
                    (slot.wrapping_add(signed.cast_unsigned()), false)
                }
                _ => return Err(wrong_base),
            };
            builder.push(index, &name, address, per_cpu)?;
        }
        Ok(builder.finish())
    }

    /// Replaces `name` by the name packed as `packed`. `None` if it is longer than a name can be.
    fn unpack(&self, packed: &[u8], name: &mut Vec<u8>) -> Option<()> {
        name.clear();
        for &number in packed {
            let &(at, len) = self.tokens.get(usize::from(number))?;
            if name.len() + len > MAX_NAME {
                return None;
            }
            name.extend_from_slice(self.image.get(at, len)?);
        }
        Some(())
    }

    fn offset(&self, index: usize) -> Option<u32> {
        self.image.u32(self.positions.offsets + 4 * index)
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
