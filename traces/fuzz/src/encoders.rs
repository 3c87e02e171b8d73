//! Everything that can be written of a run or a sweep.

use std::slice;

use pmdscope_traces::formats::Detail;
use pmdscope_traces::results::expect::Expectations;
use pmdscope_traces::results::{junit, ktap};
use pmdscope_traces::sweep::SweepReport;
use pmdscope_traces::timelines::{chrome, vcd};
use pmdscope_traces::{CompareReport, RunReport, html, json, jsonl, kunit, markdown, text};
use roxmltree::Document;
use serde_json::Value;

use super::plain::assert_plain;

/// Writes a run's report, and a comparison of it alone, in each format. Where something else will read it, it is read.
pub fn encode(run: &RunReport) {
    assert_plain(&text::run(run, Detail::Setup));
    assert_plain(&text::run_with_traces(run));
    markdown::run(run, Detail::Setup);
    for trace in &run.traces {
        let _ = kunit::test(run, trace);
    }
    jsonl::lines(run).expect("it can be written").lines().for_each(assert_json);
    assert_json(&chrome::runs(slice::from_ref(run)).expect("it can be written"));
    if let Ok(dump) = vcd::runs(slice::from_ref(run)) {
        let commands = ::vcd::Parser::new(dump.as_bytes());
        commands.into_iter().for_each(|command| drop(command.expect("a waveform can be read")));
    }
    encode_comparison(&CompareReport::new(run.made_by.clone(), vec![run.clone()], Vec::new()));
}

/// The same of a sweep.
pub fn encode_sweep(sweep: &SweepReport) {
    assert_plain(&text::sweep(sweep));
    let mut report = CompareReport::new(sweep.made_by.clone(), Vec::new(), Vec::new());
    report.sweeps.push(sweep.clone());
    encode_comparison(&report);
}

fn encode_comparison(report: &CompareReport) {
    assert_plain(&text::compare(report, Some(80)));
    markdown::compare(report);
    html::compare(report);
    assert_json(&json::compare(report).expect("it can be written"));
    encode_results(report, &Expectations::default());
}

/// Writes what stands against a list of expected findings.
pub fn encode_results(report: &CompareReport, expected: &Expectations) {
    assert_plain(&ktap::compare(report, expected));
    let junit = junit::compare(report, expected).expect("it can be written");
    Document::parse(&junit).expect("JUnit is XML");
}

fn assert_json(text: &str) {
    serde_json::from_str::<Value>(text).expect("what was written is JSON");
}
