//! Tables of text without ruled lines.

use comfy_table::{ContentArrangement, Table, presets};

/// Makes an empty table without ruled lines, which becomes as wide as its cells need.
pub fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Returns the text of a table without its left margin and without spaces at the ends of lines.
pub fn trimmed(table: &Table) -> String {
    let lines: Vec<_> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}
