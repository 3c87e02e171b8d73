//! A paragraph about a change, for its changelog or a mail: plain text that can be quoted.

use pmdscope_arches::platform_name;

use super::{PatchPair, PatchReport, Totals};
use crate::difference::words;
use crate::report::GuestInfo;
use crate::text::wrapped::{command_lines, unbroken};
use crate::words::counted;

/// The columns of a changelog, as `git log` shows it indented.
const WIDTH: usize = 72;

/// Formats what was run, what changed, and how to repeat it, in lines of at most 72 columns.
///
/// A command may be longer, so that it can be copied.
pub(super) fn paragraph(report: &PatchReport) -> Vec<String> {
    let mut text = format!(
        "Tested with {}, which runs the machine code of the built kernel under emulation, one writer of the PMD \
         against one lockless walker at every interleaving",
        report.made_by
    );
    let pairs: Vec<String> = report.pairs.iter().map(pair).collect();
    text += &format!(": {}.", pairs.join("; "));
    let mut sentences = vec![text];
    let Totals { new, gone, unknown, .. } = report.totals();
    let kept = report.kept_findings();
    if !gone.findings.is_empty() {
        let (names, runs) = (words::findings(&gone.findings), counted(gone.runs, "run"));
        sentences.push(format!(
            "Found before the change and not after it: {names}, in {runs}{}.",
            where_(report, false)
        ));
    }
    sentences.push(match new.findings.is_empty() {
        true => "Nothing was found after the change that was not found before.".to_owned(),
        false => {
            let (names, runs) = (words::findings(&new.findings), counted(new.runs, "run"));
            format!("Found after the change and not before it: {names}, in {runs}{}.", where_(report, true))
        }
    });
    if !kept.findings.is_empty() {
        let (names, runs) = (words::findings(&kept.findings), counted(kept.runs, "run"));
        sentences.push(format!("Found before and after: {names}, in {runs}."));
    }
    match unknown {
        0 => {}
        1 => sentences.push("1 run could not be completed, so its result is unknown.".to_owned()),
        unknown => {
            sentences.push(format!("{unknown} runs could not be completed, so their results are unknown."));
        }
    }
    sentences.push("To repeat it:".to_owned());
    let mut lines = unbroken("", "", &sentences.join(" "), WIDTH);
    lines.push(String::new());
    lines.extend(command_lines("  ", &report.command, WIDTH));
    lines
}

/// Names the worst run that is newly found, or no longer found: ` (such as split against hmm on migration-read)`.
fn where_(report: &PatchReport, new: bool) -> String {
    let mut rows = report.rows();
    let row = rows.find(|row| !if new { row.new_findings() } else { row.gone_findings() }.is_empty());
    row.map_or(String::new(), |row| format!(", such as {}", words::run(&row.run)))
}

fn pair(pair: &PatchPair) -> String {
    let difference = &pair.difference;
    let platform = platform_name(&difference.arch, difference.mmu.as_ref());
    let (before, after) = (kernel(&difference.before), kernel(&difference.after));
    format!("on {platform} {} each of {before} before and {after} after", counted(pair.runs, "run"))
}

/// Names a kernel by its release and the first digits of its build ID.
pub(super) fn kernel(guest: &GuestInfo) -> String {
    let release = guest.release.as_deref().unwrap_or(&guest.name);
    match guest.build_id.as_deref().and_then(|id| id.get(..12)) {
        Some(id) => format!("{release} (build ID {id})"),
        None => format!("{release} ({})", guest.name),
    }
}
