//! The differences between two batches.

use std::convert::Infallible;

use anstream::adapter::strip_str;
use pmdscope_traces::batch::{
    Both, Change, Diff, DiffReport, Facts, Group, GuestChange, Kernels, Record, Report, diff, diff_text,
    pair_kernels, segment,
};
use pmdscope_traces::{EntryName, GuestKind, Hex, RoutineResult, SplitGuard, Verdict, json, schemas};
use proptest::prelude::*;

use super::records::{KERNEL, batch, run};

fn changed(old: &[Record], new: &[Record]) -> DiffReport {
    let kernels = |records: &[Record]| {
        let mut kernels = Kernels::default();
        records.iter().for_each(|record| kernels.add(record));
        kernels
    };
    let pairs = pair_kernels(&kernels(old), &kernels(new));
    let stream = |records: &[Record]| records.iter().cloned().map(Ok::<_, Infallible>).collect::<Vec<_>>();
    diff(stream(old), stream(new), pairs).unwrap()
}

fn text(report: &DiffReport) -> String {
    strip_str(&diff_text(report)).to_string()
}

/// Returns the same text without its line breaks.
fn words(report: &DiffReport) -> String {
    text(report).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Counts the jobs in which only this changed.
fn only(report: &DiffReport, change: Change) -> u64 {
    let groups = report.groups.iter().filter(|group| group.changes == [change.clone()]);
    groups.map(|group| group.jobs).sum()
}

#[test]
fn another_guest_that_does_the_same_is_a_change_of_the_guest_only() {
    let mut new = batch();
    let unknown = |record: &&mut Record| record.report.verdict() == Verdict::Unknown;
    run(new.iter_mut().find(unknown).unwrap()).guest.sha256 = "feed".to_owned();
    let report = changed(&batch(), &new);
    assert!(report.changed && report.groups.is_empty(), "{}", text(&report));
    assert_eq!(report.guests.len(), 1);
}

/// Returns the runs of the batch with many page frames each, so that there are more jobs.
fn large() -> Vec<Record> {
    let runs = batch().into_iter().filter(|record| matches!(record.report, Report::Run(_)));
    let runs: Vec<Record> = runs.collect();
    let jobs = (0..40_u64).flat_map(|pfn| runs.iter().map(move |run| (pfn, run.clone())));
    (0..)
        .zip(jobs)
        .map(|(job, (pfn, mut record))| {
            record.job = job;
            run(&mut record).pfn = Some(Hex(pfn));
            record
        })
        .collect()
}

#[test]
fn a_finding_that_is_gone_is_one_group_however_many_jobs_it_had() {
    let old = large();
    let mut new = old.clone();
    for record in &mut new {
        let run = run(record);
        if run.arch == "arm64" && run.verdict == Verdict::Findings && run.kernel.is_none() {
            run.verdict = Verdict::Pass;
            run.findings.clear();
        }
    }
    let report = changed(&old, &new);
    assert!(report.changed);
    let Group { changes, platform, jobs, example, .. } = &report.groups[0];
    assert_eq!(
        changes[..],
        [
            Change::Verdict { old: "findings".to_owned(), new: "pass".to_owned() },
            Change::Findings {
                gone: vec!["swap-becomes-present".to_owned(), "walker-past-present".to_owned()],
                new: Vec::new()
            },
        ]
    );
    assert_eq!((platform.as_str(), *jobs), ("arm64", 80));
    assert_eq!(example.old.as_ref().unwrap().job, 0);
    let text = words(&report);
    assert!(
        text.contains("verdict findings, and now pass; not found any more swap-becomes-present"),
        "{text}"
    );
}

#[test]
fn the_version_of_the_tool_is_no_change() {
    let mut new = batch();
    run(&mut new[0]).made_by = "pmdscope 0.2.0".to_owned();
    let report = changed(&batch(), &new);
    assert!(!report.changed, "{}", text(&report));
    assert_eq!(report.made_by.new, ["pmdscope 0.1.0", "pmdscope 0.2.0"]);
    assert!(text(&report).contains("made by pmdscope 0.1.0, and now by"), "{}", text(&report));
}

#[test]
fn another_guest_of_the_same_name_is_said_once() {
    let mut new = large();
    for record in &mut new {
        if run(record).guest.name == "arm64-6.12" {
            run(record).guest.sha256 = "feed".to_owned();
        }
    }
    let report = changed(&large(), &new);
    assert!(report.changed && report.groups.is_empty());
    assert_eq!(report.guests.len(), 1);
    assert_eq!(report.guests[0].guest, "bundled arm64-6.12");
    assert_eq!(text(&report).matches("feed").count(), 1);
}

#[test]
fn two_releases_of_a_kernel_are_one_kernel_and_what_they_do_is_compared() {
    let mut new = batch();
    for record in &mut new {
        let Report::Run(run) = &mut record.report else { continue };
        if run.guest.kind == GuestKind::Kernel {
            run.guest.release = Some("5.10.0-32-arm64".to_owned());
            run.guest.sha256 = "feed".to_owned();
        }
    }
    let report = changed(&batch(), &new);
    assert_eq!(report.kernels.len(), 1, "{}", text(&report));
    assert!(!report.changed, "another release that does the same is no change: {}", text(&report));
    assert!(
        text(&report).contains("taken for one kernel on arm64: 5.10.0-30-arm64, and now 5.10.0-32-arm64")
    );
    run(&mut new[KERNEL]).kernel.as_mut().unwrap().split = SplitGuard::Guarded;
    let report = changed(&batch(), &new);
    assert_eq!(report.groups.len(), 1);
    assert_eq!(report.groups[0].versions, ["5.10.0-30-arm64 -> 5.10.0-32-arm64"]);
    assert_eq!(
        report.groups[0].changes,
        [Change::Split { old: "vulnerable".to_owned(), new: "guarded".to_owned() }]
    );
}

#[test]
fn each_thing_that_can_change_is_told_with_both_sides() {
    let old = batch();
    let mut new = old.clone();
    let with_views = new
        .iter_mut()
        .find(|record| matches!(&record.report, Report::Run(run) if !run.views.is_empty()))
        .unwrap();
    let run = run(with_views);
    run.views[0].entry.value.0 ^= 0x8000;
    run.outcomes[0].result = RoutineResult::Page;
    run.schedules.total += &run.schedules.total.clone();
    run.before.predicates.bad ^= true;
    run.after = Some(run.before.clone());
    let report = changed(&old, &new);
    let changes = &report.groups[0].changes;
    assert_eq!(
        changes[..],
        [Change::Before, Change::After, Change::Views, Change::Outcomes, Change::Schedules]
    );
    let text = text(&report);
    for side in
        ["before then: ", "before now: ", "saw then: ", "saw now: ", "outcome now: took", "schedules now: "]
    {
        assert!(text.contains(side), "{side}: {text}");
    }
}

#[test]
fn jobs_that_are_in_one_only_are_told_apart() {
    let report = changed(&batch()[1..], &batch()[..batch().len() - 1]);
    assert_eq!(only(&report, Change::OnlyOld), 1);
    assert_eq!(only(&report, Change::OnlyNew), 1);
    assert_eq!(report.same, batch().len() as u64 - 2);
    assert!(words(&report).contains("1 only in the old one, 1 only in the new one."), "{}", text(&report));
}

#[test]
fn a_job_that_is_in_a_batch_twice_has_two_counterparts() {
    let twice: Vec<Record> = batch().into_iter().flat_map(|record| [record.clone(), record]).collect();
    let report = changed(&twice, &twice);
    assert!(!report.changed);
    assert_eq!(report.same, twice.len() as u64);
    let report = changed(&twice, &batch());
    assert_eq!(report.same, batch().len() as u64);
    assert!(report.groups.iter().all(|group| group.changes == [Change::OnlyOld]));

    let mut came_to = [batch().remove(0), batch().remove(0)];
    run(&mut came_to[1]).verdict = Verdict::Unknown;
    let mut diff = Diff::new(Vec::new());
    came_to.iter().for_each(|record| diff.add_old(record).unwrap());
    came_to.iter().for_each(|record| diff.add_new(record).unwrap());
    assert!(!diff.finish().unwrap().changed, "the first is matched with the first");
}

#[test]
fn jobs_are_told_apart_by_what_was_asked_for_of_the_entry() {
    let asked = |job: u64, pfn: u64, verdict| {
        let mut record = batch().remove(0);
        record.job = job;
        run(&mut record).pfn = Some(Hex(pfn));
        run(&mut record).verdict = verdict;
        record
    };
    let old = [asked(0, 1, Verdict::Pass), asked(1, 2, Verdict::Unknown)];
    let new = [asked(0, 2, Verdict::Unknown), asked(1, 1, Verdict::Pass)];
    assert!(!changed(&old, &new).changed);
    let by_value = |value: u64, verdict| {
        let mut record = asked(0, 0, verdict);
        run(&mut record).entry = EntryName::Value;
        run(&mut record).before.value.0 = value;
        record
    };
    let old = [by_value(1, Verdict::Pass), by_value(2, Verdict::Unknown)];
    let new = [by_value(2, Verdict::Unknown), by_value(1, Verdict::Pass)];
    assert!(!changed(&old, &new).changed);
}

/// Results of 0.2.0 state the page frame only in their commands.
#[test]
fn jobs_of_an_earlier_build_are_told_apart_by_their_page_frames() {
    let earlier = |job: u64, pfn: u64, verdict| {
        let mut record = batch().remove(0);
        record.job = job;
        run(&mut record).command = format!("{} --pfn {pfn:#x}", run(&mut record).command.clone());
        run(&mut record).verdict = verdict;
        assert_eq!(run(&mut record).pfn, None);
        segment::record(&serde_json::to_string(&record).unwrap()).unwrap()
    };
    let old = [earlier(0, 1, Verdict::Pass), earlier(1, 2, Verdict::Unknown)];
    let new = [earlier(0, 2, Verdict::Unknown), earlier(1, 1, Verdict::Pass)];
    assert!(!changed(&old, &new).changed);
    let [mut first, mut second] = old.clone();
    (run(&mut first).verdict, run(&mut second).verdict) = (Verdict::Unknown, Verdict::Pass);
    assert_eq!(changed(&old, &[first, second]).groups.iter().map(|group| group.jobs).sum::<u64>(), 2);
}

#[test]
fn the_object_is_as_its_schema_says() {
    let mut new = large();
    new.remove(3);
    run(&mut new[0]).verdict = Verdict::Unknown;
    let schema = schemas::schema("diff").unwrap();
    let committed = include_str!("../../../schemas/diff.json");
    assert_eq!(
        json::pretty(&schema).unwrap(),
        committed,
        "schemas/diff.json is what `pmdscope schema diff` prints"
    );
    let validator = jsonschema::validator_for(schema.as_value()).unwrap();
    for report in [changed(&large(), &new), changed(&new, &large()), changed(&new, &new)] {
        let object = serde_json::to_value(&report).unwrap();
        validator.validate(&object).unwrap();
        assert_eq!(serde_json::from_value::<DiffReport>(object).unwrap(), report);
    }
}

/// Swaps the old and the new side of a report.
fn mirrored(report: DiffReport) -> DiffReport {
    let flip = |Both { old, new }: Both<Option<Facts>>| Both { old: new, new: old };
    let change = |change| match change {
        Change::OnlyOld => Change::OnlyNew,
        Change::OnlyNew => Change::OnlyOld,
        Change::Verdict { old, new } => Change::Verdict { old: new, new: old },
        Change::Findings { gone, new } => Change::Findings { gone: new, new: gone },
        Change::Split { old, new } => Change::Split { old: new, new: old },
        other => other,
    };
    let group = |group: Group| Group {
        changes: group.changes.into_iter().map(change).collect(),
        example: flip(group.example),
        ..group
    };
    let guest = |guest: GuestChange| {
        let Both { old, new } = guest.sha256;
        GuestChange { sha256: Both { old: new, new: old }, ..guest }
    };
    DiffReport {
        guests: report.guests.into_iter().map(guest).collect(),
        made_by: Both { old: report.made_by.new, new: report.made_by.old },
        jobs: Both { old: report.jobs.new, new: report.jobs.old },
        groups: report.groups.into_iter().map(group).collect(),
        ..report
    }
}

/// Sorts the groups of a report in an order that does not depend on which batch is the old one.
fn in_order(mut report: DiffReport) -> DiffReport {
    report.groups.sort_by_key(|group| serde_json::to_string(group).unwrap());
    report
}

/// Generates an edit for each job of the batch: 0 leaves it out, 1 gives it another verdict and guest.
fn edits() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(0..4_u8, batch().len())
}

/// Returns a batch in which some jobs have another verdict, and some are left out.
fn edited(edits: &[u8]) -> Vec<Record> {
    let with = batch().into_iter().zip(edits).filter(|(_, edit)| **edit != 0);
    with.map(|(mut record, edit)| {
        if let (1, Report::Run(run)) = (edit, &mut record.report) {
            run.verdict = Verdict::Unknown;
            run.guest.sha256 = "feed".to_owned();
            run.views.clear();
        }
        record
    })
    .collect()
}

fn other_batch() -> impl Strategy<Value = Vec<Record>> {
    edits().prop_map(|edits| edited(&edits))
}

/// Generates two batches that are independent of each other, or differ in one job only.
fn two_batches() -> impl Strategy<Value = (Vec<Record>, Vec<Record>)> {
    let near = (edits(), 0..batch().len(), 0..4_u8).prop_map(|(old, job, edit)| {
        let mut new = old.clone();
        new[job] = edit;
        (edited(&old), edited(&new))
    });
    prop_oneof![(other_batch(), other_batch()), near]
}

proptest! {
    #[test]
    fn a_batch_is_the_same_as_itself_in_any_order(records in Just(batch()).prop_shuffle()) {
        let report = changed(&batch(), &records);
        prop_assert!(!report.changed, "{}", text(&report));
        prop_assert_eq!(report.same, batch().len() as u64);
    }

    #[test]
    fn the_other_way_round_it_says_the_opposite((old, new) in two_batches()) {
        prop_assert_eq!(in_order(changed(&old, &new)), in_order(mirrored(changed(&new, &old))));
    }

    #[test]
    fn the_order_of_jobs_makes_no_difference(old in other_batch(), new in other_batch().prop_shuffle()) {
        let mut in_order = new.clone();
        in_order.sort_by_key(|record| record.job);
        let report = changed(&old, &new);
        prop_assert_eq!(diff_text(&report), diff_text(&changed(&old, &in_order)));
        prop_assert_eq!(report, changed(&old, &in_order));
    }

    #[test]
    fn every_job_is_counted_once((old, new) in two_batches()) {
        let report = changed(&old, &new);
        let in_both: u64 = report.groups.iter().map(|group| group.jobs).sum::<u64>() + report.same
            - only(&report, Change::OnlyOld) - only(&report, Change::OnlyNew);
        prop_assert_eq!(in_both + only(&report, Change::OnlyOld), report.jobs.old);
        prop_assert_eq!(in_both + only(&report, Change::OnlyNew), report.jobs.new);
        prop_assert!(report.groups.iter().all(|group| group.jobs > 0));
        prop_assert_eq!(report.changed, !report.groups.is_empty() || !report.guests.is_empty());
    }

    #[test]
    fn lines_fit_a_mail_and_have_no_control_characters(name in "[ -~\n\t\x1b]{0,200}") {
        let mut new = batch();
        for record in &mut new {
            let Report::Run(run) = &mut record.report else { continue };
            run.writer.clone_from(&name);
            run.guest.sha256.clone_from(&name);
            run.command = "pmdscope run".to_owned();
        }
        for line in text(&changed(&batch(), &new)).lines().filter(|line| !line.contains("--")) {
            prop_assert!(line.chars().count() <= 80 && !line.chars().any(char::is_control), "{:?}", line);
        }
    }
}
