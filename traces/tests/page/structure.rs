//! The content of the page, parsed as a browser does.

use std::collections::BTreeSet;

use pmdscope_traces::{CompareReport, RunReport, html, text};
use scraper::{ElementRef, Html, Selector};
use serde_json::Value;

use super::reports;

fn page(report: &CompareReport) -> Html {
    Html::parse_document(&html::compare(report))
}

fn all<'a>(html: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

fn within<'a>(element: ElementRef<'a>, selector: &str) -> Vec<ElementRef<'a>> {
    element.select(&Selector::parse(selector).unwrap()).collect()
}

/// Returns the text of an element, with single spaces.
fn words(element: ElementRef<'_>) -> String {
    spaced(&element.text().collect::<String>())
}

/// Returns the same text, with a space between the texts of different elements, such as the cells of a table.
fn apart(element: ElementRef<'_>) -> String {
    spaced(&element.text().collect::<Vec<_>>().join(" "))
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the page of a comparison with this run only.
fn details_of(row: RunReport) -> Html {
    let one = CompareReport { rows: vec![row], skipped: Vec::new(), ..reports::kernels() };
    page(&one)
}

#[test]
fn pages_are_well_formed() {
    for report in reports::all() {
        let page = page(&report);
        assert_eq!(page.errors, Vec::<String>::new());
        assert_eq!(page.quirks_mode, Html::parse_document("<!doctype html>").quirks_mode, "it has a doctype");
        for (selector, number) in
            [("html[lang=en]", 1), ("title", 1), ("meta[name=viewport]", 1), ("main", 1)]
        {
            assert_eq!(all(&page, selector).len(), number, "{selector}");
        }
    }
}

#[test]
fn a_parser_that_finds_no_fault_would_find_one() {
    assert_ne!(Html::parse_document("<!doctype html><p></div>").errors, Vec::<String>::new());
}

#[test]
fn links_lead_somewhere_and_names_are_unique() {
    for report in reports::all() {
        let page = page(&report);
        let named: Vec<_> = all(&page, "[id]").iter().map(|one| one.attr("id").unwrap().to_owned()).collect();
        let once: BTreeSet<_> = named.iter().cloned().collect();
        assert_eq!(named.len(), once.len(), "{named:?}");
        let links = all(&page, "a");
        for link in &links {
            let target = link.attr("href").unwrap().strip_prefix('#').expect("links stay on the page");
            assert!(once.contains(target), "{target}");
        }
        assert!(links.len() >= report.rows.len());
    }
}

#[test]
fn each_cell_leads_into_the_details_of_its_run() {
    let report = reports::guests();
    let page = page(&report);
    for (n, row) in (1..).zip(&report.rows) {
        let links = all(&page, &format!(".matrix a[href='#run-{n}']"));
        assert_eq!(links.len(), 1);
        assert!(words(links[0]).starts_with(&row.walker));
        // The ID is on an element within the details, so that a browser that follows the link unfolds them.
        let details = all(&page, &format!("details > :not(summary)#run-{n}"));
        let command = words(within(details[0], ".command")[0]);
        assert_eq!(command, row.command);
    }
}

#[test]
fn the_page_asks_for_nothing() {
    for report in reports::all() {
        let text = html::compare(&report);
        for asks in ["http:", "https:", "url(", "@import", "src=", "<script", "<link", "<img", "<iframe"] {
            assert!(!text.contains(asks), "{asks}");
        }
        let policy = all(&page(&report), "meta[http-equiv=Content-Security-Policy]")[0]
            .attr("content")
            .unwrap()
            .to_owned();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
    }
}

#[test]
fn names_of_files_are_text() {
    let page = page(&reports::kernels());
    assert!(all(&page, "script").is_empty());
    assert!(words(all(&page, ".facts")[0]).contains(reports::HARMFUL));
    assert!(words(all(&page, ".command")[0]).contains(reports::HARMFUL));
}

/// Puts markup into every string of a report that is a member of this name, or an item of its lists.
fn harm(value: &mut Value, name: &str, within: bool) {
    match value {
        Value::String(text) if within => text.insert_str(0, "<b class=\"harm\" id='harm'>&lt;"),
        Value::Array(items) => items.iter_mut().for_each(|item| harm(item, name, within)),
        Value::Object(members) => members.iter_mut().for_each(|(key, value)| harm(value, name, key == name)),
        _ => {}
    }
}

fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        Value::Object(members) => {
            found.extend(members.keys().cloned());
            members.values().for_each(|value| keys(value, found));
        }
        _ => {}
    }
}

#[test]
fn every_text_of_a_report_is_escaped() {
    let mut row = reports::kernel();
    row.contract.push("broken".to_owned());
    row.incomplete = Some("a bound".to_owned());
    row.disagreements.push("one".to_owned());
    row.with = vec!["mmu-store".to_owned()];
    let mut report = CompareReport { rows: vec![row], ..reports::kernels() };
    let mut sweep = reports::sweeps().sweeps.remove(1);
    sweep.ran = reports::sweeps().sweeps[0].ran.clone();
    sweep.classes = reports::sweeps().sweeps[0].classes.clone();
    sweep.disagreements.push("one".to_owned());
    report.sweeps.push(sweep);
    let whole = serde_json::to_value(&report).unwrap();
    let mut names = BTreeSet::new();
    keys(&whole, &mut names);
    let mut harmed = Vec::new();
    for name in names {
        let mut value = whole.clone();
        harm(&mut value, &name, false);
        // A member that is read as a number, or as one of a few words, cannot hold markup.
        let Ok(report) = serde_json::from_value::<CompareReport>(value) else { continue };
        let page = page(&report);
        assert!(all(&page, ".harm, #harm").is_empty(), "{name}");
        assert_eq!(page.errors, Vec::<String>::new(), "{name}");
        if html::compare(&report).contains("&lt;b class=&quot;harm&quot;") {
            harmed.push(name);
        }
    }
    for name in [
        "release",
        "command",
        "reason",
        "symbol",
        "instruction",
        "meaning",
        "assumptions",
        "incomplete",
        "disagreements",
        "field",
        "bits",
    ] {
        assert!(harmed.iter().any(|harmed| harmed == name), "{name} is not on the page: {harmed:?}");
    }
}

#[test]
fn verdicts_are_said_in_words_and_unknown_is_never_a_pass() {
    let report = reports::guests();
    let page = page(&report);
    let said = |n: usize| words(within(all(&page, &format!(".matrix a[href='#run-{n}']"))[0], "strong")[0]);
    let all_said: Vec<_> = (1..=report.rows.len()).map(said).collect();
    assert_eq!(all_said, ["findings", "pass", "unknown, incomplete", "unknown, control failed", "findings"]);
    let lacking = words(all(&page, "#unknown")[0]);
    assert!(lacking.contains("the bound on behaviours was reached"), "{lacking}");
    assert!(lacking.contains("pmd_none() says no, the model yes"), "{lacking}");
    assert_eq!(all(&page, "#unknown li a").len(), 2);
}

#[test]
fn a_control_that_failed_is_said() {
    let mut row = reports::kernel();
    row.kernel.as_mut().unwrap().controls[0].passed = false;
    let page = details_of(row);
    assert!(words(all(&page, "#unknown")[0]).contains("Control failed: gup-fast-read on an empty entry"));
    assert_eq!(words(all(&page, ".matrix a strong")[0]), "findings, control failed");
}

#[test]
fn nothing_that_was_run_is_nothing_known() {
    let page = page(&reports::nothing());
    assert_eq!(words(all(&page, "#unknown p")[0]), "Nothing was run, so nothing is known.");
}

#[test]
fn no_cell_is_blank_and_what_does_not_exist_has_its_reason() {
    let page = page(&reports::guests());
    let lines = all(&page, ".matrix tbody tr");
    let named: Vec<_> = lines.iter().map(|line| words(within(*line, "th[scope=row]")[0])).collect();
    assert_eq!(named, ["arm64 Linux 6.12", "arm64 Linux 7.2", "sparc64 Linux 7.2"]);
    for line in &lines {
        let cells = within(*line, "td");
        assert_eq!(cells.len(), 2, "a column for each writer");
        for cell in cells {
            assert!(!within(cell, ".sign, p.not-run").is_empty(), "{}", cell.html());
        }
    }
    assert!(apart(lines[1]).contains("gup-fast-read with mmu-store findings"));
    assert!(apart(lines[1]).contains("hmm does not exist has no hmm: its kernel has no such routine"));
    assert!(
        apart(lines[2])
            .contains("does not exist cannot express migration-read: huge pages cannot be migrated")
    );
    // Nobody gave a reason why the guarded split was not run there.
    assert!(words(within(lines[1], "td")[1]).ends_with("not run"));
}

#[test]
fn kernels_are_told_by_their_release() {
    let page = page(&reports::kernels());
    let named: Vec<_> = all(&page, ".matrix tbody th").into_iter().map(words).collect();
    assert_eq!(named, ["5.10.0-30-arm64 arm64 Linux 5.10", "6.1.0-50-s390x"]);
    assert_eq!(words(all(&page, ".matrix .guard")[0]), "split vulnerable");
}

#[test]
fn headers_say_what_they_head() {
    let page = page(&reports::wide());
    for header in all(&page, "th") {
        let scope = header.attr("scope").unwrap();
        assert!(["row", "col", "colgroup"].contains(&scope));
    }
    assert_eq!(all(&page, ".matrix.wide thead tr:nth-child(2) th").len(), 7);
}

#[test]
fn the_picture_shows_each_bit_and_marks_those_that_differ() {
    let row = reports::unguarded();
    let (before, seen) = (row.before.value.0, row.findings[0].view.0);
    let page = details_of(row);
    let digits = |nth: usize| -> String {
        all(&page, ".piece").iter().map(|piece| words(within(*piece, ".line")[nth])).collect()
    };
    assert_eq!(digits(0), format!("{before:064b}"));
    assert_eq!(digits(1), format!("{seen:064b}"));
    let marked = all(&page, ".line mark").len();
    assert_eq!(marked, usize::try_from((before ^ seen).count_ones()).unwrap());
    let numbers: Vec<_> = all(&page, ".changed i").into_iter().map(words).collect();
    assert_eq!(numbers, ["11"]);
}

#[test]
fn changed_bits_are_named_with_what_they_were_and_mean() {
    let page = details_of(reports::unguarded());
    let changed: Vec<_> = all(&page, ".fields .is-changed").into_iter().map(apart).collect();
    assert_eq!(
        changed,
        ["11 PRESENT_INVALID 0x0 → 0x1 set present, though not valid (NG in a valid entry) (kernel)"]
    );
}

#[test]
fn a_bit_that_has_no_name_is_not_passed_over() {
    let mut row = reports::unguarded();
    for view in &mut row.views {
        view.entry.bits.retain(|field| field.bit != Some(11));
    }
    row.before.bits.retain(|field| field.bit != Some(11));
    let page = details_of(row);
    let changed: Vec<_> = all(&page, ".fields .is-changed").into_iter().map(apart).collect();
    assert_eq!(changed, ["11 bit 11 0 → 1 set has no name in either entry"]);
}

#[test]
fn predicates_are_shown_before_and_after() {
    let page = details_of(reports::unguarded());
    let changed: Vec<_> = all(&page, ".predicates .is-changed").into_iter().map(apart).collect();
    for said in ["present no yes", "migration yes no", "swap type 24 –", "swap offset 0x81200 –"] {
        assert!(changed.iter().any(|line| line == said), "{said}: {changed:?}");
    }
    assert_eq!(all(&page, ".predicates tbody tr").len(), 11);
}

#[test]
fn the_timeline_is_the_schedule_of_the_finding_with_a_lane_for_each_cpu() {
    for (row, lanes) in [(reports::unguarded(), 2), (reports::with_a_third(), 3)] {
        let schedule = row.findings[0].schedule.clone();
        let trace = row.traces.iter().find(|trace| trace.schedule == schedule).unwrap().clone();
        assert_ne!(row.traces[0].schedule, schedule, "the first trace would not do");
        let page = details_of(row);
        let timelines = all(&page, ".lanes");
        assert_eq!(timelines.len(), 1);
        assert_eq!(words(all(&page, "h4 code")[0]), schedule);
        assert_eq!(within(timelines[0], ".heads div").len(), lanes);
        let steps = within(timelines[0], ".step");
        assert_eq!(steps.len(), trace.events.len());
        for (step, event) in steps.iter().zip(&trace.events) {
            let said = words(*step);
            assert!(said.starts_with(&format!("CPU{}", event.cpu)), "{said}");
            assert!(said.contains(&event.symbol) && said.contains(&event.instruction), "{said}");
        }
        let ends: Vec<_> = within(timelines[0], ".ends div").into_iter().map(words).collect();
        assert_eq!(ends[1], "CPU1 concluded refused by access, on 0x0000000081200e00");
        assert_eq!(ends.len(), lanes);
    }
}

#[test]
fn rows_without_traces_have_no_timeline_and_all_else() {
    let page = details_of(reports::unguarded().without_traces());
    assert!(all(&page, ".lanes").is_empty());
    assert_eq!(all(&page, ".piece").len(), 4);
}

#[test]
fn the_page_says_in_words_what_the_text_says() {
    for report in [reports::guests(), reports::kernels(), reports::sweeps(), reports::runs_and_sweeps()] {
        let page = page(&report);
        let on_page = words(all(&page, "#words")[0]);
        let said = text::compare(&report, None);
        let (_, said) = said.rsplit_once("\n\n").unwrap();
        assert!(said.lines().count() > 4);
        for line in said.lines() {
            assert!(on_page.contains(spaced(line.trim_end_matches(':')).as_str()), "{line}: {on_page}");
        }
    }
}

#[test]
fn pages_are_the_same_each_time() {
    assert_eq!(html::compare(&reports::guests()), html::compare(&reports::guests()));
}

#[test]
fn a_sweep_has_its_classes_and_the_command_that_runs_it_again() {
    let report = reports::runs_and_sweeps();
    let page = page(&report);
    let sweep = &report.sweeps[0];
    let details = all(&page, "details > :not(summary)#sweep-1")[0];
    assert_eq!(words(within(details, ".command")[0]), sweep.command);
    let classes: Vec<_> = within(details, "h4").into_iter().map(words).collect();
    assert_eq!(classes.len(), sweep.classes.len() + 1, "{classes:?}");
    let said = words(details);
    for class in &sweep.classes {
        assert!(said.contains(&class.before.holding()) && said.contains(&class.after.holding()), "{said}");
        for part in &class.parts {
            assert!(said.contains(&part.example.to_string()), "{said}");
        }
    }
    for pattern in within(details, ".pattern") {
        let digits = words(pattern).replace(' ', "");
        assert_eq!(digits.len(), 64);
        assert!(digits.chars().all(|digit| "01.".contains(digit)), "{digits}");
    }
    let lacking = words(all(&page, "#unknown")[0]);
    assert!(lacking.contains("arm64 6.12: pmdp_invalidate over swap"), "{lacking}");
    assert!(lacking.contains("what it does was not learned"), "{lacking}");
}

#[test]
fn of_sweeps_alone_there_is_no_matrix() {
    let page = page(&reports::sweeps());
    assert!(all(&page, "#matrix, #runs").is_empty());
    assert_eq!(all(&page, "#sweeps details").len(), 2);
    assert_eq!(words(all(&page, "title")[0]), "pmdscope: 2 sweeps");
}
