//! Explores every interleaving of routines' accesses to the page table.
//!
//! What a vCPU does between two accesses affects no other vCPU, so switching only before an access loses nothing.
//! There are two ways to run all schedules:
//!
//! - By default, schedules are enumerated over recorded behaviour (`recorded.rs`), and one schedule of each
//!   distinct behaviour is run.
//! - Without reduction, each schedule is run anew from the same memory. It repeats the first turns of an earlier
//!   run, and then takes a turn that was not taken there.

use std::time::Instant;

use pmdscope_explore::{Schedule, Span, excluded_at, letters};

use crate::EmuError;
use crate::context::MachineContext;
use crate::end::{CallExit, CallResult};
use crate::exploration::{Bounds, Exploration, Incomplete, Reduction, Run, WALKER, WRITER};
use crate::recorded;
use crate::stage::{self, Baseline, Stage, Turn};

/// Returns when an exploration that begins now has taken all its time.
pub(crate) fn deadline(bounds: &Bounds) -> Option<Instant> {
    Instant::now().checked_add(bounds.time)
}

/// Runs a stage under every schedule, up to a deadline.
pub(crate) fn explore(
    stage: &mut impl Stage,
    bounds: &Bounds,
    deadline: Option<Instant>,
    reduction: Reduction,
) -> Result<Exploration, EmuError> {
    let alone = Baseline::run(stage)?;
    let mut exploration = Exploration::after(alone.ended);
    match reduction {
        Reduction::Joined => recorded::explore(stage, &alone, bounds, deadline, &mut exploration)?,
        Reduction::None => explore_each(stage, &alone, bounds, deadline, &mut exploration)?,
    }
    Ok(exploration)
}

/// Runs a stage under one schedule.
pub(crate) fn explore_one(
    stage: &mut impl Stage,
    schedule: &Schedule,
    context: MachineContext,
) -> Result<Exploration, EmuError> {
    let alone = Baseline::run(stage)?;
    let mut exploration = Exploration::after(alone.ended);
    let (mut run, turns) = stage::run(stage, &alone, &schedule.0, WRITER)?;
    exclude(&mut run, context);
    if turns.len() > schedule.0.len() {
        let waiting = turns.get(schedule.0.len()).map_or(Vec::new(), |turn| turn.waiting.clone());
        return Err(EmuError::ScheduleEnds { after: schedule.0.len(), possible: letters(&waiting) });
    }
    exploration.add(run, |cpu, end| stage.is_crash(cpu, end));
    exploration.note(Some(Incomplete::OneSchedule));
    // What both routines do together is compared with what they do one after the other.
    if stage.cpus() == 2 {
        for first in [WRITER, WALKER] {
            let (order, _) = stage::run(stage, &alone, &[], first)?;
            exploration.orders.push(order);
            exploration.machine_runs += 2;
        }
    }
    Ok(exploration)
}

/// Runs the writer to its end, then the walker, and returns the words that are not watched although one wrote and the
/// other touched them.
///
/// A walker that finds all that the writer has stored goes as far as it can: an exploration finds such words one after
/// the other, each when those before it are watched.
pub(crate) fn conflicts_in_order(stage: &mut impl Stage) -> Result<Vec<u64>, EmuError> {
    stage.reset()?;
    for cpu in 0..stage.cpus() {
        // The walker begins when the writer has ended: a lock that is not watched yet would never become free.
        let call = stage::run_to_end(stage, cpu)?;
        stage.finish(cpu, call)?;
    }
    stage.take_events()?;
    Ok(stage.conflicts())
}

/// The baseline run where nothing is compared with one.
const NOBODY: Baseline =
    Baseline { ended: CallResult { end: CallExit::Returned, outcome: None }, path: Vec::new() };

/// Runs the only CPU of a stage, which is the writer.
pub(crate) fn explore_alone(stage: &mut impl Stage) -> Result<Exploration, EmuError> {
    let mut exploration = Exploration { alone: NOBODY.ended, ..Exploration::nothing() };
    let (run, _) = stage::run(stage, &NOBODY, &[], WRITER)?;
    exploration.add(run, |cpu, end| stage.is_crash(cpu, end));
    exploration.machine_runs = 1;
    Ok(exploration)
}

/// Notes whether the context excludes the one schedule of a run.
fn exclude(run: &mut Run, context: MachineContext) {
    let accesses: Vec<(usize, Span)> = run.spans(context).collect();
    if let Some((at, by)) = excluded_at(2 + run.others.len(), &accesses) {
        run.excluded = run.schedules.clone();
        (run.excluded_at, run.excluded_by) = (Some(at), by);
    }
}

/// Runs every schedule, each from the beginning.
fn explore_each(
    stage: &mut impl Stage,
    alone: &Baseline,
    bounds: &Bounds,
    deadline: Option<Instant>,
    exploration: &mut Exploration,
) -> Result<(), EmuError> {
    let mut prefix: Vec<u8> = Vec::new();
    loop {
        let ran = stage::run(stage, alone, &prefix, WRITER);
        let (mut run, turns) = ran.map_err(|error| error.not_repeated(&prefix))?;
        exclude(&mut run, bounds.context);
        exploration.add(run, |cpu, end| stage.is_crash(cpu, end));
        exploration.note(stage.shared());

        // The next schedule departs from this one at the last turn where a vCPU with a higher number could have
        // run.
        let next = |turn: &Turn| turn.waiting.iter().copied().find(|cpu| *cpu > turn.chosen);
        let Some(last) = turns.iter().rposition(|turn| next(turn).is_some()) else { return Ok(()) };
        prefix.clear();
        prefix.extend(turns[..last].iter().map(|turn| turn.chosen));
        prefix.extend(next(&turns[last]));

        if exploration.runs.len() as u64 >= bounds.schedules {
            exploration.note(Some(Incomplete::Schedules(bounds.schedules)));
            return Ok(());
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            exploration.note(Some(Incomplete::Time(bounds.time)));
            return Ok(());
        }
    }
}
