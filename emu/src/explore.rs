//! Every interleaving of routines' accesses to the page table.
//!
//! What a vCPU does between two accesses is its own, so nothing is lost by switching only before an
//! access. There are two ways to all schedules. By default they are enumerated over recorded
//! behaviour (`recorded.rs`), and machine code runs once for each distinct behaviour. Without
//! reduction each schedule is run anew from the same memory: its first steps repeat an earlier run,
//! then it takes the next turn that was not taken there.

use std::time::Instant;

use pmdscope_explore::{Schedule, letters};

use crate::EmuError;
use crate::end::{CallExit, CallResult};
use crate::exploration::{Bounds, Exploration, Incomplete, Reduction};
use crate::recorded;
use crate::stage::{Baseline, Stage, Turn, run};

/// Runs a stage under every schedule.
pub(crate) fn explore(
    stage: &mut impl Stage,
    bounds: &Bounds,
    reduction: Reduction,
) -> Result<Exploration, EmuError> {
    let deadline = Instant::now().checked_add(bounds.time);
    let alone = Baseline::run(stage)?;
    let mut exploration = Exploration::after(alone.ended);
    match reduction {
        Reduction::Joined => recorded::explore(stage, &alone, bounds, deadline, &mut exploration)?,
        Reduction::None => explore_each(stage, &alone, bounds, deadline, &mut exploration)?,
    }
    Ok(exploration)
}

/// Runs a stage under one schedule.
pub(crate) fn explore_one(stage: &mut impl Stage, schedule: &Schedule) -> Result<Exploration, EmuError> {
    let alone = Baseline::run(stage)?;
    let mut exploration = Exploration::after(alone.ended);
    let (run, turns) = run(stage, &alone, &schedule.0)?;
    if turns.len() > schedule.0.len() {
        let waiting = turns.get(schedule.0.len()).map_or(Vec::new(), |turn| turn.waiting.clone());
        return Err(EmuError::ScheduleEnds { after: schedule.0.len(), possible: letters(&waiting) });
    }
    exploration.add(run, stage.crashes_are_outcomes());
    exploration.note(Some(Incomplete::OneSchedule));
    Ok(exploration)
}

/// Runs the one CPU of a stage alone: the writer.
pub(crate) fn explore_alone(stage: &mut impl Stage) -> Result<Exploration, EmuError> {
    let nobody = CallResult { end: CallExit::Returned, outcome: None };
    let alone = Baseline { ended: nobody, path: Vec::new() };
    let mut exploration = Exploration { alone: nobody, ..Exploration::nothing() };
    let (run, _) = run(stage, &alone, &[])?;
    exploration.add(run, stage.crashes_are_outcomes());
    exploration.machine_runs = 1;
    Ok(exploration)
}

/// Runs every schedule, each anew.
fn explore_each(
    stage: &mut impl Stage,
    alone: &Baseline,
    bounds: &Bounds,
    deadline: Option<Instant>,
    exploration: &mut Exploration,
) -> Result<(), EmuError> {
    let mut prefix: Vec<u8> = Vec::new();
    loop {
        let (run, turns) = run(stage, alone, &prefix).map_err(|error| error.not_repeated(&prefix))?;
        exploration.add(run, stage.crashes_are_outcomes());
        exploration.note(stage.shared());

        // The next schedule leaves this one at the last turn where a later vCPU waited in vain.
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
