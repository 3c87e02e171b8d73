//! The search for the table.
//!
//! It starts from the token table, the only part with a form of its own: its 256 strings include the
//! ten digits, one after the other, because characters that occur in names keep their own code (Linux
//! v5.10 to v7.2, `scripts/kallsyms.c`). The token index after it must agree with it byte for byte.
//! From there the search goes backwards to the markers, the names and the number of symbols. It ends
//! with the offsets, which are in one of two places.
//!
//! Parts are aligned in memory. The search does not rely on the alignment of the image: it counts
//! places from the token table.

mod names;
mod offsets;
mod permutation;
mod tokens;
mod work;

use memchr::memmem;

use crate::bytes::{Bytes, Endian};
use crate::error::Error;
use crate::parts::{Layout, OffsetForm, Positions};
use crate::table::Table;
use names::Names;
use offsets::Offsets;
use permutation::is_permutation;
use tokens::{DIGITS, Tokens};
use work::WorkBudget;

/// The most runs of digits that the search tries.
///
/// A kernel has a few, one of them in the token table.
const MAX_DIGIT_RUNS: usize = 1024;
/// The most token tables with a fitting index that the search tries. A kernel has one.
const MAX_TOKEN_TABLES: usize = 16;

impl<'a> Table<'a> {
    /// Finds the table in `image`, whose numbers have the byte order `endian`.
    ///
    /// `image` can be a flat image or an ELF file: the table is contiguous in either. Positions are
    /// offsets in `image`. The table can begin at any of them.
    ///
    /// The search checks all parts against each other: tokens end where the index says, names end at
    /// the markers, and addresses ascend.
    ///
    /// # Errors
    ///
    /// [`Error::NoTokenTable`], [`Error::NoNames`] or [`Error::NoOffsets`] tell how much of a table was found.
    /// [`Error::TooMuchWork`] if the image has too many near misses.
    pub fn find(image: &'a [u8], endian: Endian) -> Result<Table<'a>, Error> {
        find_table(Bytes { all: image, endian })
    }
}

/// Returns the table of the first token table that has all other parts.
fn find_table(image: Bytes<'_>) -> Result<Table<'_>, Error> {
    let mut work = WorkBudget::for_image(image.all.len());
    let mut furthest = Error::NoTokenTable;
    let token_tables = memmem::find_iter(image.all, DIGITS)
        .take(MAX_DIGIT_RUNS)
        .filter_map(|digits| Tokens::around_digits(image, digits))
        .take(MAX_TOKEN_TABLES);
    for tokens in token_tables {
        match table_of_tokens(image, tokens, &mut work) {
            Ok(table) => return Ok(table),
            Err(_) if work.is_spent() => return Err(Error::TooMuchWork),
            Err(error) if error.stage() > furthest.stage() => furthest = error,
            Err(_) => {}
        }
    }
    Err(furthest)
}

/// Returns the table to which a token table belongs.
fn table_of_tokens<'a>(image: Bytes<'a>, tokens: Tokens, work: &mut WorkBudget) -> Result<Table<'a>, Error> {
    let names = Names::before_tokens(image, &tokens, work)
        .or_else(|| Names::before_seqs(image, &tokens, work))
        .ok_or(Error::NoNames { token_table: tokens.table })?;
    let offsets = Offsets::find(image, &tokens, &names)
        .ok_or(Error::NoOffsets { names: names.names, symbols: names.count })?;
    let seqs = names.seqs.or_else(|| offsets.seqs.filter(|&seqs| is_permutation(image, seqs, names.count)));
    Ok(Table {
        image,
        layout: match (offsets.form, offsets.last, names.seqs) {
            (OffsetForm::PcRelative, ..) => Layout::PcRelative,
            (_, true, _) => Layout::OffsetsLast,
            (_, false, Some(_)) => Layout::OffsetsFirstWithSeqs,
            (_, false, None) => Layout::OffsetsFirst,
        },
        len: names.count,
        positions: Positions {
            num_syms: names.num_syms,
            names: names.names,
            markers: names.markers,
            token_table: tokens.table,
            token_index: tokens.index,
            offsets: offsets.offsets,
            seqs_of_names: seqs,
        },
        relative_base: offsets.relative_base,
        offset_form: offsets.form,
        length_form: names.form,
        tokens: tokens.tokens,
    })
}
