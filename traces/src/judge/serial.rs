//! The rules that know no fault by its name: the joint result of two routines must be that of one after the other, in
//! one of both orders.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::Severity;
use super::observed::{Observed, RoutineNames};
use super::sightings::{Sighting, Sightings, is_shorter};
use super::together::{Serial, Together, Unexplained};
use crate::entry::Value;
use crate::outcome::{self, Outcome, RoutineResult};

/// Finds joint results that neither order of one after the other has.
pub(super) fn not_serializable(observed: &Observed<'_>, sightings: &mut Sightings) {
    let Some(serial) = observed.serial() else { return };
    // Of those that differ in the same, the one with the shortest schedule is reported.
    let mut shortest: BTreeMap<(Unexplained, String, String), &Together> = BTreeMap::new();
    let mut schedules = BTreeMap::new();
    for run in observed.together {
        let Some(what) = serial.unexplained(run) else { continue };
        let key = (what, outcome::in_words(&run.writer), outcome::in_words(&run.walker));
        *schedules.entry(key.clone()).or_insert_with(crate::count::Count::default) += &run.schedules;
        let known = shortest.entry(key).or_insert(run);
        if is_shorter(&run.schedule, &known.schedule) {
            *known = run;
        }
    }
    for (key, run) in shortest {
        let both = both(observed.names, run);
        let differs = match key.0 {
            Unexplained::Outcomes => outcomes(observed.names, run, &serial),
            Unexplained::Word(address) => {
                let place = observed.places.get(&address).cloned().unwrap_or_else(|| format!("{address:#x}"));
                let is = value(run.left.get(&address));
                let of_orders = distinct(serial.all().iter().map(|order| value(order.left.get(&address))));
                format!("{both}, and {place} is {is} in the end; one after the other leave {of_orders}")
            }
            Unexplained::References(pfn) => {
                let is = count(run.references.get(&pfn));
                let of_orders = distinct(serial.all().iter().map(|order| count(order.references.get(&pfn))));
                format!(
                    "{both}, and page {pfn:#x} has {is} in the end; one after the other leave {of_orders}"
                )
            }
        };
        let pair = run.pair.as_ref().map_or_else(String::new, |pair| {
            format!("; the first pair of no order is {}, then {}", pair.first, pair.second)
        });
        sightings.add(Sighting {
            view: view(observed, run),
            explanation: format!("{differs}{pair}"),
            severity: Some(severity(key.0, run)),
            schedules: schedules.remove(&key).unwrap_or_default(),
            schedule: run.schedule.clone(),
        });
    }
}

/// Finds crashes and warnings of routines that run at once, and that no order of one after the other has.
pub(super) fn crash_in_race(observed: &Observed<'_>, sightings: &mut Sightings) {
    if observed.serial().is_none() {
        return;
    }
    let (serial, at_once): (Vec<_>, Vec<_>) = observed.together.iter().partition(|run| run.order.is_some());
    for run in at_once {
        let names = observed.names;
        for (name, outcome) in [(names.writer, &run.writer), (names.walker, &run.walker)] {
            let ended = &outcome.ended;
            let same = |other: &Outcome| other.result == RoutineResult::Crash && other.ended == *ended;
            if outcome.result != RoutineResult::Crash
                || serial.iter().any(|order| same(&order.writer) || same(&order.walker))
            {
                continue;
            }
            let how = ended.as_deref().unwrap_or("crashed");
            sightings.add(Sighting {
                view: view(observed, run),
                explanation: format!("{name} {how}, which it does in no order of one after the other"),
                severity: None,
                schedules: run.schedules.clone(),
                schedule: run.schedule.clone(),
            });
        }
        for place in
            run.warnings.iter().filter(|place| serial.iter().all(|order| !order.warnings.contains(*place)))
        {
            sightings.add(Sighting {
                view: view(observed, run),
                explanation: format!(
                    "the kernel warns at {place}, which it does in no order of one after the other"
                ),
                severity: None,
                schedules: run.schedules.clone(),
                schedule: run.schedule.clone(),
            });
        }
    }
}

/// The entry that the walker decided on.
fn view(observed: &Observed<'_>, run: &Together) -> Value {
    run.walker.decided_on.or(run.walker.last_view).unwrap_or(observed.before.value)
}

/// How bad it is that this is of no order.
fn severity(what: Unexplained, run: &Together) -> Severity {
    match what {
        Unexplained::Word(_) => Severity::MemoryLost,
        Unexplained::References(_) => Severity::WrongPage,
        Unexplained::Outcomes if run.walker.result == RoutineResult::Page => Severity::WrongPage,
        Unexplained::Outcomes => Severity::WrongAnswer,
    }
}

/// Says the outcomes of both routines.
fn both(names: RoutineNames<'_>, run: &Together) -> String {
    let (walker, writer) = (outcome::in_words(&run.walker), outcome::in_words(&run.writer));
    format!("{} {walker}, and {} {writer}", names.walker, names.writer)
}

/// Says the outcome of a routine, and its outcomes in the orders: of both routines, where more than one differs.
fn outcomes(names: RoutineNames<'_>, run: &Together, serial: &Serial<'_>) -> String {
    type Of = fn(&Together) -> String;
    let of_writer: Of = |run| outcome::in_words(&run.writer);
    let of_walker: Of = |run| outcome::in_words(&run.walker);
    let same = |of: Of| serial.all().iter().all(|order| of(order) == of(run));
    let alone = |name: &str, of: Of| {
        let of_orders = distinct(serial.all().iter().map(|order| of(order)));
        format!("{name} {}; one after the other, it {of_orders}", of(run))
    };
    match (same(of_writer), same(of_walker)) {
        (true, _) => alone(names.walker, of_walker),
        (_, true) => alone(names.writer, of_writer),
        _ => {
            let of_orders = distinct(serial.all().iter().map(|order| both(names, order)));
            format!("{}; one after the other, {of_orders}", both(names, run))
        }
    }
}

/// Joins texts that differ, in order.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", or ")
}

fn value(value: Option<&u64>) -> String {
    value.map_or_else(|| "what it was".to_owned(), |value| Value(*value).to_string())
}

fn count(references: Option<&u64>) -> String {
    references
        .map_or_else(|| "as many references as before".to_owned(), |count| format!("{count} references"))
}
