//! The list of functions as text.

use super::{
    AboveReport, FunctionReport, FunctionSeen, FunctionsReport, Numbers, PassedEntries, RecipeReport,
};
use crate::printable::printable;
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::counted;

/// What is not known of a kernel without prototypes.
pub const UNTYPED: &str =
    "this kernel has no types of functions, so none was found by its types: give --types";

/// Formats the list: the routines of recipes, then the functions that are called by their types, each with its
/// prototype and what it was seen to do.
pub fn text(report: &FunctionsReport) -> String {
    let report = &*printable(report);
    let mut lines = Lines::default();
    for recipe in &report.recipes {
        self::recipe(&mut lines, recipe);
    }
    lines.gap();
    if let Some(why) = &report.incomplete {
        lines.styled(style::UNKNOWN, "  ", &format!("UNKNOWN: no function was run by its types: {why}"));
        return lines.into_text();
    }
    let Numbers { take, walk, run } = report.numbers();
    let all = take + walk;
    let variants = match report.functions.len() - all {
        0 => String::new(),
        variants => format!(", and {} by their flags", counted(variants, "variant")),
    };
    let title =
        format!("{} by their types, of which {run} run to an end{variants}", counted(all, "function"));
    match report.untyped {
        true => lines.styled(style::UNKNOWN, "  ", &format!("UNKNOWN: {UNTYPED}")),
        false => lines.styled(style::TITLE, "  ", &title),
    }
    for function in &report.functions {
        lines.gap();
        self::function(&mut lines, function);
    }
    above(&mut lines, &report.above);
    lines.into_text()
}

/// Says of which functions nobody knows whether they walk down to an entry.
fn above(lines: &mut Lines, above: &AboveReport) {
    for (what, names) in [
        ("stop before they access an entry, if they do", &above.stopped),
        ("could walk down to an entry and cannot be called", &above.not_called),
    ] {
        if !names.is_empty() {
            lines.gap();
            let what = format!("{} {what}: {}", counted(names.len(), "more function"), names.join(" "));
            lines.styled(style::UNKNOWN, "  ", &what);
        }
    }
}

fn recipe(lines: &mut Lines, recipe: &RecipeReport) {
    let function = match (recipe.address, &recipe.function) {
        (Some(address), Some(function)) => format!("{:#x} {function}", address.0),
        _ => format!("not in this kernel: no {}()", recipe.symbols.join("() or ")),
    };
    lines.paragraph("", "    ", &format!("{} {} {function}", recipe.name, recipe.role));
}

fn function(lines: &mut Lines, function: &FunctionReport) {
    lines.paragraph("", "    ", &function.prototype);
    if let Some((_, values)) = function.name.split_once(':') {
        let with = match values.contains(':') {
            // Too much for one word. Its name is the symbol and these, with colons between.
            true => format!("with {}", values.replace(':', " ")),
            false => format!("with {values}: {}", function.name),
        };
        lines.paragraph("  ", "    ", &with);
    }
    if !function.recipes.is_empty() {
        lines.paragraph(
            "  ",
            "    ",
            &format!("called by the recipe {} as well", function.recipes.join(" and ")),
        );
    }
    if let Some(why) = &function.refused {
        lines.styled(style::UNKNOWN, "  ", &format!("not run: {why}"));
        return;
    }
    for (what, of) in deeds(function) {
        let kinds: Vec<&str> =
            function.seen.iter().filter(|seen| of(seen)).map(|seen| seen.entry.name()).collect();
        if !kinds.is_empty() {
            lines.paragraph("  ", "    ", &format!("{what}: {}", kinds.join(" ")));
        }
    }
    for said in beside(function) {
        lines.paragraph("  ", "    ", &said);
    }
    let mut ends: Vec<(&str, Vec<&str>)> = Vec::new();
    for seen in function.seen.iter().filter(|seen| !seen.whole) {
        match ends.iter_mut().find(|(end, _)| *end == seen.ended) {
            Some((_, kinds)) => kinds.push(seen.entry.name()),
            None => ends.push((&seen.ended, vec![seen.entry.name()])),
        }
    }
    for (end, kinds) in ends {
        lines.styled(style::UNKNOWN, "  ", &format!("not known on {}: it {end}", kinds.join(" ")));
    }
}

type Deed = (&'static str, fn(&FunctionSeen) -> bool);

/// Returns what a function was seen to do, with the entries on which it did so.
fn deeds(function: &FunctionReport) -> [Deed; 6] {
    let (stores, reads_alone) = if function.locked_by_caller {
        ("stores, under the lock that its callers hold", "only reads, under the lock that its callers hold")
    } else {
        ("stores, under the lock that it takes", "only reads, without the lock")
    };
    [
        (stores, |seen| seen.whole && !seen.stores.is_empty()),
        ("clears for bad", |seen| seen.whole && seen.clears_bad),
        ("only reads, under the lock", |seen| is_reader(seen) && seen.locks),
        (reads_alone, |seen| is_reader(seen) && !seen.locks),
        ("does not look at", |seen| seen.whole && !seen.reads && seen.stores.is_empty()),
        ("sleeps on", |seen| seen.whole && seen.ended.starts_with("sleeps")),
    ]
}

fn is_reader(seen: &FunctionSeen) -> bool {
    seen.whole && seen.reads && seen.stores.is_empty() && !seen.clears_bad
}

/// Returns what else is to be said of a function.
fn beside(function: &FunctionReport) -> Vec<String> {
    let mut all = Vec::new();
    if function.walks {
        all.push("walks down to the entry".to_owned());
    }
    if let Some(through) = &function.through {
        all.push(format!("called by {through}()"));
    }
    if function.releases_lock {
        all.push("releases the lock that its callers hold".to_owned());
    }
    if function.returns_locked {
        all.push("can return with the lock held".to_owned());
    }
    if let Some(contract) = &function.contract {
        let entries = match contract.passed {
            PassedEntries::Mappings => "is passed mappings alone",
            PassedEntries::KernelTables => "works on the kernel's own page tables alone",
            PassedEntries::OtherMappings => "works on mappings without transparent huge pages alone",
        };
        all.push(format!("{entries} ({})", contract.source));
    }
    let mut warnings: Vec<&str> =
        function.seen.iter().flat_map(|seen| seen.warnings.iter().map(String::as_str)).collect();
    warnings.sort_unstable();
    warnings.dedup();
    if !warnings.is_empty() {
        all.push(format!("warns at {}", warnings.join(", ")));
    }
    all
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::EntryKind;

    use super::*;
    use crate::entry::{Hex, Value};
    use crate::entry_name::EntryName;
    use crate::functions::{ContractReport, FUNCTIONS_SCHEMA};
    use crate::report::{GuestInfo, GuestKind};

    fn seen(kind: EntryKind, stores: &[u64], locks: bool) -> FunctionSeen {
        FunctionSeen {
            entry: EntryName::Kind(kind),
            value: Value(0x10),
            ended: "returned".to_owned(),
            whole: true,
            reads: true,
            stores: stores.iter().copied().map(Value).collect(),
            given: true,
            clears_bad: false,
            locks,
            warnings: Vec::new(),
            calls: Vec::new(),
        }
    }

    fn one(name: &str, prototype: &str, seen: Vec<FunctionSeen>) -> FunctionReport {
        FunctionReport {
            name: name.to_owned(),
            role: None,
            prototype: prototype.to_owned(),
            recipes: Vec::new(),
            refused: None,
            walks: false,
            through: None,
            locked_by_caller: false,
            returns_locked: false,
            releases_lock: false,
            contract: None,
            provided: Vec::new(),
            seen,
        }
    }

    #[test]
    fn a_list_says_what_each_function_does() {
        let faults = FunctionSeen {
            ended: "accessed 0x28, where nothing was set up".to_owned(),
            whole: false,
            ..seen(EntryKind::None, &[], false)
        };
        let zap = one(
            "zap_huge_pmd",
            "bool zap_huge_pmd(pmd_t *pmd)",
            vec![seen(EntryKind::PresentHuge, &[0], true), seen(EntryKind::Swap, &[], true), faults.clone()],
        );
        let walks = FunctionReport {
            walks: true,
            contract: Some(ContractReport {
                passed: PassedEntries::OtherMappings,
                source: "mm/x.c: of_driver()".to_owned(),
            }),
            ..one("insert", "int insert(long addr)", vec![seen(EntryKind::Table, &[], true)])
        };
        let callback = FunctionReport {
            through: Some("walk_page_vma".to_owned()),
            ..one("look", "int look(pmd_t *pmd)", vec![seen(EntryKind::Table, &[], false)])
        };
        let by_caller = FunctionReport {
            locked_by_caller: true,
            ..one(
                "set:flags=0x2",
                "void set(pmd_t *pmd, int flags)",
                vec![seen(EntryKind::Swap, &[7], false)],
            )
        };
        let refused = FunctionReport {
            refused: Some("nobody knows".to_owned()),
            ..one("odd", "void odd(x)", Vec::new())
        };
        let recipe = RecipeReport {
            name: "split".to_owned(),
            role: "writer".to_owned(),
            meaning: String::new(),
            address: Some(Hex(0x1000)),
            function: Some("void __split_huge_pmd()".to_owned()),
            symbols: vec!["__split_huge_pmd".to_owned()],
            locked_by_caller: false,
            seen: Vec::new(),
        };
        let lacking =
            RecipeReport { name: "other".to_owned(), address: None, function: None, ..recipe.clone() };
        let report = FunctionsReport {
            schema: FUNCTIONS_SCHEMA.to_owned(),
            made_by: String::new(),
            arch: "arm64".to_owned(),
            linux: "7.2".to_owned(),
            guest: GuestInfo {
                engine: None,
                kind: GuestKind::Kernel,
                name: String::new(),
                sha256: String::new(),
                release: None,
                package: None,
                build_id: None,
                types: None,
                label: None,
            },
            recipes: vec![recipe, lacking],
            functions: vec![zap, walks, callback, by_caller, refused],
            untyped: false,
            above: AboveReport {
                elsewhere: 3,
                stopped: vec!["far".to_owned(), "farther".to_owned()],
                not_called: vec!["vast".to_owned()],
            },
            incomplete: None,
        };
        assert_eq!(report.numbers(), Numbers { take: 3, walk: 1, run: 3 });
        let plain = anstream::adapter::strip_str(&text(&report)).to_string();
        assert_eq!(
            plain,
            "\
split writer 0x1000 void __split_huge_pmd()
other writer not in this kernel: no __split_huge_pmd()

4 functions by their types, of which 3 run to an end, and 1 variant by
  their flags

bool zap_huge_pmd(pmd_t *pmd)
  stores, under the lock that it takes: present-huge
  only reads, under the lock: swap
not known on none: it accessed 0x28, where nothing was set up

int insert(long addr)
  only reads, under the lock: table
  walks down to the entry
  works on mappings without transparent huge pages alone (mm/x.c:
    of_driver())

int look(pmd_t *pmd)
  only reads, without the lock: table
  called by walk_page_vma()

void set(pmd_t *pmd, int flags)
  with flags=0x2: set:flags=0x2
  stores, under the lock that its callers hold: swap

void odd(x)
not run: nobody knows

2 more functions stop before they access an entry, if they do: far farther

1 more function could walk down to an entry and cannot be called: vast
"
        );

        let untyped = FunctionsReport { untyped: true, functions: Vec::new(), ..report };
        let plain = anstream::adapter::strip_str(&text(&untyped)).to_string();
        assert!(plain.contains("UNKNOWN: this kernel has no types of functions"), "{plain}");
        assert!(!plain.contains("by their types, of which"), "{plain}");
    }
}
