//! The rules of page-table helpers: what the kernel's documentation says of each, and what generic code relies on.
//!
//! The documentation is `Documentation/mm/arch_pgtable_helpers.rst` of Linux 7.2.13 (`Documentation/vm/` in 5.10). It
//! says in a few words what a helper does. A rule here says it so that it can be checked, in our words.

use std::sync::LazyLock;

use pmdscope_guest::probe::Level;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of entry that helpers are asked about. It is known by how the entry was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryClass {
    /// What `pmd_clear()` leaves.
    None,
    /// It leads to a page table.
    Table,
    /// A mapping that may be used.
    Mapping,
    /// A mapping with the protection `PAGE_NONE`.
    Protnone,
    /// A mapping of hugetlbfs, as `arch_make_huge_pte()` makes it of a mapping.
    Hugetlb,
    /// A swap entry, of any type.
    Swap,
    /// A migration entry of a page that is not writable.
    MigrationRead,
    /// A migration entry of a writable page.
    MigrationWrite,
}

impl EntryClass {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            EntryClass::None => "none",
            EntryClass::Table => "table",
            EntryClass::Mapping => "mapping",
            EntryClass::Protnone => "protnone",
            EntryClass::Hugetlb => "hugetlb",
            EntryClass::Swap => "swap",
            EntryClass::MigrationRead => "migration-read",
            EntryClass::MigrationWrite => "migration-write",
        }
    }
}

/// Where a rule is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The documentation: the line of Linux 7.2.13.
    Documentation(u16),
    /// The documentation of Linux 6.12.107, for what 7.2 does not have any more: the line.
    OlderDocumentation(u16),
    /// No document. Generic code relies on it: which.
    ReliedOnBy(&'static str),
}

/// What is checked of a helper. Names of tests lack the level: `young` is `pmd_young()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// It answers so.
    Answers(bool),
    /// It answers true for what the first helper makes of the entry, and false for what the second makes, if there is
    /// one.
    Tells(&'static str, Option<&'static str>),
    /// The test answers so for what it makes.
    Makes(&'static str, bool),
    /// The tests and numbers answer as before for what it makes.
    Keeps(&'static [&'static str]),
    /// What it makes, the MMU does not use.
    MakesUnused,
    /// An entry is the same as itself, and not as one of another page.
    Same,
    /// A swap entry has the type and offset that it was made of.
    Holds,
    /// The type and offset of what it makes are those of the entry.
    KeepsSwap,
    /// It makes an entry that holds this type and offset.
    MakesSwap,
    /// The entry that it leaves is answered so by the test.
    Leaves(&'static str, bool),
    /// The tests and numbers answer as before for the entry that it leaves.
    LeavesKept(&'static [&'static str]),
    /// What the tests answer with true for the entry, they do for the entry that it leaves.
    LeavesSet(&'static [&'static str]),
    /// The MMU does not use the entry that it leaves.
    LeavesUnused,
    /// The entry that it leaves is the second that it is given.
    LeavesOther,
    /// It returns the entry that was there.
    ReturnsOld,
    /// It returns what the test says of the entry that was there.
    ReturnsTest(&'static str),
    /// It returns this number.
    Returns(u64),
    /// Nothing is documented for the entry. What it makes of it is shown.
    Undocumented,
}

/// A rule of a helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The documented name of the helper.
    pub helper: String,
    /// The names that the helper has in trees, the first that is there counts.
    pub(super) called: Vec<String>,
    /// The level.
    pub level: Level,
    /// The classes of entries that it is checked for.
    pub on: &'static [EntryClass],
    /// What is said, in our words.
    pub says: String,
    /// Where it is from.
    pub origin: Origin,
    /// The options that the tree must have: one of each group.
    pub(super) needs: &'static [&'static [&'static str]],
    pub(super) check: Check,
}

use Check::*;
use EntryClass as On;

/// Entries that are neither empty nor present.
const NON_PRESENT: &[On] = &[On::Swap, On::MigrationRead, On::MigrationWrite];

const KEEPS_BUT_YOUNG: &[&str] = &[
    "present",
    "leaf",
    "trans_huge",
    "dirty",
    "write",
    "soft_dirty",
    "uffd_wp",
    "special",
    "protnone",
    "pfn",
];
/// A page that is written to is soft-dirty too, so a helper that marks it dirty may say so.
const KEEPS_BUT_DIRTY: &[&str] =
    &["present", "leaf", "trans_huge", "young", "write", "uffd_wp", "special", "protnone", "pfn"];
const KEEPS_BUT_WRITE: &[&str] =
    &["present", "leaf", "trans_huge", "young", "dirty", "soft_dirty", "uffd_wp", "special", "pfn"];
const KEEPS_BUT_SPECIAL: &[&str] =
    &["present", "leaf", "young", "dirty", "write", "soft_dirty", "uffd_wp", "protnone", "pfn"];
const KEEPS_BUT_SOFT_DIRTY: &[&str] =
    &["present", "leaf", "trans_huge", "young", "dirty", "write", "uffd_wp", "special", "protnone", "pfn"];
const KEEPS_BUT_UFFD_WP: &[&str] =
    &["present", "leaf", "trans_huge", "young", "dirty", "soft_dirty", "special", "protnone", "pfn"];
const INVALID_KEEPS: &[&str] = &["young", "dirty", "write", "soft_dirty", "uffd_wp", "special", "pfn"];

/// Options that a rule needs: one of each group.
type Needs = &'static [&'static [&'static str]];

const ALWAYS: Needs = &[];
const SOFT_DIRTY: Needs = &[&["MEM_SOFT_DIRTY"]];
const UFFD_WP: Needs = &[&["HAVE_ARCH_USERFAULTFD_WP"]];
const DEVMAP: Needs = &[&["ARCH_HAS_PTE_DEVMAP"]];
const HUGETLB: Needs = &[&["HUGETLB_PAGE"]];
const THP: Needs = &[&["TRANSPARENT_HUGEPAGE"]];
const HUGE_PUD: Needs = &[&["HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD"]];
const MIGRATION: Needs = &[&["ARCH_ENABLE_THP_MIGRATION"]];

const GENERIC_WALKERS: &str = "walkers that ask for a leaf before they ask whether the entry is present";
const LOCKLESS: &str =
    "GUP-fast and all other walkers without a lock, which take what is present for a mapping";
const ENTRY_IS_SEEN: &str =
    "whoever reads the entry while it is invalid: it is the same mapping, for the same page";
const WRITERS: &str =
    "mm/huge_memory.c, mm/mprotect.c and fs/proc/task_mmu.c, which change one mark at a time";
const EMPTY: &str = "all walkers: an entry that was cleared is empty";
const MMU_OFF: &str = "the split and migration, which write the entry again while no CPU may use it";
const SWAP_HELD: &str = "mm/huge_memory.c and mm/migrate.c, which mark swap entries and read them again";

impl Rule {
    /// The options that the tree must have: one of each group.
    pub fn needs(&self) -> &'static [&'static [&'static str]] {
        self.needs
    }
}

/// Builds the rules of one level.
struct Rules {
    level: Level,
    rules: Vec<Rule>,
}

impl Rules {
    /// Adds a rule. In `helper`, `X` is the level: `X_young` is `pmd_young`.
    fn add(
        &mut self,
        helper: &str,
        line: u16,
        needs: Needs,
        on: &'static [EntryClass],
        says: &str,
        check: Check,
    ) {
        self.push(helper, Origin::Documentation(line), needs, on, says, check);
    }

    fn relied(
        &mut self,
        helper: &str,
        by: &'static str,
        needs: Needs,
        on: &'static [EntryClass],
        says: &str,
        check: Check,
    ) {
        self.push(helper, Origin::ReliedOnBy(by), needs, on, says, check);
    }

    fn push(
        &mut self,
        helper: &str,
        origin: Origin,
        needs: Needs,
        on: &'static [EntryClass],
        says: &str,
        check: Check,
    ) {
        let level = self.level.name();
        let helper = if helper == "ptep_clear" { helper.to_owned() } else { helper.replace('X', level) };
        let called = match helper.as_str() {
            "pmdp_get_and_clear" => vec!["pmdp_huge_get_and_clear".to_owned()],
            "pmdp_get_and_clear_full" => vec!["pmdp_huge_get_and_clear_full".to_owned()],
            "pudp_get_and_clear" => vec!["pudp_huge_get_and_clear".to_owned()],
            "pudp_get_and_clear_full" => vec!["pudp_huge_get_and_clear_full".to_owned()],
            "is_migration_entry" => vec!["softleaf_is_migration".to_owned(), helper.clone()],
            "is_writable_migration_entry" => {
                vec![
                    "softleaf_is_migration_write".to_owned(),
                    helper.clone(),
                    "is_write_migration_entry".to_owned(),
                ]
            }
            // They have made the entries that are asked about.
            "make_readable_migration_entry" | "make_writable_migration_entry" => {
                vec!["softleaf_is_migration".to_owned(), "is_migration_entry".to_owned()]
            }
            _ => vec![helper.clone()],
        };
        let says = says.replace('X', level);
        self.rules.push(Rule { helper, called, level: self.level, on, says, origin, needs, check });
    }
}

/// The lines of the documentation for a helper at each level: PTE, PMD, PUD. 0 where it has none.
type Lines = [u16; 3];

/// Returns all rules, those of a helper together, in the order of the documentation.
pub fn rules() -> &'static [Rule] {
    static ALL: LazyLock<Vec<Rule>> = LazyLock::new(all);
    &ALL
}

fn all() -> Vec<Rule> {
    let mut all = Vec::new();
    for level in Level::ALL {
        let mut rules = Rules { level, rules: Vec::new() };
        predicates(&mut rules);
        changes(&mut rules);
        accesses(&mut rules);
        match level {
            Level::Pte => hugetlb(&mut rules),
            Level::Pmd => migration(&mut rules),
            Level::Pud => {}
        }
        swap(&mut rules);
        all.extend(rules.rules);
    }
    all
}

impl Rules {
    /// The line for this level.
    fn line(&self, lines: Lines) -> u16 {
        match self.level {
            Level::Pte => lines[0],
            Level::Pmd => lines[1],
            Level::Pud => lines[2],
        }
    }

    /// The options that mappings at this level need.
    fn huge(&self) -> Needs {
        match self.level {
            Level::Pte => ALWAYS,
            Level::Pmd => THP,
            Level::Pud => HUGE_PUD,
        }
    }

    fn special(&self) -> Needs {
        match self.level {
            Level::Pte => &[&["ARCH_HAS_PTE_SPECIAL"]],
            Level::Pmd => &[&["ARCH_SUPPORTS_PMD_PFNMAP"], &["TRANSPARENT_HUGEPAGE"]],
            Level::Pud => &[&["ARCH_SUPPORTS_PUD_PFNMAP"]],
        }
    }

    fn protnone(&self) -> Needs {
        match self.level {
            Level::Pte => &[&["ARCH_HAS_PTE_PROTNONE", "NUMA_BALANCING"]],
            _ => &[&["ARCH_HAS_PTE_PROTNONE", "NUMA_BALANCING"], &["TRANSPARENT_HUGEPAGE"]],
        }
    }

    fn devmap(&self) -> Needs {
        match self.level {
            Level::Pte => DEVMAP,
            Level::Pmd => &[&["ARCH_HAS_PTE_DEVMAP"], &["TRANSPARENT_HUGEPAGE"]],
            Level::Pud => &[&["ARCH_HAS_PTE_DEVMAP"], &["HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD"]],
        }
    }

    /// Of huge mappings of the kernel.
    fn vmap(&self) -> Needs {
        match self.level {
            Level::Pud => &[&["HAVE_ARCH_HUGE_VMAP"], &["arch_vmap_pud_supported"]],
            _ => &[&["HAVE_ARCH_HUGE_VMAP"], &["arch_vmap_pmd_supported"]],
        }
    }

    fn swap(&self) -> Needs {
        if self.level == Level::Pmd { MIGRATION } else { ALWAYS }
    }

    /// Marks of mappings.
    fn soft_dirty(&self) -> Needs {
        if self.level == Level::Pte { SOFT_DIRTY } else { &[&["MEM_SOFT_DIRTY"], &["TRANSPARENT_HUGEPAGE"]] }
    }

    fn uffd_wp(&self) -> Needs {
        if self.level == Level::Pte {
            UFFD_WP
        } else {
            &[&["HAVE_ARCH_USERFAULTFD_WP"], &["TRANSPARENT_HUGEPAGE"]]
        }
    }

    /// Marks of swap entries.
    fn swap_soft_dirty(&self) -> Needs {
        if self.level == Level::Pte {
            SOFT_DIRTY
        } else {
            &[&["MEM_SOFT_DIRTY"], &["ARCH_ENABLE_THP_MIGRATION"]]
        }
    }

    fn swap_uffd_wp(&self) -> Needs {
        if self.level == Level::Pte {
            UFFD_WP
        } else {
            &[&["HAVE_ARCH_USERFAULTFD_WP"], &["ARCH_ENABLE_THP_MIGRATION"]]
        }
    }
}

fn predicates(rules: &mut Rules) {
    const MAPPINGS: &[On] = &[On::Mapping, On::Protnone];
    let huge = rules.huge();
    let line = rules.line([19, 83, 156]);
    rules.add(
        "X_same",
        line,
        huge,
        MAPPINGS,
        "an entry is the same as itself, and not as one of another page",
        Same,
    );
    let line = rules.line([21, 91, 164]);
    rules.add("X_present", line, huge, MAPPINGS, "a mapping is present, also with PAGE_NONE", Answers(true));
    rules.relied("X_present", LOCKLESS, &[], &[On::None], "an empty entry is not present", Answers(false));
    if rules.level != Level::Pud {
        let needs = rules.swap();
        rules.relied(
            "X_present",
            LOCKLESS,
            needs,
            NON_PRESENT,
            "a swap entry is not present, whatever its type, offset and marks",
            Answers(false),
        );
        rules.relied("X_none", LOCKLESS, needs, NON_PRESENT, "a swap entry is not empty", Answers(false));
    }
    rules.relied("X_none", EMPTY, &[], &[On::None], "what X_clear() leaves is empty", Answers(true));
    rules.relied("X_none", EMPTY, huge, MAPPINGS, "a mapping is not empty", Answers(false));
    if rules.level != Level::Pte {
        let line = rules.line([0, 85, 158]);
        rules.add(
            "X_bad",
            line,
            &[],
            &[On::Table],
            "an entry that leads to a table is not bad",
            Answers(false),
        );
        rules.add("X_bad", line, huge, &[On::Mapping], "a mapping is no table, so it is bad", Answers(true));
        let line = rules.line([0, 87, 160]);
        rules.add("X_leaf", line, huge, MAPPINGS, "a mapping is a leaf", Answers(true));
        rules.add(
            "X_leaf",
            line,
            &[],
            &[On::Table],
            "an entry that leads to a table is no leaf",
            Answers(false),
        );
        let line = rules.line([0, 89, 162]);
        rules.add(
            "X_trans_huge",
            line,
            huge,
            MAPPINGS,
            "a mapping is a transparent huge page",
            Answers(true),
        );
        rules.add(
            "X_trans_huge",
            line,
            huge,
            &[On::Table],
            "an entry that leads to a table is no huge page",
            Answers(false),
        );
    }
    if rules.level == Level::Pmd {
        rules.relied(
            "X_leaf",
            GENERIC_WALKERS,
            MIGRATION,
            NON_PRESENT,
            "a swap entry is no leaf",
            Answers(false),
        );
        rules.relied(
            "X_trans_huge",
            "callers that do not ask for a migration entry first",
            MIGRATION,
            NON_PRESENT,
            "a swap entry is no transparent huge page",
            Answers(false),
        );
    }
    let line = rules.line([23, 93, 166]);
    rules.add(
        "X_young",
        line,
        huge,
        MAPPINGS,
        "it tells what X_mkyoung() makes from what X_mkold() makes",
        Tells("mkyoung", Some("mkold")),
    );
    let line = rules.line([25, 95, 168]);
    rules.add(
        "X_dirty",
        line,
        huge,
        MAPPINGS,
        "it tells what X_mkdirty() makes from what X_mkclean() makes",
        Tells("mkdirty", Some("mkclean")),
    );
    let line = rules.line([27, 97, 170]);
    rules.add(
        "X_write",
        line,
        huge,
        &[On::Mapping],
        "it tells what X_mkwrite() makes from what X_wrprotect() makes",
        Tells("mkwrite", Some("wrprotect")),
    );
    if rules.level != Level::Pud {
        let line = rules.line([29, 99, 0]);
        let special = rules.special();
        rules.add(
            "X_special",
            line,
            special,
            &[On::Mapping],
            "what X_mkspecial() makes is special",
            Tells("mkspecial", None),
        );
        let line = rules.line([31, 101, 0]);
        rules.add(
            "X_protnone",
            line,
            rules.protnone(),
            &[On::Protnone],
            "a mapping with PAGE_NONE is protnone",
            Answers(true),
        );
        rules.add(
            "X_protnone",
            line,
            rules.protnone(),
            &[On::Mapping],
            "any other mapping is not protnone",
            Answers(false),
        );
        let line = rules.line([33, 103, 0]);
        rules.add(
            "X_soft_dirty",
            line,
            rules.soft_dirty(),
            MAPPINGS,
            "it tells what X_mksoft_dirty() makes from what X_clear_soft_dirty() makes",
            Tells("mksoft_dirty", Some("clear_soft_dirty")),
        );
        let line = rules.line([35, 105, 0]);
        rules.add(
            "X_swp_soft_dirty",
            line,
            rules.swap_soft_dirty(),
            NON_PRESENT,
            "it tells what X_swp_mksoft_dirty() makes from what X_swp_clear_soft_dirty() makes",
            Tells("swp_mksoft_dirty", Some("swp_clear_soft_dirty")),
        );
    }
    rules.push(
        "X_devmap",
        Origin::OlderDocumentation(33),
        rules.devmap(),
        &[On::Mapping],
        "what X_mkdevmap() makes is device memory",
        Tells("mkdevmap", None),
    );
}

/// A helper that sets or clears one mark.
struct Mark {
    helper: &'static str,
    lines: Lines,
    needs: Needs,
    test: &'static str,
    answer: bool,
    keeps: &'static [&'static str],
    says: &'static str,
}

fn changes(rules: &mut Rules) {
    const MAPPINGS: &[On] = &[On::Mapping, On::Protnone];
    let (huge, special, soft_dirty, uffd_wp) =
        (rules.huge(), rules.special(), rules.soft_dirty(), rules.uffd_wp());
    let mark = |helper, lines, needs, test, answer, keeps, says| Mark {
        helper,
        lines,
        needs,
        test,
        answer,
        keeps,
        says,
    };
    let marks = [
        mark("mkyoung", [37, 107, 172], huge, "young", true, KEEPS_BUT_YOUNG, "what it makes is young"),
        mark("mkold", [39, 109, 174], huge, "young", false, KEEPS_BUT_YOUNG, "what it makes is not young"),
        mark("mkdirty", [41, 111, 176], huge, "dirty", true, KEEPS_BUT_DIRTY, "what it makes is dirty"),
        mark("mkclean", [43, 113, 178], huge, "dirty", false, KEEPS_BUT_DIRTY, "what it makes is not dirty"),
        mark("mkwrite", [45, 115, 180], huge, "write", true, KEEPS_BUT_WRITE, "what it makes is writable"),
        mark(
            "mkwrite_novma",
            [48, 118, 0],
            huge,
            "write",
            true,
            KEEPS_BUT_WRITE,
            "what it makes is writable",
        ),
        mark(
            "wrprotect",
            [51, 121, 182],
            huge,
            "write",
            false,
            KEEPS_BUT_WRITE,
            "what it makes is not writable",
        ),
        mark(
            "mkspecial",
            [53, 123, 0],
            special,
            "special",
            true,
            KEEPS_BUT_SPECIAL,
            "what it makes is special",
        ),
        mark(
            "mksoft_dirty",
            [55, 125, 0],
            soft_dirty,
            "soft_dirty",
            true,
            KEEPS_BUT_SOFT_DIRTY,
            "what it makes is soft-dirty",
        ),
        mark(
            "clear_soft_dirty",
            [57, 127, 0],
            soft_dirty,
            "soft_dirty",
            false,
            KEEPS_BUT_SOFT_DIRTY,
            "what it makes is not soft-dirty",
        ),
        mark(
            "mkuffd_wp",
            [0, 0, 0],
            uffd_wp,
            "uffd_wp",
            true,
            KEEPS_BUT_UFFD_WP,
            "what it makes is write-protected for userfaultfd",
        ),
        mark(
            "clear_uffd_wp",
            [0, 0, 0],
            uffd_wp,
            "uffd_wp",
            false,
            KEEPS_BUT_UFFD_WP,
            "what it makes is not write-protected for userfaultfd",
        ),
    ];
    for Mark { helper, lines, needs, test, answer, keeps, says } in marks {
        let line = rules.line(lines);
        if rules.level == Level::Pud && lines[2] == 0 {
            continue;
        }
        // A mapping with PAGE_NONE cannot be written to.
        let on: &[On] = if test == "write" { &[On::Mapping] } else { MAPPINGS };
        let name = format!("X_{helper}");
        match line {
            0 => rules.relied(&name, WRITERS, needs, on, says, Makes(test, answer)),
            line => rules.add(&name, line, needs, on, says, Makes(test, answer)),
        }
        rules.relied(&name, WRITERS, needs, on, "the page and every other mark stay", Keeps(keeps));
    }
    if rules.level == Level::Pte {
        rules.add(
            "X_mknotpresent",
            63,
            ALWAYS,
            &[On::Mapping],
            "what it makes is not present",
            Makes("present", false),
        );
        rules.push(
            "X_mkdevmap",
            Origin::OlderDocumentation(55),
            DEVMAP,
            &[On::Mapping],
            "what it makes is device memory",
            Makes("devmap", true),
        );
        return;
    }
    let older = if rules.level == Level::Pmd { 127 } else { 189 };
    rules.push(
        "X_mkdevmap",
        Origin::OlderDocumentation(older),
        rules.devmap(),
        &[On::Mapping],
        "what it makes is device memory",
        Makes("devmap", true),
    );
    let line = rules.line([0, 133, 184]);
    rules.add(
        "X_mkinvalid",
        line,
        huge,
        MAPPINGS,
        "what it makes of a mapping is still present",
        Makes("present", true),
    );
    rules.relied(
        "X_mkinvalid",
        ENTRY_IS_SEEN,
        huge,
        MAPPINGS,
        "what it makes is still a leaf",
        Makes("leaf", true),
    );
    rules.relied("X_mkinvalid", MMU_OFF, huge, MAPPINGS, "the MMU does not use what it makes", MakesUnused);
    rules.relied(
        "X_mkinvalid",
        ENTRY_IS_SEEN,
        huge,
        MAPPINGS,
        "the page and every mark stay",
        Keeps(INVALID_KEEPS),
    );
    if rules.level == Level::Pmd {
        rules.add(
            "X_mkinvalid",
            line,
            MIGRATION,
            NON_PRESENT,
            "not to be called for what is not present",
            Undocumented,
        );
    }
}

fn accesses(rules: &mut Rules) {
    const MAPPINGS: &[On] = &[On::Mapping, On::Protnone];
    let huge = rules.huge();
    if rules.level == Level::Pte {
        rules.add("ptep_clear", 65, &[], MAPPINGS, "it leaves an empty entry", Leaves("none", true));
    }
    rules.relied("X_clear", EMPTY, huge, MAPPINGS, "it leaves an empty entry", Leaves("none", true));
    for (helper, lines) in [("Xp_get_and_clear", [67, 140, 191]), ("Xp_get_and_clear_full", [69, 142, 193])] {
        let line = rules.line(lines);
        rules.add(helper, line, huge, MAPPINGS, "it leaves an empty entry", Leaves("none", true));
        if rules.level == Level::Pte {
            rules.add(helper, line, huge, MAPPINGS, "it returns the entry that was there", ReturnsOld);
        } else {
            rules.relied(helper, WRITERS, huge, MAPPINGS, "it returns the entry that was there", ReturnsOld);
        }
    }
    let line = rules.line([71, 144, 195]);
    rules.add(
        "Xp_test_and_clear_young",
        line,
        huge,
        MAPPINGS,
        "it leaves an entry that is not young",
        Leaves("young", false),
    );
    rules.relied(
        "Xp_test_and_clear_young",
        WRITERS,
        huge,
        MAPPINGS,
        "it returns whether the entry was young",
        ReturnsTest("young"),
    );
    rules.relied(
        "Xp_test_and_clear_young",
        WRITERS,
        huge,
        MAPPINGS,
        "the page and every other mark stay",
        LeavesKept(KEEPS_BUT_YOUNG),
    );
    let line = rules.line([73, 146, 197]);
    rules.add(
        "Xp_set_wrprotect",
        line,
        huge,
        &[On::Mapping],
        "it leaves an entry that is not writable",
        Leaves("write", false),
    );
    rules.relied(
        "Xp_set_wrprotect",
        WRITERS,
        huge,
        &[On::Mapping],
        "the page and every other mark stay",
        LeavesKept(KEEPS_BUT_WRITE),
    );
    let line = rules.line([75, 148, 199]);
    rules.add(
        "Xp_set_access_flags",
        line,
        huge,
        &[On::Mapping],
        "a mapping that it is asked to make young is young",
        Leaves("young", true),
    );
    rules.relied(
        "Xp_set_access_flags",
        WRITERS,
        huge,
        &[On::Mapping],
        "no mark is lost",
        LeavesSet(&["present", "leaf", "young", "dirty", "write", "soft_dirty"]),
    );
    if rules.level == Level::Pte {
        return;
    }
    let line = rules.line([0, 136, 187]);
    rules.add("X_set_huge", line, rules.vmap(), &[On::None], "it leaves a leaf", Leaves("leaf", true));
    rules.add("X_set_huge", line, rules.vmap(), &[On::None], "it returns 1", Returns(1));
    let line = rules.line([0, 138, 189]);
    rules.add(
        "X_clear_huge",
        line,
        rules.vmap(),
        &[On::Mapping],
        "it leaves an empty entry",
        Leaves("none", true),
    );
    rules.add("X_clear_huge", line, rules.vmap(), &[On::Mapping], "it returns 1", Returns(1));
    rules.relied(
        "Xp_invalidate",
        MMU_OFF,
        huge,
        MAPPINGS,
        "the MMU does not use the entry that it leaves",
        LeavesUnused,
    );
    rules.relied(
        "Xp_invalidate",
        LOCKLESS,
        huge,
        MAPPINGS,
        "it leaves an entry that is still present",
        Leaves("present", true),
    );
    rules.relied(
        "Xp_invalidate",
        ENTRY_IS_SEEN,
        huge,
        MAPPINGS,
        "the page and every mark stay",
        LeavesKept(INVALID_KEEPS),
    );
    rules.relied("Xp_invalidate", WRITERS, huge, MAPPINGS, "it returns the entry that was there", ReturnsOld);
    if rules.level == Level::Pmd {
        rules.relied(
            "Xp_invalidate",
            MMU_OFF,
            MIGRATION,
            NON_PRESENT,
            "not to be called for what is not present",
            Undocumented,
        );
        rules.relied(
            "Xp_invalidate_ad",
            MMU_OFF,
            huge,
            MAPPINGS,
            "the MMU does not use the entry that it leaves",
            LeavesUnused,
        );
        rules.relied(
            "Xp_invalidate_ad",
            WRITERS,
            huge,
            MAPPINGS,
            "it returns the entry that was there",
            ReturnsOld,
        );
        rules.relied(
            "Xp_establish",
            WRITERS,
            huge,
            MAPPINGS,
            "it returns the entry that was there",
            ReturnsOld,
        );
        rules.relied(
            "Xp_establish",
            WRITERS,
            huge,
            MAPPINGS,
            "it leaves the entry that it is given",
            LeavesOther,
        );
    }
}

fn hugetlb(rules: &mut Rules) {
    const ON: &[On] = &[On::Hugetlb];
    rules.add(
        "pte_huge",
        207,
        HUGETLB,
        &[On::Mapping],
        "what arch_make_huge_pte() makes is huge",
        Tells("arch_make_huge_pte", None),
    );
    rules.add(
        "arch_make_huge_pte",
        209,
        HUGETLB,
        &[On::Mapping],
        "what it makes is present",
        Makes("present", true),
    );
    rules.add(
        "huge_pte_dirty",
        211,
        HUGETLB,
        ON,
        "what huge_pte_mkdirty() makes is dirty",
        Tells("huge_pte_mkdirty", None),
    );
    rules.add(
        "huge_pte_write",
        213,
        HUGETLB,
        ON,
        "it tells what huge_pte_mkwrite() makes from what huge_pte_wrprotect() makes",
        Tells("huge_pte_mkwrite", Some("huge_pte_wrprotect")),
    );
    rules.add("huge_pte_mkdirty", 215, HUGETLB, ON, "what it makes is dirty", Makes("huge_pte_dirty", true));
    rules.add(
        "huge_pte_mkwrite",
        217,
        HUGETLB,
        ON,
        "what it makes is writable",
        Makes("huge_pte_write", true),
    );
    rules.add(
        "huge_pte_wrprotect",
        219,
        HUGETLB,
        ON,
        "what it makes is not writable",
        Makes("huge_pte_write", false),
    );
    rules.add(
        "huge_ptep_get_and_clear",
        221,
        HUGETLB,
        ON,
        "it leaves an empty entry",
        Leaves("huge_pte_none", true),
    );
    rules.add(
        "huge_ptep_set_wrprotect",
        223,
        HUGETLB,
        ON,
        "it leaves an entry that is not writable",
        Leaves("write", false),
    );
    rules.add(
        "huge_ptep_set_access_flags",
        225,
        HUGETLB,
        ON,
        "a mapping that it is asked to make young is young",
        Leaves("young", true),
    );
}

fn swap(rules: &mut Rules) {
    const ON: &[On] = NON_PRESENT;
    let lines = match rules.level {
        Level::Pte => [233, 235, 59, 61],
        Level::Pmd => [237, 239, 129, 131],
        Level::Pud => return,
    };
    let needs = rules.swap();
    rules.add(
        "__X_to_swp_entry",
        lines[0],
        needs,
        ON,
        "a swap entry has the type and offset that it was made of",
        Holds,
    );
    rules.add(
        "__swp_entry_to_X",
        lines[1],
        needs,
        ON,
        "what it makes of a type and an offset holds them",
        MakesSwap,
    );
    let needs = rules.swap_soft_dirty();
    for (helper, line, answer, test) in [
        ("X_swp_mksoft_dirty", lines[2], true, "swp_soft_dirty"),
        ("X_swp_clear_soft_dirty", lines[3], false, "swp_soft_dirty"),
    ] {
        let says = if answer { "what it makes is soft-dirty" } else { "what it makes is not soft-dirty" };
        rules.add(helper, line, needs, ON, says, Makes(test, answer));
        rules.relied(helper, SWAP_HELD, needs, ON, "the type and the offset stay", KeepsSwap);
        rules.relied(helper, LOCKLESS, needs, ON, "what it makes is not present", Makes("present", false));
    }
    let needs = rules.swap_uffd_wp();
    for (helper, answer) in [("X_swp_mkuffd_wp", true), ("X_swp_clear_uffd_wp", false)] {
        let says = if answer {
            "what it makes is write-protected for userfaultfd"
        } else {
            "what it makes is not write-protected for userfaultfd"
        };
        rules.relied(helper, SWAP_HELD, needs, ON, says, Makes("swp_uffd_wp", answer));
        rules.relied(helper, SWAP_HELD, needs, ON, "the type and the offset stay", KeepsSwap);
        rules.relied(helper, LOCKLESS, needs, ON, "what it makes is not present", Makes("present", false));
    }
    if rules.level == Level::Pte {
        for (helper, answer) in [("X_swp_mkexclusive", true), ("X_swp_clear_exclusive", false)] {
            let says = if answer { "what it makes is exclusive" } else { "what it makes is not exclusive" };
            rules.relied(
                helper,
                "mm/rmap.c and mm/memory.c, which swap anonymous pages",
                ALWAYS,
                ON,
                says,
                Makes("swp_exclusive", answer),
            );
            rules.relied(helper, SWAP_HELD, &[], ON, "the type and the offset stay", KeepsSwap);
            rules.relied(helper, LOCKLESS, &[], ON, "what it makes is not present", Makes("present", false));
        }
    }
}

fn migration(rules: &mut Rules) {
    use EntryClass::{MigrationRead, MigrationWrite};
    let (is, is_writable) = ("is_migration_entry", "is_writable_migration_entry");
    rules.add(
        is,
        241,
        MIGRATION,
        &[MigrationRead, MigrationWrite],
        "a migration entry is one",
        Answers(true),
    );
    rules.add(
        is,
        241,
        MIGRATION,
        &[On::Swap],
        "a swap entry of a disk is no migration entry",
        Answers(false),
    );
    rules.add(
        is_writable,
        243,
        MIGRATION,
        &[MigrationWrite],
        "a writable migration entry is one",
        Answers(true),
    );
    rules.add(
        is_writable,
        243,
        MIGRATION,
        &[MigrationRead],
        "a readable migration entry is none",
        Answers(false),
    );
    for (helper, line, class) in [
        ("make_readable_migration_entry", 245, &[MigrationRead]),
        ("make_writable_migration_entry", 247, &[MigrationWrite]),
    ] {
        rules.add(helper, line, MIGRATION, class, "what it makes is a migration entry", Answers(true));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a helper that changes one mark can change.
    const ALL_KEPT: [&str; 11] = [
        "present",
        "leaf",
        "trans_huge",
        "young",
        "dirty",
        "write",
        "soft_dirty",
        "uffd_wp",
        "special",
        "protnone",
        "pfn",
    ];

    #[test]
    fn what_stays_is_all_but_one_mark() {
        for (keeps, but) in [
            (KEEPS_BUT_YOUNG, &["young"][..]),
            (KEEPS_BUT_DIRTY, &["dirty", "soft_dirty"]),
            (KEEPS_BUT_WRITE, &["write", "protnone"]),
            (KEEPS_BUT_SPECIAL, &["special", "trans_huge"]),
            (KEEPS_BUT_SOFT_DIRTY, &["soft_dirty"]),
            (KEEPS_BUT_UFFD_WP, &["uffd_wp", "write"]),
        ] {
            let all: Vec<_> = ALL_KEPT.iter().filter(|name| !but.contains(name)).copied().collect();
            assert_eq!(keeps, all);
        }
    }
}
