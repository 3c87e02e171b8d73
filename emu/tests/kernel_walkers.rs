//! Walkers of real kernels have the same outcomes as those of the bundled guest of the same version, apart from the
//! differences that `reason()` accepts. Outcomes do not depend on earlier walks. The value that a walk decided on
//! is one that it loaded before it went another way.

use std::collections::BTreeMap;

use fastrand::Rng;
use pmdscope_arches::{Arch, Encoding, EntryKind, EntrySpec, Version};
use pmdscope_emu::{
    BaselineRun, Bounds, CallExit, CallResult, Environment, Inspect, Job, Machine, Reduction, Schedules,
    WALKER, kernel_routine,
};
use pmdscope_guest::routine::{walkers, writers};
use pmdscope_guest::{Check, Role, Routine, WalkResult};

use crate::support::kernels::{Real, on_every_kernel};
use crate::support::{SEED, accesses, encoding, in_use, job, kinds, newest_guests};

/// The walkers that both kernels and guests have.
const WALKERS: [&Routine; 5] = [
    &walkers::GUP_FAST_READ,
    &walkers::GUP_FAST_WRITE,
    &walkers::PERF_PAGE_SIZE,
    &walkers::PTE_OFFSET_MAP,
    &walkers::PAGE_VMA_MAPPED_WALK,
];

/// Minimum number of entries over which each kernel's walkers are compared.
const FEWEST_ENTRIES: usize = 300;

/// A kernel, and the bundled guest of its version.
struct Pair<'a> {
    real: &'a mut Real,
    guest: Machine,
}

impl Pair<'_> {
    fn new(real: &mut Real) -> Pair<'_> {
        let guest = real.guest();
        Pair { real, guest }
    }

    /// Returns the outcome of the guest's walker; `None` if the guest does not have it.
    fn of_guest(&mut self, walker: &'static Routine, entry: u64) -> Option<WalkOutcome> {
        if !self.guest.guest().has(walker.symbol()) {
            return None;
        }
        let encoding = &self.real.guest_encoding;
        let job = job(encoding, entry, writers::INVALIDATE.symbol(), walker.symbol());
        let one = Bounds { schedules: 1, ..Bounds::default() };
        let alone = self.guest.explore(&job, &one, Reduction::None).unwrap().alone;
        Some(WalkOutcome::of(&alone, encoding))
    }
}

/// Returns the kernel routine that corresponds to a walker of guests; `None` if the kernel does not have it.
fn of_kernel(real: &Real, walker: &Routine) -> Option<&'static Routine> {
    let routine = kernel_routine(Role::Walker, walker.name).ok()?;
    routine.function_in(&real.kernel).map(|_| routine)
}

/// The outcome of a walk, as far as both kernels and guests report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WalkOutcome {
    Refused,
    /// Took the page at this physical address.
    Page(u64),
    /// Took the entry for a mapping of this many bytes.
    Leaf(u64),
    Table,
    /// Accessed unmapped memory.
    Astray,
    Other,
}

impl WalkOutcome {
    fn of(ended: &CallResult, encoding: &Encoding) -> WalkOutcome {
        let Some(outcome) = &ended.outcome else {
            return if matches!(ended.end, CallExit::Fault { .. }) {
                WalkOutcome::Astray
            } else {
                WalkOutcome::Other
            };
        };
        match outcome.result {
            WalkResult::Refused | WalkResult::Wait => WalkOutcome::Refused,
            WalkResult::Page => WalkOutcome::Page(outcome.pfn.unwrap() << encoding.layout().page_shift),
            // A walk that reports no size means a huge page.
            WalkResult::Leaf if outcome.size == 0 => WalkOutcome::Leaf(1 << encoding.layout().pmd_shift),
            WalkResult::Leaf => WalkOutcome::Leaf(outcome.size),
            WalkResult::Table => WalkOutcome::Table,
            _ => WalkOutcome::Other,
        }
    }

    fn kind(self) -> &'static str {
        match self {
            WalkOutcome::Refused => "refuses",
            WalkOutcome::Page(_) => "takes a page",
            WalkOutcome::Leaf(_) => "finds a mapping",
            WalkOutcome::Table => "goes on to a table",
            WalkOutcome::Astray => "goes where nothing is",
            WalkOutcome::Other => "does something else",
        }
    }
}

/// Returns entries of every kind with all marks, changes of one bit of some, and random changes of several bits.
fn entries(encoding: &Encoding) -> Vec<u64> {
    let pfn = encoding.default_pfn();
    let mut entries = Vec::new();
    for kind in kinds(encoding) {
        for marks in 0..16 {
            let spec = EntrySpec {
                kind,
                pfn,
                young: marks & 1 != 0,
                dirty: marks & 2 != 0,
                soft_dirty: marks & 4 != 0,
                uffd_wp: marks & 8 != 0,
            };
            entries.extend(encoding.build(&spec));
        }
        let in_use = in_use(encoding, kind);
        entries.extend((0..64).map(|bit| in_use ^ 1 << bit));
    }
    let mut rng = Rng::with_seed(SEED);
    for _ in 0..200 {
        let entry = entries[rng.usize(..entries.len())];
        entries.push((0..rng.usize(2..=4)).fold(entry, |entry, _| entry ^ 1 << rng.u32(..64)));
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// The accepted differences between a kernel's walker and the guest's. The rules were fitted to the differences
/// that were observed in Debian's kernels, and compared with the sources of Debian's 6.1.192 and 6.12.117. A pass
/// means that every difference fits a rule, not that the walkers are equal.
impl Pair<'_> {
    /// Whether memory is at a physical address, for kernels whose linear map is at 0.
    fn has_memory_at(&self, physical: u64) -> bool {
        self.real.encoding.arch() == Arch::S390x
            && self.real.machine.describe(physical) != format!("{physical:#x}")
    }

    fn reason(
        &mut self,
        walker: &'static Routine,
        entry: u64,
        kernel: WalkOutcome,
        guest: WalkOutcome,
    ) -> Option<&'static str> {
        let layout = self.real.encoding.layout();
        let predicates = &layout.predicates;
        let gup = [&walkers::GUP_FAST_READ, &walkers::GUP_FAST_WRITE].contains(&walker);
        let kernel_has = |pair: &Self, symbol| pair.real.kernel.symbol(symbol).is_some();
        // The address in the entry, if it points to a table.
        let table = (entry ^ (layout.table)(0)) & ((1 << 52) - 0x800);
        let own = self.real.encoding.default_pfn();
        match (kernel, guest) {
            (WalkOutcome::Astray, WalkOutcome::Table) => {
                Some("the guest's walk ends where it leaves the entry")
            }
            // What the walk then reads is not a page table, so it may end in any way except at the PMD.
            (kernel, WalkOutcome::Table)
                if (table < LOW_MEMORY || self.has_memory_at(table))
                    && kernel != WalkOutcome::Leaf(1 << layout.pmd_shift) =>
            {
                Some("the table would be where the kernel has something else")
            }
            (WalkOutcome::Refused, WalkOutcome::Table)
                if gup && self.of_guest(&walkers::PTE_OFFSET_MAP, entry) == Some(WalkOutcome::Refused) =>
            {
                // gup_fast_pte_range(), gup_pte_range() before v6.10, mm/gup.c. pte_offset_map() can fail since Linux
                // kernel commit 0d940a9b270b ("mm/pgtable: allow pte_offset_map[_lock]() to fail") (in v6.5).
                Some("GUP-fast goes on by pte_offset_map(), which refuses; the guest's walk has ended before")
            }
            (WalkOutcome::Refused, WalkOutcome::Page(_) | WalkOutcome::Astray)
                if gup && (predicates.devmap)(entry) =>
            {
                // gup_fast_devmap_leaf(), __gup_device_huge() before v6.10, mm/gup.c: get_dev_pagemap() finds nothing.
                Some("no device memory is set up in the kernel")
            }
            (WalkOutcome::Refused, WalkOutcome::Page(page))
                if gup
                    && self.real.kernel.version() >= Version::new(6, 10)
                    && page >> layout.pmd_shift != own << layout.page_shift >> layout.pmd_shift
                    && ["secretmem_fault", "secretmem_mmap", "secretmem_active"]
                        .iter()
                        .any(|symbol| kernel_has(self, symbol)) =>
            {
                // gup_fast_folio_allowed() of mm/gup.c checks this for a folio that is not large. Before v6.10,
                // page_is_secretmem() checked it for the entry of a small page only.
                Some("where memory can be secret, GUP-fast refuses a page that belongs to no mapping")
            }
            (WalkOutcome::Page(_) | WalkOutcome::Astray, WalkOutcome::Refused)
                if gup && (predicates.protnone)(entry) && !kernel_has(self, "task_numa_fault") =>
            {
                Some("the kernel is built without NUMA balancing, where pmd_protnone() is always false")
            }
            (WalkOutcome::Refused, WalkOutcome::Leaf(_))
                if walker == &walkers::PAGE_VMA_MAPPED_WALK
                    && ((predicates.pfn)(entry) != own
                        || (self.real.kernel.version() < Version::new(5, 18)
                            && is_small(&self.real.encoding, entry))) =>
            {
                // check_pmd() of mm/page_vma_mapped.c looks at pmd_pfn(). Before v5.18 the walk compared
                // pmd_page(), which on arm64 includes the address bits below a huge page.
                Some("the kernel looks for one page, and the guest's walk for any")
            }
            (_, WalkOutcome::Page(_)) | (WalkOutcome::Page(_), _)
                if self.real.encoding.layout().page_shift != self.real.guest_encoding.layout().page_shift
                    && (predicates.pfn)(entry) != own =>
            {
                Some("the kernel has pages of another size, and other struct pages")
            }
            _ => None,
        }
    }
}

/// Whether an arm64 entry has address bits below a huge page.
fn is_small(encoding: &Encoding, entry: u64) -> bool {
    let layout = encoding.layout();
    let below = (1_u64 << layout.pmd_shift) - (1 << layout.page_shift);
    encoding.arch() == Arch::Arm64 && entry & below != 0
}

/// Kernels whose linear map includes their image lie below this physical address: s390x and ppc64le.
const LOW_MEMORY: u64 = 1 << 28;

fn outcomes_of_walks_are_those_of_the_guest(real: &mut Real) -> Vec<String> {
    let mut pair = Pair::new(real);
    let (name, encoding) = (pair.real.name.clone(), pair.real.encoding);
    let entries = entries(&encoding);
    assert!(entries.len() >= FEWEST_ENTRIES, "{name}: only {} entries", entries.len());
    let mut complaints = Vec::new();
    for walker in WALKERS {
        let Some(routine) = of_kernel(pair.real, walker).filter(|_| pair.guest.guest().has(walker.symbol()))
        else {
            eprintln!("{name}: no {walker} to be compared");
            continue;
        };
        let (mut same, mut reasons) = (0, BTreeMap::new());
        let mut differences: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        for entry in &entries {
            let kernel = WalkOutcome::of(&pair.real.run(routine, *entry).ended, &encoding);
            let guest = pair.of_guest(walker, *entry).unwrap();
            if kernel == guest {
                same += 1;
            } else if let Some(reason) = pair.reason(walker, *entry, kernel, guest) {
                *reasons.entry(reason).or_insert(0) += 1;
            } else {
                let what = format!("the kernel {}, the guest {}", kernel.kind(), guest.kind());
                differences.entry(what).or_insert((0, *entry)).0 += 1;
            }
        }
        eprintln!("{name}: {walker}: {same} of {} are the same, {reasons:?}", entries.len());
        for (what, (count, entry)) in differences {
            complaints.push(format!("{name}: {walker}: {what}: {count} entries, {entry:#018x}"));
        }
    }
    complaints
}

/// Checks that a walk leaves nothing behind, even if it ended in an exception.
fn walks_in_any_order_have_the_same_outcomes(real: &mut Real) -> Vec<String> {
    let mut rng = Rng::with_seed(SEED);
    let entries = entries(&real.encoding);
    let mut walks: Vec<(&'static Routine, u64)> = Vec::new();
    for walker in WALKERS.into_iter().filter(|walker| of_kernel(real, walker).is_some()) {
        walks.extend((0..60).map(|_| (walker, entries[rng.usize(..entries.len())])));
    }
    let mut first: BTreeMap<(&'static Routine, u64), BaselineRun> = BTreeMap::new();
    let mut abnormal = 0;
    let mut complaints = Vec::new();
    for _ in 0..3 {
        for (walker, entry) in &walks {
            let ran = real.run(of_kernel(real, walker).unwrap(), *entry);
            abnormal += usize::from(ran.ended.end != CallExit::Returned);
            let known = first.entry((*walker, *entry)).or_insert_with(|| ran.clone());
            if *known != ran {
                complaints.push(format!(
                    "{}: {walker} on {entry:#x}: {:x?} once, {:x?} later",
                    real.name, known.ended, ran.ended
                ));
            }
        }
        rng.shuffle(&mut walks);
    }
    assert!(abnormal > 10, "{}: hardly any walk goes astray", real.name);
    complaints
}

/// Checks that a GUP-fast that lets go of a mapping's page, since the entry changed, decided on its second read. Up
/// to there it took the path that it takes on the original entry.
fn gup_fast_that_lets_go_decides_on_what_it_read_again(real: &mut Real) -> Vec<String> {
    let split = kernel_routine(Role::Writer, "split").unwrap();
    let gup = of_kernel(real, &walkers::GUP_FAST_READ);
    let entry = in_use(&real.encoding, EntryKind::PresentHuge);
    let at = real.machine.entry_address();
    let job = Job { entry, pfn: 0, writer: split, walker: gup, others: &[] };
    let explored = real.machine.explore(&job, &Bounds::default(), Schedules::All(Reduction::Joined)).unwrap();
    let (mut again, mut complaints) = (0, Vec::new());
    for run in &explored.runs {
        let loads = accesses(run, WALKER).into_iter();
        let views: Vec<u64> =
            loads.filter(|load| load.loads && load.address & !7 == at).map(|load| load.before).collect();
        let (Some(outcome), [first, .., last]) = (run.walker.outcome, &views[..]) else { continue };
        if first == &entry && last != &entry && outcome.result == WalkResult::Refused {
            again += 1;
            if outcome.entry != *last {
                let (name, schedule) = (&real.name, &run.schedule);
                complaints
                    .push(format!("{name}: of {views:x?} it decided on {:#x}, {schedule}", outcome.entry));
            }
        }
    }
    if again == 0 {
        complaints.push(format!("{}: no GUP-fast was refused by what it read again", real.name));
    }
    complaints
}

/// A GUP-fast of a guest that took a page and was then refused by its second read reports the entry that it took
/// the page from.
#[test]
fn gup_fast_of_a_guest_decides_on_what_it_took_the_page_from() {
    let mut again = 0;
    for guest in newest_guests() {
        let mut machine = crate::support::machine(guest);
        let encoding = encoding(guest, guest.to);
        if !machine.guest().has(walkers::GUP_FAST_READ.symbol()) {
            continue;
        }
        for kind in kinds(&encoding) {
            let entry = in_use(&encoding, kind);
            let job =
                job(&encoding, entry, writers::SPLIT_UNGUARDED.symbol(), walkers::GUP_FAST_READ.symbol());
            let explored = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
            for run in &explored.runs {
                let Some(outcome) = run.walker.outcome.filter(|outcome| outcome.check == Check::Reread)
                else {
                    continue;
                };
                let views: Vec<u64> = accesses(run, WALKER).iter().map(|access| access.before).collect();
                if outcome.result == WalkResult::Refused {
                    again += 1;
                    assert_eq!(outcome.entry, views[0], "{}: {kind}: {views:x?}", guest.name);
                    assert_ne!(views.last(), views.first(), "{}: {kind}", guest.name);
                }
            }
        }
    }
    assert!(again > 10, "{again}");
}

macro_rules! architectures {
    ($($module:ident $arch:ident)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn its_kernels_walks_have_the_outcomes_of_the_guest() {
                on_every_kernel(Arch::$arch, outcomes_of_walks_are_those_of_the_guest);
            }

            #[test]
            fn its_kernels_walks_in_any_order_have_the_same_outcomes() {
                on_every_kernel(Arch::$arch, walks_in_any_order_have_the_same_outcomes);
            }

            #[test]
            fn its_gup_fast_that_lets_go_decides_on_what_it_read_again() {
                on_every_kernel(Arch::$arch, gup_fast_that_lets_go_decides_on_what_it_read_again);
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
