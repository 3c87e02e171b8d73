//! Waveforms, read by the reader of Surfer and checked against the events of the reports.

use std::collections::BTreeMap;
use std::io::Cursor;

use crate::common::{by, stands};
use pmdscope_traces::timelines::vcd;
use pmdscope_traces::{Event, EventKind, RunReport, Trace, Value};
use wellen::simple::{Waveform, read_from_reader};

/// A waveform that was read. The path of each signal includes the bits of its declaration.
struct Wave {
    read: Waveform,
    signals: BTreeMap<String, wellen::SignalRef>,
}

impl Wave {
    fn of(reports: &[RunReport]) -> Wave {
        let text = vcd::runs(reports).unwrap();
        let mut read = read_from_reader(Cursor::new(text.into_bytes())).unwrap();
        let hierarchy = read.hierarchy();
        let mut signals = BTreeMap::new();
        for var in hierarchy.iter_vars() {
            let index = var.index().map_or(String::new(), |index| match (index.msb(), index.lsb()) {
                (msb, lsb) if msb == lsb => format!("[{msb}]"),
                (msb, lsb) => format!("[{msb}:{lsb}]"),
            });
            let path = var.full_name(hierarchy) + &index;
            assert_eq!(signals.insert(path.clone(), var.signal_ref()), None, "{path} is there twice");
        }
        let all: Vec<_> = signals.values().copied().collect();
        read.load_signals(&all);
        Wave { read, signals }
    }

    /// Returns the value of a signal at a time, each level as its letter.
    fn at(&self, path: &str, time: u64) -> String {
        let id = self.signals.get(path).unwrap_or_else(|| panic!("{path} is none of {:#?}", self.signals));
        let later = self.read.time_table().partition_point(|known| *known <= time);
        let signal = self.read.get_signal(*id).unwrap();
        let offset = signal.get_offset(u32::try_from(later - 1).unwrap()).expect(path);
        assert_eq!(offset.elements, 1, "{path} changes twice at one time");
        signal.get_value_at(&offset, 0).to_string()
    }

    fn under(&self, scope: &str) -> impl Iterator<Item = &str> {
        self.signals.keys().map(String::as_str).filter(move |path| path.starts_with(scope))
    }
}

fn binary(value: u64, width: usize) -> String {
    format!("{value:0width$b}")
}

/// Returns each behaviour with the path of its scope.
fn behaviours(reports: &[RunReport]) -> impl Iterator<Item = (String, &RunReport, &Trace)> {
    (1..).zip(reports).flat_map(|(run, report)| {
        (1..).zip(&report.traces).map(move |(number, trace)| {
            let schedule = trace.schedule.replace(' ', "_");
            (format!("run_{run}_{}.behaviour_{number}_{schedule}", report.walker), report, trace)
        })
    })
}

/// Returns the scope of each CPU, with the CPU's events up to a time.
fn cpus<'a>(report: &'a RunReport, trace: &'a Trace, time: u64) -> Vec<(String, Vec<&'a Event>)> {
    let routines = [&report.writer, &report.walker].into_iter().chain(&report.with);
    let own = |cpu| by(trace, time).iter().filter(|event| event.cpu == cpu).collect();
    (0..).zip(routines).map(|(cpu, routine)| (format!("CPU{cpu}_{routine}"), own(cpu))).collect()
}

fn times(trace: &Trace) -> std::ops::RangeInclusive<u64> {
    0..=u64::try_from(trace.events.len()).unwrap() + 1
}

#[test]
fn the_entry_and_its_predicates_are_what_the_events_left() {
    let reports = crate::common::all();
    let wave = Wave::of(&reports);
    for (scope, report, trace) in behaviours(&reports) {
        for time in times(trace) {
            let value = stands(report, by(trace, time));
            assert_eq!(wave.at(&format!("{scope}.entry[63:0]"), time), binary(value.0, 64), "{scope} {time}");
            for (name, holds) in report.entry_of(value).unwrap().predicates.named() {
                let level = wave.at(&format!("{scope}.predicates.{name}"), time);
                assert_eq!(level, binary(holds.into(), 1), "{name} in {scope} at {time}");
            }
        }
    }
    let present = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.predicates.present";
    let levels: Vec<_> = (0..=7).map(|time| wave.at(present, time)).collect();
    assert_eq!(levels, ["0", "0", "0", "1", "1", "1", "1", "1"], "the atomic makes it present");
}

#[test]
fn fields_hold_what_the_entry_does_and_are_undriven_where_it_has_none() {
    let reports = crate::common::all();
    let wave = Wave::of(&reports);
    let (mut driven, mut undriven) = (0, 0);
    for (scope, report, trace) in behaviours(&reports) {
        for time in times(trace) {
            let entry = report.entry_of(stands(report, by(trace, time))).unwrap();
            let mut held = BTreeMap::new();
            for bit in &entry.bits {
                let (high, low) = bit.range().unwrap();
                let place = if high == low { format!("[{low}]") } else { format!("[{high}:{low}]") };
                let width = usize::from(high - low) + 1;
                let known = |name: &String| wave.signals.contains_key(&format!("{scope}.fields.{name}"));
                // If a name is at several positions, each signal has its position in its name.
                let name = [format!("{}{place}", bit.name), format!("{}_{high}_{low}{place}", bit.name)];
                let name = name.into_iter().find(known).unwrap_or_else(|| panic!("no {}{place}", bit.name));
                held.insert(format!("{scope}.fields.{name}"), binary(bit.value.0, width));
            }
            for path in wave.under(&format!("{scope}.fields.")) {
                let level = wave.at(path, time);
                match held.remove(path) {
                    Some(value) => assert_eq!(level, value, "{path} at {time}"),
                    None => assert!(level.bytes().all(|level| level == b'z'), "{path} at {time}: {level}"),
                }
                if level.contains('z') { undriven += 1 } else { driven += 1 }
            }
            assert_eq!(held, BTreeMap::new(), "fields without a signal");
        }
    }
    assert!(driven > 500 && undriven > 100, "{driven} {undriven}");
    let swap_type = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.fields.SWP_TYPE[10:6]";
    assert_eq!((wave.at(swap_type, 2), wave.at(swap_type, 3)), ("11000".to_owned(), "zzzzz".to_owned()));
}

#[test]
fn a_name_at_two_places_is_two_signals() {
    let wave = Wave::of(&[crate::common::report(crate::common::SPLIT)]);
    let scope = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.fields.";
    let addresses: Vec<_> = wave.under(&format!("{scope}ADDRESS")).collect();
    assert_eq!(
        addresses,
        [format!("{scope}ADDRESS_47_12[47:12]"), format!("{scope}ADDRESS_49_21[49:21]")],
        "that of a table, and that of a leaf"
    );
}

#[test]
fn positions_steps_and_views_are_those_of_each_cpu() {
    let reports = crate::common::all();
    let wave = Wave::of(&reports);
    for (scope, report, trace) in behaviours(&reports) {
        for time in times(trace) {
            for (cpu, own) in cpus(report, trace, time) {
                let at = |signal: &str| wave.at(&format!("{scope}.{cpu}.{signal}"), time);
                match own.last() {
                    None => assert_eq!(at("position"), "not_begun"),
                    Some(last) => assert!(at("position").starts_with(&format!("{}:", last.symbol))),
                }
                assert_eq!(at("step"), binary(u64::try_from(own.len()).unwrap(), 32));
                let view = own.iter().rev().find_map(|event| match event.what {
                    EventKind::Load { entry, .. } => Some(entry),
                    EventKind::Atomic { before, .. } => Some(before),
                    _ => None,
                });
                let view = view.map_or("x".repeat(64), |Value(view)| binary(view, 64));
                assert_eq!(at("view[63:0]"), view, "{cpu} of {scope} at {time}");
            }
        }
    }
}

#[test]
fn positions_say_what_is_done_there() {
    let wave = Wave::of(&crate::common::all());
    let split = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.";
    let writer: Vec<_> =
        (0..=6).map(|at| wave.at(&format!("{split}CPU0_split-unguarded.position"), at)).collect();
    assert_eq!(
        writer,
        [
            "not_begun",
            "split_unguarded+0x0:load",
            "split_unguarded+0x64:load",
            "split_unguarded+0x74:atomic",
            "split_unguarded+0x84:flush",
            "split_unguarded+0x84:flush",
            "split_unguarded+0x118:store",
        ]
    );
    let kernel = crate::common::report(crate::common::KERNEL);
    let place = |wanted: fn(&EventKind) -> bool| {
        let at = kernel.traces[0].events.iter().position(|event| wanted(&event.what)).unwrap();
        let path = "run_3_gup-fast-read.behaviour_1_W4_K1_W3.CPU0_split.position";
        wave.at(path, u64::try_from(at).unwrap() + 1)
    };
    assert_eq!(
        place(|what| matches!(what, EventKind::Call { .. })),
        "pmdp_invalidate+0x0:call_of_pmdp_invalidate()"
    );
    assert_eq!(
        place(
            |what| matches!(what, EventKind::Elsewhere { access, .. } if *access == pmdscope_traces::AccessKind::Store)
        ),
        "__split_huge_pmd+0x720:store_at_the_page_table+0x0"
    );
}

#[test]
fn outcomes_come_when_a_behaviour_ends() {
    let wave = Wave::of(&[crate::common::report(crate::common::SPLIT)]);
    let outcome = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.CPU1_gup-fast-read.outcome";
    assert_eq!((wave.at(outcome, 6), wave.at(outcome, 7)), ("not_ended".into(), "refused_by_access".into()));
    assert_eq!(wave.read.time_table().last(), Some(&8), "the end can be seen");
}

#[test]
fn names_with_odd_characters_stay_apart_and_lose_no_signal() {
    let plain = crate::common::all();
    let mut odd = plain.clone();
    for report in &mut odd {
        report.walker = "$end [3] a.b\té".to_owned();
        report.command = "pmdscope run --guest '$end $upscope $end'".to_owned();
        for trace in &mut report.traces {
            trace.schedule = "$end".to_owned();
            for event in &mut trace.events {
                event.symbol = "a b\\x20$end.é".to_owned();
            }
        }
    }
    let bit = &mut odd[0].entries[0].bits[0];
    bit.name = "$odd [7] field".to_owned();
    let (plain, odd) = (Wave::of(&plain), Wave::of(&odd));
    assert_eq!(odd.signals.len(), plain.signals.len() + odd_fields(&odd));
    let scope = "run_1__end__3__a_b__.behaviour_3__end.";
    assert_eq!(odd.at(&format!("{scope}CPU1__end__3__a_b__.position"), 1).split(':').next(), {
        // The third behaviour, here under another name, lets the walker go first.
        Some("a_b_x20$end._")
    });
    assert_eq!(odd.at(&format!("{scope}fields._odd__7__field[0]"), 0), "0");
}

/// Counts the fields with the odd name: one in each behaviour.
fn odd_fields(wave: &Wave) -> usize {
    wave.under("").filter(|path| path.contains("_odd_")).count()
}

#[test]
fn of_an_entry_that_the_report_does_not_describe_only_its_value_is_shown() {
    let mut report = crate::common::report(crate::common::SPLIT);
    let made = Value(0x8120_0e00);
    report.entries.retain(|entry| entry.value != made);
    let wave = Wave::of(&[report]);
    let scope = "run_1_gup-fast-read.behaviour_2_W3_K1_W1.";
    assert_eq!(wave.at(&format!("{scope}entry[63:0]"), 3), binary(made.0, 64));
    assert_eq!(wave.at(&format!("{scope}predicates.present"), 3), "x");
    assert_eq!(wave.at(&format!("{scope}fields.SWP_TYPE[10:6]"), 3), "xxxxx");
}

#[test]
fn where_nothing_was_run_what_stood_before_is_shown() {
    let report = crate::common::report(crate::common::SPLIT).without_traces();
    let wave = Wave::of(&[report]);
    let scope = "run_1_gup-fast-read.nothing_was_run.";
    assert_eq!(wave.at(&format!("{scope}entry[63:0]"), 0), binary(0x8120_0600, 64));
    assert_eq!(wave.at(&format!("{scope}predicates.migration"), 0), "1");
    assert_eq!(wave.at(&format!("{scope}fields.SWP_TYPE[10:6]"), 0), "11000");
}

#[test]
fn a_behaviour_without_events_has_its_cpus_all_the_same() {
    let mut report = crate::common::report(crate::common::SPLIT);
    report.traces.truncate(1);
    report.traces[0].events.clear();
    report.traces[0].schedule.clear();
    let wave = Wave::of(&[report]);
    let walker = "run_1_gup-fast-read.behaviour_1.CPU1_gup-fast-read.";
    assert_eq!(wave.at(&format!("{walker}position"), 1), "not_begun");
    assert_eq!(wave.at(&format!("{walker}view[63:0]"), 1), "x".repeat(64));
}

#[test]
fn a_writer_that_ran_alone_has_no_walker_beside_it() {
    let mut report = crate::common::report(crate::common::KERNEL);
    report.walker = "none".to_owned();
    report.kernel.as_mut().unwrap().walker_function = None;
    report.traces.truncate(1);
    report.traces[0].events.retain(|event| event.cpu == 0);
    let wave = Wave::of(&[report]);
    assert_eq!(wave.under("run_1_none.").filter(|path| path.contains("CPU1")).count(), 0);
    assert_eq!(wave.under("run_1_none.").filter(|path| path.contains("CPU0_split.")).count(), 4);
}

#[test]
fn a_field_without_a_place_is_an_error() {
    for broken in ["49", "21..49", "64..0", "x..0"] {
        let mut report = crate::common::report(crate::common::SPLIT);
        let bit = report.entries[0].bits.iter_mut().find(|bit| bit.bits.is_some()).unwrap();
        bit.bits = Some(broken.to_owned());
        let name = bit.name.clone();
        let error = vcd::runs(&[report]).unwrap_err();
        assert!(matches!(&error, vcd::VcdError::Field(field) if *field == name), "{broken}: {error}");
    }
}

#[test]
fn no_clock_is_in_it() {
    let wave = Wave::of(&crate::common::all());
    assert_eq!(wave.read.hierarchy().date(), "");
    assert_eq!(wave.read.hierarchy().version(), "pmdscope");
}
