//! Named fields of an entry: their bits, meaning and reader, and the forms of the entry in which they have that
//! name.

use std::fmt;

/// A run of adjacent bits, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bits {
    /// The lowest bit.
    pub low: u8,
    /// The highest bit.
    pub high: u8,
}

impl Bits {
    /// The bits `low..=high`.
    pub const fn new(low: u8, high: u8) -> Self {
        assert!(low <= high && high < 64);
        Bits { low, high }
    }

    /// The number of bits.
    pub const fn width(self) -> u8 {
        self.high - self.low + 1
    }

    /// The largest value that fits.
    pub const fn max(self) -> u64 {
        u64::MAX >> (64 - self.width())
    }

    /// A mask of these bits.
    pub const fn mask(self) -> u64 {
        self.max() << self.low
    }

    /// The bits of `value`, moved down to bit 0.
    pub const fn of(self, value: u64) -> u64 {
        (value >> self.low) & self.max()
    }

    /// Moves `field` to its place. Bits that do not fit are dropped.
    pub const fn place(self, field: u64) -> u64 {
        (field & self.max()) << self.low
    }
}

/// The form of an entry, which decides what its bits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// The empty entry.
    None,
    /// A pointer to a lower table.
    Table,
    /// A mapping of a huge page that the hardware may use.
    Leaf,
    /// A mapping of a huge page to the kernel, but not to the hardware. The entry was invalidated, or made invalid
    /// to deny access (protnone; POWER takes the permissions away instead, and such an entry stays a
    /// [`Form::Leaf`]) or to notice an access (an old page on s390x).
    InvalidLeaf,
    /// A swap or migration entry.
    Swap,
}

impl Form {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Form::None => "none",
            Form::Table => "table",
            Form::Leaf => "leaf",
            Form::InvalidLeaf => "invalid leaf",
            Form::Swap => "swap",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

// Groups of forms that share names of bits.
pub(crate) const ANY: &[Form] = &[];
pub(crate) const LEAF: &[Form] = &[Form::Leaf, Form::InvalidLeaf];
pub(crate) const VALID_LEAF: &[Form] = &[Form::Leaf];
pub(crate) const INVALID_LEAF: &[Form] = &[Form::InvalidLeaf];
pub(crate) const TABLE: &[Form] = &[Form::Table];
pub(crate) const LEAF_OR_TABLE: &[Form] = &[Form::Leaf, Form::InvalidLeaf, Form::Table];
pub(crate) const EMPTY: &[Form] = &[Form::None];
pub(crate) const SWAP: &[Form] = &[Form::Swap];
/// The forms that the MMU does not use.
pub(crate) const INVALID: &[Form] = &[Form::None, Form::InvalidLeaf, Form::Swap];

/// Who reads a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The MMU.
    Hardware,
    /// The kernel alone.
    Software,
}

/// A named field of an entry.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The bits of the entry that the field occupies.
    pub bits: Bits,
    /// The kernel's name for the field, as short as it is unambiguous.
    pub name: &'static str,
    /// The meaning of a set bit, or of the field's value.
    pub meaning: &'static str,
    /// Who reads it.
    pub by: By,
    /// The forms in which the field has this name; empty means every form.
    pub forms: &'static [Form],
}

impl Field {
    /// Whether an entry of this form has the field.
    pub fn is_in(&self, form: Form) -> bool {
        self.forms.is_empty() || self.forms.contains(&form)
    }
}

/// One bit.
pub(crate) const fn bit(bit: u8) -> Bits {
    Bits::new(bit, bit)
}

/// The bits `low..=high`.
pub(crate) const fn bits(low: u8, high: u8) -> Bits {
    Bits::new(low, high)
}

/// A field that the MMU reads.
pub(crate) const fn hw(
    bits: Bits,
    name: &'static str,
    meaning: &'static str,
    forms: &'static [Form],
) -> Field {
    Field { bits, name, meaning, by: By::Hardware, forms }
}

/// A field that only the kernel reads.
pub(crate) const fn sw(
    bits: Bits,
    name: &'static str,
    meaning: &'static str,
    forms: &'static [Form],
) -> Field {
    Field { bits, name, meaning, by: By::Software, forms }
}
