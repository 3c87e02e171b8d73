//! Tables of an entry's fields and predicates, before the writer and as the walker saw it.

use maud::{Markup, html};

use crate::entry::{Bit, Entry};
use crate::html::bits;

/// A field that one entry or both have.
struct Field<'a> {
    position: String,
    low: u8,
    mask: u64,
    before: Option<&'a Bit>,
    seen: Option<&'a Bit>,
}

/// Returns the fields of two entries, from the lowest bit up.
fn fields<'a>(before: &'a Entry, seen: &'a Entry) -> Vec<Field<'a>> {
    let same = |one: &Bit, other: &Bit| one.name == other.name && one.position() == other.position();
    let mut fields: Vec<_> = before
        .bits
        .iter()
        .map(|field| (field, Some(field), seen.bits.iter().find(|other| same(field, other))))
        .chain(
            seen.bits
                .iter()
                .filter(|field| !before.bits.iter().any(|other| same(field, other)))
                .map(|field| (field, None, Some(field))),
        )
        .map(|(field, before, seen)| Field {
            position: field.position(),
            low: field.range().map_or(0, |(_, low)| low),
            mask: bits::mask(field),
            before,
            seen,
        })
        .collect();
    fields.sort_by_key(|field| field.low);
    fields
}

impl Field<'_> {
    /// Whether the field has a row in the table: not if it is 0 before and after.
    fn speaks(&self) -> bool {
        [self.before, self.seen].into_iter().flatten().any(|field| field.value.0 != 0)
    }

    /// Returns how the field changed: `cleared`, `set`, `changed`, or nothing.
    fn change(&self, differs: u64) -> &'static str {
        let one_bit = self.mask.count_ones() == 1;
        let after = self.seen.or(self.before).filter(|_| differs & self.mask != 0);
        match (after, self.before, self.seen) {
            (None, ..) => "",
            (Some(_), Some(before), None) if one_bit && before.value.0 != 0 => "cleared",
            (Some(_), _, Some(seen)) if one_bit => {
                if seen.value.0 == 0 {
                    "cleared"
                } else {
                    "set"
                }
            }
            _ => "changed",
        }
    }
}

/// Draws a table of the fields that are not 0 in both entries, and of changed bits that no field names.
pub(super) fn table(before: &Entry, seen: &Entry) -> Markup {
    let fields = fields(before, seen);
    let differs = before.value.0 ^ seen.value.0;
    let named = fields.iter().fold(0, |named, field| named | field.mask);
    html! {
        table.fields {
            caption { "Fields. What is 0 before and after is left out; – is no field of that form of entry." }
            thead {
                tr {
                    th scope="col" { "bits" }
                    th scope="col" { "name" }
                    th scope="col" { "before → seen" }
                    th scope="col" { "change" }
                    th scope="col" { "meaning" }
                }
            }
            tbody {
                @for field in fields.iter().filter(|field| field.speaks()) { (row(field, differs)) }
                @for bit in (0..64_u8).filter(|bit| differs & !named & (1 << bit) != 0) {
                    (unnamed(bit, before.value.0))
                }
            }
        }
    }
}

fn row(field: &Field<'_>, differs: u64) -> Markup {
    let change = field.change(differs);
    let Some(bit) = field.seen.or(field.before) else { return html! {} };
    let by = if bit.hardware { "MMU" } else { "kernel" };
    html! {
        tr.is-changed[!change.is_empty()] {
            td { (field.position.trim_start_matches("bits ").trim_start_matches("bit ")) }
            th scope="row" { (bit.name) }
            td { (value(field.before)) " → " (value(field.seen)) }
            td { (change) }
            td { (bit.meaning) span.by { " (" (by) ")" } }
        }
    }
}

/// Draws the row of a changed bit that has no name in either entry.
fn unnamed(bit: u8, before: u64) -> Markup {
    let set = before >> bit & 1 == 0;
    html! {
        tr.is-changed {
            td { (bit) }
            th scope="row" { "bit " (bit) }
            td { (u8::from(!set)) " → " (u8::from(set)) }
            td { @if set { "set" } @else { "cleared" } }
            td { "has no name in either entry" }
        }
    }
}

fn value(field: Option<&Bit>) -> String {
    field.map_or("–".to_owned(), |field| format!("{:#x}", field.value.0))
}

/// Draws a table of the predicates, the swap type and offset, and the page frame.
pub(super) fn predicates(before: &Entry, seen: Option<&Entry>, answered_by: &str) -> Markup {
    let yes = |holds: bool| if holds { "yes" } else { "no" }.to_owned();
    let said = |entry: &Entry| -> Vec<(String, String)> {
        let predicates = entry.predicates.named().map(|(name, holds)| (name.to_owned(), yes(holds)));
        let none = || "–".to_owned();
        let holds = [
            ("swap type", entry.swap.map_or_else(none, |swap| swap.kind.to_string())),
            ("swap offset", entry.swap.map_or_else(none, |swap| format!("{:#x}", swap.offset.0))),
            ("page frame", entry.pfn.map_or_else(none, |pfn| format!("{:#x}", pfn.0))),
        ];
        predicates.into_iter().chain(holds.map(|(name, value)| (name.to_owned(), value))).collect()
    };
    let seen = seen.map(said);
    html! {
        table.predicates {
            caption { "Predicates, answered by the " (answered_by) "." }
            thead {
                tr {
                    th scope="col" { "predicate" }
                    th scope="col" { "before" }
                    @if seen.is_some() { th scope="col" { "seen" } }
                }
            }
            tbody {
                @for (n, (name, before)) in said(before).into_iter().enumerate() {
                    @let after = seen.as_ref().map(|seen| &seen[n].1);
                    tr.is-changed[after.is_some_and(|after| *after != before)] {
                        th scope="row" { (name) }
                        td { (before) }
                        @if let Some(after) = after { td { (after) } }
                    }
                }
            }
        }
    }
}
