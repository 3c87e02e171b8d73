//! Comparisons as JUnit XML. Another library than the one that wrote it reads it back.
//!
//! The tests hold it against the rules of Jenkins' xUnit plugin (junit-10.xsd), the strictest reader there is.
//! Ant's schema also requires time, host and properties, which would have to be made up here.

use std::ops::RangeInclusive;

use crate::comparison::*;
use pmdscope_traces::CompareReport;
use pmdscope_traces::results::{Judged, RowResult, junit};
use proptest::prelude::*;
use roxmltree::{Document, Node};

/// The required and the other attributes of an element, its children, and how many children it may have.
type Rule =
    (&'static [&'static str], &'static [&'static str], &'static [&'static str], RangeInclusive<usize>);

fn rule(element: &str) -> Option<Rule> {
    Some(match element {
        "testsuites" => (&[], &["name", "tests", "failures", "errors"], &["testsuite"], 0..=usize::MAX),
        "testsuite" => {
            (&["name", "tests", "failures", "errors"], &["skipped"], &["testcase"], 0..=usize::MAX)
        }
        // A result is one of the first three, or none.
        "testcase" => (&["name"], &["classname"], &["skipped", "error", "failure", "system-out"], 0..=1),
        "skipped" | "error" | "failure" => (&[], &["message", "type"], &[], 0..=0),
        "system-out" => (&[], &[], &[], 0..=0),
        _ => return None,
    })
}

/// Returns the elements of a name.
pub fn elements<'a, 'b>(of: Node<'a, 'b>, name: &'static str) -> impl Iterator<Item = Node<'a, 'b>> {
    of.descendants().filter(move |node| node.has_tag_name(name))
}

fn check(node: Node<'_, '_>) -> Result<(), String> {
    let element = node.tag_name().name();
    let (required, optional, children, number) = rule(element).ok_or(format!("element {element}"))?;
    for attribute in node.attributes() {
        if ![required, optional].concat().contains(&attribute.name()) {
            return Err(format!("attribute {} of {element}", attribute.name()));
        }
    }
    if let Some(missing) = required.iter().find(|name| !node.has_attribute(**name)) {
        return Err(format!("{element} without {missing}"));
    }
    for (counted, of) in
        [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
    {
        let said = node.attribute(counted).map(str::to_owned);
        let found = elements(node, of).count().to_string();
        if said.is_some_and(|said| said != found) {
            return Err(format!("{element} has {found} {of}, and says otherwise"));
        }
    }
    let inner: Vec<_> = node.children().filter(Node::is_element).collect();
    if !number.contains(&inner.len()) {
        return Err(format!("{} elements in {element}", inner.len()));
    }
    inner.into_iter().try_for_each(|child| {
        let name = child.tag_name().name();
        if children.contains(&name) { check(child) } else { Err(format!("{name} in {element}")) }
    })
}

/// Parses a file, and checks it by the rules.
pub fn checked(xml: &str) -> Result<Document<'_>, String> {
    let document = Document::parse(xml).map_err(|error| error.to_string())?;
    let root = document.root_element();
    if !root.has_tag_name("testsuites") {
        return Err("no test suites".to_owned());
    }
    check(root)?;
    Ok(document)
}

fn written(report: &CompareReport, text: &str) -> String {
    junit::compare(report, &list(text)).unwrap()
}

/// Returns the test case of a class and a name.
pub fn case<'a, 'b>(document: &'a Document<'b>, class: &str, name: &str) -> Node<'a, 'b> {
    let named = |case: &Node<'_, '_>| {
        case.attribute("classname") == Some(class) && case.attribute("name") == Some(name)
    };
    elements(document.root_element(), "testcase").find(named).unwrap()
}

#[test]
fn a_finding_is_a_failure_with_all_that_is_needed_to_see_it() {
    let xml = written(&comparison(), "");
    let document = checked(&xml).unwrap();
    let found = case(&document, "arm64 6.12", "migration-read split-unguarded gup-fast-read");
    let failure = found.first_element_child().unwrap();
    assert!(failure.has_tag_name("failure"));
    assert_eq!(failure.attribute("type"), Some("finding"));
    assert_eq!(failure.attribute("message"), Some("swap-becomes-present walker-past-present"));
    let text = "\
swap-becomes-present: swap entry 0x0000000081200600 was seen as present entry 0x0000000081200e00 (+PRESENT_INVALID)
  in 1 of 5 schedules, shortest W3 K1 W1
walker-past-present: the walker went past its present check on swap entry 0x0000000081200600, seen as \
0x0000000081200e00: refused by access
  in 1 of 5 schedules, shortest W3 K1 W1
to expect it: arm64 6.12 migration-read split-unguarded gup-fast-read swap-becomes-present
to expect it: arm64 6.12 migration-read split-unguarded gup-fast-read walker-past-present
to run it again: pmdscope run --arch arm64 --linux 6.12 --entry migration-read --writer split-unguarded --walker \
gup-fast-read";
    assert_eq!(failure.text(), Some(text));
}

#[test]
fn each_result_is_said_in_its_own_way() {
    let xml = written(&comparison(), &format!("{ALL_FOUND}arm64 * * *-guarded * bits-lost"));
    let document = checked(&xml).unwrap();
    let expected = case(&document, "kernel 5.10.0-30-arm64", "migration-read split gup-fast-read");
    let output = expected.first_element_child().unwrap();
    assert!(output.has_tag_name("system-out"), "it passes");
    assert_eq!(output.text(), Some("expected: swap-becomes-present walker-past-present"));
    assert!(!case(&document, "arm64 6.12", "migration-read split-guarded gup-fast-read").has_children());
    let unknown = case(&document, "x86_64 7.2", "present-huge split-unguarded gup-fast-read");
    let error = unknown.first_element_child().unwrap();
    assert!(error.has_tag_name("error"));
    assert!(error.attribute("message").unwrap().starts_with("incomplete: before any access"));
    assert!(error.text().unwrap().contains("to run it again: pmdscope run --arch x86_64"));
    let skipped = case(&document, "riscv64 5.10", "skipped 1").first_element_child().unwrap();
    assert!(skipped.has_tag_name("skipped"));
    assert!(skipped.attribute("message").unwrap().starts_with("riscv64 had no transparent huge pages"));
    let stale = case(&document, "expectations", "line 7: arm64 * * *-guarded * bits-lost");
    assert!(stale.first_element_child().unwrap().has_tag_name("failure"));
}

#[test]
fn nothing_says_when_or_where() {
    let xml = written(&comparison(), ALL_FOUND);
    let document = checked(&xml).unwrap();
    let root = document.root_element();
    let made_up = ["time", "timestamp", "hostname", "uuid", "id"];
    assert!(root.descendants().all(|node| made_up.iter().all(|name| !node.has_attribute(*name))));
    assert!(xml.ends_with("</testsuites>\n"));
    // The xUnit plugin refuses a total of skipped tests of all suites, so only the suites have theirs.
    let skipped: Vec<_> = elements(root, "testsuite").map(|suite| suite.attribute("skipped")).collect();
    assert_eq!(skipped, [Some("0"), Some("1"), Some("0"), Some("0"), Some("1")]);
}

#[test]
fn a_name_cannot_be_taken_for_markup() {
    let mut report = known_comparison();
    report.rows.truncate(1);
    report.rows[0].writer = "<w> & \"#\" ]]>\n\u{1b}[0m".to_owned();
    let xml = written(&report, "");
    let document = checked(&xml).unwrap();
    case(&document, "arm64 6.12", "migration-read <w> & \"#\" ]]>\\n\\u{1b}[0m gup-fast-read");
}

#[test]
fn the_rules_refuse_what_is_not_junit() {
    let good = r#"<testsuites><testsuite name="a" tests="1" failures="0" errors="0"><testcase name="b"/></testsuite></testsuites>"#;
    checked(good).unwrap();
    for (from, to) in [
        ("<testsuites>", "<testsuites skipped=\"0\">"),
        (" name=\"b\"", ""),
        ("tests=\"1\"", "tests=\"2\""),
        ("failures=\"0\"", "failures=\"1\""),
        ("<testcase name=\"b\"/>", "<testcase name=\"b\"><failure/><error/></testcase>"),
        ("<testcase name=\"b\"/>", "<testcase name=\"b\"/><failure/>"),
        ("testcase", "testcases"),
        ("name=\"a\"", "name=\"<\""),
    ] {
        assert!(good.contains(from));
        assert!(checked(&good.replace(from, to)).is_err(), "{from} to {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 2000 }))]

    #[test]
    fn any_report_is_one_that_can_be_read_back(report in nasty_comparison()) {
        let expectations = list("* * * * * *-lost\n* * * * * swap-*");
        let xml = junit::compare(&report, &expectations).unwrap();
        prop_assert_eq!(&xml, &junit::compare(&report, &expectations).unwrap());
        let document = checked(&xml).map_err(|wrong| TestCaseError::fail(format!("{wrong}\n{xml}")))?;
        let root = document.root_element();
        let judged = Judged::new(&report, &expectations);
        let rows = |result| judged.rows.iter().filter(|row| row.result() == result).count();
        prop_assert_eq!(elements(root, "failure").count(), rows(RowResult::Unexpected) + judged.stale.len());
        prop_assert_eq!(elements(root, "error").count(), rows(RowResult::Unknown));
        prop_assert_eq!(elements(root, "system-out").count(), rows(RowResult::Expected));
        prop_assert_eq!(elements(root, "skipped").count(), report.skipped.len());
    }
}
