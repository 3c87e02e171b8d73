//! Functions of real kernels that are called by their types, and observed alone.

use std::collections::BTreeSet;
use std::rc::Rc;

use pmdscope_arches::{Arch, EntryKind};
use pmdscope_emu::{
    Access, Action, Bounds, CallExit, Environment, HugePage, Job, KernelEnvironment, Observation, Reduction,
    Schedules, WALKER, function, functions, functions_above, kernel_routine,
};
use pmdscope_guest::{Role, Routine};

use crate::support::kernels::{Real, on_every_kernel};

/// Least part of the functions that take the address of an entry, in per cent, that run to an end on some entry.
const FEWEST: usize = 85;

fn observed(real: &mut Real, name: &str) -> Option<Rc<Observation>> {
    let routine = function(&real.kernel, Role::Writer, name).ok()?;
    Some(real.machine.observe(routine).unwrap())
}

/// Most functions run, on whatever they need beside their arguments.
fn most_run(real: &mut Real) -> Vec<String> {
    let found = functions(&real.kernel).unwrap();
    let mut lost = Vec::new();
    for one in &found {
        if !observed(real, &one.name).is_some_and(|observation| observation.runs()) {
            lost.push(one.name.as_str());
        }
    }
    let ran = found.len() - lost.len();
    let few = ran * 100 < FEWEST * found.len();
    few.then(|| format!("{}: {ran} of {} functions run, not {}", real.name, found.len(), lost.join(", ")))
        .into_iter()
        .collect()
}

/// What a function does is the same in an environment in which others were observed before.
fn what_is_seen_does_not_depend_on_the_order(real: &mut Real) -> Vec<String> {
    let found = functions(&real.kernel).unwrap();
    let some: Vec<&str> = found.iter().step_by(5).map(|one| one.name.as_str()).collect();
    let first: Vec<_> = some.iter().map(|name| observed(real, name)).collect();
    let usual = *real.machine.encoding();
    real.machine = KernelEnvironment::new(Rc::clone(&real.kernel), usual, HugePage::Usual).unwrap();
    let again: Vec<_> = some.iter().rev().map(|name| observed(real, name)).collect();
    let pairs = first.into_iter().zip(again.into_iter().rev());
    some.iter()
        .zip(pairs)
        .filter(|(_, (first, again))| first != again)
        .map(|(name, (first, again))| format!("{}: {name}: {first:#?} and then {again:#?}", real.name))
        .collect()
}

/// A job is the same whether its functions were observed before it or for it.
fn jobs_do_not_depend_on_what_was_observed(real: &mut Real) -> Vec<String> {
    let found = functions(&real.kernel).unwrap();
    let writer = kernel_routine(Role::Writer, "change_huge_pmd").unwrap();
    let entries = real.machine.entries();
    let of_kind = |kind| entries.iter().find(|(known, _)| *known == kind);
    // A kernel without swap has no migration entries.
    let (_, entry) = *of_kind(EntryKind::MigrationWrite).or(of_kind(EntryKind::PresentHuge)).unwrap();
    let walkers: Vec<&'static Routine> = found
        .iter()
        .step_by(4)
        .filter_map(|one| function(&real.kernel, Role::Walker, &one.name).ok())
        .collect();
    let whole = |machine: &mut KernelEnvironment, walker| {
        machine.forget_job().unwrap();
        let job = Job { entry, pfn: 0, writer, walker: Some(walker), others: &[] };
        let explored = machine.explore(&job, &Bounds::default(), Schedules::All(Reduction::Joined));
        let runs = explored.map(|explored| explored.runs.len()).map_err(|error| error.to_string());
        format!("{runs:?} {:?}", machine.setup())
    };
    let first: Vec<_> = walkers.iter().map(|walker| whole(&mut real.machine, *walker)).collect();
    *real = Real::set_up(real.name.clone(), Rc::clone(&real.kernel)).unwrap();
    for walker in &walkers {
        real.machine.observe(walker).unwrap();
    }
    let again = walkers.iter().map(|walker| whole(&mut real.machine, *walker));
    walkers
        .iter()
        .zip(first.iter().zip(again))
        .filter(|(_, (first, again))| *first != again)
        .map(|(walker, (first, again))| {
            let same = first.bytes().zip(again.bytes()).take_while(|(one, other)| one == other).count();
            let from = |text: &str| text.get(same.saturating_sub(60)..).unwrap_or_default().to_owned();
            format!("{}: {walker}: {} and then {}", real.name, from(first), from(&again))
        })
        .collect()
}

/// Who walks down to an entry is told from who leaves it to others, and from who does not come near it.
fn walks_are_found(real: &mut Real) -> Vec<String> {
    let above = functions_above(&real.kernel).unwrap();
    let mut complaints = Vec::new();
    for (name, itself) in [
        ("change_protection", true),
        ("change_prot_numa", false),
        ("__handle_mm_fault", true),
        ("try_to_migrate_one", true),
        ("walk_page_range", false),
        ("find_vma", false),
    ] {
        if real.kernel.symbol(name).is_none() || real.kernel.prototype(name).is_none() {
            continue;
        }
        let Ok(routine) = function(&real.kernel, Role::Walker, name) else { continue };
        let found = real.machine.accesses_itself(routine).unwrap();
        // Some kernels stop before they are there, for what is not set up.
        let is_unknown = found.is_none() && name == "try_to_migrate_one";
        if found != Some(itself) && !is_unknown || !above.iter().any(|one| one.name == name) {
            complaints.push(format!("{}: {name}: {found:?}", real.name));
        }
    }
    let both = functions(&real.kernel).unwrap();
    let both = above.iter().filter(|one| both.iter().any(|of_entry| of_entry.name == one.name));
    complaints.extend(both.map(|one| format!("{}: {} takes the address of an entry", real.name, one.name)));
    complaints
}

/// The locks of functions are found by what they do.
fn locks_are_found(real: &mut Real) -> Vec<String> {
    let mut complaints = Vec::new();
    for (name, by_caller, releases, returned) in [
        ("zap_huge_pmd", false, false, false),
        ("pmdp_huge_clear_flush", true, false, false),
        ("split_huge_pmd_locked", true, false, false),
        // It stops if its caller has no lock, in kernels that check that.
        ("pgtable_trans_huge_withdraw", true, false, false),
        ("__pmd_trans_huge_lock", false, false, true),
        ("pte_offset_map_lock", false, false, true),
        ("__pte_offset_map", false, false, false),
        // A callback of page walks is called without the lock, whatever it stores.
        ("pageattr_pmd_entry", false, false, false),
        // It stores with one of its flags only.
        ("touch_pmd", true, false, false),
        // It goes on without the lock with which it is called.
        ("move_pages_huge_pmd", true, true, false),
    ] {
        let Some(observation) = observed(real, name) else { continue };
        let checks = observation.locked_by_caller || name != "pgtable_trans_huge_withdraw";
        let seen = (observation.locked_by_caller, observation.releases_lock, observation.returns_locked);
        if checks && seen != (by_caller, releases, returned) {
            complaints.push(format!("{}: {name}: {seen:?}", real.name));
        }
    }
    for (name, kind, stores) in [
        ("zap_huge_pmd", EntryKind::PresentHuge, true),
        ("zap_huge_pmd", EntryKind::None, false),
        ("__pmd_trans_huge_lock", EntryKind::PresentHuge, false),
        ("smaps_pte_range", EntryKind::PresentHuge, false),
    ] {
        let Some(observation) = observed(real, name) else { continue };
        let Some(seen) = observation.seen.iter().find(|seen| seen.kind == kind) else { continue };
        let as_wanted = seen.end == CallExit::Returned && seen.reads && seen.stores.is_empty() != stores;
        if !as_wanted {
            complaints.push(format!("{}: {name} on {kind}: {seen:?}", real.name));
        }
    }
    // It has eight parameters, of which it checks the last three.
    if let Some(observation) = observed(real, "move_pages_huge_pmd") {
        let warnings: Vec<_> = observation.seen.iter().flat_map(|seen| &seen.warnings).collect();
        if !warnings.is_empty() {
            complaints.push(format!("{}: move_pages_huge_pmd warns: {warnings:?}", real.name));
        }
    }
    complaints
}

/// A writer whose callers hold the lock, and a walker that takes it, exclude each other in either order.
fn locks_exclude(real: &mut Real) -> Vec<String> {
    let Ok(walker) = function(&real.kernel, Role::Walker, "zap_huge_pmd") else { return Vec::new() };
    let writer = kernel_routine(Role::Writer, "set_pmd_migration_entry").unwrap();
    if writer.function_in(&real.kernel).is_none() {
        return Vec::new();
    }
    let entries = real.machine.entries();
    let huge = entries.iter().find(|(kind, _)| *kind == EntryKind::PresentHuge).unwrap().1;
    let seen = views(real, huge, writer, walker);
    let first_to_last = |value: &u64| *value == huge || real.encoding.is_migration(*value) || *value == 0x20;
    let others: Vec<&u64> = seen.iter().filter(|value| !first_to_last(value)).collect();
    let mut complaints = Vec::new();
    if !others.is_empty() {
        complaints.push(format!("{}: with the lock held a walker sees {others:x?}", real.name));
    }
    let orders = [seen.contains(&huge), seen.iter().any(|value| real.encoding.is_migration(*value))];
    if orders != [true, true] {
        complaints.push(format!("{}: a walker sees {seen:x?} only", real.name));
    }
    complaints
}

/// Returns the values of the entry that a walker's loads return before it stores itself.
fn views(real: &mut Real, entry: u64, writer: &'static Routine, walker: &'static Routine) -> BTreeSet<u64> {
    let job = Job { entry, pfn: 0, writer, walker: Some(walker), others: &[] };
    let all = Schedules::All(Reduction::Joined);
    let exploration = real.machine.explore(&job, &Bounds::default(), all).unwrap();
    assert_eq!(exploration.incomplete, None, "{}", real.name);
    let at = real.machine.entry_address();
    let mut seen = BTreeSet::new();
    for run in &exploration.runs {
        let accesses = run.events.iter().filter(|event| event.cpu == WALKER);
        let accesses = accesses.filter_map(|event| match &event.what {
            Action::Access(access) if access.address & !7 == at => Some(access),
            _ => None,
        });
        let until_stored = accesses.scan(false, |stored, access: &Access| {
            let had = std::mem::replace(stored, *stored || access.store_pc.is_some());
            (!had).then_some(access.before)
        });
        seen.extend(until_stored);
    }
    seen
}

macro_rules! architectures {
    ($($module:ident $arch:ident)*) => {$(
        mod $module {
            use super::*;

            #[test]
            fn most_of_its_kernels_functions_run_by_their_types() {
                on_every_kernel(Arch::$arch, most_run);
            }

            #[test]
            fn what_its_kernels_functions_do_does_not_depend_on_the_order() {
                on_every_kernel(Arch::$arch, what_is_seen_does_not_depend_on_the_order);
            }

            #[test]
            fn a_job_of_its_kernels_functions_is_the_same_whoever_was_observed() {
                on_every_kernel(Arch::$arch, jobs_do_not_depend_on_what_was_observed);
            }

            #[test]
            fn who_walks_down_to_an_entry_of_its_kernels_is_found() {
                on_every_kernel(Arch::$arch, walks_are_found);
            }

            #[test]
            fn the_locks_of_its_kernels_functions_are_found() {
                on_every_kernel(Arch::$arch, locks_are_found);
            }

            #[test]
            fn a_lock_of_its_kernels_excludes_who_takes_it() {
                on_every_kernel(Arch::$arch, locks_exclude);
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
