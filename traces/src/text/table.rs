//! Tables of text without ruled lines.

use comfy_table::{ContentArrangement, Table, presets};

use crate::text::wrapped::unbroken;

/// The least room for the words of a last column.
pub(crate) const LEAST_ROOM: usize = 24;

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

/// Rows as text without lines, each row in one line; in a terminal that is too narrow for it with the last column
/// wrapped, or with each row's cells below its first one.
pub fn columns(rows: impl IntoIterator<Item = Vec<String>>, terminal: Option<u16>) -> String {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    let mut table = bare_table();
    table.add_rows(&rows);
    let whole = format!("{}\n", trimmed(&table));
    let columns = match terminal.map(usize::from) {
        Some(columns) if whole.lines().any(|line| line.chars().count() > columns) => columns,
        _ => return whole,
    };
    let heads: Vec<&[String]> = rows.iter().map(|row| &row[..row.len().saturating_sub(1)]).collect();
    let mut table = bare_table();
    table.add_rows(heads);
    let heads: Vec<String> = trimmed(&table).lines().map(str::to_owned).collect();
    let before = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0) + 2;
    let has_room = before + LEAST_ROOM <= columns;
    let mut lines = Vec::new();
    for (row, head) in rows.iter().zip(&heads) {
        let last = row.last().map_or("", String::as_str);
        let side_by_side = unbroken(&format!("{head:<before$}"), &" ".repeat(before), last, columns);
        if has_room && side_by_side.iter().all(|line| line.chars().count() <= columns) {
            lines.extend(side_by_side);
        } else if let [first, cells @ ..] = &row[..] {
            lines.extend(unbroken("", "  ", first, columns));
            for cell in cells.iter().filter(|cell| !cell.is_empty()) {
                lines.extend(unbroken("  ", "    ", cell, columns));
            }
        }
    }
    lines.join("\n") + "\n"
}
