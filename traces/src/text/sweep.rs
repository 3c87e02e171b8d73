//! A sweep as text.

use num_bigint::BigUint;

use crate::count::Count;
use crate::sweep::{Change, Class, FieldBits, Part, Pattern, Ran, SweepReport, digits};
use crate::text::style::{self, paint};
use crate::text::wrapped::Lines;
use crate::words::counted;

/// Exceptions of a part that are drawn; the others are counted. All of them are in the JSON.
const DRAWN: usize = 12;

/// A sweep: what was found, every class with its patterns, and what was run. No line is longer than
/// [`WIDTH`](crate::WIDTH).
pub fn sweep(report: &SweepReport) -> String {
    let mut lines = Lines::default();
    let mmu = report.mmu.as_ref().map_or(String::new(), |mmu| format!(" {mmu}"));
    let SweepReport { arch, linux, writer, entries, .. } = report;
    let title = format!("{arch}{mmu} Linux {linux}: {writer} on every entry of the set {entries}");
    lines.styled(style::TITLE, "  ", &title);
    lines.gap();
    found(&mut lines, report);
    lines.gap();
    lines.line(&format!("The set, {}:", entries_in_words(&report.domain_entries)));
    for pattern in &report.domain {
        lines.line(&format!("  {}", drawn(pattern)));
    }
    for (number, class) in report.classes.iter().enumerate() {
        lines.gap();
        self::class(&mut lines, number + 1, class);
    }
    lines.gap();
    if let Some(ran) = &report.ran {
        self::ran(&mut lines, ran);
    }
    lines.labelled(
        "guest ",
        &format!("{} {} sha256 {}", report.guest.kind, report.guest.name, report.guest.sha256),
    );
    lines.command("again ", &report.command);
    lines.gap();
    let verdict = paint(style::of_verdict(report.verdict), report.verdict.word());
    lines.paragraph("", "", &format!("{}: {verdict}", classes(report.classes.len())));
    lines.into_text()
}

fn classes(number: usize) -> String {
    if number == 1 { "1 class".to_owned() } else { format!("{number} classes") }
}

fn found(lines: &mut Lines, report: &SweepReport) {
    if let Some(why) = &report.incomplete {
        lines.styled(style::UNKNOWN, "  ", &format!("INCOMPLETE: {why}"));
    }
    for disagreement in &report.disagreements {
        let text = format!(
            "CONTROL FAILED: {disagreement}; the guest is not one of this encoding, so nothing is known"
        );
        lines.styled(style::UNKNOWN, "  ", &text);
    }
    let mut any = false;
    for (number, class) in report.classes.iter().enumerate() {
        for finding in &class.findings {
            any = true;
            let text = format!(
                "FINDING {}: class {}, {}",
                finding.name(),
                number + 1,
                entries_in_words(&class.entries)
            );
            lines.styled(style::WRONG, "  ", &text);
        }
    }
    if !any && report.ran.is_some() {
        lines.line("Nothing was found.");
    }
}

fn class(lines: &mut Lines, number: usize, class: &Class) {
    lines.paragraph(&format!("Class {number}: "), "  ", &entries_in_words(&class.entries));
    lines.labelled("  before  ", &class.before.holding());
    lines.labelled("  after   ", &format!("{}; {}", class.after.holding(), change(class.change)));
    for part in &class.parts {
        self::part(lines, part, class.parts.len() > 1);
    }
}

fn change(change: Change) -> String {
    let Change { changed, type_changed, offset_changed, installed } = change;
    let value = match (type_changed, offset_changed, changed) {
        (true, true, _) => "another type and offset",
        (true, false, _) => "another type",
        (false, true, _) => "another offset",
        (false, false, true) => "another value",
        (false, false, false) => "the same value",
    };
    if installed { format!("{value}, and then a page table in its place") } else { value.to_owned() }
}

fn part(lines: &mut Lines, part: &Part, counted: bool) {
    lines.line(&format!("  {}", drawn(&part.pattern)));
    // Of a single entry all is said.
    if !part.fields.is_empty() && part.pattern.free.0 != 0 {
        let named = part.fields.iter().map(|fixed| {
            let field = fixed.field.as_deref().unwrap_or("bits");
            format!("{field} {} = {}", fixed.bits, fixed.value)
        });
        lines.labelled("    ", &named.collect::<Vec<_>>().join(", "));
    }
    for except in part.except.iter().take(DRAWN) {
        lines.line(&format!("- {}", drawn(except)));
    }
    if let Some(more) = part.except.len().checked_sub(DRAWN).filter(|more| *more > 0) {
        lines.line(&format!("- and without {more} patterns more"));
    }
    let entries =
        if counted { format!("{}, such as", entries_in_words(&part.entries)) } else { "such as".to_owned() };
    lines.labelled("    ", &format!("{entries} {}", part.example));
}

fn ran(lines: &mut Lines, ran: &Ran) {
    let flipped = format!(
        "{} flipped, each in an entry chosen at random, to see which matter",
        counted(ran.flips, "bit")
    );
    let matter = match ran.matter.is_empty() {
        true => "none does".to_owned(),
        false => format!("{} do, every combination of them was run", fields(&ran.matter)),
    };
    let times = match ran.others {
        0 => String::new(),
        others => {
            format!(", with {} of the other {}", counted(ran.fillings, "filling"), counted(others, "bit"))
        }
    };
    lines.labelled("run   ", &format!("{} entries: {flipped}: {matter}{times}", ran.entries));
    if ran.exceptions > 0 {
        let told = match ran.matter_in_exceptions.is_empty() {
            true => String::new(),
            false => format!(", told from the rest by {}", fields(&ran.matter_in_exceptions)),
        };
        let text = format!(
            "{} found where that was tried{told}, and learned in the same way",
            counted(ran.exceptions, "exception")
        );
        lines.labelled("      ", &text);
    }
    lines.labelled(
        "      ",
        "that no other bit matters anywhere is not proved by this, only found where it was tried",
    );
}

fn fields(bits: &[FieldBits]) -> String {
    let named = bits.iter().map(|bits| match &bits.field {
        Some(field) => format!("{field} ({})", bits.bits),
        None => format!("bits {}", bits.bits),
    });
    named.collect::<Vec<_>>().join(", ")
}

/// A pattern, the highest bit first: a dot for each free bit, blanks between bytes.
fn drawn(pattern: &Pattern) -> String {
    let bytes = (0..8_u32).rev().map(|byte| digits(*pattern, '.', 0xff << (byte * 8)));
    bytes.collect::<Vec<_>>().join(" ")
}

/// A number of entries, exact, and as powers of two if that is short.
fn entries_in_words(count: &Count) -> String {
    let entries = if count.0 == BigUint::from(1_u8) { "entry" } else { "entries" };
    match powers_of_two(&count.0) {
        Some(powers) => format!("{count} {entries} ({powers})"),
        None => format!("{count} {entries}"),
    }
}

/// A number as a sum and difference of at most four powers of two; none for one that says nothing as it is.
fn powers_of_two(number: &BigUint) -> Option<String> {
    const MOST: usize = 4;
    const SMALL: u32 = 1024;
    if *number < BigUint::from(SMALL) {
        return None;
    }
    // With as few powers as possible: no two of them are neighbours.
    let mut terms: Vec<(char, u32)> = Vec::new();
    let (mut rest, mut power) = (number.clone(), 0);
    while rest > BigUint::ZERO {
        if rest.bit(0) {
            if rest.bit(1) {
                terms.push(('-', power));
                rest += 1_u8;
            } else {
                terms.push(('+', power));
                rest -= 1_u8;
            }
        }
        rest >>= 1_u8;
        power += 1;
    }
    if terms.len() > MOST {
        return None;
    }
    let text = terms.iter().rev().enumerate().map(|(n, (sign, power))| match n {
        0 => format!("2^{power}"),
        _ => format!(" {sign} 2^{power}"),
    });
    Some(text.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Value;

    #[test]
    fn numbers_are_sums_of_few_powers_of_two() {
        let powers = |number: u128| powers_of_two(&BigUint::from(number));
        assert_eq!(powers(1 << 55).as_deref(), Some("2^55"));
        assert_eq!(powers((1 << 55) - 1).as_deref(), Some("2^55 - 2^0"));
        assert_eq!(powers(29 << 50).as_deref(), Some("2^55 - 2^52 + 2^50"));
        assert_eq!(powers(1000), None);
        assert_eq!(powers(0x5555_5555), None);
    }

    #[test]
    fn a_pattern_is_drawn_from_the_highest_bit_down() {
        let pattern = Pattern { value: Value(1 << 63 | 1), free: Value(0xff00) };
        let expected = "10000000 00000000 00000000 00000000 00000000 00000000 ........ 00000001";
        assert_eq!(drawn(&pattern), expected);
    }
}
