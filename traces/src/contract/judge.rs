//! Judges what a probe's helpers answered by the rules.

use pmdscope_guest::probe::{self, Helper, Level};

use super::observed::{Answer, ClassedEntry, Missing, Observed};
use super::report::{Cell, Example, Status};
use super::rules::{Check, Rule};
use crate::entry::Value;

/// What a check says of one entry.
enum Says {
    Holds,
    /// It does not: what was made, and what is wrong.
    Fails {
        result: Option<u64>,
        says: String,
    },
    /// Nothing was checked, since the tree lacks what would be asked: what.
    NotThere(String),
    /// It cannot be said: why.
    Unknown(String),
}

/// Judges one rule. `used` says whether the MMU uses an entry, if the encoding is known.
pub fn judge(rule: &Rule, observed: &Observed, used: Option<&dyn Fn(u64) -> bool>) -> Cell {
    let lacking = |why: String| Cell {
        status: Status::NotImplemented,
        entries: 0,
        broken: 0,
        example: None,
        why: Some(why),
    };
    let unknown =
        |why: String| Cell { status: Status::Unknown, entries: 0, broken: 0, example: None, why: Some(why) };
    let lacks =
        |one_of: &&&[&str]| !one_of.iter().any(|option| observed.options.iter().any(|set| set == option));
    if let Some(one_of) = rule.needs.iter().find(lacks) {
        let without = one_of.iter().find_map(|option| observed.unsupported.get(*option));
        let names: Vec<_> = one_of.iter().map(|option| format!("CONFIG_{option}")).collect();
        return lacking(without.cloned().unwrap_or_else(|| format!("{} is not set", names.join(" or "))));
    }
    let Some(helper) = rule.called.iter().find(|name| observed.has(name)) else {
        let why = rule.called.iter().find_map(|name| observed.lacks.get(name));
        return lacking(why.cloned().unwrap_or_else(|| "the probe does not have it".to_owned()));
    };
    let entries: Vec<&ClassedEntry> = observed
        .entries
        .iter()
        .filter(|entry| entry.level == rule.level && rule.on.contains(&entry.class))
        .collect();
    if entries.is_empty() {
        let why = rule.on.iter().find_map(|class| observed.missing.get(&(rule.level, *class)));
        return match why {
            Some(Missing::NotThere(why)) => lacking(why.clone()),
            Some(Missing::Unknown(why)) => unknown(why.clone()),
            None => unknown("no such entry was made".to_owned()),
        };
    }
    let ask = Asked { observed, level: rule.level, used };
    if rule.check == Check::Undocumented {
        return undocumented(&ask, helper, &entries);
    }
    let (mut checked, mut broken, mut example) = (0, 0, None::<Example>);
    let (mut why, mut not_there) = (None, None);
    for entry in &entries {
        match ask.check(rule, helper, entry) {
            Says::Holds => checked += 1,
            Says::Fails { result, says } => {
                checked += 1;
                broken += 1;
                let found = Example {
                    class: entry.class,
                    entry: Value(entry.value),
                    result: result.map(Value),
                    says,
                };
                let size = |example: &Example| (example.entry.0.count_ones(), example.entry.0);
                if example.as_ref().is_none_or(|smallest| size(&found) < size(smallest)) {
                    example = Some(found);
                }
            }
            Says::NotThere(reason) => drop(not_there.get_or_insert(reason)),
            Says::Unknown(reason) => drop(why.get_or_insert(reason)),
        }
    }
    // A rule that was checked for no entry is not kept.
    if checked == 0 && why.is_none() {
        return lacking(not_there.unwrap_or_else(|| "nothing was checked".to_owned()));
    }
    let status = match (broken, &why) {
        (0, None) => Status::Kept,
        (0, Some(_)) => Status::Unknown,
        _ => Status::Broken,
    };
    Cell { status, entries: checked, broken, example, why: why.filter(|_| status == Status::Unknown) }
}

/// What a helper does to entries of which no document says what it should. The example is one that it makes present, if
/// there is any.
fn undocumented(ask: &Asked<'_>, helper: &str, entries: &[&ClassedEntry]) -> Cell {
    let unknown =
        |why: String| Cell { status: Status::Unknown, entries: 0, broken: 0, example: None, why: Some(why) };
    let mut found: Option<(bool, Example)> = None;
    let mut becomes_present = 0;
    for entry in entries {
        let (value, after) = match ask.returned(helper, entry.value, 0) {
            Ok(returned) => returned,
            Err(why) => return unknown(why),
        };
        let made = if is_access(helper) { after } else { value };
        let present = match ask.test("present", made) {
            Ok(Some(present)) => present,
            Ok(None) => return unknown(format!("the tree has no {}()", ask.name("present"))),
            Err(why) => return unknown(why),
        };
        becomes_present += u64::from(present);
        let says = match (present, made == entry.value) {
            (true, _) => "it becomes present",
            (false, true) => "it stays as it is",
            (false, false) => "it is changed, and not present",
        };
        let example = Example {
            class: entry.class,
            entry: Value(entry.value),
            result: Some(Value(made)),
            says: says.to_owned(),
        };
        let better = found.as_ref().is_none_or(|(was_present, was)| {
            (!present, example.entry.0.count_ones(), example.entry.0)
                < (!was_present, was.entry.0.count_ones(), was.entry.0)
        });
        if better {
            found = Some((present, example));
        }
    }
    Cell {
        status: Status::Undocumented,
        entries: entries.len() as u64,
        broken: becomes_present,
        example: found.map(|(_, example)| example),
        why: None,
    }
}

/// Whether a helper is given the address of an entry.
fn is_access(helper: &str) -> bool {
    probe::helper(helper).is_some_and(Helper::takes_address)
}

struct Asked<'a> {
    observed: &'a Observed,
    level: Level,
    used: Option<&'a dyn Fn(u64) -> bool>,
}

impl Asked<'_> {
    /// Returns the answer of a test or number: `None` if the probe does not have it.
    fn number(&self, name: &str, entry: u64) -> Result<Option<u64>, String> {
        let helper = self.name(name);
        if !self.observed.has(&helper) {
            return Ok(None);
        }
        match self.observed.answer(&helper, entry, 0) {
            Some(Answer::Returned { value, .. }) => Ok(Some(*value)),
            Some(Answer::Unknown(why)) => Err(format!("{helper}() {why}")),
            None => Err(format!("{helper}() was not asked about {}", Value(entry))),
        }
    }

    fn test(&self, name: &str, entry: u64) -> Result<Option<bool>, String> {
        Ok(self.number(name, entry)?.map(|answer| answer != 0))
    }

    /// The name of a helper: with the level, unless it has it.
    fn name(&self, name: &str) -> String {
        let level = self.level.name();
        if name.contains("pte") { name.to_owned() } else { format!("{level}_{name}") }
    }

    fn returned(&self, helper: &str, entry: u64, other: u64) -> Result<(u64, u64), String> {
        match self.observed.answer(helper, entry, other) {
            Some(Answer::Returned { value, after }) => Ok((*value, *after)),
            Some(Answer::Unknown(why)) => Err(format!("{helper}() {why}")),
            None => Err(format!("{helper}() was not asked about {}", Value(entry))),
        }
    }

    fn check(&self, rule: &Rule, helper: &str, entry: &ClassedEntry) -> Says {
        match self.says(rule, helper, entry) {
            Ok(says) => says,
            Err(why) => Says::Unknown(why),
        }
    }

    fn says(&self, rule: &Rule, helper: &str, entry: &ClassedEntry) -> Result<Says, String> {
        let value = entry.value;
        let fails = |result: Option<u64>, says: String| Ok(Says::Fails { result, says });
        let bool_is = |is: bool| if is { "true" } else { "false" };
        match rule.check {
            Check::Answers(expected) => {
                let answer = self.returned(helper, value, 0)?.0 != 0;
                if answer == expected {
                    Ok(Says::Holds)
                } else {
                    fails(None, format!("{helper}() is {}", bool_is(answer)))
                }
            }
            Check::Tells(make, clear) => {
                for (maker, expected) in [(Some(make), true), (clear, false)] {
                    let Some(maker) = maker else { continue };
                    let maker = self.name(maker);
                    if !self.observed.has(&maker) {
                        return Ok(Says::NotThere(self.lacks(&maker)));
                    }
                    let made = self.returned(&maker, value, 0)?.0;
                    let answer = self.returned(helper, made, 0)?.0 != 0;
                    if answer != expected {
                        return fails(
                            Some(made),
                            format!("{helper}() is {} for what {maker}() made", bool_is(answer)),
                        );
                    }
                }
                Ok(Says::Holds)
            }
            Check::Makes(test, expected) => {
                let made = self.returned(helper, value, 0)?.0;
                self.expect(test, made, expected)
            }
            Check::Keeps(tests) => {
                let made = self.returned(helper, value, 0)?.0;
                self.kept(tests, value, made)
            }
            Check::MakesUnused => {
                let made = self.returned(helper, value, 0)?.0;
                self.unused(made)
            }
            Check::Same => {
                let same = self.returned(helper, value, value)?.0;
                if same == 0 {
                    return fails(None, format!("{helper}() is false for the entry and itself"));
                }
                let others = self
                    .observed
                    .entries
                    .iter()
                    .filter(|other| other.level == entry.level && other.class == entry.class);
                for other in others {
                    let Some(Answer::Returned { value: same, .. }) =
                        self.observed.answer(helper, value, other.value)
                    else {
                        continue;
                    };
                    if *same != 0 && self.number("pfn", value)? != self.number("pfn", other.value)? {
                        return fails(
                            Some(other.value),
                            format!("{helper}() is true for entries of two pages"),
                        );
                    }
                }
                Ok(Says::Holds)
            }
            Check::Holds | Check::MakesSwap => {
                let reader = if rule.check == Check::Holds {
                    helper.to_owned()
                } else {
                    format!("__{}_to_swp_entry", self.level.name())
                };
                // What a migration entry was made of is a page, not a type and an offset.
                let Some(made_of) = entry.swap else {
                    return Ok(Says::NotThere("no entry was made of a type and an offset".to_owned()));
                };
                if !self.observed.has(&reader) {
                    return Ok(Says::NotThere(self.lacks(&reader)));
                }
                let found = self.returned(&reader, value, 0)?;
                if found == made_of {
                    return Ok(Says::Holds);
                }
                fails(
                    None,
                    format!(
                        "made of type {} offset {:#x}, it has type {} offset {:#x}",
                        made_of.0, made_of.1, found.0, found.1
                    ),
                )
            }
            Check::KeepsSwap => {
                let reader = format!("__{}_to_swp_entry", self.level.name());
                if !self.observed.has(&reader) {
                    return Ok(Says::NotThere(self.lacks(&reader)));
                }
                let made = self.returned(helper, value, 0)?.0;
                let (before, after) = (self.returned(&reader, value, 0)?, self.returned(&reader, made, 0)?);
                if before == after {
                    return Ok(Says::Holds);
                }
                fails(
                    Some(made),
                    format!(
                        "type {} offset {:#x} became type {} offset {:#x}",
                        before.0, before.1, after.0, after.1
                    ),
                )
            }
            Check::Leaves(test, expected) => {
                let left = self.left(helper, value)?.1;
                self.expect(test, left, expected)
            }
            Check::LeavesKept(tests) => {
                let left = self.left(helper, value)?.1;
                self.kept(tests, value, left)
            }
            Check::LeavesSet(tests) => {
                let left = self.left(helper, value)?.1;
                let set: Vec<&str> =
                    tests.iter().copied().filter(|test| self.test(test, value) != Ok(Some(false))).collect();
                self.kept(&set, value, left)
            }
            Check::LeavesUnused => {
                let left = self.left(helper, value)?.1;
                self.unused(left)
            }
            Check::LeavesOther => {
                let left = self.returned(helper, value, value)?.1;
                if left == value {
                    Ok(Says::Holds)
                } else {
                    fails(Some(left), "it is another entry".to_owned())
                }
            }
            Check::ReturnsOld => {
                let returned = self.left(helper, value)?.0;
                if returned == value {
                    Ok(Says::Holds)
                } else {
                    fails(Some(returned), "it returns another entry".to_owned())
                }
            }
            Check::ReturnsTest(test) => {
                let returned = self.left(helper, value)?.0 != 0;
                let Some(expected) = self.test(test, value)? else {
                    return Ok(Says::NotThere(self.lacks(&self.name(test))));
                };
                if returned == expected {
                    Ok(Says::Holds)
                } else {
                    fails(None, format!("it returns {}", bool_is(returned)))
                }
            }
            Check::Returns(expected) => {
                let returned = self.left(helper, value)?.0;
                if returned == expected {
                    Ok(Says::Holds)
                } else {
                    fails(None, format!("it returns {returned}"))
                }
            }
            Check::Undocumented => Ok(Says::Holds),
        }
    }

    /// What a helper that is given an address returns and leaves.
    fn left(&self, helper: &str, value: u64) -> Result<(u64, u64), String> {
        let other = second_of(helper, value, |maker, entry| match self.observed.answer(maker, entry, 0) {
            Some(Answer::Returned { value, .. }) => Some(*value),
            _ => None,
        });
        self.returned(helper, value, other.unwrap_or(0))
    }

    /// Says that the tree lacks a helper that a rule asks.
    fn lacks(&self, helper: &str) -> String {
        match self.observed.lacks.get(helper) {
            Some(why) => format!("{helper}(): {why}"),
            None => format!("the probe does not have {helper}()"),
        }
    }

    fn expect(&self, test: &str, made: u64, expected: bool) -> Result<Says, String> {
        let Some(answer) = self.test(test, made)? else {
            return Ok(Says::NotThere(self.lacks(&self.name(test))));
        };
        if answer == expected {
            return Ok(Says::Holds);
        }
        let says = format!("{}() is {answer}", self.name(test));
        Ok(Says::Fails { result: Some(made), says })
    }

    fn kept(&self, tests: &[&str], before: u64, after: u64) -> Result<Says, String> {
        let mut compared = 0;
        for test in tests {
            let (Some(was), Some(is)) = (self.number(test, before)?, self.number(test, after)?) else {
                continue;
            };
            compared += 1;
            if was != is {
                let name = self.name(test);
                let says = if *test == "pfn" {
                    format!("{name}() was {was:#x}, and is {is:#x}")
                } else {
                    format!("{name}() was {was}, and is {is}")
                };
                return Ok(Says::Fails { result: Some(after), says });
            }
        }
        if compared == 0 && !tests.is_empty() {
            return Ok(Says::NotThere("the tree has no predicate to compare".to_owned()));
        }
        Ok(Says::Holds)
    }

    fn unused(&self, made: u64) -> Result<Says, String> {
        let Some(used) = self.used else {
            return Err(
                "no encoding is known for this version, so that it is not known what the MMU uses".to_owned()
            );
        };
        if used(made) {
            return Ok(Says::Fails { result: Some(made), says: "the MMU uses it".to_owned() });
        }
        Ok(Says::Holds)
    }
}

/// Returns the second number that a helper is given beside an entry, if it takes one: a helper that sets access flags, the
/// same mapping made young; one that installs an entry, the entry; a new huge mapping, its address.
pub fn second_of(helper: &str, entry: u64, make: impl Fn(&str, u64) -> Option<u64>) -> Option<u64> {
    let level = Level::ALL.into_iter().find(|level| helper.contains(level.name()))?;
    if helper.ends_with("set_access_flags") {
        return make(&format!("{}_mkyoung", level.name()), entry);
    }
    if helper.ends_with("_establish") || helper.ends_with("_same") || helper.starts_with("set_p") {
        return Some(entry);
    }
    helper.ends_with("_set_huge").then_some(HUGE_ADDRESS)
}

/// The physical address of the page that `pmd_set_huge()` and `pud_set_huge()` map: it is aligned for both.
pub const HUGE_ADDRESS: u64 = 1 << 33;

#[cfg(test)]
mod tests {
    use pmdscope_guest::probe::{Shape, helpers};

    use super::*;
    use crate::contract::rules::{EntryClass, rules};

    // A toy architecture that keeps all rules.
    const PRESENT: u64 = 1;
    const WRITE: u64 = 1 << 1;
    const YOUNG: u64 = 1 << 2;
    const DIRTY: u64 = 1 << 3;
    const SOFT_DIRTY: u64 = 1 << 4;
    const UFFD_WP: u64 = 1 << 5;
    const SPECIAL: u64 = 1 << 6;
    const PROTNONE: u64 = 1 << 7;
    const HUGE: u64 = 1 << 8;
    const INVALID: u64 = 1 << 9;
    const DEVMAP: u64 = 1 << 10;
    const EXCLUSIVE: u64 = 1 << 11;
    const SWAP: u64 = 1 << 12;
    const MIGRATION: u64 = 3;
    const MIGRATION_WRITE: u64 = 4;

    fn page(pfn: u64) -> u64 {
        PRESENT | HUGE | pfn << 20
    }

    fn swap(kind: u64, offset: u64) -> u64 {
        SWAP | kind << 13 | offset << 20
    }

    /// Returns what a helper of the toy architecture returns and leaves.
    fn toy(name: &str, entry: u64, other: u64) -> (u64, u64) {
        let is = |bit: u64| (u64::from(entry & bit != 0), 0);
        let makes = |value: u64| (value, 0);
        let leaves = |value: u64, after: u64| (value, after);
        let kind = entry >> 13 & 0x1f;
        let level = |name: &str| name.replace("pte", "X").replace("pmd", "X").replace("pud", "X");
        match level(name).as_str() {
            "X_none" | "huge_X_none" => (u64::from(entry == 0), 0),
            "X_present" => is(PRESENT | INVALID),
            "X_leaf" | "X_trans_huge" | "X_huge" => {
                (u64::from(entry & (PRESENT | INVALID) != 0 && entry & HUGE != 0), 0)
            }
            "X_bad" => (u64::from(entry & HUGE != 0), 0),
            "X_young" => is(YOUNG),
            "X_dirty" | "huge_X_dirty" => is(DIRTY),
            "X_write" | "huge_X_write" => is(WRITE),
            "X_special" => is(SPECIAL),
            "X_devmap" => is(DEVMAP),
            "X_protnone" => is(PROTNONE),
            "X_soft_dirty" | "X_swp_soft_dirty" => is(SOFT_DIRTY),
            "X_uffd_wp" | "X_swp_uffd_wp" => is(UFFD_WP),
            "X_swp_exclusive" => is(EXCLUSIVE),
            "X_same" => (u64::from(entry == other), 0),
            "X_pfn" => (entry >> 20, 0),
            "X_mkyoung" => makes(entry | YOUNG),
            "X_mkold" => makes(entry & !YOUNG),
            "X_mkdirty" | "huge_X_mkdirty" => makes(entry | DIRTY),
            "X_mkclean" => makes(entry & !DIRTY),
            "X_mkwrite" | "X_mkwrite_novma" | "huge_X_mkwrite" => makes(entry | WRITE),
            "X_wrprotect" | "huge_X_wrprotect" => makes(entry & !WRITE),
            "X_mkspecial" => makes(entry | SPECIAL),
            "X_mkdevmap" => makes(entry | DEVMAP),
            "X_mksoft_dirty" | "X_swp_mksoft_dirty" => makes(entry | SOFT_DIRTY),
            "X_clear_soft_dirty" | "X_swp_clear_soft_dirty" => makes(entry & !SOFT_DIRTY),
            "X_mkuffd_wp" | "X_swp_mkuffd_wp" => makes(entry | UFFD_WP),
            "X_clear_uffd_wp" | "X_swp_clear_uffd_wp" => makes(entry & !UFFD_WP),
            "X_swp_mkexclusive" => makes(entry | EXCLUSIVE),
            "X_swp_clear_exclusive" => makes(entry & !EXCLUSIVE),
            "X_mkinvalid" => makes(entry & !PRESENT | INVALID),
            "X_mknotpresent" => makes(entry & !PRESENT),
            "arch_make_huge_X" => makes(entry | HUGE),
            "__X_to_swp_entry" => (kind, entry >> 20),
            "__swp_entry_to_X" => makes(swap(entry, other)),
            "softleaf_is_migration" => (u64::from(kind == MIGRATION || kind == MIGRATION_WRITE), 0),
            "softleaf_is_migration_write" => (u64::from(kind == MIGRATION_WRITE), 0),
            "Xp_clear" | "X_clear" => leaves(0, 0),
            "Xp_get_and_clear"
            | "Xp_get_and_clear_full"
            | "Xp_huge_get_and_clear"
            | "Xp_huge_get_and_clear_full"
            | "huge_Xp_get_and_clear" => leaves(entry, 0),
            "Xp_test_and_clear_young" => leaves(u64::from(entry & YOUNG != 0), entry & !YOUNG),
            "Xp_set_wrprotect" | "huge_Xp_set_wrprotect" => leaves(0, entry & !WRITE),
            "Xp_set_access_flags" | "huge_Xp_set_access_flags" => leaves(1, entry | YOUNG),
            "X_set_huge" => leaves(1, page(other >> 12)),
            "X_clear_huge" => leaves(1, 0),
            "Xp_invalidate" | "Xp_invalidate_ad" => leaves(entry, entry & !PRESENT | INVALID),
            "Xp_establish" => leaves(entry, other),
            _ => (0, 0),
        }
    }

    fn entries(level: Level) -> Vec<ClassedEntry> {
        let marks = [0, WRITE, YOUNG, DIRTY, SOFT_DIRTY, UFFD_WP, WRITE | YOUNG | DIRTY | SOFT_DIRTY];
        let entry = |class, value, swap| ClassedEntry { level, class, value, swap };
        let mut entries =
            vec![entry(EntryClass::None, 0, None), entry(EntryClass::Table, PRESENT | 5 << 20, None)];
        for pfn in [0x200, 0x400] {
            entries.extend(marks.map(|mark| entry(EntryClass::Mapping, page(pfn) | mark, None)));
            entries.push(entry(EntryClass::Protnone, page(pfn) | PROTNONE, None));
            if level == Level::Pte {
                entries.extend(marks.map(|mark| entry(EntryClass::Hugetlb, page(pfn) | HUGE | mark, None)));
            }
        }
        for (class, kind) in [
            (EntryClass::Swap, 1),
            (EntryClass::MigrationRead, MIGRATION),
            (EntryClass::MigrationWrite, MIGRATION_WRITE),
        ] {
            entries.extend(
                [0, SOFT_DIRTY, UFFD_WP, EXCLUSIVE]
                    .map(|mark| entry(class, swap(kind, 0x77) | mark, Some((kind, 0x77)))),
            );
        }
        entries
    }

    /// Changes what a helper answers about an entry.
    type Fault<'a> = &'a dyn Fn(u64, (u64, u64)) -> (u64, u64);

    /// Asks the toy architecture everything about entries of some levels. `planted` is a helper with a fault.
    fn observed_at(levels: &[Level], planted: Option<(&str, Fault<'_>)>) -> Observed {
        let mut observed = Observed::default();
        let needs = rules().iter().flat_map(|rule| rule.needs).flat_map(|one_of| one_of.iter());
        observed.options = needs.map(|option| (*option).to_owned()).collect();
        let answer = |helper: &str, entry, other| {
            let answer = toy(helper, entry, other);
            match planted {
                Some((name, fault)) if name == helper => fault(entry, answer),
                _ => answer,
            }
        };
        for level in levels.iter().copied() {
            let of_level = entries(level);
            observed.entries.extend(&of_level);
            // What comes out of a helper, with a fault or without, is asked about as well.
            let first: Vec<u64> = of_level.iter().map(|entry| entry.value).collect();
            let mut values: std::collections::BTreeSet<u64> = first.iter().copied().collect();
            for helper in helpers().iter().filter(|helper| helper.level == level) {
                observed.note_helper(helper.name);
                for entry in &first {
                    let make = |maker: &str, entry| Some(toy(maker, entry, 0).0);
                    let others = [0, *entry, first[2], second_of(helper.name, *entry, make).unwrap_or(0)];
                    for other in others {
                        let (value, after) = answer(helper.name, *entry, other);
                        observed.note(helper.name, *entry, other, Answer::Returned { value, after });
                        if matches!(helper.shape, Shape::Change | Shape::Access | Shape::Huge) {
                            values.extend([value, after]);
                        }
                    }
                }
            }
            for helper in helpers().iter().filter(|helper| helper.level == level) {
                for entry in &values {
                    let (value, after) = answer(helper.name, *entry, 0);
                    observed.note(helper.name, *entry, 0, Answer::Returned { value, after });
                }
            }
        }
        observed
    }

    fn used(entry: u64) -> bool {
        entry & PRESENT != 0
    }

    /// Rules whose status is not `Kept`, of those that can be.
    fn not_kept(observed: &Observed) -> Vec<(&'static Rule, Cell)> {
        let judged = rules().iter().map(|rule| (rule, judge(rule, observed, Some(&used))));
        judged
            .filter(|(rule, cell)| cell.status != Status::Kept && rule.check != Check::Undocumented)
            .collect()
    }

    #[test]
    fn what_keeps_the_rules_has_no_finding() {
        let broken = not_kept(&observed_at(&Level::ALL, None));
        let there = broken.iter().filter(|(_, cell)| cell.status != Status::NotImplemented);
        assert_eq!(there.map(|(rule, cell)| (&rule.helper, &rule.says, cell)).collect::<Vec<_>>(), []);
    }

    /// Each rule is broken by some fault of the helper that it is about.
    #[test]
    fn a_planted_fault_fires_each_rule() {
        let faults: [Fault<'_>; 7] = [
            // A predicate answers the opposite; a number is another.
            &|_, (value, after)| (value ^ 1, after ^ 1),
            // Nothing is done.
            &|entry, _| (entry, entry),
            // Everything is cleared.
            &|_, _| (0, 0),
            // The page is another.
            &|_, (value, after)| (value ^ 1 << 30, after ^ 1 << 30),
            // Marks are lost, and gained.
            &|_, (value, after)| (value & !(YOUNG | DIRTY | WRITE), after & !(YOUNG | DIRTY | WRITE)),
            // The entry is valid, or not present.
            &|_, (value, after)| (value | PRESENT, after | PRESENT),
            &|_, (value, after)| (value & !(PRESENT | INVALID), after & !(PRESENT | INVALID)),
        ];
        for level in Level::ALL {
            let good = observed_at(&[level], None);
            for rule in rules().iter().filter(|rule| rule.level == level && rule.check != Check::Undocumented)
            {
                if judge(rule, &good, Some(&used)).status == Status::NotImplemented {
                    continue;
                }
                let helper = rule.called.iter().find(|name| good.has(name)).unwrap();
                let fires = |fault: &Fault<'_>| {
                    let observed = observed_at(&[level], Some((helper, fault)));
                    judge(rule, &observed, Some(&used)).status == Status::Broken
                };
                // What is made of a swap entry is read by another helper.
                assert!(
                    faults.iter().any(fires) || rule.check == Check::MakesSwap,
                    "nothing breaks {}: {}",
                    rule.helper,
                    rule.says
                );
            }
        }
    }

    #[test]
    fn a_helper_that_does_not_return_is_unknown_and_never_kept() {
        let mut observed = observed_at(&Level::ALL, None);
        for entry in entries(Level::Pmd) {
            observed.note("pmd_mkyoung", entry.value, 0, Answer::Unknown("stops".to_owned()));
        }
        let of_it: Vec<_> =
            not_kept(&observed).into_iter().filter(|(rule, _)| rule.helper == "pmd_mkyoung").collect();
        assert_eq!(of_it.len(), 2);
        assert!(of_it.iter().all(|(_, cell)| cell.status == Status::Unknown && cell.why.is_some()));
    }

    /// What a rule would ask may be missing. Then the rule is not kept: nothing was checked.
    #[test]
    fn a_rule_that_checks_nothing_is_never_kept() {
        let good = observed_at(&Level::ALL, None);
        for rule in rules().iter().filter(|rule| judge(rule, &good, Some(&used)).status == Status::Kept) {
            let mut alone = Observed::default();
            alone.options.clone_from(&good.options);
            alone.entries = entries(rule.level);
            let helper = rule.called.iter().find_map(|name| probe::helper(name)).expect("a helper");
            alone.note_helper(helper.name);
            for entry in &alone.entries.clone() {
                for other in [0, entry.value, HUGE_ADDRESS] {
                    let (value, after) = toy(helper.name, entry.value, other);
                    alone.note(helper.name, entry.value, other, Answer::Returned { value, after });
                }
            }
            let asks_itself = matches!(
                rule.check,
                Check::Answers(_)
                    | Check::Same
                    | Check::Holds
                    | Check::MakesUnused
                    | Check::LeavesUnused
                    | Check::LeavesOther
                    | Check::ReturnsOld
                    | Check::Returns(_)
            );
            let cell = judge(rule, &alone, Some(&used));
            assert!(
                asks_itself || matches!(cell.status, Status::NotImplemented | Status::Unknown),
                "{}: {} is {:?}",
                rule.helper,
                rule.says,
                cell
            );
        }
    }

    #[test]
    fn an_undocumented_input_is_unknown_if_one_entry_is() {
        let mut observed = observed_at(&[Level::Pmd], None);
        let swap = entries(Level::Pmd).into_iter().find(|entry| entry.class == EntryClass::Swap).unwrap();
        observed.note("pmd_mkinvalid", swap.value, 0, Answer::Unknown("stops".to_owned()));
        let is_it = |rule: &&Rule| rule.helper == "pmd_mkinvalid" && rule.check == Check::Undocumented;
        let cell = judge(rules().iter().find(is_it).unwrap(), &observed, None);
        assert_eq!((cell.status, cell.why.as_deref()), (Status::Unknown, Some("pmd_mkinvalid() stops")));
    }

    #[test]
    fn what_is_not_documented_is_shown_and_no_finding() {
        let observed = observed_at(&Level::ALL, None);
        let rule = rules()
            .iter()
            .find(|rule| rule.helper == "pmd_mkinvalid" && rule.check == Check::Undocumented)
            .unwrap();
        let cell = judge(rule, &observed, None);
        assert_eq!((cell.status, cell.broken, cell.entries), (Status::Undocumented, 12, 12));
        assert_eq!(cell.example.unwrap().says, "it becomes present");
    }

    #[test]
    fn an_option_that_is_not_set_is_named() {
        let mut observed = observed_at(&Level::ALL, None);
        observed.options.retain(|option| option != "MEM_SOFT_DIRTY");
        let rule = rules().iter().find(|rule| rule.helper == "pmd_mksoft_dirty").unwrap();
        let cell = judge(rule, &observed, None);
        assert_eq!(cell.status, Status::NotImplemented);
        assert_eq!(cell.why.as_deref(), Some("CONFIG_MEM_SOFT_DIRTY is not set"));
    }
}
