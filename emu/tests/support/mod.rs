//! Helpers that the tests share: the guests under test, and entries to try on them.
#![allow(dead_code, reason = "every test program uses a part of it")]

pub mod kernels;

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;
use pmdscope_arches::{Arch, Encoding, EntryKind, EntrySpec, Version};
use pmdscope_emu::{Access, Action, Calls, Event, Machine, Run, env};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_guest::{Bundled, Routine, all_bundled, under_test};

/// Seed of every generated test: the same entries on every machine and every day.
pub const SEED: u64 = 0x706d_6473_636f_7065;

/// Returns a machine with a guest: the bundled one, or that of the directory `PMDSCOPE_GUESTS`.
pub fn machine(guest: &Bundled) -> Machine {
    Machine::new(under_test::load(guest)).unwrap()
}

/// Returns the encodings of the oldest and the newest version that a guest is for.
pub fn encodings(guest: &Bundled) -> Vec<Encoding> {
    let versions = if guest.from == guest.to { vec![guest.from] } else { vec![guest.from, guest.to] };
    versions.into_iter().map(|version| encoding(guest, version)).collect()
}

pub fn encoding(guest: &Bundled, version: Version) -> Encoding {
    Encoding::at(guest.arch, guest.mmu, version).unwrap()
}

/// Returns the newest guest of each architecture and MMU kind.
pub fn newest_guests() -> Vec<&'static Bundled> {
    let mut newest: Vec<&Bundled> = Vec::new();
    for guest in all_bundled() {
        match newest.iter_mut().find(|known| (known.arch, known.mmu) == (guest.arch, guest.mmu)) {
            Some(known) => *known = if guest.from > known.from { guest } else { known },
            None => newest.push(guest),
        }
    }
    newest
}

/// Returns the newest guest of an architecture.
pub fn newest(arch: Arch) -> &'static Bundled {
    newest_guests().into_iter().find(|guest| guest.arch == arch).unwrap()
}

/// Calls `test` with every guest, on all CPUs, and panics with all complaints.
pub fn on_every_guest(test: impl Fn(&'static Bundled) -> Vec<String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut complaints = Vec::new();
        while let Some(guest) = all_bundled().get(next.fetch_add(1, Ordering::Relaxed)) {
            complaints.extend(test(guest));
        }
        complaints
    };
    let complaints: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> =
            (0..thread::available_parallelism().map_or(1, usize::from)).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Returns a spec without marks.
pub fn spec(kind: EntryKind, pfn: u64) -> EntrySpec {
    EntrySpec { kind, pfn, young: false, dirty: false, soft_dirty: false, uffd_wp: false }
}

/// Returns the kinds of entry that an encoding can express.
pub fn kinds(encoding: &Encoding) -> Vec<EntryKind> {
    let expresses = |kind: &EntryKind| encoding.build(&spec(*kind, encoding.default_pfn())).is_ok();
    EntryKind::ALL.into_iter().filter(expresses).collect()
}

/// Returns a random entry of a kind that the encoding can express, with any page and any marks that it can hold.
pub fn random_entry(rng: &mut Rng, encoding: &Encoding, kind: EntryKind) -> u64 {
    let layout = encoding.layout();
    // The maximum number of bits of a page frame number on the architecture: all magnitudes are tried.
    let pfn_bits = u32::from(layout.physical_bits - layout.page_shift);
    loop {
        let pfn = rng.u64(..) >> (64 - rng.u32(1..=pfn_bits));
        let huge_page = match kind {
            EntryKind::Table | EntryKind::Swap => 0,
            _ => layout.pmd_shift - layout.page_shift,
        };
        let spec = EntrySpec {
            kind,
            pfn: pfn >> huge_page << huge_page,
            young: rng.bool(),
            dirty: rng.bool(),
            soft_dirty: rng.bool(),
            uffd_wp: rng.bool(),
        };
        // The kind can be expressed, but a mark or a page frame may not. Then another spec is drawn.
        if let Ok(entry) = encoding.build(&spec) {
            return entry;
        }
    }
}

/// Returns an entry of a kind as a walker commonly finds it: a mapping is accessed and dirty. (On s390x an entry
/// that was not accessed is invalid to the hardware, so there is nothing to invalidate.)
pub fn in_use(encoding: &Encoding, kind: EntryKind) -> u64 {
    marked(encoding, spec(kind, encoding.default_pfn()))
}

/// Returns the entry of a spec, accessed and dirty if its kind can be.
pub fn marked(encoding: &Encoding, plain: EntrySpec) -> u64 {
    let marked = EntrySpec { young: true, dirty: true, ..plain };
    encoding.build(&marked).or_else(|_| encoding.build(&plain)).unwrap()
}

/// Returns a job on a guest: everything is set up, including the page that the entry maps.
pub fn job<'a>(encoding: &Encoding, entry: u64, writer: &'a str, walker: &'a str) -> Calls<'a> {
    Calls {
        entry,
        writer,
        walker,
        others: &[],
        env: env(encoding),
        pmd_shift: encoding.layout().pmd_shift,
        pfn: encoding.default_pfn(),
    }
}

/// Returns the accesses that one CPU made in a run.
pub fn accesses(run: &Run, cpu: u8) -> Vec<&Access> {
    run.events.iter().filter(|event| event.cpu == cpu).filter_map(access).collect()
}

pub fn access(event: &Event) -> Option<&Access> {
    match &event.what {
        Action::Access(access) => Some(access),
        _ => None,
    }
}

/// Describes what is inconsistent in a run's events; `None` if nothing is.
///
/// Every access must find what the previous one left, and the accesses must be in the order of the schedule.
pub fn inconsistency(run: &Run, entry: u64) -> Option<String> {
    let order: Vec<u8> =
        run.events.iter().filter(|event| access(event).is_some()).map(|event| event.cpu).collect();
    if order != run.schedule.0 {
        return Some(format!("the schedule is {}, the accesses are by {order:?}", run.schedule));
    }
    let mut entry = entry;
    for event in &run.events {
        let Some(access) = access(event) else { continue };
        if access.before != entry {
            return Some(format!("{entry:#018x} is in memory, and {event:x?} finds something else"));
        }
        if access.store_pc.is_none() && (access.after != entry || !access.loads) {
            return Some(format!("{event:x?} has no store, but changes the entry"));
        }
        entry = access.after;
    }
    (run.after != entry).then(|| format!("{entry:#018x} was left, and in the end it is {:#018x}", run.after))
}

/// Returns the writers that a guest has.
pub fn writers(machine: &Machine) -> Vec<&'static Routine> {
    writers::ALL.iter().copied().filter(|writer| machine.guest().has(writer.symbol())).collect()
}

/// Returns the walkers that a guest has.
pub fn walkers(machine: &Machine) -> Vec<&'static Routine> {
    walkers::ALL.iter().copied().filter(|walker| machine.guest().has(walker.symbol())).collect()
}
