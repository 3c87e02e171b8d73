//! Timelines, checked against the rules of the Trace Event Format and against the events of the reports.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::{by, stands};
use jsonschema::Validator;
use pmdscope_traces::timelines::chrome;
use pmdscope_traces::{Count, EventKind, RunReport, Trace};
use serde_json::{Value as Json, json};

fn format() -> Validator {
    let rules: Json = serde_json::from_str(include_str!("trace-event-format.json")).unwrap();
    jsonschema::validator_for(&rules).unwrap()
}

/// Returns a timeline, and checks that it keeps the rules of the format.
fn timeline(reports: &[RunReport]) -> Json {
    let timeline = serde_json::from_str(&chrome::runs(reports).unwrap()).unwrap();
    let breaches: Vec<_> =
        format().iter_errors(&timeline).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(breaches, [""; 0]);
    timeline
}

fn events(timeline: &Json) -> &[Json] {
    timeline["traceEvents"].as_array().unwrap()
}

fn number(event: &Json, member: &str) -> u64 {
    event[member].as_u64().unwrap_or_else(|| panic!("{member} of {event}"))
}

fn is(member: &str, value: &str) -> impl Fn(&&Json) -> bool {
    move |event| event[member] == value
}

fn of_process(timeline: &Json, pid: u64) -> impl Iterator<Item = &Json> {
    events(timeline).iter().filter(move |event| event["pid"] == pid)
}

/// Returns the events of a process, in order of time.
fn happened(timeline: &Json, pid: u64) -> Vec<&Json> {
    let cats = ["access", "elsewhere", "call", "flush", "warning"];
    let mut happened: Vec<_> =
        of_process(timeline, pid).filter(|event| cats.iter().any(|cat| event["cat"] == *cat)).collect();
    happened.sort_by_key(|event| number(event, "ts"));
    happened
}

/// Returns each behaviour with the ID of its process.
fn behaviours(reports: &[RunReport]) -> impl Iterator<Item = (u64, &RunReport, &Trace)> {
    let all = reports.iter().flat_map(|report| report.traces.iter().map(move |trace| (report, trace)));
    (1..).zip(all).map(|(pid, (report, trace))| (pid, report, trace))
}

/// Returns what the metadata events of this name say about each process, or about each thread.
fn said<'a>(timeline: &'a Json, name: &str, of: &str) -> BTreeMap<u64, &'a Json> {
    let mut said = BTreeMap::new();
    for event in events(timeline).iter().filter(is("ph", "M")).filter(is("name", name)) {
        let argument = event["args"].as_object().unwrap().values().next().unwrap();
        assert_eq!(said.insert(number(event, of), argument), None, "said twice: {event}");
    }
    said
}

#[test]
fn the_rules_refuse_what_breaks_them() {
    let good = timeline(&crate::common::all());
    let of = |phase: &str| events(&good).iter().position(|event| event["ph"] == phase).unwrap();
    let broken = |phase: &str, change: fn(&mut Json)| {
        let mut timeline = good.clone();
        change(&mut timeline["traceEvents"][of(phase)]);
        !format().is_valid(&timeline)
    };
    fn without(event: &mut Json, member: &str) {
        event.as_object_mut().unwrap().remove(member).unwrap();
    }
    assert!(broken("X", |event| without(event, "dur")));
    assert!(broken("X", |event| without(event, "ts")));
    assert!(broken("X", |event| without(event, "tid")));
    assert!(broken("X", |event| event["ts"] = json!("1")));
    assert!(broken("X", |event| event["dur"] = json!(-1)));
    assert!(broken("X", |event| event["ts"] = json!(1_u64 << 53)));
    assert!(broken("X", |event| event["ph"] = json!("Y")));
    assert!(broken("X", |event| event["s"] = json!("t")));
    assert!(broken("i", |event| event["s"] = json!("x")));
    assert!(broken("C", |event| event["args"] = json!({})));
    assert!(broken("C", |event| event["args"]["present"] = json!("1")));
    assert!(broken("M", |event| event["name"] = json!("processname")));
    assert!(broken("M", |event| event["args"] = json!({ "sort_index": 1 })));
    let mut unit = good.clone();
    unit["displayTimeUnit"] = json!("us");
    assert!(!format().is_valid(&unit));
}

#[test]
fn each_behaviour_is_a_process_with_its_cpus_as_threads() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    let processes = said(&timeline, "process_name", "pid");
    let order = said(&timeline, "process_sort_index", "pid");
    let threads = said(&timeline, "thread_name", "tid");
    let ids: Vec<_> = behaviours(&reports).map(|(pid, ..)| pid).collect();
    assert_eq!(processes.keys().copied().collect::<Vec<_>>(), ids);
    assert!(ids.iter().all(|pid| *order[pid] == *pid), "processes stand in the order of behaviours");
    for (pid, report, trace) in behaviours(&reports) {
        let name = processes[&pid].as_str().unwrap();
        assert!(name.starts_with(&format!("{}: {} (", report.walker, trace.schedule)), "{name}");
        let cpus = [&report.writer, &report.walker].into_iter().chain(&report.with);
        let cpus: Vec<_> = (0..).zip(cpus).map(|(cpu, routine)| format!("CPU{cpu} {routine}")).collect();
        let named: Vec<_> = of_process(&timeline, pid).filter(is("name", "thread_name")).collect();
        let named: Vec<_> = named.iter().map(|event| event["args"]["name"].as_str().unwrap()).collect();
        assert_eq!(named, cpus);
    }
    assert_eq!(processes[&2], "gup-fast-read: W3 K1 W1 (1 of 5 schedules)");
    assert_eq!(processes[&3], "gup-fast-read: K1 W4 (3 of 5 schedules)");
    // No thread belongs to two processes, and every event belongs to a named process and thread.
    let mut of = BTreeMap::new();
    for event in events(&timeline) {
        let (pid, tid) = (number(event, "pid"), number(event, "tid"));
        assert!(processes.contains_key(&pid) && threads.contains_key(&tid), "{event}");
        assert_eq!(*of.entry(tid).or_insert(pid), pid, "{event}");
    }
}

#[test]
fn every_event_is_there_at_its_time_on_its_cpu() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    for (pid, _, trace) in behaviours(&reports) {
        let happened = happened(&timeline, pid);
        assert_eq!(happened.len(), trace.events.len());
        for ((ts, event), shown) in (1..).zip(&trace.events).zip(happened) {
            assert_eq!(number(shown, "ts"), ts);
            assert_eq!(number(shown, "tid") % 1000, u64::from(event.cpu));
            assert_eq!(shown["args"]["pc"], format!("{:#x}", event.pc.0));
            assert_eq!(shown["args"]["instruction"], event.instruction.replace('\t', " "));
            assert!(shown["name"].as_str().unwrap().starts_with(&format!("{} ", event.symbol)));
            let accesses =
                !matches!(event.what, EventKind::Call { .. } | EventKind::Flush | EventKind::Warning { .. });
            assert_eq!((shown["ph"] == "X", shown["dur"] == 1), (accesses, accesses), "{shown}");
            assert_eq!(shown["s"] == "t", !accesses, "{shown}");
        }
    }
}

#[test]
fn accesses_say_what_they_found_and_left() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    for (pid, report, trace) in behaviours(&reports) {
        for (event, shown) in trace.events.iter().zip(happened(&timeline, pid)) {
            let args = &shown["args"];
            let value = match &event.what {
                EventKind::Load { entry, .. }
                | EventKind::Call { entry, .. }
                | EventKind::Warning { entry } => *entry,
                EventKind::Store { before, after, changes, .. }
                | EventKind::Atomic { before, after, changes, .. } => {
                    assert_eq!((&args["before"], &args["changes"]), (&json!(before), &json!(changes)));
                    *after
                }
                EventKind::Elsewhere { place, before, after, .. } => {
                    let said = (&args["place"], &args["before"], &args["after"]);
                    assert_eq!(said, (&json!(place), &json!(before), &json!(after)));
                    continue;
                }
                EventKind::KernelWarning { place } => {
                    assert_eq!(args["place"], json!(place));
                    continue;
                }
                EventKind::Flush => continue,
            };
            let entry = report.entry_of(value).unwrap();
            assert_eq!(
                (&args["entry"], &args["predicates"]),
                (&json!(value), &json!(entry.predicates.holding()))
            );
            let fields: BTreeMap<_, _> = entry
                .bits
                .iter()
                .map(|bit| (format!("{} ({})", bit.name, bit.position()), bit.value))
                .collect();
            assert_eq!(fields.len(), entry.bits.len());
            assert_eq!(args["fields"], json!(fields));
        }
    }
    let atomic = happened(&timeline, 2)[2];
    assert_eq!(atomic["name"], "split_unguarded+0x74 atomic");
    assert_eq!(atomic["args"]["changes"], json!(["+PRESENT_INVALID"]));
    assert_eq!(atomic["args"]["fields"]["PRESENT_INVALID (bit 11)"], "0x1");
}

#[test]
fn present_is_counted_as_the_predicate_says() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    for (pid, report, trace) in behaviours(&reports) {
        let counted: Vec<_> = of_process(&timeline, pid).filter(is("ph", "C")).collect();
        for time in 0..=u64::try_from(trace.events.len()).unwrap() {
            let present = report.entry_of(stands(report, by(trace, time))).unwrap().predicates.present;
            let last = counted.iter().rfind(|event| number(event, "ts") <= time).unwrap();
            assert_eq!(last["args"], json!({ "present": u8::from(present) }), "{pid} at {time}");
        }
    }
    let counters: Vec<_> = of_process(&timeline, 2).filter(is("ph", "C")).collect();
    let counters: Vec<_> = counters.iter().map(|at| (number(at, "ts"), &at["args"]["present"])).collect();
    assert_eq!(counters, [(0, &json!(0)), (3, &json!(1))]);
}

#[test]
fn slices_of_a_thread_do_not_overlap() {
    let timeline = timeline(&crate::common::all());
    let mut slices: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
    for event in events(&timeline).iter().filter(is("ph", "X")) {
        let from = number(event, "ts");
        slices.entry(number(event, "tid")).or_default().push((from, from + number(event, "dur")));
    }
    assert!(slices.len() > 10);
    for (thread, mut slices) in slices {
        slices.sort_unstable();
        assert!(slices.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{thread}: {slices:?}");
    }
}

#[test]
fn a_behaviour_ends_with_what_each_routine_came_to() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    for (pid, report, trace) in behaviours(&reports) {
        let ends: Vec<_> = of_process(&timeline, pid).filter(is("cat", "outcome")).collect();
        assert_eq!(ends.len(), 2 + report.with.len());
        let last = happened(&timeline, pid).iter().map(|event| number(event, "ts") + 1).max().unwrap();
        let outcomes = [&trace.writer, &trace.walker].into_iter().chain(&trace.with);
        for ((cpu, outcome), end) in (0..).zip(outcomes).zip(ends) {
            assert_eq!((number(end, "ts"), number(end, "tid") % 1000), (last, cpu));
            assert_eq!(end["args"]["result"], outcome.result.name());
            let decided_on = outcome.decided_on.map_or(Json::Null, |value| json!(value));
            assert_eq!(end["args"].get("decided_on").unwrap_or(&Json::Null), &decided_on);
        }
    }
    let walker = of_process(&timeline, 2).filter(is("cat", "outcome")).nth(1).unwrap();
    assert_eq!(walker["name"], "refused by access");
}

#[test]
fn findings_are_where_the_walker_sees_them() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    let found: Vec<_> = events(&timeline).iter().filter(is("cat", "finding")).collect();
    assert_eq!(found.len(), reports.iter().map(|report| report.findings.len()).sum::<usize>());
    let of_split: Vec<_> = found.iter().filter(|event| event["pid"] == 2).collect();
    let names: Vec<_> = of_split.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["FINDING swap-becomes-present", "FINDING walker-past-present"]);
    for event in of_split {
        // The walker's load is the fifth event.
        assert_eq!((&event["s"], number(event, "ts"), number(event, "tid")), (&json!("p"), 5, 2001));
    }
}

#[test]
fn a_finding_of_a_schedule_that_is_no_behaviours_is_of_the_whole() {
    let mut report = crate::common::report(crate::common::SPLIT);
    report.findings[0].schedule = "W1 K1 W2 K1 W1".to_owned();
    let timeline = timeline(&[report]);
    let found: Vec<_> = events(&timeline).iter().filter(is("cat", "finding")).collect();
    let reach: BTreeSet<_> =
        found.iter().map(|event| (event["name"].as_str(), event["s"].as_str())).collect();
    let expected = [("FINDING swap-becomes-present", "g"), ("FINDING walker-past-present", "p")]
        .map(|(a, b)| (Some(a), Some(b)));
    assert_eq!(reach, BTreeSet::from(expected));
}

#[test]
fn references_that_changed_are_said_in_the_end() {
    let mut report = crate::common::report(crate::common::SPLIT);
    let page =
        pmdscope_traces::References { pfn: pmdscope_traces::Hex(0x81200), before: 1, references: u64::MAX };
    report.traces[1].references.push(page);
    let timeline = timeline(&[report]);
    let page = of_process(&timeline, 2).find(is("cat", "page")).unwrap();
    assert_eq!((number(page, "ts"), &page["args"]["references"]), (7, &json!(u64::MAX.to_string())));
}

#[test]
fn nothing_is_larger_than_what_javascript_holds_exactly() {
    fn numbers(of: &Json, seen: &mut Vec<f64>) {
        match of {
            Json::Number(number) => seen.push(number.as_f64().unwrap()),
            Json::Array(all) => all.iter().for_each(|one| numbers(one, seen)),
            Json::Object(all) => all.values().for_each(|one| numbers(one, seen)),
            Json::Null | Json::Bool(_) | Json::String(_) => {}
        }
    }
    let mut reports = crate::common::all();
    for report in &mut reports {
        // 2^64 schedules, and a swap type that no architecture has.
        let huge: Count = serde_json::from_str("\"18446744073709551616\"").unwrap();
        report.schedules.total = huge.clone();
        report.traces[0].schedules = huge;
        report.traces[0].walker.size = Some(u64::MAX);
        for entry in &mut report.entries {
            entry.swap =
                Some(pmdscope_traces::Swap { kind: u64::MAX, offset: pmdscope_traces::Hex(u64::MAX) });
        }
    }
    let timeline = timeline(&reports);
    let mut seen = Vec::new();
    numbers(&timeline, &mut seen);
    assert!(seen.len() > 100 && seen.iter().all(|number| *number < 9_007_199_254_740_992.0));
    assert_eq!(timeline["otherData"]["runs"][0]["schedules"], "18446744073709551616");
}

#[test]
fn what_was_run_is_said() {
    let reports = crate::common::all();
    let timeline = timeline(&reports);
    let runs = timeline["otherData"]["runs"].as_array().unwrap();
    assert_eq!(runs.len(), reports.len());
    for (report, run) in reports.iter().zip(runs) {
        let said =
            ["arch", "linux", "command", "writer", "walker"].map(|member| run[member].as_str().unwrap());
        assert_eq!(said, [&report.arch, &report.linux, &report.command, &report.writer, &report.walker]);
        assert_eq!(run["guest"], json!(report.guest));
    }
}

#[test]
fn where_nothing_was_run_that_is_said() {
    let timeline = timeline(&[crate::common::report(crate::common::SPLIT).without_traces()]);
    let processes = said(&timeline, "process_name", "pid");
    assert_eq!(processes[&1], "gup-fast-read: nothing was run");
    assert_eq!(happened(&timeline, 1).len(), 0);
    let found: Vec<_> = events(&timeline).iter().filter(is("cat", "finding")).collect();
    assert_eq!(found.iter().map(|event| event["s"].as_str().unwrap()).collect::<Vec<_>>(), ["g", "g"]);
}
