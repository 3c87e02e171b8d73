//! Contracts in every format, and judged by lists of helpers that are expected to break a rule.

use anstream::adapter::strip_str;
use pmdscope_traces::contract::{
    CONTRACT_SCHEMA, Cell, Column, ContractExpectations, ContractJudged, ContractReport, EntryClass,
    EntryCount, Example, HelperResult, RuleInfo, Status, html, markdown, results, text,
};
use pmdscope_traces::results::Conclusion;
use pmdscope_traces::{GuestInfo, GuestKind, Value, Verdict, WIDTH, formats, schemas};
use proptest::prelude::*;
use scraper::{ElementRef, Html, Selector};

use crate::comparison::ktap_reader::{Test, read};
use crate::comparison::nasty;
use crate::junit;

/// Text that is markup in some format.
const HARMFUL: &str = "<b class=\"harm\" id='harm'>|`a`*b* # SKIP\n\u{1b}[31m&lt;\"";

fn rule(helper: &str, level: &str, says: &str, on: EntryClass) -> RuleInfo {
    let (helper, level, says) = (helper.to_owned(), level.to_owned(), says.to_owned());
    RuleInfo { helper, level, on: vec![on], says, line: Some(87), line_6_12: None, relied_on_by: None }
}

fn rules() -> Vec<RuleInfo> {
    use EntryClass::{Mapping, Swap};
    let relied = |rule, who: &str| RuleInfo { line: None, relied_on_by: Some(who.to_owned()), ..rule };
    let older = |rule| RuleInfo { line: None, line_6_12: Some(55), ..rule };
    vec![
        rule("pte_young", "pte", "it tells young from old", Mapping),
        older(rule("pte_mkdevmap", "pte", "what it makes is device memory", Mapping)),
        rule("pmd_leaf", "pmd", "a mapping is a leaf", Mapping),
        relied(rule("pmd_mkinvalid", "pmd", "the MMU does not use what it makes", Mapping), "the split"),
        rule("pmd_mkinvalid", "pmd", "not to be called for what is not present", Swap),
        // The rules of one helper need not be in one place.
        relied(rule("pmd_leaf", "pmd", "a swap entry is no leaf", Swap), "walkers that ask for a leaf first"),
        rule("pud_mkinvalid", "pud", "what it makes is still present", Mapping),
    ]
}

fn kept() -> Cell {
    Cell { status: Status::Kept, entries: 32, broken: 0, example: None, why: None }
}

fn lacking(status: Status, why: &str) -> Cell {
    Cell { status, entries: 0, why: Some(why.to_owned()), ..kept() }
}

fn with_example(status: Status, broken: u64, class: EntryClass, entry: u64, result: u64, says: &str) -> Cell {
    let result = (result != entry).then_some(Value(result));
    let example = Example { class, entry: Value(entry), result, says: says.to_owned() };
    Cell { status, entries: 32, broken, example: Some(example), why: None }
}

fn column(arch: &str, mmu: Option<&str>, linux: &str, cells: Vec<Cell>) -> Column {
    let platform = mmu.map_or(arch.to_owned(), |mmu| format!("{arch} {mmu}"));
    Column {
        name: format!("{platform} {linux}"),
        arch: arch.to_owned(),
        mmu: mmu.map(str::to_owned),
        linux: linux.to_owned(),
        guest: GuestInfo {
            kind: GuestKind::File,
            name: format!("{arch}-{linux}.elf"),
            sha256: "0123456789abcdef".repeat(4),
            engine: Some("Unicorn 2.1.5".to_owned()),
            release: Some(format!("{linux}.1")),
            package: None,
            build_id: None,
            types: None,
            label: None,
        },
        compiler: Some("clang 19".to_owned()),
        files: vec!["mm/pgtable-generic.c".to_owned()],
        assumptions: vec!["functions that flush translations do nothing".to_owned()],
        entries: vec![EntryCount { level: "pmd".to_owned(), class: EntryClass::Mapping, entries: 32 }],
        cells,
        incomplete: None,
    }
}

/// A report of what these columns have, with their verdict.
fn of(columns: Vec<Column>) -> ContractReport {
    ContractReport { rules: rules(), ..ContractReport::new("pmdscope 0.2.0".to_owned(), columns) }
}

/// A report with every status. Two columns break the same rule in the same way.
fn report() -> ContractReport {
    use EntryClass::{Mapping, Swap};
    let present = "it becomes present";
    let cells = |old: Cell| {
        let undocumented = with_example(Status::Undocumented, 32, Swap, 0x1000, 0x1800, present);
        let pud = with_example(Status::Broken, 32, Mapping, 0x85, 0x84, "pud_present() is false");
        let none = lacking(Status::NotImplemented, "the tree has none");
        vec![kept(), none, kept(), kept(), undocumented, old, pud]
    };
    let stays = with_example(Status::Undocumented, 0, Swap, 0x40, 0x40, "it stays as it is");
    let leaf = with_example(Status::Broken, 3, Swap, 0x40, 0x40, "pmd_leaf() is true");
    let used =
        with_example(Status::Broken, 32, Mapping, 0x8000_0000_0085, 0x8000_0000_0005, "the MMU uses it");
    let stopped = || lacking(Status::Unknown, "it stops by a trap");
    let unset = || lacking(Status::NotImplemented, "CONFIG_X is not set");
    let nothing = || Cell { status: Status::Unknown, entries: 0, ..kept() };
    let mut incomplete =
        column("ppc64le", Some("hash"), "6.1", std::iter::repeat_with(nothing).take(7).collect());
    incomplete.incomplete = Some("the probe does not start".to_owned());
    of(vec![
        column("arm64", None, "6.12", cells(kept())),
        column("arm64", None, "7.2", cells(kept())),
        column("x86_64", None, "7.2", vec![stopped(), unset(), stopped(), used, stays, leaf, unset()]),
        incomplete,
    ])
}

/// A report of one probe that keeps everything.
fn kept_report() -> ContractReport {
    let undocumented =
        with_example(Status::Undocumented, 0, EntryClass::Swap, 0x40, 0x40, "it stays as it is");
    let mut cells: Vec<_> = std::iter::repeat_with(kept).take(7).collect();
    cells[4] = undocumented;
    of(vec![column("riscv64", None, "7.2", cells)])
}

fn list(text: &str) -> ContractExpectations {
    ContractExpectations::parse("known.txt", text).unwrap()
}

fn plain(report: &ContractReport) -> String {
    strip_str(&text::text(report)).to_string()
}

fn tests(report: &ContractReport, text: &str) -> Vec<Test> {
    let written = results::ktap(report, &list(text));
    read(&written).unwrap_or_else(|wrong| panic!("{wrong}\n{written}"))
}

#[test]
fn the_text_leads_with_the_verdict_and_ends_with_numbers() {
    let expected = "\
FINDINGS: 3 helpers break 3 rules, on 3 of 4 probes; 9 results are unknown

pmd_leaf()
  Rule: a swap entry is no leaf
    relied on by walkers that ask for a leaf first
    BROKEN on x86_64 7.2: 3 of 32 entries,
      e.g. swap 0x0000000000000040: pmd_leaf() is true

pmd_mkinvalid()
  Rule: the MMU does not use what it makes
    relied on by the split
    BROKEN on x86_64 7.2: all 32 entries,
      e.g. mapping 0x0000800000000085 -> 0x0000800000000005 (now a table:
        PRESENT USER ADDRESS 0x800000000)
      the MMU uses it

pud_mkinvalid()
  Rule: what it makes is still present
    arch_pgtable_helpers.rst:87 of Linux 7.2
    BROKEN on arm64 6.12, arm64 7.2: all 32 entries,
      e.g. mapping 0x0000000000000085 -> 0x0000000000000084
      pud_present() is false

Undocumented inputs
  pmd_mkinvalid(): not to be called for what is not present;
    arch_pgtable_helpers.rst:87 of Linux 7.2
    arm64 6.12, arm64 7.2: all 32 entries become present,
      e.g. swap 0x0000000000001000 -> 0x0000000000001800 (+PRESENT_INVALID)
    x86_64 7.2: none of 32 entries becomes present,
      e.g. swap 0x0000000000000040: it stays as it is

Unknown
  UNKNOWN on x86_64 7.2: it stops by a trap
    pte_young(), pmd_leaf()
  UNKNOWN on ppc64le hash 6.1: the probe does not start
    every helper

7 rules:          kept  broken  undocumented  not there  unknown
arm64 6.12        4     1       1             1          0
arm64 7.2         4     1       1             1          0
x86_64 7.2        0     2       1             2          2
ppc64le hash 6.1  0     0       0             0          7

assumed  functions that flush translations do nothing (all probes)
";
    assert_eq!(plain(&report()), expected);
}

#[test]
fn the_text_of_what_is_kept_is_short() {
    let text = plain(&kept_report());
    assert!(text.starts_with("PASS: 1 probe keeps every rule that applies to it\n"), "{text}");
    assert!(text.lines().count() < 15, "{text}");
    let mut unknown = kept_report();
    unknown.columns[0].cells[0] = lacking(Status::Unknown, "it stops by a trap");
    let text = plain(&of(unknown.columns));
    assert!(
        text.starts_with("UNKNOWN: no rule is broken, but 1 result is unknown, which is not a pass\n"),
        "{text}"
    );
    assert!(plain(&of(Vec::new())).starts_with("UNKNOWN: no probe was run\n"));
}

/// Splits a row of a table at each bar that is not escaped.
fn cells_of(row: &str) -> Vec<String> {
    let inner = row.strip_prefix("| ").unwrap().strip_suffix(" |").unwrap();
    inner.replace("\\|", "\0").split(" | ").map(|cell| cell.replace('\0', "\\|")).collect()
}

#[test]
fn the_markdown_has_a_row_for_rules_with_the_same_results() {
    let written = markdown::markdown(&report());
    let rows: Vec<Vec<String>> = written.lines().filter(|line| line.starts_with('|')).map(cells_of).collect();
    let of = |helper: &str| -> Vec<Vec<&str>> {
        let rows = rows.iter().filter(|row| row[0] == format!("`{helper}()`"));
        rows.map(|row| row[1..].iter().map(String::as_str).collect()).collect()
    };
    let all_the_same = "it tells young from old";
    assert_eq!(of("pte_young"), [[all_the_same, "87", "kept", "kept", "unknown", "unknown"]]);
    let older = ["what it makes is device memory", "6.12:55", "-", "-", "-", "unknown"];
    assert_eq!(of("pte_mkdevmap"), [older]);
    assert_eq!(of("pmd_mkinvalid").len(), 2);
    assert_eq!(of("pud_mkinvalid")[0][2..], ["**BROKEN**", "**BROKEN**", "-", "unknown"]);
    for level in ["## PTE", "## PMD", "## PUD"] {
        assert_eq!(written.matches(level).count(), 1, "{level}");
    }
    assert!(written.contains("\n- R1: the split\n- R2: walkers that ask for a leaf first\n"), "{written}");
    assert!(written.contains(
        "\n- `pud_mkinvalid()`: what it makes is still present (arch_pgtable_helpers.rst:87 of Linux 7.2)\n  \
         - arm64 6.12, arm64 7.2: all 32 entries, such as mapping 0x0000000000000085 -> 0x0000000000000084: \
         pud_present() is false\n"
    ));
    assert!(written.contains("\n- CONFIG_X is not set: x86_64 7.2\n"), "{written}");

    // All rules of a helper that have the same results everywhere are in one row.
    let kept = markdown::markdown(&kept_report());
    assert!(
        kept.contains("| `pmd_leaf()` | a mapping is a leaf; a swap entry is no leaf | 87, R2 | kept |"),
        "{kept}"
    );
}

fn page(report: &ContractReport) -> Html {
    Html::parse_document(&html::page(report))
}

fn all<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).unwrap()).collect()
}

fn words(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_is_well_formed_and_asks_for_nothing() {
    for report in [report(), kept_report(), of(Vec::new())] {
        let written = html::page(&report);
        let page = page(&report);
        assert_eq!(page.errors, Vec::<String>::new());
        for asks in ["http:", "https:", "url(", "@import", "src=", "<script", "<link", "<img"] {
            assert!(!written.contains(asks), "{asks}");
        }
        let mut ids: Vec<_> =
            all(&page, "[id]").iter().map(|one| one.attr("id").unwrap().to_owned()).collect();
        for link in all(&page, "a") {
            let target = link.attr("href").unwrap().strip_prefix('#').expect("links stay on the page");
            assert!(ids.iter().any(|id| id == target), "{target}");
        }
        let number = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), number, "{ids:?}");
    }
}

#[test]
fn the_page_has_each_status_in_words_and_leads_to_examples() {
    let page = page(&report());
    let heads: Vec<_> = all(&page, ".contract thead th").into_iter().map(words).collect();
    assert_eq!(heads, ["Helper", "arm64", "x86_64", "ppc64le hash", "6.12", "7.2", "7.2", "6.1"]);
    let rows: Vec<Vec<String>> = all(&page, ".contract tbody tr:not(.level)")
        .iter()
        .map(|row| row.select(&Selector::parse("th, td").unwrap()).map(words).collect())
        .collect();
    assert_eq!(rows[0], ["pte_young", "kept", "kept", "unknown", "unknown"]);
    assert_eq!(rows[1], ["pte_mkdevmap", "–not there", "–not there", "–not there", "unknown"]);
    assert_eq!(rows[2], ["pmd_leaf", "kept", "kept", "broken", "unknown"]);
    let also = "kept ·, with undocumented inputs";
    assert_eq!(rows[3], ["pmd_mkinvalid", also, also, "broken ·, with undocumented inputs", "unknown"]);
    assert_eq!(rows[4], ["pud_mkinvalid", "broken", "broken", "–not there", "unknown"]);
    let broken = all(&page, "td.findings");
    assert_eq!(broken.len(), 4);
    let leads = broken[0].select(&Selector::parse("a").unwrap()).next().unwrap().attr("href").unwrap();
    let example = all(&page, leads)[0];
    assert!(
        words(example)
            .contains("on x86_64 7.2: 3 of 32 entries, such as swap 0x0000000000000040: pmd_leaf() is true")
    );
    assert!(broken[0].attr("title").unwrap().ends_with("pmd_leaf() is true"));
    assert_eq!(all(&page, "details").len(), 5);
}

#[test]
fn test_results_are_written_as_the_kernel_documents_it() {
    let written = "\
KTAP version 1
1..5
# pmdscope 0.2.0
# matches no helper here: line 3 of the list
  KTAP version 1
  1..5
  ok 1 pte_young
  ok 2 pte_mkdevmap # SKIP the tree has none
  ok 3 pmd_leaf
  ok 4 pmd_mkinvalid
  ok 5 pud_mkinvalid # XFAIL breaks 1 rule
ok 1 arm64 6.12
  KTAP version 1
  1..5
  ok 1 pte_young
  ok 2 pte_mkdevmap # SKIP the tree has none
  ok 3 pmd_leaf
  ok 4 pmd_mkinvalid
  # what it makes is still present (arch_pgtable_helpers.rst:87 of Linux 7.2): all 32 entries
  #   such as mapping 0x0000000000000085 -> 0x0000000000000084: pud_present() is false
  # to expect it: arm64 7.2 pud_mkinvalid
  not ok 5 pud_mkinvalid # breaks 1 rule
not ok 2 arm64 7.2
  KTAP version 1
  1..5
  not ok 1 pte_young # ERROR it stops by a trap
  ok 2 pte_mkdevmap # SKIP CONFIG_X is not set
  # a swap entry is no leaf (relied on by walkers that ask for a leaf first): 3 of 32 entries
  #   such as swap 0x0000000000000040: pmd_leaf() is true
  # unknown: it stops by a trap
  # to expect it: x86_64 7.2 pmd_leaf
  not ok 3 pmd_leaf # breaks 1 rule
  # the MMU does not use what it makes (relied on by the split): all 32 entries
  #   such as mapping 0x0000800000000085 -> 0x0000800000000005 (now a table: PRESENT USER ADDRESS 0x800000000): \
the MMU uses it
  # to expect it: x86_64 7.2 pmd_mkinvalid
  not ok 4 pmd_mkinvalid # breaks 1 rule
  ok 5 pud_mkinvalid # SKIP CONFIG_X is not set
not ok 3 x86_64 7.2
not ok 4 ppc64le hash 6.1 # ERROR the probe does not start
# it matches helpers that were run, and none breaks a rule: remove the line
not ok 5 expectations: line 2: arm64 * pmd_*
";
    let known = list(
        "arm64 6.12 pud_mkinvalid # known\narm64 * pmd_*\nx86_64 7.2 pud_mkinvalid\nppc64le/* 6.1 pte_young",
    );
    assert_eq!(results::ktap(&report(), &known), written);
    read(written).unwrap();
}

#[test]
fn junit_has_a_case_for_each_helper() {
    let known = list("* * *_mkinvalid\narm64 * pmd_leaf\n");
    let xml = results::junit(&report(), &known).unwrap();
    let document = junit::checked(&xml).unwrap();
    let child = |class, name| junit::case(&document, class, name).first_element_child();
    assert!(child("arm64 6.12", "pte_young").is_none());
    assert_eq!(child("arm64 6.12", "pud_mkinvalid").unwrap().text(), Some("expected: breaks 1 rule"));
    assert!(child("arm64 6.12", "pte_mkdevmap").unwrap().has_tag_name("skipped"));
    let failure = child("x86_64 7.2", "pmd_leaf").unwrap();
    assert_eq!((failure.tag_name().name(), failure.attribute("message")), ("failure", Some("breaks 1 rule")));
    assert!(failure.text().unwrap().ends_with("to expect it: x86_64 7.2 pmd_leaf"));
    let error = child("x86_64 7.2", "pte_young").unwrap();
    assert_eq!((error.tag_name().name(), error.attribute("message")), ("error", Some("it stops by a trap")));
    assert_eq!(
        child("ppc64le hash 6.1", "open").unwrap().attribute("message"),
        Some("the probe does not start")
    );
    assert!(child("expectations", "line 2: arm64 * pmd_leaf").unwrap().has_tag_name("failure"));
}

#[test]
fn only_what_is_listed_and_known_is_as_expected() {
    let conclusion = |report: &ContractReport, text| ContractJudged::new(report, &list(text)).conclusion();
    let mut report = report();
    report.columns.truncate(2);
    assert_eq!(conclusion(&report, ""), Conclusion::Unexpected);
    assert_eq!(conclusion(&report, "arm64 7.2 pud_*"), Conclusion::Unexpected);
    assert_eq!(conclusion(&report, "arm64 * pud_mkinvalid"), Conclusion::AsExpected);
    assert_eq!(
        conclusion(&report, "arm64 * pud_mkinvalid\n* * pmd_leaf"),
        Conclusion::Unexpected,
        "it is stale"
    );
    assert_eq!(conclusion(&report, "arm64 * pud_mkinvalid\nmips * *"), Conclusion::AsExpected);
    report.columns[0].cells[0] = lacking(Status::Unknown, "it stops by a trap");
    assert_eq!(conclusion(&report, "* * *"), Conclusion::Unknown, "no list makes the unknown pass");
    assert_eq!(
        conclusion(&report, "* * pud_mkinvalid\n* * pte_young"),
        Conclusion::Unknown,
        "the line may be true"
    );
    assert_eq!(conclusion(&kept_report(), ""), Conclusion::AsExpected);
    let expectations = list("");
    let report = kept_report();
    let judged = ContractJudged::new(&report, &expectations);
    assert!(judged.columns[0].helpers.iter().all(|helper| helper.result() == HelperResult::Pass));
}

#[test]
fn listing_what_a_diagnosis_says_makes_all_pass() {
    let mut report = report();
    report.columns.truncate(2);
    let listed = tests(&report, "");
    let lines = listed.iter().flat_map(|test| &test.subtests).flat_map(|test| &test.diagnostics);
    let lines: Vec<_> = lines.filter_map(|line| line.strip_prefix("to expect it: ")).collect();
    assert_eq!(lines.len(), 2);
    assert!(tests(&report, &lines.join("\n")).iter().all(|test| test.passed));
}

#[test]
fn a_helper_without_documented_inputs_is_skipped() {
    let mut report = kept_report();
    report.columns[0].cells[3] = lacking(Status::NotImplemented, "the tree has none");
    let groups = tests(&report, "");
    let helper = &groups[0].subtests[3];
    assert_eq!(
        (helper.directive.as_deref(), &*helper.data),
        (Some("SKIP"), "no document says what it should do")
    );
}

#[test]
fn a_line_that_says_nothing_is_an_error() {
    let error = |text: &str| ContractExpectations::parse("known.txt", text).unwrap_err().to_string();
    assert_eq!(
        error("\narm64 6.1"),
        "known.txt, line 2: 2 words where three are needed: PLATFORM LINUX HELPER"
    );
    let unknown = error("* * pmd_mkinvalidate");
    assert!(
        unknown.starts_with(
            "known.txt, line 1: no helper is named pmd_mkinvalidate; the nearest are pmd_mkinvalid, "
        ),
        "{unknown}"
    );
    assert_eq!(error("arm\u{7}64 * *"), "known.txt, line 1: character \\u{7}, which is in no name");
    assert!(error(&"x".repeat(1001)).contains("1001 bytes"));
    assert!(error(&"\n".repeat(4001)).contains("at most 4000 lines"));
}

#[test]
fn probes_of_one_name_are_told_by_their_files() {
    let mut report = report();
    report.columns.truncate(2);
    report.columns[1].name = report.columns[0].name.clone();
    let text = plain(&report);
    assert!(
        text.contains("\narm64 6.12 (arm64-6.12.elf) ") && text.contains("\narm64 6.12 (arm64-7.2.elf) "),
        "{text}"
    );
    report.columns[1].guest.name = report.columns[0].guest.name.clone();
    assert!(plain(&report).contains("\narm64 6.12 (arm64-6.12.elf) 2: "));
}

#[test]
fn a_result_that_the_report_lacks_is_unknown() {
    let mut report = report();
    for column in &mut report.columns {
        column.cells.truncate(1);
    }
    let text = plain(&report).split_whitespace().collect::<Vec<_>>().join(" ");
    let unknown = "UNKNOWN on arm64 6.12, arm64 7.2, x86_64 7.2: the report does not have the reason";
    assert!(text.contains(unknown), "{text}");
    assert!(tests(&report, "").iter().all(|group| !group.passed));
    html::page(&report);
    markdown::markdown(&report);
}

#[test]
fn the_report_follows_its_schema_and_is_read_again() {
    let schema = serde_json::to_value(schemas::schema("contract").unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in [report(), kept_report(), of(Vec::new())] {
        let format = formats::CONTRACT.iter().find(|format| format.name == "json").unwrap();
        let written = format.encoder.encode(&report, &ContractExpectations::default()).unwrap();
        let value = serde_json::from_str(&written).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(serde_json::from_value::<ContractReport>(value).unwrap(), report);
    }
    let mut wrong = serde_json::to_value(report()).unwrap();
    wrong["columns"][0]["cells"][0]["status"] = "fine".into();
    assert!(!validator.is_valid(&wrong));
    assert!(schemas::SCHEMAS.contains(&CONTRACT_SCHEMA));
    assert_eq!(report().verdict, Verdict::Findings);
}

/// Replaces the texts of a report that are not words of a list.
fn renamed(mut report: ContractReport, mut text: impl FnMut() -> String) -> ContractReport {
    for rule in &mut report.rules {
        (rule.helper, rule.says) = (format!("{}{}", rule.helper, text()), text());
        rule.relied_on_by = rule.relied_on_by.as_ref().map(|_| text());
    }
    for column in &mut report.columns {
        (column.name, column.arch, column.linux) = (text(), text(), text());
        column.mmu = column.mmu.as_ref().map(|_| text());
        (column.guest.name, column.guest.sha256) = (text(), text());
        (column.guest.release, column.compiler) = (Some(text()), Some(text()));
        (column.files, column.assumptions) = (vec![text()], vec![text()]);
        column.incomplete = column.incomplete.as_ref().map(|_| text());
        for cell in &mut column.cells {
            cell.why = cell.why.as_ref().map(|_| text());
            if let Some(example) = &mut cell.example {
                example.says = text();
            }
        }
    }
    report.made_by = text();
    report
}

fn check_every_format(report: &ContractReport) -> Result<(), String> {
    let text = plain(report);
    if let Some(long) = text.lines().find(|line| line.chars().count() > WIDTH) {
        return Err(format!("a line of {} columns: {long}", long.chars().count()));
    }
    let written = markdown::markdown(report);
    for (format, text) in [("text", &text), ("markdown", &written)] {
        if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n') {
            return Err(format!("{c:?} in {format}"));
        }
    }
    let tables: Vec<_> = written.lines().filter(|line| line.starts_with('|')).collect();
    let widths: Vec<_> = tables.iter().map(|row| row.replace("\\|", "").matches('|').count()).collect();
    let probes = report.columns.len();
    if widths.iter().any(|width| ![probes + 4, 10].contains(width)) {
        return Err(format!("a row with other cells: {widths:?}\n{written}"));
    }
    let page = page(report);
    if !page.errors.is_empty() || !all(&page, ".harm, #harm, script").is_empty() {
        return Err(format!("{:?}", page.errors));
    }
    let expectations = list("* * *invalid\n* * pte_*\n");
    read(&results::ktap(report, &expectations))?;
    junit::checked(&results::junit(report, &expectations).map_err(|error| error.to_string())?)?;
    Ok(())
}

#[test]
fn a_name_cannot_be_taken_for_markup() {
    let harmful = renamed(report(), || HARMFUL.to_owned());
    check_every_format(&harmful).unwrap();
    let written = markdown::markdown(&harmful);
    assert!(
        written.contains("\\<b class=\"harm\" id='harm'\\>\\|\\`a\\`\\*b\\* \\# SKIP\\\\n\\\\u{1b}\\[31m"),
        "{written}"
    );
    assert!(!written.contains(" <b"), "{written}");
    assert!(html::page(&harmful).contains("&lt;b class=&quot;harm&quot;"));
    let long = renamed(report(), || "word ".repeat(40) + &"x".repeat(200));
    check_every_format(&long).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 32 } else { 500 }))]

    #[test]
    fn any_report_is_written_in_every_format(texts in prop::collection::vec(nasty(), 40)) {
        let mut texts = texts.into_iter().cycle();
        let report = renamed(report(), || texts.next().unwrap());
        check_every_format(&report).map_err(TestCaseError::fail)?;
    }

    #[test]
    fn any_list_can_be_read(text in any::<String>()) {
        let _ = ContractExpectations::parse("list", &text);
    }
}
