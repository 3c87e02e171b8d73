//! Tables of text without lines.

use comfy_table::{ContentArrangement, Table, presets};

/// A table without lines, as wide as it needs to be.
pub fn bare_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A table's text without the spaces that fill its last column, and without its outer margin.
pub fn trimmed(table: &Table) -> String {
    let lines: Vec<_> =
        table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n")
}
