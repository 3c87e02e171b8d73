//! Tables of joint results of a writer and a walker, and the findings that no order of one after the other explains.

use std::collections::BTreeMap;

use pmdscope_arches::{Arch, Encoding, EntryMarks};
use pmdscope_traces::FindingName::{CrashInRace, NotSerializable};
use pmdscope_traces::{
    Count, Entry, Finding, Hex, Observed, Outcome, Pair, RoutineNames, RoutineResult, SerialOrder, Severity,
    Together, Value, WriterRule, judge,
};

const ENTRY: u64 = 0x1028;
const BEFORE: u64 = 0x10;
const TABLE: u64 = 0x7003;
const CLEARED: u64 = 0x20;

fn came_to(result: RoutineResult) -> Outcome {
    Outcome {
        result,
        stopped_by: None,
        pfn: None,
        size: None,
        returned: None,
        decided_on: Some(Value(BEFORE)),
        last_view: None,
        ended: None,
        past_present: false,
        schedules: Count::default(),
        schedule: String::new(),
    }
}

fn page(pfn: u64) -> Outcome {
    Outcome { pfn: Some(Hex(pfn)), ..came_to(RoutineResult::Page) }
}

fn waits_for(pfn: u64) -> Outcome {
    Outcome { pfn: Some(Hex(pfn)), ..came_to(RoutineResult::Wait) }
}

fn returned(number: u64) -> Outcome {
    Outcome { returned: Some(Hex(number)), ..came_to(RoutineResult::Returned) }
}

fn crashed() -> Outcome {
    Outcome { ended: Some("reached a BUG() at mm/x.c:1".to_owned()), ..came_to(RoutineResult::Crash) }
}

fn refused() -> Outcome {
    came_to(RoutineResult::Refused)
}

fn together(order: Option<SerialOrder>, walker: Outcome, entry: u64) -> Together {
    Together {
        writer: came_to(RoutineResult::Migrating),
        walker,
        left: if entry == BEFORE { BTreeMap::new() } else { BTreeMap::from([(ENTRY, entry)]) },
        references: BTreeMap::new(),
        warnings: Default::default(),
        order,
        pair: None,
        schedules: Count(1_u8.into()),
        schedule: "W1 K1 W1".to_owned(),
    }
}

fn at_once(walker: Outcome, entry: u64) -> Together {
    together(None, walker, entry)
}

/// The orders of a split, and a walker that takes page 1 where the entry is as before.
fn orders() -> Vec<Together> {
    vec![
        together(Some(SerialOrder::WriterFirst), came_to(RoutineResult::Table), TABLE),
        together(Some(SerialOrder::WalkerFirst), page(1), TABLE),
    ]
}

fn found(runs: &[Together]) -> Vec<Finding> {
    let encoding = Encoding::at(Arch::Arm64, None, "6.12".parse().unwrap()).unwrap();
    judge(&Observed {
        encoding: &encoding,
        before: &Entry::of_model(&encoding, BEFORE),
        built_as_swap: true,
        walker_only_reads: true,
        views: &[],
        outcomes: &[],
        outcomes_meanwhile: &[],
        stale_takes: &[],
        overwritten: &[],
        marked: &[],
        writer: WriterRule { invalidates: true, installs: true, may_drop: EntryMarks::default() },
        changes: &[],
        filled: &[],
        together: runs,
        writer_alone: &BTreeMap::from([(ENTRY, TABLE)]),
        walker_alone: &BTreeMap::new(),
        places: &BTreeMap::from([(ENTRY, "the entry".to_owned())]),
        names: RoutineNames { writer: "split", walker: "hmm" },
    })
}

/// Judges the orders of a split and a further run.
fn with_orders(run: Together) -> Vec<Finding> {
    let mut runs = orders();
    runs.push(run);
    found(&runs)
}

#[track_caller]
fn finds(run: Together, severity: Severity, says: &str) {
    let all = with_orders(run);
    let [finding] = &all[..] else { panic!("{all:#?}") };
    assert_eq!((finding.name, finding.severity), (NotSerializable, Some(severity)), "{finding:#?}");
    assert!(finding.explanation.contains(says), "{finding:#?}");
}

#[track_caller]
fn silent(run: Together) {
    assert_eq!(with_orders(run), []);
}

#[test]
fn an_outcome_of_no_order_is_found() {
    finds(at_once(page(2), TABLE), Severity::WrongPage, "hmm took page 0x2");
    finds(at_once(came_to(RoutineResult::Leaf), TABLE), Severity::WrongAnswer, "one after the other, it ");
    finds(
        Together { writer: came_to(RoutineResult::Mapped), ..at_once(page(1), TABLE) },
        Severity::WrongPage,
        "split",
    );
    silent(at_once(page(1), TABLE));
    silent(at_once(came_to(RoutineResult::Table), TABLE));
}

#[test]
fn what_is_left_of_no_order_is_found() {
    let says = "the entry is 0x0000000000000020 in the end; one after the other leave 0x0000000000007003";
    finds(at_once(page(1), CLEARED), Severity::MemoryLost, says);
    finds(at_once(page(1), BEFORE), Severity::MemoryLost, "the entry is what it was in the end");
    let leaks = Together { references: BTreeMap::from([(1, 5)]), ..at_once(page(1), TABLE) };
    finds(leaks, Severity::WrongPage, "page 0x1 has 5 references in the end");
}

#[test]
fn a_routine_may_give_way_at_any_time_and_leaves_nothing_then() {
    for result in [RoutineResult::Refused, RoutineResult::Retry, RoutineResult::Fault] {
        silent(at_once(came_to(result), TABLE));
        finds(at_once(came_to(result), CLEARED), Severity::MemoryLost, "the entry is");
    }
    // Both: the writer found nothing to split.
    let neither = |entry| Together { writer: came_to(RoutineResult::Unsplit), ..at_once(refused(), entry) };
    silent(neither(BEFORE));
    finds(neither(TABLE), Severity::MemoryLost, "the entry is");
}

#[test]
fn a_walker_waits_for_what_it_waits_for_in_an_order() {
    let mut runs = vec![
        together(Some(SerialOrder::WriterFirst), came_to(RoutineResult::Table), TABLE),
        together(Some(SerialOrder::WalkerFirst), waits_for(1), TABLE),
        at_once(waits_for(1), TABLE),
    ];
    assert_eq!(found(&runs), []);
    runs.push(at_once(waits_for(2), TABLE));
    assert_eq!(found(&runs).len(), 1);
}

#[test]
fn a_function_that_returns_an_error_or_nothing_gives_way() {
    let mut runs = vec![
        together(Some(SerialOrder::WriterFirst), returned(1), TABLE),
        together(Some(SerialOrder::WalkerFirst), returned(1), TABLE),
    ];
    // -EAGAIN as a long and as an int, and nothing.
    for number in [11_u64.wrapping_neg(), 0xffff_fff5, 0] {
        runs.push(at_once(returned(number), TABLE));
    }
    assert_eq!(found(&runs), []);
    for number in [2, 0xffff_0000, 0xf5_ffff_fff5, 4096_u64.wrapping_neg()] {
        runs.push(at_once(returned(number), TABLE));
        assert_eq!(found(&runs).len(), 1, "{number:#x}");
        runs.pop();
    }
}

#[test]
fn nothing_is_said_where_an_order_is_not_known() {
    let wrong = at_once(page(2), TABLE);
    let [writer_first, walker_first] = orders().try_into().unwrap();
    assert_eq!(found(&[writer_first.clone(), wrong.clone()]), []);
    let unknown = Together { walker: came_to(RoutineResult::Unknown), ..walker_first.clone() };
    assert_eq!(found(&[writer_first.clone(), unknown, wrong.clone()]), []);
    assert_eq!(found(&[writer_first.clone(), walker_first, wrong.clone()]).len(), 1);
    // Nor of a run that did not end.
    silent(at_once(came_to(RoutineResult::Unknown), CLEARED));
    // Where both orders are the same, one run is both.
    let either = Together { order: Some(SerialOrder::Either), ..writer_first };
    assert_eq!(found(&[either, wrong]).len(), 1);
}

#[test]
fn runs_that_differ_in_the_same_are_one_finding_with_the_shortest_schedule_and_its_pair() {
    let pair = |first: &str| Some(Pair { first: first.to_owned(), second: "hmm at hmm+0x8".to_owned() });
    let run =
        |schedule: &str, pair| Together { schedule: schedule.to_owned(), pair, ..at_once(page(2), TABLE) };
    let mut runs = orders();
    runs.push(run("W1 K1 W1 K1", pair("split at split+0x4")));
    runs.push(run("W1 K1 W1", pair("split at split+0x8")));
    let all = found(&runs);
    let [finding] = &all[..] else { panic!("{all:#?}") };
    assert_eq!((finding.schedule.as_str(), finding.schedules.to_string().as_str()), ("W1 K1 W1", "2"));
    let says = "; the first pair of no order is split at split+0x8, then hmm at hmm+0x8";
    assert!(finding.explanation.ends_with(says), "{finding:#?}");
}

#[test]
fn a_crash_or_a_warning_of_no_order_is_found() {
    let all = with_orders(at_once(crashed(), TABLE));
    let [finding] = &all[..] else { panic!("{all:#?}") };
    assert_eq!(finding.name, CrashInRace);
    assert!(finding.explanation.starts_with("hmm reached a BUG() at mm/x.c:1, which"), "{finding:#?}");

    let warns = |run: Together| Together { warnings: ["mm/x.c:2".to_owned()].into(), ..run };
    let all = with_orders(warns(at_once(page(1), TABLE)));
    let [finding] = &all[..] else { panic!("{all:#?}") };
    assert_eq!(finding.name, CrashInRace);
    assert!(finding.explanation.starts_with("the kernel warns at mm/x.c:2, which"), "{finding:#?}");

    let mut runs = orders();
    runs.push(warns(together(Some(SerialOrder::WalkerFirst), page(1), TABLE)));
    runs.push(together(Some(SerialOrder::WalkerFirst), crashed(), TABLE));
    runs.push(warns(at_once(crashed(), TABLE)));
    assert_eq!(found(&runs), [], "an order has both");
}
