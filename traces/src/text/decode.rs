//! Decoded values as text.

use std::fmt::Write;

use anstyle::Style;

use crate::decoded::{DecodeReport, Reading};
use crate::text::picture::{of_reader, picture};
use crate::text::style::paint;
use crate::text::table::{LEAST_ROOM, bare_table, trimmed};
use crate::text::wrapped::{unbroken, wrapped};

/// The columns of a picture if no terminal gives its width.
const USUAL_COLUMNS: u16 = 80;

/// Formats decoded values, each with a picture of its bits.
///
/// `terminal` is the number of columns of a terminal.
pub fn decode(report: &DecodeReport, terminal: Option<u16>) -> String {
    let columns = terminal.unwrap_or(USUAL_COLUMNS).into();
    // In a file, each bit or field has one line.
    let width = terminal.map_or(usize::MAX, usize::from);
    let mut out = String::new();
    for (n, decoded) in report.entries.iter().enumerate() {
        let entry = &decoded.entry;
        if n > 0 {
            out.push('\n');
        }
        for line in wrapped("", "  ", &format!("{}  {}", entry.value, report.encoding), width) {
            let _ = writeln!(out, "{line}");
        }
        let predicates: Vec<_> = entry
            .predicates
            .named()
            .iter()
            .map(|(name, holds)| match decoded.migration_depends_on() {
                options if *name == "migration" && !options.is_empty() => {
                    format!("{name} depends on {}", options.join(" and "))
                }
                _ => format!("{name} {}", if *holds { "yes" } else { "no" }),
            })
            .collect();
        for line in wrapped("  ", "    ", &format!("{}: {}", report.predicates, predicates.join(", ")), width)
        {
            let _ = writeln!(out, "{line}");
        }
        if let Some(swap) = entry.swap {
            let _ = writeln!(out, "  swap type {}, offset {:#x}", swap.kind, swap.offset.0);
        }
        for reading in &decoded.readings {
            for line in wrapped("  ", "    ", &described(reading), width) {
                let _ = writeln!(out, "{line}");
            }
        }
        if let Some(pfn) = entry.pfn.filter(|_| decoded.readings.is_empty()) {
            let _ = writeln!(out, "  page frame {:#x}", pfn.0);
        }
        out.push('\n');
        for line in picture(entry, columns) {
            let _ = writeln!(out, "{line}");
        }
        out.push('\n');
        let mut table = bare_table();
        for bit in &entry.bits {
            table.add_row([
                format!("  {}", bit.position()),
                bit.name.clone(),
                format!("{:#x}", bit.value.0),
                if bit.hardware { "hw" } else { "sw" }.to_owned(),
            ]);
        }
        for (line, bit) in trimmed(&table).lines().zip(&entry.bits) {
            let style = if bit.value.0 == 0 { Style::new().dimmed() } else { of_reader(bit.hardware) };
            let indent = line.len() + 2;
            let lines = if width.saturating_sub(indent) < LEAST_ROOM {
                let mut lines = unbroken("  ", "    ", &words(line), width);
                lines.extend(wrapped("      ", "      ", &bit.meaning, width));
                lines
            } else {
                wrapped(&format!("{line}  "), &" ".repeat(indent), &bit.meaning, width)
            };
            for line in lines {
                let _ = writeln!(out, "{}", paint(style, &line));
            }
        }
    }
    out
}

/// Returns a row of a table that is too wide, with its cells as words.
fn words(row: &str) -> String {
    row.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Formats what a swap entry is used for, and in which kernels.
fn described(reading: &Reading) -> String {
    let page = reading.pfn.map_or(String::new(), |pfn| format!(" of page frame {:#x}", pfn.0));
    let kernels = reading.configuration().unwrap_or_else(|| "in every kernel".to_owned());
    format!("{kernels}: {}{page}", reading.used_for)
}
