//! The joint results of both routines of each run, and which of them are those of an order of one after the other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use pmdscope_emu::{Access, Action, Run, WALKER, WRITER};
use pmdscope_traces::{Outcome, Pair, RoutineResult, SerialOrder, Together};

use super::{Reporter, accesses};
use crate::tally::Tally;

/// The joint results of runs.
pub(super) struct Whole {
    /// Each distinct one once.
    pub(super) together: Vec<Together>,
    /// What the writer leaves alone: see [`pmdscope_traces::Observed::writer_alone`].
    pub(super) writer_alone: BTreeMap<u64, u64>,
    pub(super) walker_alone: BTreeMap<u64, u64>,
    /// What is at the addresses of the words.
    pub(super) places: BTreeMap<u64, String>,
}

impl Reporter<'_> {
    /// Gathers the joint results of one writer and one walker.
    pub(super) fn whole(&self) -> Whole {
        let mut whole = Whole {
            together: Vec::new(),
            writer_alone: BTreeMap::new(),
            walker_alone: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        // A mark of the MMU that the writer returns is not lost, and need not be in the entry: rules for marks see to that.
        let marks_are_returned = self.walker_is_agent() && self.writer.returns_entry;
        if self.walker.is_none() || !self.with.is_empty() || marks_are_returned {
            return whole;
        }
        let mut distinct = Tally::default();
        for run in self.exploration.runs.iter().chain(&self.exploration.orders) {
            let order = order_of(run);
            let of_cpu = |cpu: u8| accesses(run).filter(move |(by, _)| *by == cpu).map(|(_, access)| access);
            match order {
                // The first routine of an order runs as if it were alone.
                Some(SerialOrder::WriterFirst) => whole.writer_alone = self.left_by(of_cpu(WRITER)),
                Some(SerialOrder::WalkerFirst) => whole.walker_alone = self.left_by(of_cpu(WALKER)),
                Some(SerialOrder::Either) => {
                    whole.writer_alone = self.left_by(of_cpu(WRITER));
                    whole.walker_alone = self.left_by(of_cpu(WALKER));
                }
                None => {}
            }
            let left = self.left_by(accesses(run).map(|(_, access)| access));
            let references: BTreeMap<u64, u64> = run.references.iter().copied().collect();
            let warnings: BTreeSet<String> = run
                .events
                .iter()
                .filter_map(|event| match &event.what {
                    Action::KernelWarning { place } => Some(place.to_string()),
                    _ => None,
                })
                .collect();
            let outcome = |cpu, end| {
                let outcome = self.outcome_of(run, cpu);
                match outcome.result {
                    RoutineResult::Crash if !self.inspect.is_crash(cpu, end) => {
                        Outcome { result: RoutineResult::Unknown, ..outcome }
                    }
                    _ => outcome,
                }
            };
            let (writer, walker) = (outcome(WRITER, run.writer.end), outcome(WALKER, run.walker.end));
            distinct.add((writer, walker, left, references, warnings, order, self.pair(run)), run);
        }
        for ((writer, walker, left, references, warnings, order, pair), schedules, schedule) in
            distinct.into_iter()
        {
            for address in left.keys() {
                whole.places.entry(*address).or_insert_with(|| self.place(*address));
            }
            whole.together.push(Together {
                writer,
                walker,
                left,
                references,
                warnings,
                order,
                pair,
                schedules,
                schedule,
            });
        }
        whole
    }

    /// Returns the values of words after accesses in their order, where they are not as before.
    fn left_by<'a>(&self, accesses: impl Iterator<Item = &'a Access>) -> BTreeMap<u64, u64> {
        let mut words: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        for access in accesses {
            let word = words.entry(access.address & !7).or_insert((access.before, access.before));
            word.1 = access.after;
        }
        let changed = words.into_iter().filter_map(|(address, (before, after))| {
            let [before, after] = [before, after].map(|word| self.inspect.comparable(address, word));
            (before != after).then_some((address, after))
        });
        changed.collect()
    }

    fn place(&self, address: u64) -> String {
        if self.inspect.is_in_entry(address) {
            "the entry".to_owned()
        } else {
            self.inspect.describe(address)
        }
    }

    /// Returns the pair of accesses by which a run is that of no order: of those to the entry, if they show it.
    fn pair(&self, run: &Run) -> Option<Pair> {
        let of_entry = |access: &Access| self.inspect.is_in_entry(access.address);
        self.first_pair(run, of_entry).or_else(|| self.first_pair(run, |_| true))
    }

    /// Returns the first two accesses to one word by which a routine goes after the other, where by an earlier two it
    /// goes before it. Only those to words that `counts` says.
    fn first_pair(&self, run: &Run, counts: impl Fn(&Access) -> bool) -> Option<Pair> {
        /// The last access of a CPU to a word, and the last that changed it.
        #[derive(Default, Clone, Copy)]
        struct Last {
            any: Option<u64>,
            change: Option<u64>,
        }
        let mut last: HashMap<(u64, u8), Last> = HashMap::new();
        let mut goes_first: BTreeSet<u8> = BTreeSet::new();
        for event in &run.events {
            let Action::Access(access) = &event.what else { continue };
            if !counts(access) {
                continue;
            }
            let (word, cpu) = (access.address & !7, event.cpu);
            let other = if cpu == WRITER { WALKER } else { WRITER };
            let changes = access.before != access.after;
            let of_other = last.get(&(word, other)).copied().unwrap_or_default();
            let earlier = if changes { of_other.any } else { of_other.change };
            if let Some(pc) = earlier {
                goes_first.insert(other);
                if goes_first.len() == 2 {
                    let step = |cpu: u8, pc: u64| {
                        let name = if cpu == WRITER { self.writer.name } else { self.walker_name() };
                        format!("{name} at {}", self.symbol(pc))
                    };
                    return Some(Pair { first: step(other, pc), second: step(cpu, event.pc) });
                }
            }
            let of_cpu = last.entry((word, cpu)).or_default();
            of_cpu.any = Some(event.pc);
            if changes {
                of_cpu.change = Some(event.pc);
            }
        }
        None
    }

    fn walker_name(&self) -> &'static str {
        self.walker.map_or("none", |walker| walker.name)
    }
}

/// Returns the order of one routine after the other that a run is, if it is one.
fn order_of(run: &Run) -> Option<SerialOrder> {
    let schedule = &run.schedule.0;
    match (schedule.first(), schedule.last()) {
        // With one switch, the routine that goes first has ended by then.
        _ if run.schedule.switches() > 1 => None,
        (Some(first), Some(last)) if first != last => Some(match *first {
            WRITER => SerialOrder::WriterFirst,
            _ => SerialOrder::WalkerFirst,
        }),
        _ => Some(SerialOrder::Either),
    }
}
