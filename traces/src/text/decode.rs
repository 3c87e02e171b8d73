//! Decoded values as text.

use std::fmt::Write;

use anstyle::Style;

use crate::decoded::{DecodeReport, Reading};
use crate::text::picture::{of_reader, picture};
use crate::text::style::paint;
use crate::text::table::{bare_table, trimmed};
use crate::text::wrapped::wrapped;

/// Columns of a terminal that does not say how many it has.
const USUAL_COLUMNS: u16 = 80;

/// Decoded values, each with a picture of its bits; in a terminal in as many columns as it has.
pub fn decode(report: &DecodeReport, terminal: Option<u16>) -> String {
    let columns = terminal.unwrap_or(USUAL_COLUMNS).into();
    // In a file each bit has one line.
    let width = terminal.map_or(usize::MAX, usize::from);
    let mut out = String::new();
    for (n, decoded) in report.entries.iter().enumerate() {
        let entry = &decoded.entry;
        if n > 0 {
            out.push('\n');
        }
        let _ = writeln!(out, "{}  {}", entry.value, report.encoding);
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
            let indent = " ".repeat(line.len() + 2);
            for line in wrapped(&format!("{line}  "), &indent, &bit.meaning, width) {
                let _ = writeln!(out, "{}", paint(style, &line));
            }
        }
    }
    out
}

/// What a swap entry is, and in which kernels.
fn described(reading: &Reading) -> String {
    let page = reading.pfn.map_or(String::new(), |pfn| format!(" of page frame {:#x}", pfn.0));
    let kernels = reading.configuration().unwrap_or_else(|| "in every kernel".to_owned());
    format!("{kernels}: {}{page}", reading.used_for)
}
