//! Asks the helpers of a probe about every entry that the helpers themselves can make.
//!
//! The first entries are mappings of some pages with each protection. Helpers that change one mark are run on them until
//! they make nothing new. So the entries do not come from a model, but from the tree's own code.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use pmdscope_emu::{HelperAnswer, Machine};
use pmdscope_guest::probe::{self, Helper, Level, Note, Shape};
use pmdscope_traces::contract::{Answer, ClassedEntry, EntryClass, Missing, Observed, second_of};

/// The most entries of one level.
const MOST_ENTRIES: usize = 20_000;

/// Protections, by the numbers of `guest/probe/helpers.h`: none, then read, write and execute in the ways that processes
/// have.
const PROTNONE: u64 = 0;
const PROTECTIONS: [u64; 4] = [1, 2, 3, 4];

/// Helpers that change one mark of a mapping, without the level.
const MARKS: [&str; 11] = [
    "mkyoung",
    "mkold",
    "mkdirty",
    "mkclean",
    "mkwrite",
    "mkwrite_novma",
    "wrprotect",
    "mksoft_dirty",
    "clear_soft_dirty",
    "mkuffd_wp",
    "clear_uffd_wp",
];
/// Those of them that are for a mapping with `PAGE_NONE` too.
const PROTNONE_MARKS: [&str; 6] =
    ["mkyoung", "mkold", "mkdirty", "mkclean", "mksoft_dirty", "clear_soft_dirty"];
/// Helpers that change one mark of a swap entry.
const SWAP_MARKS: [&str; 6] = [
    "swp_mksoft_dirty",
    "swp_clear_soft_dirty",
    "swp_mkuffd_wp",
    "swp_clear_uffd_wp",
    "swp_mkexclusive",
    "swp_clear_exclusive",
];

/// Swap types that are those of disks in every configuration.
const DISK_TYPES: std::ops::RangeInclusive<u64> = 0..=22;

/// The physical address of a page table.
const TABLE: u64 = 0x1234_0000;

/// Asks everything. `pfn` is a page frame number that fits every entry.
pub fn observe(machine: &mut Machine, pfn: u64) -> Result<Observed> {
    let mut asker = Asker { machine, observed: Observed::default() };
    let guest = asker.machine.guest();
    let note = guest.note().cloned();
    let has: Vec<&'static Helper> =
        probe::helpers().iter().filter(|helper| guest.has(&helper.symbol())).collect();
    for helper in &has {
        asker.observed.note_helper(helper.name);
    }
    if let Some(Note { options, lacks, .. }) = note {
        asker.observed.options = options;
        asker.observed.lacks = lacks.into_iter().collect();
    }
    asker.what_the_cpu_supports()?;
    for level in Level::ALL {
        asker.level(level, pfn)?;
    }
    Ok(asker.observed)
}

struct Asker<'a> {
    machine: &'a mut Machine,
    observed: Observed,
}

/// Helpers that say whether the CPU supports what an option has code for, and the option. One without an option is an
/// option by itself.
const SUPPORTS: [(&str, &str); 6] = [
    ("has_transparent_hugepage", "TRANSPARENT_HUGEPAGE"),
    ("has_transparent_pud_hugepage", "HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD"),
    ("pgtable_supports_soft_dirty", "MEM_SOFT_DIRTY"),
    ("pgtable_supports_uffd_wp", "HAVE_ARCH_USERFAULTFD_WP"),
    ("arch_vmap_pmd_supported", "arch_vmap_pmd_supported"),
    ("arch_vmap_pud_supported", "arch_vmap_pud_supported"),
];

impl Asker<'_> {
    /// Takes away options that do nothing on this CPU.
    fn what_the_cpu_supports(&mut self) -> Result<()> {
        for (helper, option) in SUPPORTS {
            // What is not asked for by a helper is there: older kernels have no such helper.
            let has = match self.made(helper, &[(0, 0)], |value, _| value)? {
                Ok(values) => values.iter().all(|value| *value != 0),
                Err(_) => true,
            };
            if !has {
                self.observed.options.retain(|set| set != option);
                self.observed.unsupported.insert(option, format!("{helper}() is false on this CPU"));
                if option == "TRANSPARENT_HUGEPAGE" {
                    for option in ["HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD", "ARCH_ENABLE_THP_MIGRATION"] {
                        self.observed.options.retain(|set| set != option);
                        self.observed.unsupported.insert(option, format!("{helper}() is false on this CPU"));
                    }
                }
            } else if option == helper {
                self.observed.options.push(option.to_owned());
            }
        }
        Ok(())
    }

    fn level(&mut self, level: Level, pfn: u64) -> Result<()> {
        let name = |helper: &str| format!("{}_{helper}", level.name());
        let mut entries = BTreeSet::new();
        let mut add = |class, values: Vec<u64>| {
            entries.extend(values.into_iter().map(|value| ClassedEntry { level, class, value, swap: None }));
        };

        let pfns = [pfn, 1 << 20];
        for (class, protections, marks) in [
            (EntryClass::Mapping, &PROTECTIONS[..], &MARKS[..]),
            (EntryClass::Protnone, &[PROTNONE], &PROTNONE_MARKS),
        ] {
            if class == EntryClass::Protnone && !self.observed.has(&name("protnone")) {
                let why = format!("{}(): the tree has none", name("protnone"));
                self.missing(level, class, Missing::NotThere(why));
                continue;
            }
            match self.mappings(level, &pfns, protections)? {
                Ok(first) => {
                    match self.closure(first, &marks.iter().map(|mark| name(mark)).collect::<Vec<_>>())? {
                        Some(all) => {
                            if (level, class) == (Level::Pte, EntryClass::Mapping) {
                                match self.hugetlb(&all)? {
                                    Ok(huge) => add(EntryClass::Hugetlb, huge),
                                    Err(why) => self.missing(level, EntryClass::Hugetlb, why),
                                }
                            }
                            add(class, all);
                        }
                        None => self.missing(level, class, too_many()),
                    }
                }
                Err(why) => {
                    if class == EntryClass::Mapping {
                        self.missing(level, EntryClass::Hugetlb, why.clone());
                    }
                    self.missing(level, class, why);
                }
            }
        }
        let mut full = 0;
        if level != Level::Pte {
            match self.made(&name("populate"), &[(0, TABLE)], |_, after| after)? {
                Ok(values) => {
                    full = values[0];
                    add(EntryClass::Table, values);
                }
                Err(why) => self.missing(level, EntryClass::Table, why),
            }
        }
        // On s390x an entry says at which level it is, and is cleared to an empty one of that level.
        match self.made(&name("clear"), &[(full, 0)], |_, after| after)? {
            Ok(values) => add(EntryClass::None, values),
            Err(why) => self.missing(level, EntryClass::None, why),
        }
        let has_swap = level == Level::Pte
            || self.observed.options.iter().any(|option| option == "ARCH_ENABLE_THP_MIGRATION");
        if !has_swap {
            for class in [EntryClass::Swap, EntryClass::MigrationRead, EntryClass::MigrationWrite] {
                self.missing(
                    level,
                    class,
                    Missing::NotThere("CONFIG_ARCH_ENABLE_THP_MIGRATION is not set".to_owned()),
                );
            }
        } else if level == Level::Pmd {
            for (class, maker, writable) in [
                (EntryClass::MigrationRead, "make_readable_migration_entry", 0),
                (EntryClass::MigrationWrite, "make_writable_migration_entry", 1),
            ] {
                // Before 5.14 one helper made both, of a page.
                let maker = if self.observed.has(maker) { maker } else { "swp_entry_of_migration" };
                let calls: Vec<_> = self.frames(pfn)?.into_iter().map(|pfn| (pfn, writable)).collect();
                let made = match self.made(maker, &calls, |value, _| value)? {
                    Ok(first) => self.closure(first, &swap_marks(level))?.ok_or_else(too_many),
                    Err(why) => Err(why),
                };
                match made {
                    Ok(values) => add(class, values),
                    Err(why) => self.missing(level, class, why),
                }
            }
        }
        if has_swap {
            entries.extend(self.swap_entries(level)?);
        }
        self.observed.entries.extend(entries.iter().copied());
        self.ask_everything(level, &entries)
    }

    /// Page frame numbers of huge pages, each bit that one can have by itself, and all together.
    fn frames(&mut self, pfn: u64) -> Result<Vec<u64>> {
        let bits = self
            .made("swp_pfn_bits", &[(0, 0)], |value, _| value)?
            .ok()
            .and_then(|bits| bits.first().copied());
        let bits = bits.unwrap_or(0).min(52);
        let first = pfn.trailing_zeros().min(9);
        let mut frames: Vec<u64> = (u64::from(first)..bits).map(|bit| 1 << bit).collect();
        frames.extend([pfn, (1 << bits) - (1 << first)]);
        Ok(frames)
    }

    fn missing(&mut self, level: Level, class: EntryClass, why: Missing) {
        self.observed.missing.insert((level, class), why);
    }

    /// Makes a mapping of each page with each protection. The inner error is the reason why none can be made.
    fn mappings(
        &mut self,
        level: Level,
        pfns: &[u64],
        protections: &[u64],
    ) -> Result<Result<Vec<u64>, Missing>> {
        let calls: Vec<_> =
            pfns.iter().flat_map(|pfn| protections.iter().map(|protection| (*pfn, *protection))).collect();
        let made = self.made(&format!("pfn_{}", level.name()), &calls, |value, _| value)?;
        let Ok(first) = made else { return Ok(made) };
        if level == Level::Pte {
            return Ok(Ok(first));
        }
        let calls: Vec<_> = first.into_iter().map(|entry| (entry, 0)).collect();
        self.made(&format!("{}_mkhuge", level.name()), &calls, |value, _| value)
    }

    /// Makes mappings of hugetlbfs of mappings.
    fn hugetlb(&mut self, mappings: &[u64]) -> Result<Result<Vec<u64>, Missing>> {
        let calls: Vec<_> = mappings.iter().map(|entry| (*entry, 0)).collect();
        self.made("arch_make_huge_pte", &calls, |value, _| value)
    }

    /// Swap entries of all types and offsets that an entry can hold, with all marks.
    fn swap_entries(&mut self, level: Level) -> Result<Vec<ClassedEntry>> {
        let (maker, reader) =
            (format!("__swp_entry_to_{}", level.name()), format!("__{}_to_swp_entry", level.name()));
        if level == Level::Pud {
            return Ok(Vec::new());
        }
        // How large an offset can be.
        let most = match self.made(&maker, &[(0, u64::MAX)], |value, _| value)? {
            Ok(largest) => {
                let calls: Vec<_> = largest.into_iter().map(|entry| (entry, 0)).collect();
                self.made(&reader, &calls, |_, offset| offset)?
            }
            Err(why) => Err(why),
        };
        let most = match most {
            Ok(most) => most.first().copied().unwrap_or(0),
            Err(why) => {
                self.missing(level, EntryClass::Swap, why);
                return Ok(Vec::new());
            }
        };
        // The header of a swap area has the number of its last page in 32 bits.
        let most = most.min(u32::MAX.into());
        let bits = (0..64).map(|bit| 1_u64 << bit).filter(|bit| bit & most != 0);
        let offsets: BTreeSet<u64> = bits
            .clone()
            .chain(bits.map(|bit| most & !bit))
            .chain([1, most])
            .filter(|offset| *offset != 0)
            .collect();
        let last = *DISK_TYPES.end();
        let held: BTreeSet<(u64, u64)> = DISK_TYPES
            .flat_map(|kind| [(kind, 1), (kind, most)])
            .chain(offsets.iter().flat_map(|offset| [(0, *offset), (last, *offset)]))
            .collect();
        let held: Vec<_> = held.into_iter().collect();
        let first = match self.made(&maker, &held, |value, _| value)? {
            Ok(first) => first,
            Err(why) => {
                self.missing(level, EntryClass::Swap, why);
                return Ok(Vec::new());
            }
        };
        let mut all: BTreeMap<u64, (u64, u64)> = first.into_iter().zip(held).collect();
        let mut new: Vec<(u64, (u64, u64))> = all.iter().map(|(entry, held)| (*entry, *held)).collect();
        while !new.is_empty() {
            if all.len() > MOST_ENTRIES {
                self.missing(level, EntryClass::Swap, too_many());
                return Ok(Vec::new());
            }
            let mut made = Vec::new();
            for mark in swap_marks(level) {
                let calls: Vec<_> = new.iter().map(|(entry, _)| (*entry, 0)).collect();
                if let Ok(values) = self.made(&mark, &calls, |value, _| value)? {
                    made.extend(values.into_iter().zip(new.iter().map(|(_, held)| *held)));
                }
            }
            new = made.into_iter().filter(|(entry, held)| all.insert(*entry, *held).is_none()).collect();
        }
        let class = EntryClass::Swap;
        Ok(all
            .into_iter()
            .map(|(value, held)| ClassedEntry { level, class, value, swap: Some(held) })
            .collect())
    }

    /// Runs helpers on entries, and on what they make, until nothing is new. `None` if there is no end to it.
    fn closure(&mut self, first: Vec<u64>, helpers: &[String]) -> Result<Option<Vec<u64>>> {
        let mut all: BTreeSet<u64> = first.into_iter().collect();
        let mut new: Vec<u64> = all.iter().copied().collect();
        while !new.is_empty() {
            let calls: Vec<_> = new.iter().map(|entry| (*entry, 0)).collect();
            let mut made = Vec::new();
            for helper in helpers {
                // One that is not there, or does not return, makes nothing. Its own rules say so.
                made.extend(self.made(helper, &calls, |value, _| value)?.unwrap_or_default());
            }
            new = made.into_iter().filter(|entry| all.insert(*entry)).collect();
            if all.len() > MOST_ENTRIES {
                return Ok(None);
            }
        }
        Ok(Some(all.into_iter().collect()))
    }

    /// Asks all helpers of a level about its entries, and all predicates about what comes out.
    fn ask_everything(&mut self, level: Level, entries: &BTreeSet<ClassedEntry>) -> Result<()> {
        let mapped = |entry: &&ClassedEntry| {
            matches!(entry.class, EntryClass::Mapping | EntryClass::Protnone | EntryClass::Hugetlb)
        };
        let values =
            |all: Vec<&ClassedEntry>| all.into_iter().map(|entry| entry.value).collect::<BTreeSet<u64>>();
        let mappings = values(entries.iter().filter(mapped).collect());
        let swaps = values(
            entries
                .iter()
                .filter(|entry| {
                    !mapped(entry) && !matches!(entry.class, EntryClass::None | EntryClass::Table)
                })
                .collect(),
        );
        let of_class = |class| values(entries.iter().filter(|entry| entry.class == class).collect());
        let (empty, hugetlb) = (of_class(EntryClass::None), of_class(EntryClass::Hugetlb));
        let mut seen: BTreeSet<u64> = entries.iter().map(|entry| entry.value).collect();

        let of_level = || probe::helpers().iter().filter(move |helper| helper.level == level);
        for helper in
            of_level().filter(|helper| matches!(helper.shape, Shape::Change | Shape::Access | Shape::Huge))
        {
            if !self.observed.has(helper.name)
                || helper.name.ends_with("_modify")
                || helper.name.ends_with("_populate")
            {
                continue;
            }
            let is_of_swap = helper.name.contains("_swp_");
            let is_of_both = helper.name.ends_with("_mkinvalid") || helper.name.contains("p_invalidate");
            let mut of: Vec<u64> = if is_of_swap {
                swaps.iter().copied().collect()
            } else if helper.name.ends_with("_set_huge") {
                empty.iter().copied().collect()
            } else if helper.shape == Shape::Huge {
                hugetlb.iter().copied().collect()
            } else {
                mappings.iter().copied().collect()
            };
            if is_of_both {
                of.extend(&swaps);
            }
            let calls: Vec<(u64, u64)> =
                of.iter().map(|entry| (*entry, self.second(helper.name, *entry))).collect();
            for answer in self.ask(helper, &calls)? {
                if let HelperAnswer::Returned { value, after } = answer {
                    seen.insert(if helper.takes_address() { after } else { value });
                }
            }
        }
        let seen: Vec<u64> = seen.into_iter().collect();
        for helper in
            of_level().filter(|helper| matches!(helper.shape, Shape::Test | Shape::Number | Shape::Swap))
        {
            // These are asked about what they are for alone. Other numbers and tests are in no rule.
            let asked = !["page", "leaf_size", "user", "exec", "access_permitted"]
                .iter()
                .any(|name| helper.name == format!("{}_{name}", level.name()))
                && !["pmd_huge", "pud_huge"].contains(&helper.name);
            if !self.observed.has(helper.name) || !asked {
                continue;
            }
            if helper.name.ends_with("_same") {
                let other = mappings.iter().next_back().copied().unwrap_or(0);
                let calls: Vec<_> =
                    mappings.iter().flat_map(|entry| [(*entry, *entry), (*entry, other)]).collect();
                self.ask(helper, &calls)?;
                continue;
            }
            let is_of_swap = helper.shape == Shape::Swap
                || helper.name.contains("swp_")
                || helper.name.contains("migration");
            let calls: Vec<(u64, u64)> = if is_of_swap {
                let makes: Vec<u64> = self.swap_results(level, &swaps);
                makes.into_iter().map(|entry| (entry, 0)).collect()
            } else {
                seen.iter().map(|entry| (*entry, 0)).collect()
            };
            self.ask(helper, &calls)?;
        }
        Ok(())
    }

    /// Swap entries, and what the helpers for them make of them.
    fn swap_results(&self, level: Level, swaps: &BTreeSet<u64>) -> Vec<u64> {
        let mut all = swaps.clone();
        for mark in swap_marks(level) {
            all.extend(swaps.iter().filter_map(|entry| match self.observed.answer(&mark, *entry, 0)? {
                Answer::Returned { value, .. } => Some(*value),
                Answer::Unknown(_) => None,
            }));
        }
        all.into_iter().collect()
    }

    fn second(&self, helper: &str, entry: u64) -> u64 {
        let made = |maker: &str, entry| match self.observed.answer(maker, entry, 0)? {
            Answer::Returned { value, .. } => Some(*value),
            Answer::Unknown(_) => None,
        };
        second_of(helper, entry, made).unwrap_or(0)
    }

    /// Asks a helper, and notes what it answers.
    fn ask(&mut self, helper: &'static Helper, calls: &[(u64, u64)]) -> Result<Vec<HelperAnswer>> {
        let answers = self.machine.call_helper(helper, calls)?;
        let mut why = None;
        for ((entry, other), answer) in calls.iter().zip(&answers) {
            let noted = match answer {
                HelperAnswer::Returned { value, after } => Answer::Returned { value: *value, after: *after },
                HelperAnswer::Stopped(reason) => Answer::Unknown(why.insert(reason.clone()).clone()),
                HelperAnswer::NotRun => {
                    Answer::Unknown(why.clone().unwrap_or_else(|| "was not run".to_owned()))
                }
            };
            self.observed.note(helper.name, *entry, *other, noted);
        }
        Ok(answers)
    }

    /// Asks a helper by its name, and returns what it makes. The inner error is the reason why it makes nothing.
    fn made(
        &mut self,
        helper: &str,
        calls: &[(u64, u64)],
        pick: impl Fn(u64, u64) -> u64,
    ) -> Result<Result<Vec<u64>, Missing>> {
        let Some(helper) = probe::helper(helper).filter(|_| self.observed.has(helper)) else {
            let why = self
                .observed
                .lacks
                .get(helper)
                .cloned()
                .unwrap_or_else(|| "the probe does not have it".to_owned());
            return Ok(Err(Missing::NotThere(format!("{helper}(): {why}"))));
        };
        let mut values = Vec::with_capacity(calls.len());
        for answer in self.ask(helper, calls)? {
            match answer {
                HelperAnswer::Returned { value, after } => values.push(pick(value, after)),
                HelperAnswer::Stopped(why) => {
                    return Ok(Err(Missing::Unknown(format!("{}() {why}", helper.name))));
                }
                HelperAnswer::NotRun => {
                    return Ok(Err(Missing::Unknown(format!("{}() was not run", helper.name))));
                }
            }
        }
        Ok(Ok(values))
    }
}

fn too_many() -> Missing {
    Missing::Unknown(format!("there are more than {MOST_ENTRIES} such entries"))
}

fn swap_marks(level: Level) -> Vec<String> {
    SWAP_MARKS.iter().map(|mark| format!("{}_{mark}", level.name())).collect()
}
