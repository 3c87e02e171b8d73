//! Exploration over recorded behaviour: machine code runs once for each distinct sequence of values that a
//! routine reads, schedules are enumerated over what was recorded, and each distinct behaviour is
//! then run, to have its trace and to hold the record against it.

use std::time::Instant;

use unicorn_engine::uc_error;

use crate::EmuError;
use crate::end::{Ended, Followed};
use crate::enumerate::{Behaviour, Found, Limits, Stopped, Stuck, behaviours};
use crate::explore::{self, Alone, Bounds, Exploration, Incomplete, Run, Stage};
use crate::schedule::Schedule;
use crate::trace::{Access, What};
use crate::tree::{Cpus, Forest, Segment, Then, Word, Written};

/// The routines of a stage, as the enumeration sees them: CPU 0 is the writer, 1 the walker.
///
/// What a routine does is found by running its machine code from the beginning, with given values for
/// its reads of watched memory, up to the read after them.
pub struct Routines<'a, S> {
    stage: &'a mut S,
    /// The words that were accessed so far; the first is the entry.
    words: Vec<u64>,
}

#[expect(private_bounds, reason = "what can be explored is for this crate to say")]
impl<'a, S: Stage> Routines<'a, S> {
    /// The routines of a stage.
    pub fn new(stage: &'a mut S) -> Self {
        let words = vec![stage.entry_address()];
        Routines { stage, words }
    }
}

/// Runs every behaviour of a stage.
pub(crate) fn explore(
    stage: &mut impl Stage,
    alone: &Alone,
    bounds: &Bounds,
    deadline: Option<Instant>,
    exploration: &mut Exploration,
) -> Result<(), EmuError> {
    let most = usize::try_from(bounds.behaviours).unwrap_or(usize::MAX);
    // A state is a few hundred bytes; this many take less than a gigabyte.
    const MOST_STATES: usize = 1_000_000;
    let limits = Limits { behaviours: most, states: MOST_STATES, deadline };
    let mut forest = Forest::new(Routines::new(stage))?;
    let Found { behaviours, stopped, stuck } = behaviours(&mut forest, &limits)?;
    exploration.note(stopped.map(|stopped| match stopped {
        Stopped::TooMany => Incomplete::Behaviours(bounds.behaviours),
        Stopped::Late => Incomplete::Time(bounds.time),
    }));
    exploration.machine_runs += forest.runs();
    let Routines { stage, .. } = forest.cpus();
    if stage.watches_shared()
        && let Some(shared) = stage.shared()
    {
        exploration.note(Some(shared));
        return Ok(());
    }
    for behaviour in behaviours {
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            exploration.note(Some(Incomplete::Time(bounds.time)));
            break;
        }
        let run = as_recorded(&mut forest, alone, behaviour)?;
        let stage = &forest.cpus().stage;
        exploration.add(run, stage.crashes_are_outcomes());
        exploration.note(stage.shared());
    }
    // Noted last: that a routine went wrong with a lock may be why another waits for it.
    let Routines { words, .. } = forest.cpus();
    exploration.note(stuck.map(|Stuck { schedule, word }| Incomplete::Deadlock {
        schedule: Schedule(schedule),
        address: words[word],
    }));
    Ok(())
}

/// Runs a behaviour's schedule, and holds each access and what came of it against the record.
fn as_recorded<S: Stage>(
    forest: &mut Forest<Routines<'_, S>>,
    alone: &Alone,
    behaviour: Behaviour<Ended>,
) -> Result<Run, EmuError> {
    let recorded = forest.accesses(&behaviour.schedule)?;
    let Routines { stage, words } = forest.cpus();
    let (mut run, turns) = explore::run(*stage, alone, &behaviour.schedule)
        .map_err(|error| error.not_repeated(&behaviour.schedule))?;
    let differs = |what: String| EmuError::NotAsRecorded {
        schedule: Schedule(behaviour.schedule.clone()).to_string(),
        what,
    };
    if turns.len() != behaviour.schedule.len() {
        return Err(differs(format!("it made {} accesses", turns.len())));
    }
    let made = run.events.iter().filter_map(|event| match &event.what {
        What::Access(access) => Some((event, access)),
        _ => None,
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

#[expect(private_bounds, reason = "as above")]
impl<S: Stage> Routines<'_, S> {
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
        let mask = self.stage.order_at(access.address).decode(mask);
        Written { mask, value: access.after & mask }
    }
}

impl<S: Stage> Cpus for Routines<'_, S> {
    type End = Ended;
    type Error = EmuError;

    fn count(&self) -> usize {
        usize::from(self.stage.cpus())
    }

    fn initially(&self, word: Word) -> u64 {
        self.stage.initially(self.words[word])
    }

    fn follow(&mut self, cpu: usize, read: &[u64]) -> Result<Segment<Ended>, EmuError> {
        let number = u8::try_from(cpu).unwrap_or(u8::MAX);
        let Followed { accesses, ended, state } = self.stage.follow(number, read)?;
        let mut accesses: Vec<(u64, Access)> = accesses
            .into_iter()
            .filter_map(|event| match event.what {
                What::Access(access) => Some((event.pc, access)),
                _ => None,
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
        let mut segment = Segment { stored: None, stores: Vec::new(), then, code: Vec::new(), state };
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
