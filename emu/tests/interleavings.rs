//! Every schedule is run exactly once, and each run reports truly what happened.

use std::collections::HashSet;

use pmdscope_arches::{Arch, EntryKind, Mmu};
use pmdscope_emu::{
    AccessKind, Action, Bounds, CallExit, Exploration, Machine, Reduction, Run, WALKER, WRITER,
};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_guest::{Bundled, Check, Routine, WalkResult};

use crate::support::{
    access, accesses, encoding, in_use, inconsistency, job, kinds, machine, newest_guests, on_every_guest,
    walkers, writers,
};

/// Runs a writer against a walker on an entry of some kind, to the end of every schedule.
fn explore(
    machine: &mut Machine,
    guest: &Bundled,
    kind: EntryKind,
    writer: &'static Routine,
    walker: &'static Routine,
) -> Exploration {
    let encoding = encoding(guest, guest.to);
    let entry = in_use(&encoding, kind);
    let job = job(&encoding, entry, writer.symbol(), walker.symbol());
    let exploration = machine.explore(&job, &Bounds::default(), Reduction::None).unwrap();
    assert_eq!(exploration.incomplete, None, "{}, {kind}: {writer} against {walker}", guest.name);
    for run in &exploration.runs {
        if let Some(what) = inconsistency(run, entry) {
            panic!("{}, {kind}: {writer} against {walker}, schedule {}: {what}", guest.name, run.schedule);
        }
    }
    exploration
}

/// Returns the number of orders of `a` accesses of one CPU and `b` of another.
fn orders(a: u64, b: u64) -> u64 {
    (1..=b).fold(1, |orders, n| orders * (a + n) / n)
}

#[test]
fn routines_of_fixed_length_have_as_many_schedules_as_there_are_orders() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        // On an entry that stays a mapping, a fault reads twice and the invalidation never starts over.
        let exploration =
            explore(&mut machine, guest, EntryKind::PresentHuge, &writers::INVALIDATE, &walkers::FAULT_READ);
        let lengths = |cpu| exploration.runs.iter().map(move |run| accesses(run, cpu).len() as u64);
        let (writer, walker) = (lengths(WRITER).next().unwrap(), lengths(WALKER).next().unwrap());
        assert!(
            lengths(WRITER).all(|length| length == writer) && lengths(WALKER).all(|length| length == walker)
        );
        assert_eq!(walker, 2, "{}", guest.name);
        assert_eq!(exploration.runs.len() as u64, orders(writer, walker), "{}", guest.name);
        assert_eq!(exploration.machine_runs, 1 + 2 * orders(writer, walker), "{}", guest.name);
        assert_eq!(exploration.runs[0].schedule.to_string(), format!("W{writer} K{walker}"));
        Vec::new()
    });
}

/// Describes a turn that was not taken.
///
/// Where both CPUs wait to make an access, each must have gone first in some schedule.
fn turn_not_taken(runs: &[Run]) -> Option<String> {
    let prefixes: HashSet<&[u8]> =
        runs.iter().flat_map(|run| (0..=run.schedule.0.len()).map(|end| &run.schedule.0[..end])).collect();
    for run in runs {
        let turns = &run.schedule.0;
        for (at, turn) in turns.iter().enumerate() {
            let other = 1 - turn;
            let other_waits = turns[at..].contains(&other);
            let mut instead = turns[..at].to_vec();
            instead.push(other);
            if other_waits && !prefixes.contains(&instead[..]) {
                return Some(format!("{} is there, and nothing that begins {instead:?}", run.schedule));
            }
        }
    }
    None
}

#[test]
fn no_schedule_is_left_out_and_none_is_run_twice() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let mut complaints = Vec::new();
        for kind in kinds(&encoding(guest, guest.to)) {
            for writer in writers(&machine) {
                for walker in walkers(&machine) {
                    let exploration = explore(&mut machine, guest, kind, writer, walker);
                    let runs = &exploration.runs;
                    let distinct: HashSet<_> = runs.iter().map(|run| &run.schedule).collect();
                    let job = format!("{}, {kind}: {writer} against {walker}", guest.name);
                    if distinct.len() != runs.len() {
                        complaints.push(format!("{job}: {} runs, {} schedules", runs.len(), distinct.len()));
                    }
                    complaints.extend(turn_not_taken(runs).map(|what| format!("{job}: {what}")));
                    if !runs.iter().any(|run| run.walker == exploration.alone) {
                        complaints.push(format!("{job}: no walker comes to what it comes to alone"));
                    }
                }
            }
        }
        complaints
    });
}

#[test]
fn exploring_again_gives_the_same_on_the_same_machine_and_on_another() {
    for guest in newest_guests() {
        let (mut one, mut other) = (machine(guest), machine(guest));
        for kind in kinds(&encoding(guest, guest.to)) {
            for writer in writers(&one) {
                for walker in walkers(&one) {
                    let first = explore(&mut one, guest, kind, writer, walker);
                    assert_eq!(first, explore(&mut one, guest, kind, writer, walker));
                    assert_eq!(first, explore(&mut other, guest, kind, writer, walker));
                }
            }
        }
    }
}

#[test]
fn an_exchange_is_one_access_whatever_instructions_it_takes() {
    on_every_guest(|guest| {
        let instructions = match guest.arch {
            Arch::Arm64 => Some(("ldxr ", "stxr ")),
            Arch::X86_64 => Some(("xchgq ", "xchgq ")),
            Arch::S390x => Some(("idte ", "idte ")),
            Arch::Ppc64 | Arch::Ppc64le => Some(("ldarx ", "stdcx. ")),
            Arch::Riscv64 => Some(("amoswap.d.aqrl ", "amoswap.d.aqrl ")),
            Arch::Sparc64 => Some(("casx ", "casx ")),
            // Its pmdp_establish() is the generic one: a load, then a store.
            Arch::LoongArch64 => None,
        };
        let mut machine = machine(guest);
        // GUP-fast reads before and after it takes the reference. Guests without it have another walker that reads
        // twice.
        let walker = walkers(&machine)[0];
        let exploration = explore(&mut machine, guest, EntryKind::PresentHuge, &writers::INVALIDATE, walker);
        for run in &exploration.runs {
            let atomics: Vec<_> = run
                .events
                .iter()
                .filter_map(|event| Some((event, access(event)?)))
                .filter(|(_, access)| access.kind == AccessKind::Atomic)
                .collect();
            let Some((load, store)) = instructions else {
                assert_eq!(atomics, [], "{}", guest.name);
                continue;
            };
            let [(event, exchange)] = atomics[..] else { panic!("{}: {atomics:x?}", guest.name) };
            assert_eq!((event.cpu, exchange.loads, exchange.size), (WRITER, true, 8), "{}", guest.name);
            assert_ne!(exchange.before, exchange.after, "{}", guest.name);
            let store_pc = exchange.store_pc.unwrap_or_else(|| panic!("{}: no store", guest.name));
            let (first, second) = (machine.instruction(event.pc), machine.instruction(store_pc));
            assert!(
                first.starts_with(load) && second.starts_with(store),
                "{}: {first}, {second}",
                guest.name
            );
            assert_eq!(event.pc == store_pc, load == store, "{}", guest.name);
        }
        Vec::new()
    });
}

#[test]
fn a_flush_is_an_event_after_the_exchange_where_it_has_an_instruction_of_its_own() {
    on_every_guest(|guest| {
        let instruction = match (guest.arch, guest.mmu) {
            (Arch::Arm64, _) => Some("tlbi vae1is, "),
            (Arch::X86_64, _) => Some("invlpg "),
            (Arch::Ppc64 | Arch::Ppc64le, Some(Mmu::Radix)) => Some("tlbie "),
            (Arch::Riscv64, _) => Some("sfence.vma "),
            (Arch::LoongArch64, _) => Some("invtlb "),
            // s390x flushes by the IDTE that changes the entry; the guests of the hash MMU and of
            // sparc64 have no flush, since the kernel leaves it to other code there.
            _ => None,
        };
        let mut machine = machine(guest);
        let exploration =
            explore(&mut machine, guest, EntryKind::PresentHuge, &writers::INVALIDATE, &walkers::FAULT_READ);
        for run in &exploration.runs {
            let at = |what: fn(&Action) -> bool| -> Vec<usize> {
                (0..run.events.len()).filter(|at| what(&run.events[*at].what)).collect()
            };
            let flushes = at(|what| matches!(what, Action::Flush));
            let Some(instruction) = instruction else {
                assert_eq!(flushes, [], "{}", guest.name);
                continue;
            };
            let stores = at(|what| matches!(what, Action::Access(access) if access.store_pc.is_some()));
            let ([store], [flush]) = (&stores[..], &flushes[..]) else {
                panic!("{}: stores at {stores:?}, flushes at {flushes:?}", guest.name)
            };
            assert!(store < flush, "{}", guest.name);
            let text = machine.instruction(run.events[*flush].pc);
            assert_eq!(run.events[*flush].cpu, WRITER);
            assert!(text.starts_with(instruction), "{}: {text}", guest.name);
        }
        Vec::new()
    });
}

#[test]
fn gup_fast_holds_a_reference_on_the_page_it_took_and_none_if_the_entry_changed() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let encoding = encoding(guest, guest.to);
        let entry = in_use(&encoding, EntryKind::PresentHuge);
        let pfn = encoding.default_pfn();
        let walkers = walkers(&machine);
        let gup_fast = [&walkers::GUP_FAST_READ, &walkers::GUP_FAST_WRITE];
        for walker in gup_fast.into_iter().filter(|gup_fast| walkers.contains(gup_fast)) {
            let job = job(&encoding, entry, writers::INVALIDATE.symbol(), walker.symbol());
            let exploration = machine.explore(&job, &Bounds::default(), Reduction::None).unwrap();
            let (mut took, mut gave_back) = (0, 0);
            for run in &exploration.runs {
                let outcome = run.walker.outcome.unwrap();
                let reads: Vec<_> = accesses(run, WALKER).iter().map(|access| access.before).collect();
                // It takes the path of its baseline run exactly if it reads the same values.
                match run.divergence {
                    None => assert!(reads.iter().all(|read| *read == reads[0]), "{}", guest.name),
                    Some(divergence) => {
                        assert_ne!(reads, [entry, entry], "{}", guest.name);
                        let symbol = divergence.pc.and_then(|pc| machine.guest().symbol_at(pc));
                        assert_eq!(symbol.map(|(name, _)| name), Some(walker.symbol()), "{}", guest.name);
                    }
                }
                // GUP-fast may take the page of an invalidated entry: on s390x it does not look at that bit.
                match reads[..] {
                    [first, again] if first == again => {
                        took += u64::from(first == entry);
                        assert_eq!(outcome.result, WalkResult::Page, "{}: {run:x?}", guest.name);
                        assert_eq!(outcome.pfn, Some(pfn), "{}", guest.name);
                        assert_eq!(run.references, [(pfn, 2)], "{}", guest.name);
                    }
                    [_, _] => {
                        gave_back += 1;
                        assert_eq!(outcome.check, Check::Reread, "{}: {run:x?}", guest.name);
                        assert_eq!(run.references, [], "{}: {run:x?}", guest.name);
                    }
                    _ => {
                        assert_eq!(outcome.result, WalkResult::Refused, "{}: {run:x?}", guest.name);
                        assert_eq!(run.references, [], "{}: {run:x?}", guest.name);
                    }
                }
            }
            assert!(took > 0 && gave_back > 0, "{}: {took} and {gave_back}", guest.name);
            let alone = exploration.alone.outcome.unwrap();
            assert_eq!((alone.result, alone.pfn), (WalkResult::Page, Some(pfn)), "{}", guest.name);
        }
        Vec::new()
    });
}

#[test]
fn every_routine_returns_on_every_entry_that_can_be_built() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        for kind in kinds(&encoding(guest, guest.to)) {
            for writer in writers(&machine) {
                let exploration = explore(&mut machine, guest, kind, writer, &walkers::HMM);
                let ends = exploration.runs.iter().flat_map(|run| [run.writer.end, run.walker.end]);
                for end in ends {
                    assert_eq!(end, CallExit::Returned, "{}, {kind}: {writer}", guest.name);
                }
            }
        }
        Vec::new()
    });
}
