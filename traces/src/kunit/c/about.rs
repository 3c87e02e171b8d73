//! The comment at the top of a test: where its values are from, what it shows, how to run it.

use textwrap::{Options, WordSplitter};

use crate::kunit::names::{FILE, Names};
use crate::kunit::seen::Seen;
use crate::report::{GuestInfo, RunReport};

/// Returns the comment at the top.
pub fn comment(report: &RunReport, seen: &Seen<'_>, names: &Names) -> String {
    let mut lines = vec!["/*".to_owned()];
    let function = seen.function;
    lines.extend(paragraph(&format!(
        "What {function}() makes of a PMD migration entry. This test PASSES WHERE THE MACHINE DOES WHAT WAS \
         SEEN under emulation, by pmdscope:"
    )));
    lines.push(" *".to_owned());
    for (key, value) in run(report, seen) {
        lines.extend(listed(key, &value));
    }
    lines.push(" *".to_owned());
    lines.extend(paragraph(&format!(
        "The entry is built by the kernel's own helpers, and then {function}() alone is done to it. A pass \
         shows that this kernel, on this machine, makes of the entry what was seen. It does not show that \
         any walker comes by, nor that anything in this kernel invalidates such an entry: a split that looks \
         first does not. A failure shows that this kernel does something else; if the first case fails, the \
         kernel is none of that platform."
    )));
    lines.push(" *".to_owned());
    lines.extend(how_to_run(report, names));
    lines.push(" */\n".to_owned());
    lines.join("\n")
}

/// Returns the name of the suite: the platform and the first finding.
pub fn suite_name(report: &RunReport, seen: &Seen<'_>) -> String {
    let finding = seen.findings.first().map_or("", |finding| finding.name.name());
    let platform = [Some(report.arch.as_str()), report.mmu.as_deref(), Some(finding)];
    let name: Vec<&str> = std::iter::once("pmdscope").chain(platform.into_iter().flatten()).collect();
    name.join("_").replace('-', "_")
}

/// Describes the run in keys and values.
fn run(report: &RunReport, seen: &Seen<'_>) -> Vec<(&'static str, String)> {
    let platform = [&report.arch].into_iter().chain(&report.mmu).map(String::as_str);
    let mut run = vec![
        ("platform", format!("{} Linux {}", platform.collect::<Vec<_>>().join(" "), report.linux)),
        ("encoding", report.encoding.clone()),
    ];
    run.extend(guest(&report.guest));
    run.push(("writer", report.writer.clone()));
    run.push(("walker", report.walker.clone()));
    run.push(("again", report.command.clone()));
    for finding in &seen.findings {
        run.push(("finding", format!("{}: {}", finding.name.name(), finding.explanation)));
        run.push(("schedule", finding.schedule.clone()));
    }
    run
}

/// Describes the machine code that was run, in keys and values.
fn guest(guest: &GuestInfo) -> Vec<(&'static str, String)> {
    let mut rows =
        vec![("guest", format!("{} {}", guest.kind, guest.name)), ("sha256", guest.sha256.clone())];
    let more = [("release", &guest.release), ("package", &guest.package), ("build ID", &guest.build_id)];
    rows.extend(more.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
    rows
}

/// Returns the lines that explain how to build and run the test.
fn how_to_run(report: &RunReport, names: &Names) -> Vec<String> {
    let mut lines = paragraph(&format!(
        "To run it, put it into mm/ of Linux {} as {FILE}, add to mm/Makefile",
        report.linux
    ));
    let object = FILE.replace(".c", ".o");
    lines.extend([" *".to_owned(), format!(" *   obj-$(CONFIG_KUNIT) += {object}"), " *".to_owned()]);
    lines.extend(paragraph(
        "and boot a kernel with CONFIG_KUNIT=y and CONFIG_TRANSPARENT_HUGEPAGE=y on the machine: the result \
         is in its log.",
    ));
    if let Some(platform) = names.kunit_py {
        lines.extend([" *", " * Or, under QEMU:", " *"].map(str::to_owned));
        lines.push(" *   tools/testing/kunit/kunit.py run \\".to_owned());
        lines.extend(platform.iter().map(|option| format!(" *       {option} \\")));
        lines.push(" *       --kconfig_add CONFIG_TRANSPARENT_HUGEPAGE=y 'pmdscope*'".to_owned());
    }
    lines
}

/// Wraps a text into lines of the comment.
fn paragraph(text: &str) -> Vec<String> {
    wrapped(text, " * ", " * ")
}

/// Formats a key and its value. Further lines of the value are indented like its first.
fn listed(key: &str, value: &str) -> Vec<String> {
    wrapped(value, &format!(" *   {key:10}"), &format!(" *   {:10}", ""))
}

fn wrapped(text: &str, first: &str, further: &str) -> Vec<String> {
    let options = Options::new(79)
        .initial_indent(first)
        .subsequent_indent(further)
        .word_splitter(WordSplitter::NoHyphenation);
    let text = harmless(text);
    textwrap::wrap(&text, options).into_iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Replaces what could end the comment or is not ASCII: a report may contain any file's name.
fn harmless(text: &str) -> String {
    let ascii: String =
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    ascii.replace("*/", "* /").replace("/*", "/ *")
}
