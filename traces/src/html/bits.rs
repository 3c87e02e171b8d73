//! A picture of an entry's 64 bits, before the writer and as the walker saw it.

use maud::{Markup, html};

use crate::entry::{Bit, Entry};

/// How many bits a piece of the picture has: as many as fit a phone.
const PIECE: u8 = 16;

/// Returns the mask of a field's bits; 0 if the field has no valid position.
pub(super) fn mask(field: &Bit) -> u64 {
    field.range().map_or(0, |(high, low)| (u64::MAX >> (63 - (high - low))) << low)
}

/// Draws the entry before the writer and, below it, the entry that was seen, with the changed bits marked.
pub(super) fn picture(before: &Entry, seen: Option<&Entry>) -> Markup {
    let differs = seen.map_or(0, |seen| seen.value.0 ^ before.value.0);
    let changed: Vec<_> = (0..64).rev().filter(|bit| has(differs, *bit)).map(|bit| bit.to_string()).collect();
    let said = match seen {
        None => format!("64 bits of {}", before.value),
        Some(seen) if changed.is_empty() => format!("64 bits of {}, and of the same as seen", seen.value),
        Some(seen) => {
            format!(
                "64 bits of {} and of {}, which differ in {}",
                before.value,
                seen.value,
                changed.join(" ")
            )
        }
    };
    html! {
        div.bits role="img" aria-label=(said) {
            @for low in (0..64).step_by(usize::from(PIECE)).rev() {
                (piece(low, before, seen, differs))
            }
        }
    }
}

/// Draws [`PIECE`] bits from `low` on, with their numbers.
fn piece(low: u8, before: &Entry, seen: Option<&Entry>, differs: u64) -> Markup {
    let numbers = || (low..low + PIECE).rev();
    let changed = numbers().any(|bit| has(differs, bit));
    html! {
        div.piece {
            span {} div.numbers { @for bit in numbers().filter(|bit| bit % 4 == 0) { i { (bit) } } }
            span { "before" } (line(before, low, 0))
            @if let Some(seen) = seen { span { "seen" } (line(seen, low, differs)) }
            @if changed {
                span { "changed" }
                div.changed {
                    @for bit in numbers().filter(|bit| has(differs, *bit)) {
                        i style={ "--at:" (low + PIECE - 1 - bit) } { (bit) }
                    }
                }
            }
        }
    }
}

/// Draws bits of one entry. The bits of a field have one underline.
fn line(entry: &Entry, low: u8, marked: u64) -> Markup {
    let numbers: Vec<_> = (low..low + PIECE).rev().collect();
    let field_of = |bit: u8| entry.bits.iter().position(|field| has(mask(field), bit));
    html! {
        div.line {
            @for bits in numbers.chunk_by(|one, other| field_of(*one) == field_of(*other)) {
                @match field_of(bits[0]).map(|index| &entry.bits[index]) {
                    Some(field) => u title=(field.name) { (digits(entry, bits, marked)) },
                    None => (digits(entry, bits, marked)),
                }
            }
        }
    }
}

fn digits(entry: &Entry, bits: &[u8], marked: u64) -> Markup {
    html! {
        @for bit in bits {
            @match (has(entry.value.0, *bit), has(marked, *bit)) {
                (false, false) => i { "0" },
                (true, false) => b { "1" },
                (set, true) => mark { (u8::from(set)) },
            }
        }
    }
}

const fn has(bits: u64, bit: u8) -> bool {
    bits >> bit & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::entry::Hex;

    fn field(bit: Option<u8>, bits: Option<&str>) -> Bit {
        Bit {
            bit,
            bits: bits.map(str::to_owned),
            name: "F".to_owned(),
            value: Hex(0),
            meaning: String::new(),
            hardware: true,
        }
    }

    #[test]
    fn masks_are_of_the_bits_that_a_field_has() {
        assert_eq!(mask(&field(Some(63), None)), 1 << 63);
        assert_eq!(mask(&field(None, Some("10..6"))), 0x7c0);
        assert_eq!(mask(&field(None, Some("63..0"))), u64::MAX);
    }

    #[test]
    fn a_field_that_is_not_one_covers_nothing() {
        for bits in ["", "6..10", "64..1", "a..b"] {
            assert_eq!(mask(&field(None, Some(bits))), 0, "{bits}");
        }
        assert_eq!(mask(&field(Some(64), None)), 0);
    }
}
