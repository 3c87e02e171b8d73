//! The sweeps of a comparison, as table cells and in words.

use crate::comparison::CompareReport;
use crate::count::Count;
use crate::report::Verdict;
use crate::sweep::{Change, FieldBits, Part, Pattern, Ran, SweepReport, digits};
use crate::words::{counted, verdicts};

/// The number of exceptions of a part that are drawn. The others are only counted; the JSON has all of them.
pub(crate) const DRAWN: usize = 12;

/// The columns of the table of sweeps.
const COLUMNS: [&str; 7] =
    ["arch", "linux", "every entry of", "writer", "entries", "with findings", "verdict"];

/// Returns the sweeps of a comparison as a table: its header, then a line for each.
pub(crate) fn table(report: &CompareReport) -> Vec<Vec<String>> {
    let header = COLUMNS.iter().map(|name| (*name).to_owned()).collect();
    std::iter::once(header).chain(report.sweeps.iter().map(cells)).collect()
}

fn cells(sweep: &SweepReport) -> Vec<String> {
    vec![
        sweep.platform(),
        sweep.linux.clone(),
        sweep.entries.clone(),
        sweep.writer.clone(),
        short(&sweep.domain_entries),
        with_findings(sweep),
        verdict(sweep),
    ]
}

/// Formats the number of entries with findings; a question mark if it is unknown.
pub(crate) fn with_findings(sweep: &SweepReport) -> String {
    let found = sweep.classes.iter().filter(|class| !class.findings.is_empty());
    let entries = Count(found.map(|class| &class.entries.0).sum());
    let is_known = sweep.ran.is_some() && sweep.failed_controls().is_empty();
    if is_known { short(&entries) } else { "?".to_owned() }
}

/// Formats a number of entries, as powers of two where that is short.
pub(crate) fn short(entries: &Count) -> String {
    entries.in_powers_of_two().unwrap_or_else(|| entries.to_string())
}

/// Returns the names of the findings, or else the verdict.
pub(crate) fn verdict(sweep: &SweepReport) -> String {
    match sweep.verdict {
        Verdict::Findings => {
            let names: Vec<_> = sweep.found().iter().map(|found| found.name.name()).collect();
            names.join(" ")
        }
        other => other.word().to_owned(),
    }
}

/// Names what was run: `split-unguarded over migration`.
pub(crate) fn name(sweep: &SweepReport) -> String {
    format!("{} over {}", sweep.writer, sweep.entries)
}

/// Formats the number of sweeps, and the number per verdict.
pub(crate) fn totals(report: &CompareReport) -> String {
    let count = |verdict| report.sweeps.iter().filter(|sweep| sweep.verdict == verdict).count() as u64;
    format!("{}: {}.", counted(report.sweeps.len(), "sweep"), verdicts(count))
}

/// Describes what a writer did to the entries of a class.
pub(crate) fn change(change: Change) -> String {
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

/// Lists the fields that a part fixes: `SWP_TYPE 7..4 = 1100`.
pub(crate) fn fixed(part: &Part) -> String {
    let named = part.fields.iter().map(|fixed| {
        let field = fixed.field.as_deref().unwrap_or("bits");
        format!("{field} {} = {}", fixed.bits, fixed.value)
    });
    named.collect::<Vec<_>>().join(", ")
}

/// Draws a pattern, the highest bit first: a dot for each free bit, blanks between bytes.
pub(crate) fn drawn(pattern: &Pattern) -> String {
    let bytes = (0..8_u32).rev().map(|byte| digits(*pattern, '.', 0xff << (byte * 8)));
    bytes.collect::<Vec<_>>().join(" ")
}

/// Describes the runs that the result of a sweep rests on, in sentences.
pub(crate) fn ran(ran: &Ran) -> Vec<String> {
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
            format!(", with {} of the remaining {}", counted(ran.fillings, "filling"), counted(others, "bit"))
        }
    };
    let mut said = vec![format!("{} entries: {flipped}: {matter}{times}", ran.entries)];
    if ran.exceptions > 0 {
        let told = match ran.matter_in_exceptions.is_empty() {
            true => String::new(),
            false => format!(", told from the rest by {}", fields(&ran.matter_in_exceptions)),
        };
        said.push(format!(
            "{} found where that was tried{told}, and learned in the same way",
            counted(ran.exceptions, "exception")
        ));
    }
    said.push(
        "that no other bit matters anywhere is not proved by this, only found where it was tried".to_owned(),
    );
    said
}

fn fields(bits: &[FieldBits]) -> String {
    let named = bits.iter().map(|bits| match &bits.field {
        Some(field) => format!("{field} ({})", bits.bits),
        None => format!("bits {}", bits.bits),
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Value;

    #[test]
    fn a_pattern_is_drawn_from_the_highest_bit_down() {
        let pattern = Pattern { value: Value(1 << 63 | 1), free: Value(0xff00) };
        let expected = "10000000 00000000 00000000 00000000 00000000 00000000 ........ 00000001";
        assert_eq!(drawn(&pattern), expected);
    }
}
