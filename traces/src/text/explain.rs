//! Explained values as text: what each is in one sentence, the command that shows it, and the evidence.

use crate::entry::{Hex, Value};
use crate::explained::{
    ExplainReport, ExplainedValue, FitKind, FittingEntry, Level, MisfitReason, MisfittingEntry, NamedReading,
    Platform,
};
use crate::outcome::{RoutineResult, in_words};
use crate::printable::printable;
use crate::text::style::{TITLE, paint};
use crate::text::wrapped::{command_lines, wrapped};

/// Columns where no terminal says how many it has.
const USUAL_COLUMNS: u16 = 100;

/// Parts of a list that are shown where it may be long.
const MOST_LISTED: usize = 4;

/// Explained values, in a terminal in as many columns as it has.
pub fn explain(report: &ExplainReport, terminal: Option<u16>) -> String {
    let report = &*printable(report);
    let width = terminal.unwrap_or(USUAL_COLUMNS).into();
    let values: Vec<String> = report.values.iter().map(|value| one(value, width)).collect();
    values.join("\n")
}

/// One value.
fn one(explained: &ExplainedValue, width: usize) -> String {
    let mut lines = Vec::new();
    let title = match explained.level {
        Some(level) => format!("{level} {}: ", explained.value),
        None => format!("{}: ", explained.value),
    };
    for (n, line) in wrapped("", "  ", &format!("{title}{}", explained.summary), width).iter().enumerate() {
        // The value is what the eye looks for.
        let value = explained.value.to_string();
        lines.push(if n == 0 { line.replacen(&value, &paint(TITLE, &value), 1) } else { line.clone() });
    }
    let best = explained.fits.first();
    if let Some(best) = best {
        lines.extend(command_lines("  ", &best.command, width));
    }
    let mut paragraphs = best.map_or_else(Vec::new, evidence);
    paragraphs.extend(caveats(explained));
    for paragraph in paragraphs {
        lines.extend(wrapped("  ", "    ", &paragraph, width));
    }
    lines.join("\n") + "\n"
}

/// What a value is, in one sentence.
pub fn summary(explained: &ExplainedValue) -> String {
    let Some(best) = explained.fits.first() else { return without_fit(explained) };
    let what = match (best.kind, best.readings.first()) {
        (FitKind::Swap | FitKind::MadePresent, Some(first)) => swap_entry(first, &best.bits),
        (FitKind::Mapping | FitKind::InvalidMapping, _) => mapping(best),
        (FitKind::ClearedMapping, _) => {
            let bit = best.cleared.as_deref().unwrap_or("a bit");
            format!(
                "mapping{} with {bit} cleared, so that it is neither present nor a leaf",
                of_page(best.pfn)
            )
        }
        (FitKind::Table, _) if best.predicates.bad => {
            "pointer to a page table, with flags that make it bad (pmd_bad())".to_owned()
        }
        (FitKind::Table, _) => "pointer to a page table".to_owned(),
        (FitKind::Empty, _) => "empty entry (pmd_none())".to_owned(),
        (FitKind::Swap | FitKind::MadePresent, None) => "swap entry".to_owned(),
    };
    let made_present = match (&best.original, &best.invalidated_by) {
        (Some(_), Some(function)) => format!(", made present by {function}"),
        _ => String::new(),
    };
    let walkers = taken(best).map_or_else(String::new, |taken| format!("; {taken}"));
    format!("{what} ({}){made_present}{walkers}", place(&best.platform))
}

/// A swap entry by its likeliest reading, with its marks and the configuration that it needs.
fn swap_entry(reading: &NamedReading, bits: &[String]) -> String {
    let marks: Vec<_> =
        [("SWP_SOFT_DIRTY", "soft-dirty"), ("SWP_UFFD_WP", "write-protected for userfaultfd")]
            .into_iter()
            .filter(|(bit, _)| bits.iter().any(|set| set == bit))
            .map(|(_, mark)| format!(", {mark}"))
            .collect();
    let off = reading.reading.needs.iter().any(|needed| !needed.on);
    let kernels = reading.reading.configuration().filter(|_| off);
    let kernels = kernels.map_or_else(String::new, |needs| format!(" in kernels {needs}"));
    format!("{}{}{}{kernels}", reading.entry, of_page(reading.reading.pfn), marks.concat())
}

fn mapping(fit: &FittingEntry) -> String {
    let kind = match fit.kind {
        FitKind::InvalidMapping if fit.predicates.protnone => "mapping that is kept from access (protnone)",
        FitKind::InvalidMapping => "mapping that the MMU does not use",
        _ => "mapping",
    };
    format!("{kind}{}", of_page(fit.pfn).replacen("page", "the huge page at page", 1))
}

fn of_page(pfn: Option<Hex>) -> String {
    pfn.map_or_else(String::new, |pfn| format!(" of page {:#x}", pfn.0))
}

fn place(platform: &Platform) -> String {
    format!("{}, Linux {}", platform.name(), platform.versions())
}

/// What is known of a value that is no PMD of any platform.
fn without_fit(explained: &ExplainedValue) -> String {
    let (level, is_zero) = (explained.level.unwrap_or(Level::Pmd), explained.value == Value(0));
    if level != Level::Pmd {
        return match is_zero {
            true => format!("zero, an empty {level} on most architectures"),
            false => format!("a {level}, of which nothing more is said: pmdscope models PMDs"),
        };
    }
    let of_pte: Vec<_> =
        explained.misfits.iter().filter(|misfit| misfit.probably == Some(Level::Pte)).collect();
    match &of_pte[..] {
        [] => "no PMD of any version that pmdscope models".to_owned(),
        [first, ..] => {
            let bits = first.bits.map_or(0, |bits| bits.0);
            let mut names: Vec<_> = of_pte.iter().map(|misfit| misfit.platform.name()).collect();
            names.dedup();
            format!(
                "probably a PTE ({}): as a PMD it would be a table with {} set, which no table has",
                names.join(", "),
                bit_list(bits)
            )
        }
    }
}

/// Which walkers take a value for a mapping or a table.
fn taken(fit: &FittingEntry) -> Option<String> {
    fit.walkers_of.as_ref()?;
    let of = |results: &[RoutineResult]| -> Vec<&str> {
        let chosen = fit.walkers.iter().filter(|walker| results.contains(&walker.outcome.result));
        chosen.map(|walker| walker.walker.as_str()).collect()
    };
    let parts: Vec<_> = [
        (of(&[RoutineResult::Page, RoutineResult::Leaf]), "for a mapping"),
        (of(&[RoutineResult::Table]), "for a page table"),
    ]
    .into_iter()
    .filter(|(walkers, _)| !walkers.is_empty())
    .map(|(walkers, what)| {
        let take = if walkers.len() == 1 { "takes" } else { "take" };
        format!("{} {take} it {what}", listed(&walkers))
    })
    .collect();
    Some(if parts.is_empty() { "no walker takes it for a mapping".to_owned() } else { parts.join(", ") })
}

/// Words with commas and an `and`.
fn listed(words: &[&str]) -> String {
    match words.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => words.concat(),
    }
}

/// What the answer rests on.
fn evidence(best: &FittingEntry) -> Vec<String> {
    let mut paragraphs = Vec::new();
    if let Some(original) = best.original {
        paragraphs.push(format!("it was {original}, changed by {}", best.changes.join(" ")));
    }
    if best.readings.is_empty() && !best.bits.is_empty() {
        paragraphs.push(format!("its fields: {}", best.bits.join(", ")));
    }
    if let [first, others @ ..] = &best.readings[..] {
        // The summary has one that is off.
        let shown =
            first.reading.configuration().filter(|_| first.reading.needs.iter().all(|needed| needed.on));
        if let Some(needs) = shown {
            paragraphs.push(format!("{needs}: {}{}", first.entry, of_page(first.reading.pfn)));
        }
        for other in others {
            let needs = other.reading.configuration().unwrap_or_else(|| "in every kernel".to_owned());
            paragraphs.push(format!("{needs}: {}{}", other.entry, of_page(other.reading.pfn)));
        }
    }
    let mut outcomes: Vec<(String, Vec<&str>)> = Vec::new();
    for walker in &best.walkers {
        let words = in_words(&walker.outcome);
        match outcomes.iter_mut().find(|(known, _)| *known == words) {
            Some((_, walkers)) => walkers.push(&walker.walker),
            None => outcomes.push((words, vec![&walker.walker])),
        }
    }
    if let Some(version) = &best.walkers_of {
        let outcomes: Vec<_> =
            outcomes.iter().map(|(words, walkers)| format!("{} {words}", listed(walkers))).collect();
        paragraphs.push(format!("walkers of Linux {version}, each run alone on it: {}", outcomes.join("; ")));
    }
    if let Some(why) = &best.not_executed {
        paragraphs.push(format!("not executed: {why}"));
    }
    paragraphs
}

/// Where else it fits, where it does not, and what is not known.
fn caveats(explained: &ExplainedValue) -> Vec<String> {
    let mut paragraphs = Vec::new();
    if let Some(decimal) = explained.as_decimal {
        paragraphs.push(format!("read as hexadecimal: as a decimal number it would be {decimal}"));
    }
    let mut also: Vec<(String, Vec<String>)> = Vec::new();
    for fit in explained.fits.iter().skip(1) {
        let what = short(fit);
        let place = format!("{} {}", fit.platform.name(), fit.platform.versions());
        match also.iter_mut().find(|(known, _)| *known == what) {
            Some((_, places)) => places.push(place),
            None => also.push((what, vec![place])),
        }
    }
    for (what, places) in also.iter().take(MOST_LISTED) {
        paragraphs.push(format!("also fits {}: {what}", places.join(", ")));
    }
    if let Some(left) = also.len().checked_sub(MOST_LISTED).filter(|left| *left > 0) {
        paragraphs.push(format!("also fits in {left} ways more, which --format json lists"));
    }
    if explained.level.is_none_or(|level| level == Level::Pmd) {
        paragraphs.extend(misfits(explained));
        paragraphs.extend(unknown(explained));
    }
    paragraphs
}

/// A fitting entry in few words.
fn short(fit: &FittingEntry) -> String {
    match (fit.kind, fit.readings.first()) {
        (FitKind::MadePresent, Some(first)) => format!("{}, made present", swap_entry(first, &fit.bits)),
        (FitKind::Swap, Some(first)) => swap_entry(first, &fit.bits),
        (FitKind::Mapping | FitKind::InvalidMapping, _) => mapping(fit),
        (FitKind::ClearedMapping, _) => {
            format!("mapping{} with {} cleared", of_page(fit.pfn), fit.cleared.as_deref().unwrap_or_default())
        }
        (FitKind::Table, _) => "pointer to a page table".to_owned(),
        (FitKind::Empty, _) => "empty entry".to_owned(),
        (FitKind::Swap | FitKind::MadePresent, None) => "swap entry".to_owned(),
    }
}

/// Where it does not fit, in one paragraph: of each platform that it fits nowhere the reason of the newest versions.
fn misfits(explained: &ExplainedValue) -> Option<String> {
    let best = explained.fits.first().map(|fit| fit.platform.name());
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    for (n, misfit) in explained.misfits.iter().enumerate() {
        let name = misfit.platform.name();
        let is_newest = explained.misfits.iter().skip(n + 1).all(|other| other.platform.name() != name);
        let is_of_best = best.as_ref() == Some(&name);
        let fits_elsewhere = explained.fits.iter().any(|fit| fit.platform.name() == name);
        if !is_of_best && (fits_elsewhere || !is_newest) {
            continue;
        }
        let name = if is_of_best { format!("{name} {}", misfit.platform.versions()) } else { name };
        let why = reason(misfit);
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, places)) => places.push(name),
            None => reasons.push((why, vec![name])),
        }
    }
    let reasons: Vec<_> =
        reasons.iter().map(|(why, places)| format!("{} ({why})", places.join(", "))).collect();
    (!reasons.is_empty()).then(|| format!("does not fit {}", reasons.join(", ")))
}

fn reason(misfit: &MisfittingEntry) -> String {
    let number = misfit.number.map_or(0, |number| number.0);
    let bits = misfit.bits.map_or(0, |bits| bits.0);
    match misfit.reason {
        MisfitReason::Bits => {
            let form = misfit.form.as_deref().unwrap_or("entry");
            let form = if form == "swap" { "swap entry" } else { form };
            format!("no {form} has {}", bit_list(bits))
        }
        MisfitReason::MissingBits => format!("swap entries have {}", bit_list(bits)),
        MisfitReason::NoSwapFormat => "not present, and it has no swap PMDs".to_owned(),
        MisfitReason::NoSuchType => format!("no swap type is {number}"),
        MisfitReason::Misaligned => format!("no huge page begins at page {number:#x}"),
        MisfitReason::BeyondMemory => "beyond physical memory".to_owned(),
    }
}

/// Bits by their numbers: `bit 3`, `bits 3, 8 to 11`.
fn bit_list(bits: u64) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for bit in (0..64).filter(|bit| bits & 1 << bit != 0) {
        match ranges.last_mut() {
            Some((_, to)) if *to + 1 == bit => *to = bit,
            _ => ranges.push((bit, bit)),
        }
    }
    let mut names: Vec<_> = ranges
        .iter()
        .take(MOST_LISTED)
        .map(|(from, to)| match to - from {
            0 => from.to_string(),
            1 => format!("{from}, {to}"),
            _ => format!("{from} to {to}"),
        })
        .collect();
    if ranges.len() > MOST_LISTED {
        names.push("...".to_owned());
    }
    format!("bit{} {}", if bits.count_ones() == 1 { "" } else { "s" }, names.join(", "))
}

/// The versions that are not modelled for the platform of the answer.
fn unknown(explained: &ExplainedValue) -> Option<String> {
    let best = explained.fits.first()?.platform.name();
    let unknown = explained.unknown.iter().find(|unknown| unknown.name() == best)?;
    Some(format!("not known for sure, so not explained: {best} {}", unknown.versions()))
}
