//! The table in the image, and the conversion of its offsets to addresses.

use crate::builder::SymbolsBuilder;
use crate::bytes::{Bytes, Endian};
use crate::error::Error;
use crate::parts::{Base, BaseSlot, Layout, LengthForm, MAX_NAME, OffsetForm, Positions};
use crate::symbols::Symbols;

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
    /// The place of each token in the image, and its length.
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
    /// The layout of the table, one of four.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The number of symbols, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a table without symbols cannot be found")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// The byte order of the image.
    pub fn endian(&self) -> Endian {
        self.image.endian
    }

    /// The places of the table's parts in the image.
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The slot of the base that offsets count from; `None` if they are PC-relative.
    pub fn relative_base(&self) -> Option<BaseSlot> {
        self.relative_base
    }

    /// Whether the kernel was built with `CONFIG_KALLSYMS_ABSOLUTE_PERCPU`.
    ///
    /// Symbols of per-CPU variables then have offsets into the per-CPU area in place of addresses.
    ///
    /// This is so on x86_64 with SMP up to 6.12 (Linux v6.12, `scripts/kallsyms.c`, `make_percpus_absolute`; gone
    /// in v7.2). The offsets show it: in other tables with a base they are never negative.
    pub fn is_absolute_percpu(&self) -> bool {
        self.offset_form == OffsetForm::AbsolutePercpu
    }

    /// Returns all symbols, with addresses that count from `base`. Sums wrap at 64 bits.
    ///
    /// # Errors
    ///
    /// [`Error::WrongBase`] if `base` is not of the kind that the layout needs; and, for tables that
    /// no kernel has, [`Error::NameTooLong`], [`Error::NameNotAscii`] and [`Error::NamesTooLarge`].
    pub fn symbols(&self, base: Base) -> Result<Symbols, Error> {
        let wrong_base = Error::WrongBase { pc_relative: self.layout.is_pc_relative() };
        let mut builder = SymbolsBuilder::with_capacity(self.len);
        let mut name = Vec::with_capacity(MAX_NAME);
        let mut at = self.positions.names;
        for index in 0..self.len {
            // The search has read both, so these errors cannot occur.
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

    /// Unpacks a name into `name`; `None` if it is longer than [`MAX_NAME`].
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

    /// Returns the offset of a symbol.
    fn offset(&self, index: usize) -> Option<u32> {
        self.image.u32(self.positions.offsets + 4 * index)
    }
}
