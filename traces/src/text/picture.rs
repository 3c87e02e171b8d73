//! An entry as a ruled picture of its bits, the highest first, with the names of the fields that are not zero.

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};

use crate::entry::{Bit, Entry};
use crate::text::style::paint;

/// The columns that a bit takes: its digit, and a rule or blank before it.
const BIT: usize = 2;
const HARDWARE: Style = AnsiColor::Cyan.on_default();
const SOFTWARE: Style = AnsiColor::Magenta.on_default();

/// Returns the style of bits that the MMU reads, or of those that only the kernel reads.
pub(crate) const fn of_reader(hardware: bool) -> Style {
    if hardware { HARDWARE } else { SOFTWARE }
}

/// Draws an entry in rows of 64, 32, 16 or 8 bits: the longest that fit the width, or else 8.
pub(crate) fn picture(entry: &Entry, width: usize) -> Vec<String> {
    let fields: Vec<Field> = fields(entry);
    let longest = fields.iter().map(|field| field.label.chars().count()).max().unwrap_or(0);
    let fits = |bits: &usize| BIT * bits + "' ".len() + longest <= width;
    let rows = |bits: usize| -> Vec<String> {
        let row = |row| Row { low: row * bits, bits, fields: &fields, entry };
        (0..64 / bits).rev().flat_map(|number| row(number).lines()).collect()
    };
    if let Some(bits) = [64, 32].into_iter().find(fits) {
        return rows(bits);
    }
    let columns = |line: &String| strip_str(line).to_string().chars().count();
    let lines = rows(16);
    if lines.iter().all(|line| columns(line) <= width) { lines } else { rows(8) }
}

/// Consecutive bits: a named field, or a single set bit without a name.
struct Field {
    low: usize,
    high: usize,
    /// The name, and the value if there are several bits; empty if the value is zero.
    label: String,
    style: Style,
}

fn fields(entry: &Entry) -> Vec<Field> {
    let named = |bit: &Bit| {
        let (high, low) = bit.range()?;
        let value = bit.value.0;
        let label = match (value, high == low) {
            (0, _) => String::new(),
            (_, true) => bit.name.clone(),
            (value, false) => format!("{} {value:#x}", bit.name),
        };
        Some(Field { low: low.into(), high: high.into(), label, style: of_reader(bit.hardware) })
    };
    let mut fields: Vec<Field> = entry.bits.iter().filter_map(named).collect();
    for bit in 0..64 {
        let is_named = fields.iter().any(|field| (field.low..=field.high).contains(&bit));
        if !is_named && entry.value.0 & (1 << bit) != 0 {
            let label = "(no name)".to_owned();
            fields.push(Field { low: bit, high: bit, label, style: Style::new() });
        }
    }
    fields
}

/// Some bits of an entry, side by side.
struct Row<'a> {
    low: usize,
    bits: usize,
    fields: &'a [Field],
    entry: &'a Entry,
}

impl Row<'_> {
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.numbers(), self.rule(), self.digits(), self.rule()];
        lines.extend(self.names());
        lines
    }

    /// Returns the bits of the row, the highest first.
    fn each(&self) -> impl Iterator<Item = usize> + use<> {
        (self.low..self.low + self.bits).rev()
    }

    fn column(&self, bit: usize) -> usize {
        (self.low + self.bits - 1 - bit) * BIT
    }

    /// Returns the field that contains a bit.
    fn field(&self, bit: usize) -> Option<&Field> {
        self.fields.iter().find(|field| (field.low..=field.high).contains(&bit))
    }

    /// Whether a rule is drawn before a bit.
    fn is_edge(&self, bit: usize) -> bool {
        let begins = self.field(bit).is_none_or(|field| field.high == bit);
        let ends = self.field(bit + 1).is_none_or(|field| field.low == bit + 1);
        bit + 1 == self.low + self.bits
            || begins && self.field(bit).is_some()
            || ends && self.field(bit + 1).is_some()
    }

    /// Returns the line with the numbers of every fourth bit and of the lowest.
    fn numbers(&self) -> String {
        let mut line = String::new();
        for bit in self.each().filter(|bit| bit % 4 == 3 || *bit == self.low) {
            line = format!("{line:<width$}{bit}", width = self.column(bit) + 1);
        }
        line
    }

    fn rule(&self) -> String {
        let edges: String = self.each().map(|bit| if self.is_edge(bit) { "+-" } else { "--" }).collect();
        edges + "+"
    }

    fn digits(&self) -> String {
        let mut line = String::new();
        for bit in self.each() {
            line.push(if self.is_edge(bit) { '|' } else { ' ' });
            let set = self.entry.value.0 & (1 << bit) != 0;
            let style = self.field(bit).map_or(Style::new(), |field| field.style);
            line += &paint(if set { style.bold() } else { style.dimmed() }, if set { "1" } else { "0" });
        }
        line + "|"
    }

    /// Returns a line for each name, with a lead up to the field's highest bit in the row.
    ///
    /// The rightmost name comes first, so that no name crosses a lead.
    fn names(&self) -> Vec<String> {
        let top = self.low + self.bits - 1;
        let mut named: Vec<(usize, &Field)> = self
            .fields
            .iter()
            .filter(|field| !field.label.is_empty() && field.high >= self.low && field.low <= top)
            .map(|field| (self.column(field.high.min(top)) + 1, field))
            .collect();
        named.sort_by_key(|(column, _)| *column);
        let mut lines = Vec::new();
        while let Some((column, field)) = named.pop() {
            let leads = named.iter().fold(String::new(), |line, (lead, _)| format!("{line:<lead$}|"));
            lines.push(format!("{leads:<column$}' {}", paint(field.style, &field.label)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::{Arch, Encoding, Version};

    use super::*;

    fn drawn(value: u64, width: usize) -> Vec<String> {
        let encoding = Encoding::at(Arch::Arm64, None, Version::NEWEST).unwrap();
        let entry = Entry::of_model(&encoding, value);
        picture(&entry, width).iter().map(|line| strip_str(line).to_string()).collect()
    }

    #[test]
    fn fields_are_ruled_and_those_that_are_set_are_named() {
        let drawn = drawn(0x8120_0ec0, 80);
        let expected = [
            " 15      11      7       3     0",
            "+-------+-+-+---+-+-+-+-----+-+-+",
            "|0 0 0 0|1|1|1 0|1|1|0|0 0 0|0|0|",
            "+-------+-+-+---+-+-+-+-----+-+-+",
            "         | | |   | ' USER",
            "         | | |   ' RDONLY",
            "         | | ' SH 0x2",
            "         | ' AF",
            "         ' PRESENT_INVALID",
        ];
        assert_eq!(drawn[drawn.len() - expected.len()..], expected);
    }

    #[test]
    fn every_digit_is_that_of_its_bit_whatever_the_width() {
        for value in [0, u64::MAX, 0x812_00ec0, 0xfedc_ba98_7654_3210, 1 << 63, 1] {
            for width in [10, 40, 80, 120, 300] {
                let lines = drawn(value, width);
                let digits: String = lines
                    .iter()
                    .filter(|line| line.starts_with('|') && line.ends_with('|') && line.contains(['0', '1']))
                    .flat_map(|line| line.chars().filter(char::is_ascii_digit))
                    .collect();
                assert_eq!(u64::from_str_radix(&digits, 2).unwrap(), value, "{lines:#?}");
                assert!(
                    lines.iter().all(|line| line.chars().count() <= width.max(45)),
                    "{width}: {lines:#?}"
                );
            }
        }
    }
}
