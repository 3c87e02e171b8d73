//! The helpers that a probe can have.
//!
//! They are the lines of `guest/probe/helpers.txt`. A helper's function in a probe is named `probe_` and its name.

use std::sync::LazyLock;

/// The lines.
pub(super) const LINES: &str = include_str!("../../probe/helpers.txt");

/// A level of page tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Entries of small pages.
    Pte,
    /// Entries of page tables and huge pages.
    Pmd,
    /// Entries above those.
    Pud,
}

impl Level {
    /// Every level, the lowest first.
    pub const ALL: [Level; 3] = [Level::Pte, Level::Pmd, Level::Pud];

    /// Its name in the kernel's functions: `pte`, `pmd`, `pud`.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Pte => "pte",
            Level::Pmd => "pmd",
            Level::Pud => "pud",
        }
    }
}

/// What a helper is given and gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shape {
    /// A predicate of an entry.
    Test,
    /// A number that is read from an entry.
    Number,
    /// Another entry of an entry.
    Change,
    /// An entry of numbers.
    Make,
    /// Changes the entry at an address.
    Access,
    /// Changes the entry of hugetlbfs at an address.
    Huge,
    /// The swap type and offset of an entry.
    Swap,
}

impl Shape {
    const ALL: [Shape; 7] =
        [Shape::Test, Shape::Number, Shape::Change, Shape::Make, Shape::Access, Shape::Huge, Shape::Swap];

    /// The word for it in the file.
    const fn name(self) -> &'static str {
        match self {
            Shape::Test => "test",
            Shape::Number => "number",
            Shape::Change => "change",
            Shape::Make => "make",
            Shape::Access => "access",
            Shape::Huge => "huge",
            Shape::Swap => "swap",
        }
    }
}

/// A helper of page tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Helper {
    /// Its name in the kernel, such as `pmd_mkinvalid`.
    pub name: &'static str,
    /// The level of its entries.
    pub level: Level,
    /// What it is given and gives back.
    pub shape: Shape,
    /// What is called, as C, in the ways of several versions; empty for the helper itself with the entry.
    calls: &'static str,
}

impl Helper {
    /// The prefix of its function in a probe.
    pub(super) const PREFIX: &str = "probe_";

    /// Returns the name of its function in a probe.
    pub fn symbol(&self) -> String {
        format!("{}{}", Helper::PREFIX, self.name)
    }

    /// Whether it is given the address of an entry.
    pub fn takes_address(&self) -> bool {
        matches!(self.shape, Shape::Access | Shape::Huge)
    }

    /// Returns the line of C that makes a function of it, by a macro of `guest/probe/helpers.h`.
    ///
    /// `way` is the number of the way to call it; `None` if there are not as many.
    pub(super) fn source(&self, way: usize) -> Option<String> {
        let (shape, level, symbol) = (self.shape.name().to_uppercase(), self.level.name(), self.symbol());
        let call = self.calls.split(" else ").nth(way)?;
        Some(match call {
            "" => format!("{shape}({level}, {symbol}, {}(entry))", self.name),
            call => format!("{shape}({level}, {symbol}, {call})"),
        })
    }

    /// Reads a line: `SHAPE LEVEL NAME [CALL]`.
    fn of(line: &'static str) -> Option<Helper> {
        let mut words = line.splitn(4, ' ');
        let (shape, level, name) = (words.next()?, words.next()?, words.next()?);
        Some(Helper {
            name,
            level: Level::ALL.into_iter().find(|known| known.name() == level)?,
            shape: Shape::ALL.into_iter().find(|known| known.name() == shape)?,
            calls: words.next().unwrap_or_default(),
        })
    }
}

/// Returns all helpers, in the order of the file.
pub fn helpers() -> &'static [Helper] {
    static ALL: LazyLock<Vec<Helper>> = LazyLock::new(|| lines().filter_map(Helper::of).collect());
    &ALL
}

/// Returns the helper of a name.
pub fn helper(name: &str) -> Option<&'static Helper> {
    helpers().iter().find(|helper| helper.name == name)
}

fn lines() -> impl Iterator<Item = &'static str> {
    LINES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_is_a_helper_and_no_two_have_one_name() {
        assert_eq!(helpers().len(), lines().count());
        let names: BTreeSet<_> = helpers().iter().map(|helper| helper.name).collect();
        assert_eq!(names.len(), helpers().len());
    }

    #[test]
    fn a_helper_has_the_level_of_its_name() {
        for helper in helpers() {
            let levels: Vec<_> =
                Level::ALL.into_iter().filter(|level| helper.name.contains(level.name())).collect();
            assert!(levels.is_empty() || levels.contains(&helper.level), "{}", helper.name);
        }
    }

    #[test]
    fn a_damaged_line_is_no_helper() {
        for line in ["", "test", "test pmd", "test p4d p4d_none", "guess pmd pmd_none"] {
            assert_eq!(Helper::of(line), None, "{line}");
        }
    }
}
