//! The list of functions as text.

use super::{FunctionReport, FunctionSeen, FunctionsReport, RecipeReport};
use crate::printable::printable;
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::counted;

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
    let (all, run) = report.numbers();
    let title = format!("{} by their types, of which {run} run to an end", counted(all, "function"));
    lines.styled(style::TITLE, "  ", &title);
    for function in &report.functions {
        lines.gap();
        self::function(&mut lines, function);
    }
    lines.into_text()
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
    let stores = if function.locked_by_caller {
        "stores, under the lock that its callers hold"
    } else {
        "stores, under the lock that it takes"
    };
    [
        (stores, |seen| seen.whole && !seen.stores.is_empty()),
        ("clears for bad", |seen| seen.whole && seen.clears_bad),
        ("only reads, under the lock", |seen| is_reader(seen) && seen.locks),
        ("only reads, without the lock", |seen| is_reader(seen) && !seen.locks),
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
    if let Some(through) = &function.through {
        all.push(format!("called by {through}()"));
    }
    if function.returns_locked {
        all.push("can return with the lock held".to_owned());
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
