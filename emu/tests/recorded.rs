//! Exploration over recorded behaviour has the same results as running every schedule, on every bundled guest. Any
//! schedule that it names can be run again.

use std::collections::{BTreeMap, HashMap, HashSet};

use num_bigint::BigUint;
use pmdscope_arches::EntryKind;
use pmdscope_emu::{
    Action, Bounds, CallResult, Calls, Divergence, EmuError, Event, Exploration, Incomplete, Machine,
    MachineContext, Reduction, Routines, Run, Schedule, WALKER,
};
use pmdscope_explore::{Cpus, NextAccess};
use pmdscope_guest::Routine;
use pmdscope_guest::routine::{agents, walkers, writers};

use crate::support::{
    access, encoding, in_use, inconsistency, job, kinds, machine, newest_guests, on_every_guest, walkers,
    writers,
};

/// Jobs with more schedules than this are left out: running each takes too long.
const MOST_SCHEDULES: u64 = 3_000;

/// Everything in a run that does not depend on the order of accesses alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Behaviour {
    /// What each CPU read, in order.
    reads: BTreeMap<u8, Vec<u64>>,
    ends: Vec<CallResult>,
    after: u64,
    /// The entries that the guest warned of, and the CPU of each warning.
    warnings: Vec<(u8, u64)>,
    references: Vec<(u64, u64)>,
    divergence: Option<Divergence>,
}

impl Behaviour {
    fn of(run: &Run) -> Self {
        let mut reads: BTreeMap<u8, Vec<u64>> = BTreeMap::new();
        let mut warnings = Vec::new();
        for event in &run.events {
            match &event.what {
                Action::Access(access) if access.loads => {
                    reads.entry(event.cpu).or_default().push(access.before)
                }
                Action::Warning { entry } => warnings.push((event.cpu, *entry)),
                // Calls are recorded for kernels only, not for guests.
                Action::Access(_) | Action::Flush | Action::Call { .. } | Action::KernelWarning { .. } => {}
            }
        }
        warnings.sort_unstable();
        Behaviour {
            reads,
            ends: ends(run),
            after: run.after,
            warnings,
            references: run.references.clone(),
            divergence: run.divergence,
        }
    }
}

fn ends(run: &Run) -> Vec<CallResult> {
    [run.writer, run.walker].into_iter().chain(run.others.iter().copied()).collect()
}

/// Returns a run that counts its own schedule only.
fn alone(run: &Run) -> Run {
    Run { schedules: BigUint::from(1_u8), ..run.clone() }
}

/// Explores a job in both ways. Returns the number of schedules, and what the two ways disagree on.
///
/// The number is 0 if there are too many schedules to run each.
fn disagreement(machine: &mut Machine, job: &Calls<'_>) -> (u64, Vec<String>) {
    let bounds = Bounds { schedules: MOST_SCHEDULES, ..Bounds::default() };
    let each = machine.explore(job, &bounds, Reduction::None).unwrap();
    if let Some(Incomplete::Schedules(_) | Incomplete::Time(_)) = each.incomplete {
        return (0, Vec::new());
    }
    let joined = machine.explore(job, &bounds, Reduction::Joined).unwrap();
    let mut complaints = Vec::new();
    let mut hold = |holds: bool, what: &str| {
        if !holds {
            complaints.push(format!("{what}: joined {joined:x?}"));
        }
    };
    hold(each.schedules == BigUint::from(each.runs.len()), "each schedule run is one");
    hold(joined.schedules == each.schedules, "the number of schedules is not the same");
    hold(joined.alone == each.alone, "the walker alone is not the same");
    let kind = |exploration: &Exploration| exploration.incomplete.as_ref().map(std::mem::discriminant);
    hold(kind(&joined) == kind(&each), &format!("it is not incomplete alike: {:?}", each.incomplete));

    let mut expected: HashMap<Behaviour, (u64, usize)> = HashMap::new();
    for run in &each.runs {
        let (count, fewest) = expected.entry(Behaviour::of(run)).or_insert((0, usize::MAX));
        *count += 1;
        *fewest = (*fewest).min(run.schedule.switches());
    }
    let behaviours: HashSet<Behaviour> = joined.runs.iter().map(Behaviour::of).collect();
    hold(behaviours.len() == joined.runs.len(), "a behaviour is there twice");
    hold(expected.keys().all(|behaviour| behaviours.contains(behaviour)), "a behaviour is missing");
    let of_schedule: HashMap<&Schedule, &Run> = each.runs.iter().map(|run| (&run.schedule, run)).collect();
    for run in &joined.runs {
        let Some((count, fewest)) = expected.get(&Behaviour::of(run)) else {
            hold(false, &format!("{run:x?} is a behaviour that no schedule has"));
            continue;
        };
        hold(run.schedules == BigUint::from(*count), &format!("{count} schedules are as {run:x?}"));
        hold(run.schedule.switches() == *fewest, &format!("{fewest} switches are enough for {run:x?}"));
        hold(of_schedule.get(&run.schedule) == Some(&&alone(run)), "its schedule alone is another run");
        hold(inconsistency(run, job.entry).is_none(), "a run is not consistent");
    }
    (each.runs.len() as u64, complaints)
}

/// Returns the number of runs of machine code that an exploration needs.
fn runs_needed(exploration: &Exploration) -> u64 {
    let cpus = 2 + exploration.runs.first().map_or(0, |run| run.others.len());
    let mut sequences: HashSet<(usize, Vec<u64>)> = HashSet::new();
    for run in &exploration.runs {
        let reads = Behaviour::of(run).reads;
        for cpu in 0..cpus {
            let read = reads.get(&u8::try_from(cpu).unwrap()).cloned().unwrap_or_default();
            sequences.extend((0..=read.len()).map(|end| (cpu, read[..end].to_vec())));
        }
    }
    // The baseline run, one run for each sequence of values read, and each behaviour on all CPUs.
    1 + (sequences.len() + cpus * exploration.runs.len()) as u64
}

#[test]
fn joined_is_as_each_schedule_run_on_every_guest() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let (mut compared, mut left_out, mut complaints) = (0, 0, Vec::new());
        for kind in kinds(&encoding) {
            let entry = in_use(&encoding, kind);
            for writer in writers(&machine) {
                for walker in walkers(&machine) {
                    let job = job(&encoding, entry, writer.symbol(), walker.symbol());
                    let (schedules, found) = disagreement(&mut machine, &job);
                    let name = format!("{}, {kind}: {writer} against {walker}", guest.name);
                    complaints.extend(found.into_iter().map(|what| format!("{name}: {what}")));
                    *(if schedules == 0 { &mut left_out } else { &mut compared }) += 1;
                }
            }
        }
        if compared < 50 || left_out * 10 > compared {
            complaints.push(format!("{}: {compared} compared, {left_out} left out", guest.name));
        }
        complaints
    });
}

#[test]
fn joined_is_as_each_schedule_run_with_a_third_cpu() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let mut others = vec![walkers::FAULT_WRITE.symbol(), writers::INVALIDATE.symbol()];
        let agents = [&agents::MMU_STORE, &agents::MMU_LOAD].into_iter().map(Routine::symbol);
        others.extend(agents.filter(|agent| machine.guest().has(agent)));
        let (mut compared, mut complaints) = (0, Vec::new());
        let known = kinds(&encoding);
        let sample = [EntryKind::PresentHuge, EntryKind::MigrationWrite, EntryKind::Table];
        for kind in sample.into_iter().filter(|kind| known.contains(kind)) {
            let entry = in_use(&encoding, kind);
            for other in &others {
                for writer in [&writers::INVALIDATE, &writers::SPLIT_GUARDED] {
                    for walker in [&walkers::FAULT_READ, &walkers::PTE_OFFSET_MAP, walkers(&machine)[0]] {
                        let others = [*other];
                        let two = job(&encoding, entry, writer.symbol(), walker.symbol());
                        let job = Calls { others: &others, ..two };
                        let (schedules, found) = disagreement(&mut machine, &job);
                        let name = format!("{}, {kind}: {writer}, {walker} and {other}", guest.name);
                        complaints.extend(found.into_iter().map(|what| format!("{name}: {what}")));
                        compared += u64::from(schedules > 1);
                    }
                }
            }
        }
        if compared < 12 {
            complaints.push(format!("{}: only {compared} compared", guest.name));
        }
        complaints
    });
}

#[test]
fn four_cpus_are_as_each_schedule_run() {
    let mut compared = 0;
    for guest in newest_guests() {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let pte = walkers::PTE_OFFSET_MAP.symbol();
        let others = [pte, pte];
        let job = Calls { others: &others, ..job(&encoding, entry, writers::INVALIDATE.symbol(), pte) };
        let (schedules, complaints) = disagreement(&mut machine, &job);
        assert!(complaints.is_empty(), "{}: {complaints:?}", guest.name);
        compared += u64::from(schedules > 1);
    }
    assert!(compared > 5, "{compared}");
}

/// GUP-fast counts references in struct pages, which are not watched. Two GUP-fast walkers use the same struct page
/// if each takes the page. Not every schedule has that; the last one may not.
#[test]
fn memory_that_two_walkers_share_in_any_schedule_is_told_of_in_both_ways() {
    let mut shared = 0;
    for guest in newest_guests() {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let gup_fast = walkers::GUP_FAST_READ.symbol();
        if !machine.guest().has(gup_fast) {
            continue;
        }
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let others = [gup_fast];
        for writer in writers(&machine) {
            let job = Calls { others: &others, ..job(&encoding, entry, writer.symbol(), gup_fast) };
            let (schedules, complaints) = disagreement(&mut machine, &job);
            assert!(complaints.is_empty() && schedules > 0, "{} {writer}: {complaints:?}", guest.name);
            let joined = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
            let incomplete = &joined.incomplete;
            assert!(matches!(incomplete, Some(Incomplete::Shared { .. })), "{}: {incomplete:?}", guest.name);
            // In some behaviours both took the page, in others neither.
            let counts: HashSet<_> = joined.runs.iter().map(|run| run.references.clone()).collect();
            shared += u64::from(counts.len() > 1);
        }
    }
    assert!(shared > 5, "{shared}");
}

#[test]
fn machine_code_runs_once_for_each_sequence_of_values_and_once_for_each_behaviour() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        for writer in writers(&machine) {
            for walker in walkers(&machine) {
                let job = job(&encoding, entry, writer.symbol(), walker.symbol());
                let joined = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
                assert_eq!(joined.machine_runs, runs_needed(&joined), "{} {writer} {walker}", guest.name);
            }
        }
        Vec::new()
    });
}

/// `Routines` may be used without an exploration, and then nothing has run before it.
#[test]
fn a_job_that_was_loaded_can_be_followed_before_any_run() {
    on_every_guest(|guest| {
        let encoding = encoding(guest, guest.to);
        let of_guest = walkers(&machine(guest));
        let complaints = of_guest.into_iter().filter_map(|walker| {
            let entry = in_use(&encoding, EntryKind::PresentHuge);
            let job = job(&encoding, entry, writers::INVALIDATE.symbol(), walker.symbol());
            let mut machine = machine(guest);
            let mut loaded = machine.load(&job, Bounds::default().call).unwrap();
            let mut routines = Routines::new(&mut loaded, MachineContext::ALL).unwrap();
            let mut read = Vec::new();
            let followed = loop {
                match routines.follow(usize::from(WALKER), &read, &[]).unwrap().segment.then {
                    NextAccess::Read(word) => read.push(routines.initially(word)),
                    NextAccess::End(ended) => break ended,
                }
            };
            let explored = machine.explore(&job, &Bounds::default(), Reduction::None).unwrap().alone;
            (followed != explored).then(|| format!("{} {walker:?}: {followed:?}, {explored:?}", guest.name))
        });
        complaints.collect()
    });
}

#[test]
fn joined_again_is_the_same_on_the_same_machine_and_on_another() {
    for guest in newest_guests() {
        let (mut one, mut other) = (machine(guest), machine(guest));
        let encoding = encoding(guest, guest.to);
        for kind in kinds(&encoding) {
            let entry = in_use(&encoding, kind);
            for writer in writers(&one) {
                for walker in walkers(&one) {
                    let job = job(&encoding, entry, writer.symbol(), walker.symbol());
                    let joined = |machine: &mut Machine| {
                        machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap()
                    };
                    let first = joined(&mut one);
                    assert_eq!(first, joined(&mut one), "{}, {kind}: {writer} {walker}", guest.name);
                    assert_eq!(first, joined(&mut other), "{}, {kind}: {writer} {walker}", guest.name);
                }
            }
        }
    }
}

#[test]
fn a_schedule_of_an_exploration_repeats_its_run() {
    on_every_guest(|guest| {
        let (mut one, mut other) = (machine(guest), machine(guest));
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let others = [walkers::FAULT_READ.symbol()];
        let mut complaints = Vec::new();
        for writer in [&writers::INVALIDATE, &writers::SPLIT_UNGUARDED] {
            for walker in walkers(&one) {
                let two = job(&encoding, entry, writer.symbol(), walker.symbol());
                for job in [two, Calls { others: &others, ..two }] {
                    let joined = one.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
                    for run in &joined.runs {
                        // In the form in which a user gives it.
                        let schedule: Schedule = run.schedule.to_string().parse().unwrap();
                        let again = other.explore_one(&job, &Bounds::default(), &schedule).unwrap();
                        let expected = vec![alone(run)];
                        if again.runs != expected
                            || again.incomplete != Some(Incomplete::OneSchedule)
                            || again.schedules != BigUint::from(1_u8)
                            || again.alone != joined.alone
                        {
                            complaints.push(format!("{}: {again:x?} is not {expected:x?}", guest.name));
                        }
                    }
                }
            }
        }
        complaints
    });
}

/// Runs a schedule that must be refused, and returns the turn, the wanted CPU, and the possible ones.
fn misfit(machine: &mut Machine, job: &Calls<'_>, turns: &[u8]) -> (usize, String, String) {
    match machine.explore_one(job, &Bounds::default(), &Schedule(turns.to_vec())) {
        Err(EmuError::ScheduleMisfit { turn, wanted, possible }) => (turn, wanted, possible),
        other => panic!("{turns:?}: {other:x?}"),
    }
}

#[test]
fn a_schedule_that_does_not_fit_is_refused_where_it_stops_to_and_the_machine_goes_on() {
    for guest in newest_guests() {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let job = job(&encoding, entry, writers::INVALIDATE.symbol(), walkers::FAULT_READ.symbol());
        let fresh = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
        for run in &fresh.runs {
            let turns = &run.schedule.0;
            // One turn too many, of either CPU.
            for cpu in [0, 1] {
                let more: Vec<u8> = turns.iter().copied().chain([cpu]).collect();
                let wanted = ["W", "K"][usize::from(cpu)];
                let expected = (turns.len() + 1, wanted.to_owned(), "nothing".to_owned());
                assert_eq!(misfit(&mut machine, &job, &more), expected, "{}", guest.name);
            }
            // The schedule is cut off at any turn.
            for end in 0..turns.len() {
                let cut = Schedule(turns[..end].to_vec());
                let left: HashSet<u8> = turns[end..].iter().copied().collect();
                let letters = match (left.contains(&0), left.contains(&1)) {
                    (true, true) => "W or K",
                    (true, false) => "W",
                    _ => "K",
                };
                match machine.explore_one(&job, &Bounds::default(), &cut) {
                    Err(EmuError::ScheduleEnds { after, possible }) => {
                        assert_eq!((after, &possible[..]), (end, letters), "{} {cut}", guest.name);
                    }
                    other => panic!("{} {cut}: {other:x?}", guest.name),
                }
                // A CPU that does not exist, in the middle of the schedule.
                let mut strange = turns[..end].to_vec();
                strange.push(2);
                let expected = (end + 1, "A".to_owned(), letters.to_owned());
                assert_eq!(misfit(&mut machine, &job, &strange), expected, "{}", guest.name);
            }
        }
        let walker_first = misfit(&mut machine, &job, &[1, 1, 1]);
        assert_eq!(walker_first, (3, "K".to_owned(), "W".to_owned()), "{}: a fault reads twice", guest.name);
        // The machine works as before.
        let again = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
        assert_eq!(again, fresh, "{}", guest.name);
    }
}

#[test]
fn a_bound_on_behaviours_leaves_exact_ones_and_says_so() {
    let mut few_switches = 0;
    for guest in newest_guests() {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let job = job(&encoding, entry, writers::SPLIT_UNGUARDED.symbol(), walkers::HMM.symbol());
        let all = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
        let count = all.runs.len() as u64;
        assert!(count > 2, "{}", guest.name);
        for behaviours in 1..count {
            let bounds = Bounds { behaviours, ..Bounds::default() };
            let some = machine.explore(&job, &bounds, Reduction::Joined).unwrap();
            assert!(some.runs.len() as u64 <= behaviours, "{}", guest.name);
            match some.incomplete {
                // Orders with few switches have fewer behaviours, which are the same, and fewer schedules of each.
                Some(Incomplete::Switches(most)) => {
                    let switches =
                        |run: &Run| run.schedule.0.windows(2).filter(|two| two[0] != two[1]).count();
                    let same = |run: &Run, of: &Run| {
                        (run.writer, run.walker, run.after) == (of.writer, of.walker, of.after)
                            && run.schedules <= of.schedules
                    };
                    for run in &some.runs {
                        assert!(switches(run) <= most as usize, "{}: {run:?}", guest.name);
                        assert!(all.runs.iter().any(|of| same(run, of)), "{}: {run:?}", guest.name);
                    }
                    assert!(!some.runs.is_empty() && some.schedules < all.schedules, "{}", guest.name);
                    few_switches += 1;
                }
                incomplete => {
                    assert_eq!(incomplete, Some(Incomplete::Behaviours(behaviours)), "{}", guest.name);
                    assert!(some.runs.iter().all(|run| all.runs.contains(run)), "{}", guest.name);
                }
            }
        }
        let exactly = Bounds { behaviours: count, ..Bounds::default() };
        assert_eq!(machine.explore(&job, &exactly, Reduction::Joined).unwrap(), all, "{}", guest.name);
    }
    assert!(few_switches > 0, "no bound leaves room for all orders with one switch");
}

/// Checks that the events are in the order that the schedule gives.
#[test]
fn events_are_in_the_order_of_the_schedule() {
    let guest = newest_guests()[0];
    let mut machine = machine(guest);
    let encoding = encoding(guest, guest.to);
    let entry = in_use(&encoding, EntryKind::PresentHuge);
    let others = [walkers::FAULT_READ.symbol()];
    let two = job(&encoding, entry, writers::SPLIT_UNGUARDED.symbol(), walkers::HMM.symbol());
    let job = Calls { others: &others, ..two };
    let joined = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
    let of = |event: &Event| access(event).map(|_| event.cpu);
    for run in &joined.runs {
        assert_eq!(run.events.iter().filter_map(of).collect::<Vec<_>>(), run.schedule.0);
    }
    assert!(joined.runs.iter().any(|run| run.schedule.to_string().contains('A')));
}
