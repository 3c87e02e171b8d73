//! The contents of a reproducer, as text.

use super::{Code, REPRO_SCHEMA, Repro};
use crate::printable::printable;
use crate::text;
use crate::text::race::race;
use crate::text::style;
use crate::text::wrapped::Lines;
use crate::words::{self, counted};

/// Returns the contents of a reproducer, in lines that fit a mail.
pub fn show(repro: &Repro) -> String {
    let repro = &*printable(repro);
    let report = &repro.report;
    let mut lines = Lines::default();
    lines.styled(style::TITLE, "  ", &words::headline(report));
    lines.gap();
    if let Some(split) = report.kernel.as_ref().and_then(text::split) {
        lines.paragraph("", "  ", &split);
    }
    let of_schedule = report.findings_under(&repro.expected.schedule);
    if of_schedule.is_empty() {
        lines.line("No finding has this as its shortest schedule.");
    }
    for finding in of_schedule {
        text::finding(&mut lines, report, finding);
    }
    lines.gap();
    race(&mut lines, report, &repro.expected);
    lines.gap();
    lines.labelled("format    ", &format!("{REPRO_SCHEMA}, saved by {}", repro.report.made_by));
    code(&mut lines, repro);
    lines.labelled("encoding  ", &report.encoding);
    if let Some(kernel) = &report.kernel {
        text::set_up(&mut lines, kernel);
    }
    let (entry, value) = (report.marked_entry(), report.before.value);
    let page = repro.pfn.map_or(String::new(), |pfn| format!(", of page {:#x} as asked for", pfn.0));
    lines.labelled("entry     ", &format!("{entry} {value}{page}"));
    lines.labelled("schedule  ", &schedule(repro));
    let (events, bounds) = (repro.expected.events.len(), repro.bounds);
    lines.labelled("expected  ", &format!("{}, and the outcome of each routine", counted(events, "event")));
    lines.labelled(
        "bounds    ",
        &format!("{} accesses and {} instructions of each routine", bounds.accesses, bounds.instructions),
    );
    lines.command("all of it ", &report.command);
    lines.into_text()
}

/// Writes the lines that identify the machine code.
pub(super) fn code(lines: &mut Lines, repro: &Repro) {
    let guest = &repro.report.guest;
    match &repro.code {
        Code::Guest { .. } => {
            lines.labelled("guest     ", &format!("{} {}, which is in the file", guest.kind, guest.name));
        }
        Code::Kernel { file, build_id, banner, package, .. } => {
            lines.labelled("kernel    ", guest.release.as_deref().unwrap_or_default());
            lines.labelled("          ", banner);
            if let Some(package) = package {
                lines.labelled(
                    "package   ",
                    &format!("{} {} ({})", package.name, package.version, package.architecture),
                );
                lines.labelled("          ", &package.download);
            }
            lines.labelled("file      ", &format!("{file}, which is needed to run it again"));
            lines.labelled("build id  ", build_id.as_deref().unwrap_or("none"));
        }
    }
    let of = if matches!(repro.code, Code::Kernel { .. }) { "of the boot image" } else { "of the ELF file" };
    lines.labelled("sha256    ", &format!("{} {of}", guest.sha256));
    if let Some(engine) = &guest.engine {
        lines.labelled("engine    ", engine);
    }
}

/// Formats the schedule, and the number of schedules that were run.
fn schedule(repro: &Repro) -> String {
    let all = &repro.report.schedules.total;
    let were = if all.to_string() == "1" { "was" } else { "were" };
    format!("{}, of {} that {were} run", repro.expected.schedule, counted(all, "schedule"))
}
