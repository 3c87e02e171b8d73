//! Real kernels: their machine code stores what the bundled guest of the same encoding stores, and every schedule
//! of their routines is explored. A difference is a fault of our facts, or of the environment that kernels are run
//! in.

use std::collections::BTreeMap;
use std::iter;
use std::rc::Rc;
use std::time::Instant;

use fastrand::Rng;
use num_bigint::BigUint;
use pmdscope_arches::{Arch, Encoding, EntryKind, EntrySpec};
use pmdscope_emu::{
    Action, BaselineRun, Bounds, CallExit, Environment, Event, Exploration, Inspect, Job, Machine, Reduction,
    Schedules, WALKER, WRITER, installed_table, kernel_routine,
};
use pmdscope_guest::routine::writers;
use pmdscope_guest::{Role, Routine};

use crate::support::kernels::{Real, files, on_every_kernel, say};
use crate::support::{SEED, access, accesses, in_use, job, kinds, random_entry};

/// Number of entries of each kind that are tried with each of their bits changed.
const WITH_NEIGHBOURS: usize = 8;
/// Number of further entries of each kind that are tried unchanged.
const OF_EACH_KIND: usize = 100;
/// Minimum number of entries over which each kernel is compared.
const FEWEST_ENTRIES: usize = 1_000;
/// Maximum number of differences that a message shows in full.
const SHOWN: usize = 5;

/// Each schedule is run only if there are no more than this.
const MOST_SCHEDULES: u64 = 6_000;

/// The entries for which something differs.
#[derive(Default)]
struct Differences {
    count: usize,
    /// The first of them, in words.
    shown: Vec<String>,
}

impl Differences {
    fn add(&mut self, what: String) {
        self.count += 1;
        if self.count <= SHOWN {
            self.shown.push(what);
        }
    }

    fn complaint(&self, name: &str, of: &str) -> Option<String> {
        let first = || self.shown.join("\n  ");
        (self.count > 0).then(|| format!("{name}: {of}: {} differ:\n  {}", self.count, first()))
    }
}

/// Runs a writer alone, which must return.
fn run(real: &mut Real, routine: &Routine, entry: u64) -> BaselineRun {
    let ran = real.run(routine, entry);
    let end = ran.ended.end;
    assert_eq!(end, CallExit::Returned, "{}: {entry:#018x}: it {}", real.name, real.machine.explain(end));
    ran
}

/// Returns the values that were stored to the entry, in order.
fn stores(real: &Real, events: &[Event]) -> Vec<u64> {
    let entry = real.machine.entry_address();
    let of_entry = events.iter().filter_map(access).filter(|access| access.address & !7 == entry);
    of_entry.filter(|access| access.store_pc.is_some()).map(|access| access.after).collect()
}

fn writer(name: &str) -> &'static Routine {
    kernel_routine(Role::Writer, name).unwrap()
}

/// Returns the values that a writer of a guest stores to an entry, in order.
fn guest_stores(guest: &mut Machine, encoding: &Encoding, writer: &'static Routine, entry: u64) -> Vec<u64> {
    // Any walker that makes few accesses; it runs after the writer here.
    let job = job(encoding, entry, writer.symbol(), "pte_offset_map");
    let writer_first = Bounds { schedules: 1, ..Bounds::default() };
    let exploration = guest.explore(&job, &writer_first, Reduction::None).unwrap();
    let run = &exploration.runs[0];
    assert_eq!(run.writer.end, CallExit::Returned, "{encoding}: {writer} on {entry:#018x}");
    let stores = accesses(run, WRITER).into_iter().filter(|access| access.store_pc.is_some());
    stores.map(|access| access.after).collect()
}

fn hex(values: &[u64]) -> String {
    values.iter().map(|value| format!("{value:#018x}")).collect::<Vec<_>>().join(", ")
}

/// Returns entries of every kind that the encoding can express, and those that differ from them in one bit.
fn entries(encoding: &Encoding) -> Vec<u64> {
    let mut rng = Rng::with_seed(SEED);
    let bits = || (0..64).map(|bit| 1_u64 << bit);
    let mut entries = Vec::new();
    for kind in kinds(encoding) {
        for _ in 0..WITH_NEIGHBOURS {
            let entry = random_entry(&mut rng, encoding, kind);
            entries.extend(iter::once(entry).chain(bits().map(|bit| entry ^ bit)));
        }
        entries.extend((0..OF_EACH_KIND).map(|_| random_entry(&mut rng, encoding, kind)));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

fn pmdp_invalidate_stores_what_the_guest_stores(real: &mut Real) -> Vec<String> {
    let routine = writer("pmdp_invalidate");
    let (name, arch) = (real.name.clone(), real.encoding.arch());
    if routine.function_in(&real.kernel).is_none() {
        // On s390x, the kernel has it inlined in its callers.
        if arch == Arch::S390x {
            say(&format!("skipped: {name} has no pmdp_invalidate() of its own to be compared"));
            return Vec::new();
        }
        return vec![format!("{name}: there is no pmdp_invalidate()")];
    }
    let begin = Instant::now();
    let mut guest = real.guest();
    let encoding = real.encoding;
    let entries = entries(&encoding);
    assert!(entries.len() >= FEWEST_ENTRIES, "{name}: only {} entries", entries.len());
    let mut differences = Differences::default();
    for entry in &entries {
        let ran = run(real, routine, *entry);
        let of_kernel = stores(real, &ran.events);
        let of_guest = guest_stores(&mut guest, &real.guest_encoding, &writers::INVALIDATE, *entry);
        let model = (encoding.layout().invalidated)(*entry);
        if of_kernel != of_guest || of_kernel.last() != Some(&ran.after) || ran.after != model {
            let (of_kernel, of_guest) = (hex(&of_kernel), hex(&of_guest));
            differences.add(format!(
                "{entry:#018x}: the kernel stores {of_kernel}, the guest {of_guest}, the model has {model:#018x}"
            ));
        }
    }
    let (all, different) = (entries.len(), differences.count);
    eprintln!("{name}: pmdp_invalidate() on {all} entries, {different} differ, {:.2?}", begin.elapsed());
    differences.complaint(&name, "pmdp_invalidate()").into_iter().collect()
}

/// Returns every combination of marks.
fn all_marks() -> impl Iterator<Item = EntrySpec> {
    (0..16).map(|marks| EntrySpec {
        kind: EntryKind::None,
        pfn: 0,
        young: marks & 1 != 0,
        dirty: marks & 2 != 0,
        soft_dirty: marks & 4 != 0,
        uffd_wp: marks & 8 != 0,
    })
}

/// Returns the entries of the huge page, of every kind and with all marks that it can have.
fn marked_entries(encoding: &Encoding) -> Vec<(EntryKind, u64)> {
    let mut entries = Vec::new();
    for kind in kinds(encoding) {
        let marked = all_marks().map(|marks| EntrySpec { kind, pfn: encoding.default_pfn(), ..marks });
        entries.extend(marked.filter_map(|spec| Some((kind, encoding.build(&spec).ok()?))));
    }
    entries
}

/// Compares what a split stores, with the migration types of the kernel.
///
/// The last value is the entry of a page table. Kernel and guest have that table at different addresses, and on
/// POWER it also has another size, since no guest has pages of 4K. So only the difference of that value (XOR) from
/// the model's entry for the table is compared.
fn split_stores_what_the_guest_stores(real: &mut Real) -> Vec<String> {
    let routine = writer("split");
    let begin = Instant::now();
    let name = real.name.clone();
    let mut guest = real.guest();
    let encoding = real.encoding;
    let (mut differences, mut complaints) = (Differences::default(), Vec::new());
    let mut guarded = None;
    let entries = marked_entries(&encoding);
    for (kind, entry) in &entries {
        let ran = run(real, routine, *entry);
        let mut of_kernel = stores(real, &ran.events);
        if encoding.is_migration(*entry) {
            let invalidated = calls_with_absent(&encoding, &ran.events);
            if *guarded.get_or_insert(!invalidated) == invalidated {
                complaints.push(format!("{name}: some migration entries are invalidated, and some are not"));
            }
        }
        // Where nothing can be migrated, both splits do the same.
        let writer = if guarded == Some(false) { &writers::SPLIT_UNGUARDED } else { &writers::SPLIT_GUARDED };
        let mut of_guest = guest_stores(&mut guest, &real.guest_encoding, writer, *entry);
        if let Some(last) = of_kernel.last_mut() {
            *last ^= real.machine.installed_table();
        }
        if let Some(last) = of_guest.last_mut() {
            *last ^= installed_table(&real.guest_encoding);
        }
        if of_kernel != of_guest {
            let (of_kernel, of_guest) = (hex(&of_kernel), hex(&of_guest));
            differences
                .add(format!("{kind} {entry:#018x}: the kernel stores {of_kernel}, {writer} {of_guest}"));
        }
    }
    let how = match guarded {
        None => "no migration entries",
        Some(true) => "migration entries are not invalidated",
        Some(false) => "migration entries are invalidated",
    };
    let all = entries.len();
    eprintln!(
        "{name}: split of {all} entries ({how}), {} differ, {:.2?}",
        differences.count,
        begin.elapsed()
    );
    complaints.extend(differences.complaint(&name, "split"));
    complaints
}

/// Whether the kernel called a function to invalidate an entry that is not present.
fn calls_with_absent(encoding: &Encoding, events: &[Event]) -> bool {
    let absent = |entry: u64| !encoding.is_present(entry);
    events.iter().any(|event| matches!(event.what, Action::Call { entry, .. } if absent(entry)))
}

/// Checks that a split fills its page table with each small page of the huge page, or a migration entry of it, and hands
/// on whether it was accessed. (Dirty of a mapping may go to the page instead.)
fn a_split_hands_marks_to_every_small_page(real: &mut Real) -> Vec<String> {
    let encoding = real.encoding;
    let small_pages = 1_usize << (encoding.layout().pmd_shift - encoding.layout().page_shift);
    let mut complaints = Vec::new();
    for (kind, young) in [EntryKind::PresentHuge, EntryKind::MigrationWrite]
        .into_iter()
        .flat_map(|kind| [(kind, false), (kind, true)])
    {
        let entry = EntrySpec {
            kind,
            pfn: encoding.default_pfn(),
            young,
            dirty: false,
            soft_dirty: false,
            uffd_wp: false,
        };
        // Some keep no marks in migration entries, or have none of huge pages.
        let Ok(entry) = encoding.build(&entry) else { continue };
        let of_pte = |pte: u64| match kind.is_migration() {
            true => encoding.marks_of_migration_pte(pte),
            false => encoding.marks_of_pte(pte),
        };
        let dropped = real.machine.may_drop(writer("split"), entry);
        let kept = !kind.is_migration() || encoding.marks_in_migration_ptes().young && !dropped.young;
        let young = young && kept;
        let filled = run(real, writer("split"), entry).filled;
        let marked = filled.iter().filter(|pte| of_pte(**pte).young == young).count();
        if (filled.len(), marked) != (small_pages, small_pages) {
            complaints.push(format!(
                "{}: of a {kind} with accessed {young} a split fills {} entries, {marked} of them so",
                real.name,
                filled.len()
            ));
        }
    }
    complaints
}

/// Checks that the migration entries that a kernel makes of mappings are those that the model builds, with the same
/// marks of the mapping. The end of their page frame field follows from the size of pages and of memory.
fn migration_entries_are_those_of_the_model(real: &mut Real) -> Vec<String> {
    let routine = writer("set_pmd_migration_entry");
    let name = real.name.clone();
    let encoding = real.encoding;
    if encoding.layout().swap.is_none() {
        eprintln!("{name}: huge pages cannot be migrated");
        return Vec::new();
    }
    let begin = Instant::now();
    // A kernel decides when it starts whether it keeps them, and the environment sets that variable. If the
    // variable has no symbol (KALLSYMS_ALL is off), it has its value in the image.
    let keeps = encoding.keeps_young_dirty() && real.kernel.symbol("swap_migration_ad_supported").is_some();
    // The soft-dirty bit of riscv64 requires Svrsw60t59b (pgtable_supports_soft_dirty()), which an image does not
    // assume before it has queried the CPU.
    let has_soft_dirty = encoding.arch() != Arch::Riscv64;
    let (mut made, mut differences) = (0, Differences::default());
    for (from, to) in [
        (EntryKind::PresentHuge, EntryKind::MigrationWrite),
        (EntryKind::PresentHugeRo, EntryKind::MigrationRead),
    ] {
        for marks in all_marks() {
            let mapping = EntrySpec { kind: from, pfn: encoding.default_pfn(), ..marks };
            let wanted = EntrySpec {
                kind: to,
                young: marks.young && keeps,
                dirty: marks.dirty && keeps,
                soft_dirty: marks.soft_dirty && has_soft_dirty,
                ..mapping
            };
            let (Ok(mapping), Ok(wanted)) = (encoding.build(&mapping), encoding.build(&wanted)) else {
                continue;
            };
            let left = run(real, routine, mapping).after;
            made += 1;
            if left != wanted {
                differences.add(format!(
                    "of {from} {mapping:#018x} it makes {left:#018x}, the model {wanted:#018x}"
                ));
            }
        }
    }
    eprintln!("{name}: {made} migration entries, {} differ, {:.2?}", differences.count, begin.elapsed());
    assert!(made > 0, "{name}: no migration entry was made");
    differences.complaint(&name, "set_pmd_migration_entry()").into_iter().collect()
}

fn stores_are_those_of_the_guest_and_the_model(real: &mut Real) -> Vec<String> {
    let mut complaints = pmdp_invalidate_stores_what_the_guest_stores(real);
    complaints.extend(split_stores_what_the_guest_stores(real));
    complaints.extend(a_split_hands_marks_to_every_small_page(real));
    complaints.extend(migration_entries_are_those_of_the_model(real));
    complaints
}

/// Returns the kinds that are explored: those of migration that the encoding can express, a mapping, and the table
/// that another split leaves, which has few schedules on all architectures.
fn explored_kinds(encoding: &Encoding) -> Vec<EntryKind> {
    let explored = |kind: &EntryKind| {
        matches!(
            kind,
            EntryKind::PresentHuge
                | EntryKind::Table
                | EntryKind::MigrationRead
                | EntryKind::MigrationReadExclusive
                | EntryKind::MigrationWrite
        )
    };
    kinds(encoding).into_iter().filter(explored).collect()
}

/// Returns the number of schedules of each behaviour: what both read, how both ended, and what was left.
///
/// Orders that differ in what was read of other shared words are joined: only what was read of the entry is judged.
fn behaviours(exploration: &Exploration, entry_address: u64) -> BTreeMap<String, BigUint> {
    let mut behaviours: BTreeMap<String, BigUint> = BTreeMap::new();
    for run in &exploration.runs {
        let reads = |cpu| -> Vec<(u64, u64)> {
            let loads = accesses(run, cpu)
                .into_iter()
                .filter(|access| access.loads && access.address & !7 == entry_address);
            loads.map(|access| (access.address, access.before)).collect()
        };
        let what = format!(
            "{:x?}",
            (
                reads(WRITER),
                reads(WALKER),
                run.writer,
                run.walker,
                run.after,
                &run.references,
                run.divergence
            )
        );
        *behaviours.entry(what).or_default() += &run.schedules;
    }
    behaviours
}

fn explore(real: &mut Real, entry: u64, reduction: Reduction) -> Exploration {
    let walker = kernel_routine(Role::Walker, "gup-fast-read").unwrap();
    let bounds = Bounds { schedules: MOST_SCHEDULES, ..Bounds::default() };
    let job = Job { entry, pfn: 0, writer: writer("split"), walker: Some(walker), others: &[] };
    let explored = real.machine.explore(&job, &bounds, Schedules::All(reduction));
    explored.unwrap_or_else(|error| panic!("{}: {entry:#018x}: {error}", real.name))
}

fn splits_are_explored_whole(real: &mut Real) -> Vec<String> {
    let name = real.name.clone();
    let mut complaints = Vec::new();
    // Set up anew: nothing may depend on what was run before.
    let mut other = Real::set_up(real.name.clone(), Rc::clone(&real.kernel)).unwrap();
    let mut compared = 0;
    for kind in explored_kinds(&real.encoding) {
        let begin = Instant::now();
        let entry = match kind {
            // The entry must point to a table that exists.
            EntryKind::Table => real.machine.installed_table(),
            _ => in_use(&real.encoding, kind),
        };
        let joined = explore(real, entry, Reduction::Joined);
        if let Some(why) = joined.incomplete.as_ref().map(ToString::to_string) {
            complaints.push(format!("{name}: {kind}: {why}"));
            continue;
        }
        for (again, where_) in [
            (explore(real, entry, Reduction::Joined), "on the same machine"),
            (explore(&mut other, entry, Reduction::Joined), "on another machine"),
        ] {
            if again != joined {
                complaints.push(format!("{name}: {kind}: exploring again {where_} gives something else"));
            }
        }
        // Running each schedule takes too long where there are many.
        let each = if joined.schedules <= BigUint::from(MOST_SCHEDULES) {
            let each = explore(real, entry, Reduction::None);
            compared += 1;
            let at = real.machine.entry_address();
            if behaviours(&each, at) != behaviours(&joined, at) || each.schedules != joined.schedules {
                complaints.push(format!("{name}: {kind}: running each schedule gives something else"));
            }
            if (&each.alone, &each.incomplete) != (&joined.alone, &joined.incomplete) {
                complaints.push(format!("{name}: {kind}: running each schedule ends otherwise"));
            }
            "as when each is run"
        } else {
            "too many to run each"
        };
        eprintln!(
            "{name}: {kind}: {} schedules, {} behaviours, {each}, {:.2?}",
            joined.schedules,
            joined.runs.len(),
            begin.elapsed()
        );
    }
    if compared == 0 {
        complaints.push(format!("{name}: for no entry was each schedule run"));
    }
    complaints
}

/// Jobs whose routines share different words beside the entry.
const UNLIKE: [(&str, &str, EntryKind); 4] = [
    ("split", "gup-fast-read", EntryKind::PresentHuge),
    ("set_pmd_migration_entry", "page-vma-mapped-walk", EntryKind::PresentHuge),
    ("change_huge_pmd", "perf-page-size", EntryKind::PresentHuge),
    ("split", "pte-offset-map", EntryKind::MigrationRead),
];

/// Explores a job, and returns all that its report is made of.
fn job_alone(real: &mut Real, (writer, walker, kind): (&str, &str, EntryKind)) -> Option<String> {
    let role = |role, name| kernel_routine(role, name).unwrap();
    let (writer, walker) = (role(Role::Writer, writer), role(Role::Walker, walker));
    let has = |routine: &Routine| routine.function_in(&real.kernel).is_some();
    if !has(writer) || !has(walker) || !kinds(&real.encoding).contains(&kind) {
        return None;
    }
    let entry = in_use(&real.encoding, kind);
    let job = Job { entry, pfn: 0, writer, walker: Some(walker), others: &[] };
    let explored = real.machine.explore(&job, &Bounds::default(), Schedules::All(Reduction::Joined)).unwrap();
    let filled = real.machine.filled(&job, Bounds::default().call).unwrap();
    Some(format!("{explored:?} {filled:?} {:?}", real.machine.setup()))
}

fn jobs_do_not_depend_on_those_before(real: &mut Real) -> Vec<String> {
    let first = UNLIKE.map(|job| {
        let mut fresh = Real::set_up(real.name.clone(), Rc::clone(&real.kernel)).unwrap();
        job_alone(&mut fresh, job)
    });
    let mut complaints = Vec::new();
    for (job, first) in UNLIKE.iter().zip(&first).chain(UNLIKE.iter().zip(&first).rev()) {
        real.machine.forget_job().unwrap();
        if job_alone(real, *job) != *first {
            complaints.push(format!("{}: {job:?} depends on what ran before", real.name));
        }
    }
    complaints
}

#[test]
fn every_file_is_a_kernel_that_can_be_run() {
    let mut complaints = Vec::new();
    for (path, arch) in files() {
        match arch {
            Ok(arch) if KERNELS_RUN.contains(arch) => {}
            Ok(arch) => say(&format!("skipped: {}: kernels of {arch} are not run", path.display())),
            Err(error) => complaints.push(error.clone()),
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The architectures whose kernels are run, each with tests of its own below.
const KERNELS_RUN: [Arch; 6] =
    [Arch::Arm64, Arch::X86_64, Arch::S390x, Arch::Ppc64le, Arch::Riscv64, Arch::LoongArch64];

macro_rules! architectures {
    ($($module:ident $arch:ident)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn its_kernels_store_what_the_guest_and_the_model_have() {
                on_every_kernel(Arch::$arch, stores_are_those_of_the_guest_and_the_model);
            }

            #[test]
            fn a_job_of_its_kernels_is_the_same_whatever_ran_before() {
                on_every_kernel(Arch::$arch, jobs_do_not_depend_on_those_before);
            }

            #[test]
            fn every_schedule_of_its_kernels_splits_is_explored() {
                on_every_kernel(Arch::$arch, splits_are_explored_whole);
            }
        }
    )*};
}

architectures! {
    arm64 Arm64
    x86_64 X86_64
    s390x S390x
    ppc64le Ppc64le
    riscv64 Riscv64
    loongarch64 LoongArch64
}
