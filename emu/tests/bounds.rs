//! A run that is cut short says so, reports only what happened, and does not affect the next.

use std::time::Duration;

use pmdscope_arches::{Arch, Encoding, EntryKind, Mmu};
use pmdscope_emu::{
    Bounds, CallBounds, CallExit, Calls, Exploration, Incomplete, Machine, Reduction, WALKER, WRITER,
};
use pmdscope_guest::Bundled;
use pmdscope_guest::routine::{walkers, writers};

use crate::support::{accesses, encoding, in_use, inconsistency, job, machine, newest_guests, spec, walkers};

/// H_PAGE_BUSY: a hash fault is being handled on the entry, and writers wait for its end.
const HASH_BUSY: u64 = 1 << 6;

/// Returns the guests whose writers wait for an entry that is busy.
fn waiting_guests() -> Vec<&'static Bundled> {
    let guests: Vec<_> = newest_guests().into_iter().filter(|guest| guest.mmu == Some(Mmu::Hash)).collect();
    assert_eq!(guests.len(), 2, "both byte orders");
    guests
}

/// Explores a writer that waits for ever against a walker that does not wait.
fn explore_busy(machine: &mut Machine, encoding: &Encoding, call: CallBounds, schedules: u64) -> Exploration {
    let busy = in_use(encoding, EntryKind::PresentHuge) | HASH_BUSY;
    let job = job(encoding, busy, writers::INVALIDATE.symbol(), walkers::FAULT_READ.symbol());
    let bounds = Bounds { call, schedules, ..Bounds::default() };
    let exploration = machine.explore(&job, &bounds, Reduction::None).unwrap();
    for run in &exploration.runs {
        assert_eq!(inconsistency(run, busy), None, "{run:x?}");
        assert_eq!(run.after, busy);
        assert_eq!(run.walker.end, CallExit::Returned);
        assert_eq!(run.writer.outcome, None);
    }
    exploration
}

#[test]
fn a_writer_that_never_ends_reaches_the_bound_on_accesses() {
    for guest in waiting_guests() {
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let exploration =
            explore_busy(&mut machine, &encoding, CallBounds { accesses: 5, ..CallBounds::default() }, 1_000);
        for run in &exploration.runs {
            assert_eq!(run.writer.end, CallExit::AccessBound);
            // It is stopped at the first access beyond the bound.
            assert_eq!(accesses(run, WRITER).len(), 6);
        }
        let first = &exploration.runs[0];
        let expected = Incomplete::Call { schedule: first.schedule.clone(), end: CallExit::AccessBound };
        assert_eq!(exploration.incomplete, Some(expected));
    }
}

#[test]
fn a_writer_that_never_ends_reaches_the_bound_on_instructions() {
    for guest in waiting_guests() {
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let call = CallBounds { instructions: 300, ..CallBounds::default() };
        let exploration = explore_busy(&mut machine, &encoding, call, 10);
        let lengths: Vec<_> = exploration.runs.iter().map(|run| accesses(run, WRITER).len()).collect();
        // The loop is ldarx, and., bne-: three instructions for each access.
        assert!(lengths.iter().all(|length| (98..=101).contains(length)), "{lengths:?}");
        assert!(exploration.runs.iter().all(|run| run.writer.end == CallExit::InstructionBound));
        // The writer that never ends is reported, rather than that there are more schedules.
        let first = exploration.runs[0].schedule.clone();
        let expected = Incomplete::Call { schedule: first, end: CallExit::InstructionBound };
        assert_eq!(exploration.incomplete, Some(expected));
    }
}

#[test]
fn a_writer_that_never_ends_reaches_the_bound_on_time() {
    for guest in waiting_guests() {
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let busy = in_use(&encoding, EntryKind::PresentHuge) | HASH_BUSY;
        let job = job(&encoding, busy, writers::INVALIDATE.symbol(), walkers::FAULT_READ.symbol());
        let call = CallBounds { time: Duration::ZERO, accesses: u64::MAX, instructions: u64::MAX };
        let bounds = Bounds { call, schedules: 1, ..Bounds::default() };
        let exploration = machine.explore(&job, &bounds, Reduction::None).unwrap();
        assert_eq!(exploration.runs[0].writer.end, CallExit::TimeBound);
        assert!(exploration.incomplete.is_some());
    }
}

#[test]
fn schedules_beyond_the_bound_are_not_passed_over_in_silence() {
    for guest in newest_guests() {
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let job = job(&encoding, entry, writers::INVALIDATE.symbol(), walkers::FAULT_READ.symbol());
        let all = machine.explore(&job, &Bounds::default(), Reduction::None).unwrap();
        let total = all.runs.len() as u64;
        assert!(total >= 3, "{}", guest.name);
        for schedules in 1..=total + 1 {
            let some =
                machine.explore(&job, &Bounds { schedules, ..Bounds::default() }, Reduction::None).unwrap();
            let complete = schedules >= total;
            assert_eq!(some.incomplete, (!complete).then_some(Incomplete::Schedules(schedules)));
            // They are the same runs, in the same order.
            assert_eq!(some.runs[..], all.runs[..usize::try_from(schedules.min(total)).unwrap()]);
        }
        let some = machine
            .explore(&job, &Bounds { time: Duration::ZERO, ..Bounds::default() }, Reduction::None)
            .unwrap();
        assert_eq!(some.incomplete, Some(Incomplete::Time(Duration::ZERO)), "{}", guest.name);
        assert_eq!(some.runs[..], all.runs[..1], "{}", guest.name);
    }
}

/// Cuts the calls of a job short after every possible number of accesses and of instructions, and
/// each time explores it again in full.
#[test]
fn a_run_cut_short_tells_only_what_happened_and_the_next_one_is_as_on_a_fresh_machine() {
    for guest in newest_guests() {
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let walker = walkers(&machine)[0];
        for writer in [&writers::INVALIDATE, &writers::SPLIT_UNGUARDED] {
            let job = job(&encoding, entry, writer.symbol(), walker.symbol());
            let fresh =
                crate::support::machine(guest).explore(&job, &Bounds::default(), Reduction::None).unwrap();
            assert_eq!(fresh.incomplete, None);
            let most = fresh.runs.iter().map(|run| run.events.len() as u64).max().unwrap();
            let accesses = (0..=most).map(|accesses| CallBounds { accesses, ..CallBounds::default() });
            let instructions =
                (0..100).map(|instructions| CallBounds { instructions, ..CallBounds::default() });
            let mut cut_short = 0;
            for call in accesses.chain(instructions) {
                let name = guest.name;
                let bounds = Bounds { call, ..Bounds::default() };
                let cut = machine.explore(&job, &bounds, Reduction::None).unwrap();
                for run in &cut.runs {
                    if let Some(what) = inconsistency(run, entry) {
                        panic!(
                            "{name}: {writer} against {walker}, {call:?}, schedule {}: {what}",
                            run.schedule
                        );
                    }
                }
                let ends = cut.runs.iter().flat_map(|run| [run.writer.end, run.walker.end]);
                let bound_hit = ends.clone().any(CallExit::is_bound);
                assert_eq!(cut.incomplete.is_some(), bound_hit, "{name}: {call:?}");
                if !bound_hit {
                    assert_eq!(cut.runs, fresh.runs, "{name}: {call:?}");
                }
                cut_short += u64::from(bound_hit);
                let again = machine.explore(&job, &Bounds::default(), Reduction::None).unwrap();
                assert_eq!(again, fresh, "{name}: {writer} against {walker} after {call:?}");
            }
            assert!(cut_short > 0, "{}", guest.name);
        }
    }
}

#[test]
fn a_walker_that_takes_a_page_which_does_not_exist_faults_on_every_architecture() {
    for guest in newest_guests() {
        // Its kernel has no GUP-fast; no other walker touches a struct page.
        if guest.arch == Arch::Sparc64 {
            continue;
        }
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let layout = encoding.layout();
        let highest = u64::MAX >> (64 - u32::from(layout.physical_bits - layout.pmd_shift))
            << (layout.pmd_shift - layout.page_shift);
        let far = crate::support::marked(&encoding, spec(EntryKind::PresentHuge, highest));
        let near = in_use(&encoding, EntryKind::PresentHuge);
        let gup_fast = walkers::GUP_FAST_READ.symbol();
        let near_job = job(&encoding, near, writers::INVALIDATE.symbol(), gup_fast);
        // Only the pages around 0 exist.
        let far_job = Calls { entry: far, pfn: 0, ..near_job };

        let exploration = machine.explore(&far_job, &Bounds::default(), Reduction::None).unwrap();
        let end @ CallExit::Fault { pc, address } = exploration.alone.end else {
            panic!("{}: {:x?}", guest.name, exploration.alone)
        };
        assert_eq!(machine.guest().symbol_at(pc).map(|(name, _)| name), Some(gup_fast), "{}", guest.name);
        assert!(
            address.is_some() && end.to_string().contains(&format!("the struct page of PFN {highest:#x}")),
            "{}: {end}",
            guest.name
        );
        assert_eq!(exploration.alone.outcome, None);
        // The kernel would have crashed, which is a result and does not make the exploration incomplete.
        assert_eq!(exploration.incomplete, None, "{}", guest.name);
        let mut faults = 0;
        for run in &exploration.runs {
            assert_eq!(inconsistency(run, far), None);
            assert_eq!(run.references, [], "{}: no page has a count", guest.name);
            assert_eq!(run.writer.end, CallExit::Returned);
            if accesses(run, WALKER)[0].before == far {
                assert_eq!(run.walker.end, end, "{}", guest.name);
                faults += 1;
            }
        }
        assert!(faults > 0);

        // The CPU works as before, and the page can be provided.
        let fresh =
            crate::support::machine(guest).explore(&near_job, &Bounds::default(), Reduction::None).unwrap();
        assert_eq!(
            machine.explore(&near_job, &Bounds::default(), Reduction::None).unwrap(),
            fresh,
            "{}",
            guest.name
        );
        let provided =
            machine.explore(&Calls { pfn: highest, ..far_job }, &Bounds::default(), Reduction::None).unwrap();
        assert_eq!(provided.alone.outcome.unwrap().pfn, Some(highest), "{}", guest.name);
    }
}

/// Schedules are enumerated over the entry only. Two routines that also count references of one page conflict
/// elsewhere, where the only known order is the one that was run.
#[test]
fn memory_that_both_use_beside_the_entry_makes_the_exploration_incomplete() {
    for guest in newest_guests() {
        if !machine(guest).guest().has(walkers::GUP_FAST_READ.symbol()) {
            continue;
        }
        let (mut machine, encoding) = (machine(guest), encoding(guest, guest.to));
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let gup_fast = walkers::GUP_FAST_READ.symbol();
        let both = job(&encoding, entry, gup_fast, gup_fast);
        let exploration = machine.explore(&both, &Bounds::default(), Reduction::None).unwrap();
        assert!(
            matches!(exploration.incomplete, Some(Incomplete::Shared { .. })),
            "{}: {:?}",
            guest.name,
            exploration.incomplete
        );
        let one = job(&encoding, entry, writers::INVALIDATE.symbol(), gup_fast);
        assert_eq!(
            machine.explore(&one, &Bounds::default(), Reduction::None).unwrap().incomplete,
            None,
            "{}",
            guest.name
        );
    }
}
