//! Exploration over recorded behaviour: machine code runs once for each distinct sequence of values that a
//! routine reads, schedules are enumerated over what was recorded, and each distinct behaviour is
//! then run, to have its trace and to hold the record against it.

use std::time::Instant;

use pmdscope_guest::abi::ByteOrder;
use unicorn_engine::uc_error;

use crate::EmuError;
use crate::enumerate::{Behaviour, Found, Limits, Stopped, behaviours};
use crate::explore::{Bounds, Exploration, Incomplete, Plan, Run, address};
use crate::machine::{Ended, Followed, Machine};
use crate::memory;
use crate::schedule::Schedule;
use crate::trace::{Access, What};
use crate::tree::{Cpus, Forest, Segment, Then, Word, Written};

/// The routines of a job, as the enumeration sees them: CPU 0 is the writer, 1 the walker.
///
/// What a routine does is found by running its machine code from the beginning, with given values for
/// its reads of the page table, up to the read after them.
pub struct Routines<'a> {
    machine: &'a mut Machine,
    plan: &'a Plan<'a>,
    /// The entries that were accessed so far; the first is the one that the job is about.
    words: Vec<u64>,
}

impl<'a> Routines<'a> {
    /// The routines of a job that `machine` was prepared for.
    pub fn new(machine: &'a mut Machine, plan: &'a Plan<'a>) -> Self {
        Routines { machine, plan, words: vec![memory::ENTRY] }
    }
}

impl Machine {
    /// Runs every behaviour of a job.
    pub(crate) fn explore_recorded(
        &mut self,
        plan: &Plan<'_>,
        bounds: &Bounds,
        deadline: Option<Instant>,
        exploration: &mut Exploration,
    ) -> Result<(), EmuError> {
        let most = usize::try_from(bounds.behaviours).unwrap_or(usize::MAX);
        // A state is a few hundred bytes; this many take less than a gigabyte.
        const MOST_STATES: usize = 1_000_000;
        let limits = Limits { behaviours: most, states: MOST_STATES, deadline };
        let routines = Routines::new(self, plan);
        let mut forest = Forest::new(routines)?;
        let Found { behaviours, stopped } = behaviours(&mut forest, &limits)?;
        exploration.note(stopped.map(|stopped| match stopped {
            Stopped::TooMany => Incomplete::Behaviours(bounds.behaviours),
            Stopped::Late => Incomplete::Time(bounds.time),
        }));
        exploration.machine_runs += forest.runs();
        for behaviour in behaviours {
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                exploration.note(Some(Incomplete::Time(bounds.time)));
                break;
            }
            let run = as_recorded(&mut forest, plan, behaviour)?;
            exploration.add(run);
            exploration.note(forest.cpus().machine.shared());
        }
        Ok(())
    }
}

/// Runs a behaviour's schedule, and holds each access and what came of it against the record.
fn as_recorded(
    forest: &mut Forest<Routines<'_>>,
    plan: &Plan<'_>,
    behaviour: Behaviour<Ended>,
) -> Result<Run, EmuError> {
    let recorded = forest.accesses(&behaviour.schedule)?;
    let Routines { machine, words, .. } = forest.cpus();
    let (mut run, turns) =
        machine.run(plan, &behaviour.schedule).map_err(|error| error.not_repeated(&behaviour.schedule))?;
    let differs = |what: String| EmuError::NotAsRecorded {
        schedule: Schedule(behaviour.schedule.clone()).to_string(),
        what,
    };
    if turns.len() != behaviour.schedule.len() {
        return Err(differs(format!("it made {} accesses", turns.len())));
    }
    let made = run.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some((event, access)),
        What::Flush | What::Warning { .. } => None,
    });
    let mut count = 0;
    for (n, (event, access)) in made.enumerate() {
        count += 1;
        let is = (event.cpu, event.pc, access.address & !7, access.before, access.after);
        let was =
            recorded.get(n).map(|known| (known.cpu, known.pc, words[known.word], known.before, known.after));
        if was != Some(is) {
            return Err(differs(format!("access {} was {was:x?} and is {is:x?}", n + 1)));
        }
    }
    if count != recorded.len() {
        return Err(differs(format!("{} accesses were recorded, {count} made", recorded.len())));
    }
    let ends: Vec<Ended> = [run.writer, run.walker].into_iter().chain(run.others.iter().copied()).collect();
    if ends != behaviour.ends {
        return Err(differs(format!("it came to {ends:x?} instead of {:x?}", behaviour.ends)));
    }
    run.schedules = behaviour.schedules;
    Ok(run)
}

impl Routines<'_> {
    fn word(&mut self, access: &Access) -> Result<Word, EmuError> {
        let offset = usize::try_from(access.address & 7).unwrap_or(0);
        if access.size == 0 || offset + access.size > 8 {
            return Err(EmuError::NotOneEntry { address: access.address, size: access.size });
        }
        let address = access.address & !7;
        Ok(self.words.iter().position(|known| *known == address).unwrap_or_else(|| {
            self.words.push(address);
            self.words.len() - 1
        }))
    }

    /// What an access stored: of the entry after it, the bytes that it covers.
    fn written(&self, access: &Access) -> Written {
        let offset = usize::try_from(access.address & 7).unwrap_or(0);
        let mut mask = [0; 8];
        mask[offset..offset + access.size].fill(0xff);
        let mask = ByteOrder::of_entries(self.machine.guest().arch()).decode(mask);
        Written { mask, value: access.after & mask }
    }
}

impl Cpus for Routines<'_> {
    type End = Ended;
    type Error = EmuError;

    fn count(&self) -> usize {
        self.plan.functions.len()
    }

    fn initially(&self, word: Word) -> u64 {
        if word == 0 { self.plan.job.entry } else { 0 }
    }

    fn follow(&mut self, cpu: usize, read: &[u64]) -> Result<Segment<Ended>, EmuError> {
        let number = u8::try_from(cpu).unwrap_or(u8::MAX);
        let function = self.plan.functions[cpu];
        let Followed { accesses, ended } =
            self.machine.follow(number, function, address(self.plan.job), self.plan.call, read)?;
        let mut accesses: Vec<(u64, Access)> = accesses
            .into_iter()
            .filter_map(|event| match event.what {
                What::Access(access) => Some((event.pc, access)),
                What::Flush | What::Warning { .. } => None,
            })
            .collect();
        let mut stopped_at = None;
        let then = match ended {
            Some(ended) => Then::End(ended),
            None => {
                // What was made after the read that it was stopped at is not part of it.
                let reads = accesses.iter().enumerate().filter(|(_, (_, access))| access.loads);
                let at = reads.map(|(at, _)| at).nth(read.len());
                let Some((pc, access)) = at.and_then(|at| accesses.drain(at..).next()) else {
                    return Err(EmuError::engine("stop at a read", uc_error::OK));
                };
                stopped_at = Some(pc);
                Then::Read(self.word(&access)?)
            }
        };
        let mut reads = 0;
        let mut segment = Segment { stored: None, stores: Vec::new(), then, code: Vec::new() };
        for (pc, access) in &accesses {
            reads += usize::from(access.loads);
            let word = self.word(access)?;
            if reads < read.len() || access.store_pc.is_none() {
                continue;
            }
            let written = self.written(access);
            if access.loads {
                segment.stored = Some(written);
            } else {
                segment.stores.push((word, written));
                segment.code.push(*pc);
            }
        }
        segment.code.extend(stopped_at);
        Ok(segment)
    }
}
