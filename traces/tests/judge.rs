//! Tables of observations and the findings that `judge()` makes of them. For each finding there are scenes in
//! which it fires, and scenes that differ from one of these in one point and in which it is silent.

use std::collections::BTreeMap;

use pmdscope_arches::{Arch, Encoding, EntryKind, EntryMarks, EntrySpec, Mmu};
use pmdscope_traces::FindingName::{self, *};
use pmdscope_traces::{
    Count, Entry, Marked, Observed, Outcome, Overwritten, RoutineNames, RoutineResult, StaleTake, Value,
    View, WriterChange, WriterRule, WriterSteps, changes, judge,
};

const YOUNG: EntryMarks = EntryMarks { young: true, dirty: false, soft_dirty: false, uffd_wp: false };
const DIRTY: EntryMarks = EntryMarks { young: false, dirty: true, soft_dirty: false, uffd_wp: false };

fn arm64() -> Encoding {
    Encoding::at(Arch::Arm64, None, "6.12".parse().unwrap()).unwrap()
}

fn x86_64() -> Encoding {
    Encoding::at(Arch::X86_64, None, "7.2".parse().unwrap()).unwrap()
}

fn riscv64() -> Encoding {
    Encoding::at(Arch::Riscv64, None, "7.2".parse().unwrap()).unwrap()
}

fn s390x() -> Encoding {
    Encoding::at(Arch::S390x, None, "7.2".parse().unwrap()).unwrap()
}

fn hash() -> Encoding {
    Encoding::at(Arch::Ppc64le, Some(Mmu::Hash), "7.2".parse().unwrap()).unwrap()
}

fn built(encoding: &Encoding, kind: EntryKind, marks: EntryMarks) -> u64 {
    let EntryMarks { young, dirty, soft_dirty, uffd_wp } = marks;
    let pfn = if kind == EntryKind::None { 0 } else { encoding.default_pfn() };
    encoding.build(&EntrySpec { kind, pfn, young, dirty, soft_dirty, uffd_wp }).unwrap()
}

/// The observations of a run, put together step by step.
struct Scene {
    encoding: Encoding,
    before: u64,
    built_as_swap: bool,
    writer: WriterRule,
    walker_only_reads: bool,
    views: Vec<View>,
    outcomes: Vec<Outcome>,
    /// Whether a lock made the walker wait for the writer's end.
    waited: bool,
    stale_takes: Vec<StaleTake>,
    overwritten: Vec<Overwritten>,
    marked: Vec<Marked>,
    changes: Vec<WriterChange>,
    filled: Vec<u64>,
}

/// Returns a scene that begins with an entry of this value.
fn of_value(encoding: Encoding, before: u64) -> Scene {
    Scene {
        encoding,
        before,
        built_as_swap: false,
        writer: WriterRule { invalidates: true, installs: false, may_drop: EntryMarks::default() },
        walker_only_reads: true,
        views: Vec::new(),
        outcomes: Vec::new(),
        waited: false,
        stale_takes: Vec::new(),
        overwritten: Vec::new(),
        marked: Vec::new(),
        changes: Vec::new(),
        filled: Vec::new(),
    }
}

/// Returns a scene that begins with an entry of a kind, on which `pmdp_invalidate()` is called.
fn scene(encoding: Encoding, kind: EntryKind) -> Scene {
    marked_scene(encoding, kind, EntryMarks::default())
}

fn marked_scene(encoding: Encoding, kind: EntryKind, marks: EntryMarks) -> Scene {
    Scene { built_as_swap: kind.is_swap(), ..of_value(encoding, built(&encoding, kind, marks)) }
}

impl Scene {
    fn entry(&self, value: u64) -> Entry {
        Entry::of_model(&self.encoding, value)
    }

    fn view(mut self, value: u64) -> Self {
        self.views.push(View {
            entry: self.entry(value),
            changes: changes(&self.encoding, self.before, value),
            schedules: Count::default(),
            schedule: "W1 K1".to_owned(),
            by_walker: false,
            installed: false,
        });
        self
    }

    /// Marks the last view as installed by the writer.
    fn installed(mut self) -> Self {
        self.views.last_mut().unwrap().installed = true;
        self
    }

    /// Marks the last view as stored by the walker.
    fn by_walker(mut self) -> Self {
        self.views.last_mut().unwrap().by_walker = true;
        self
    }

    fn outcome(mut self, result: RoutineResult, decided_on: u64, past_present: bool) -> Self {
        self.outcomes.push(Outcome {
            result,
            stopped_by: None,
            pfn: None,
            size: None,
            returned: None,
            decided_on: Some(Value(decided_on)),
            last_view: None,
            ended: None,
            past_present,
            schedules: Count::default(),
            schedule: "W1 K1".to_owned(),
        });
        self
    }

    /// Makes the last outcome that of a walker that did not return.
    fn left_no_decision(mut self) -> Self {
        let outcome = self.outcomes.last_mut().unwrap();
        outcome.last_view = outcome.decided_on.take();
        self
    }

    fn overwrote(mut self, seen: &[u64], found: u64, after: u64) -> Self {
        self.overwritten.push(Overwritten {
            by: "pte-offset-map".to_owned(),
            seen: seen.iter().copied().map(Value).collect(),
            found: self.entry(found),
            installed: false,
            after: self.entry(after),
            schedules: Count::default(),
            schedule: "W1 K3".to_owned(),
        });
        self
    }

    /// Marks the entry that was overwritten last as installed by the writer.
    fn which_was_installed(mut self) -> Self {
        self.overwritten.last_mut().unwrap().installed = true;
        self
    }

    fn marked(mut self, before: u64, after: u64, returned: Option<u64>, in_the_end: u64) -> Self {
        self.marked.push(Marked {
            before: Value(before),
            after: Value(after),
            returned: returned.map(Value),
            in_the_end: Value(in_the_end),
            schedules: Count::default(),
            schedule: "W1 A1".to_owned(),
        });
        self
    }

    /// Adds a writer that stored these entries and returned one.
    fn stored(mut self, stored: &[u64], returned: Option<u64>) -> Self {
        let steps = WriterSteps {
            read: Value(self.before),
            found: (!stored.is_empty()).then_some(Value(self.before)),
            stored: stored.iter().copied().map(Value).collect(),
            installed: None,
            returned: returned.map(Value),
            ended: true,
        };
        self.changes.push(WriterChange { steps, schedules: Count::default(), schedule: "W3 K1".to_owned() });
        self
    }

    fn steps(mut self, change: impl FnOnce(&mut WriterSteps)) -> Self {
        change(&mut self.changes.last_mut().unwrap().steps);
        self
    }

    /// Makes the writer replace the entry, as a split does.
    fn replacing(mut self, installed: u64) -> Self {
        self.writer.installs = true;
        self.steps(|steps| {
            steps.found.get_or_insert(steps.read);
            steps.installed = Some(Value(installed));
        })
    }

    /// Makes the walker one that changes entries by its role.
    fn against_a_writer(mut self) -> Self {
        self.walker_only_reads = false;
        self
    }

    fn rule(mut self, change: impl FnOnce(&mut WriterRule)) -> Self {
        change(&mut self.writer);
        self
    }

    fn found(&self) -> Vec<pmdscope_traces::Finding> {
        judge(&Observed {
            encoding: &self.encoding,
            before: &self.entry(self.before),
            built_as_swap: self.built_as_swap,
            walker_only_reads: self.walker_only_reads,
            views: &self.views,
            outcomes: &self.outcomes,
            outcomes_meanwhile: if self.waited { &[] } else { &self.outcomes },
            stale_takes: &self.stale_takes,
            overwritten: &self.overwritten,
            marked: &self.marked,
            writer: self.writer,
            changes: &self.changes,
            filled: &self.filled,
            together: &[],
            writer_alone: &BTreeMap::new(),
            walker_alone: &BTreeMap::new(),
            places: &BTreeMap::new(),
            names: RoutineNames { writer: "split", walker: "hmm" },
        })
    }

    #[track_caller]
    fn finds(&self, names: &[FindingName]) {
        let found = self.found();
        let found_names: Vec<FindingName> = found.iter().map(|finding| finding.name).collect();
        assert_eq!(found_names, names, "{found:#?}");
    }
}

const PRESENT_INVALID: u64 = 1 << 11;
/// Returns a scene with a migration entry, and the value that an arm64 split turns it into.
fn arm64_swap_made_present() -> (Scene, u64) {
    let scene = scene(arm64(), EntryKind::MigrationRead);
    let seen = scene.before | PRESENT_INVALID;
    (scene, seen)
}

fn table(encoding: &Encoding) -> u64 {
    built(encoding, EntryKind::Table, EntryMarks::default())
}

#[test]
fn swap_built_present() {
    let soft_dirty = EntryMarks { soft_dirty: true, ..EntryMarks::default() };
    let built = marked_scene(riscv64(), EntryKind::MigrationRead, soft_dirty);
    let seen = built.before;
    built.view(seen).finds(&[SwapBuiltPresent]);
    let plain = scene(riscv64(), EntryKind::MigrationRead);
    let seen = plain.before;
    plain.view(seen).finds(&[]);
    // The same bits are a mapping like any other if they were not built as a swap entry.
    of_value(riscv64(), seen | 8).view(seen | 8).finds(&[]);
}

#[test]
fn swap_becomes_present() {
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).finds(&[SwapBecomesPresent]);
    let (scene, _) = arm64_swap_made_present();
    let before = scene.before;
    scene.view(before).finds(&[]);
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).installed().finds(&[]);
    let mapping = self::scene(arm64(), EntryKind::PresentHuge);
    let before = mapping.before;
    mapping.view(before).finds(&[]);
}

#[test]
fn swap_decodes_differently() {
    let offset_bit = 1 << 12;
    let entry = scene(arm64(), EntryKind::MigrationRead);
    let seen = entry.before ^ offset_bit;
    entry.view(seen).finds(&[SwapDecodesDifferently]);
    // Bit 3 is a mark: type and offset are the same.
    let entry = scene(arm64(), EntryKind::MigrationRead);
    let seen = entry.before ^ 8;
    entry.view(seen).finds(&[]);
    let entry = scene(arm64(), EntryKind::MigrationRead);
    let seen = entry.before ^ offset_bit;
    entry.view(seen).installed().finds(&[]);
}

#[test]
fn walker_past_present() {
    let (scene, seen) = arm64_swap_made_present();
    scene
        .view(seen)
        .outcome(RoutineResult::Refused, seen, true)
        .finds(&[SwapBecomesPresent, WalkerPastPresent]);
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).outcome(RoutineResult::Refused, seen, false).finds(&[SwapBecomesPresent]);
    let (scene, seen) = arm64_swap_made_present();
    let before = scene.before;
    scene.view(seen).view(before).outcome(RoutineResult::Refused, before, true).finds(&[SwapBecomesPresent]);
    // A walker that crashed reports no decision: the last view that it had counts.
    let (scene, seen) = arm64_swap_made_present();
    let crashed = scene.view(seen).outcome(RoutineResult::Crash, seen, false).left_no_decision();
    crashed.finds(&[SwapBecomesPresent, WalkerPastPresent]);
    let mapping = self::scene(arm64(), EntryKind::PresentHuge);
    let before = mapping.before;
    mapping.view(before).outcome(RoutineResult::Refused, before, true).finds(&[]);
}

#[test]
fn walker_took_page() {
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).outcome(RoutineResult::Page, seen, true).finds(&[SwapBecomesPresent, WalkerTookPage]);
    let mapping = self::scene(arm64(), EntryKind::PresentHuge);
    let before = mapping.before;
    mapping.view(before).outcome(RoutineResult::Page, before, true).finds(&[]);
}

#[test]
fn took_unmapped() {
    let mapping = scene(arm64(), EntryKind::PresentHuge);
    let take = StaleTake {
        pfn: 0x81200,
        view: Value(mapping.before),
        replaced_by: Value(0),
        schedules: Count::default(),
        schedule: "K1 W3 K1".to_owned(),
    };
    mapping.finds(&[]);
    let found = Scene { stale_takes: vec![take], ..mapping }.found();
    assert_eq!(found.iter().map(|finding| finding.name).collect::<Vec<_>>(), [TookUnmapped]);
    let (explanation, schedule) = (&found[0].explanation, &found[0].schedule);
    assert!(explanation.starts_with("hmm took page 0x81200 by 0x"), "{explanation}");
    assert_eq!(schedule, "K1 W3 K1");
}

#[test]
fn took_invalidated() {
    for encoding in [arm64(), x86_64(), riscv64(), s390x(), hash()] {
        let mapping = || marked_scene(encoding, EntryKind::PresentHuge, YOUNG);
        let before = mapping().before;
        let invalid = (encoding.layout().invalidated)(before);
        assert_ne!(before, invalid);
        for result in [RoutineResult::Page, RoutineResult::Leaf] {
            let took =
                mapping().stored(&[invalid], Some(before)).view(invalid).outcome(result, invalid, true);
            took.finds(&[TookInvalidated]);
            let took = mapping().stored(&[invalid], Some(before)).view(before).outcome(result, before, true);
            took.finds(&[]);
        }
        // Whoever waits for the lock finds what the writer left.
        let waited = mapping().stored(&[invalid], Some(before)).view(invalid);
        Scene { waited: true, ..waited.outcome(RoutineResult::Leaf, invalid, true) }.finds(&[]);
        // A walker is right to refuse an invalidated entry, or to wait on it.
        for result in [
            RoutineResult::Refused,
            RoutineResult::Wait,
            RoutineResult::Fault,
            RoutineResult::Retry,
            RoutineResult::Table,
        ] {
            let other =
                mapping().stored(&[invalid], Some(before)).view(invalid).outcome(result, invalid, true);
            other.finds(&[]);
        }
        // A walker may take what the writer installed.
        let installed = mapping().stored(&[invalid], None).replacing(before ^ 1 << 21).outcome(
            RoutineResult::Page,
            before ^ 1 << 21,
            true,
        );
        assert!(!installed.found().iter().any(|finding| finding.name == TookInvalidated));
    }
    // A writer that changes a mapping and leaves it valid to the hardware has not invalidated it.
    for encoding in [arm64(), x86_64(), riscv64(), s390x(), hash()] {
        let changed = built(&encoding, EntryKind::PresentHuge, EntryMarks { young: true, ..DIRTY });
        let mapping = marked_scene(encoding, EntryKind::PresentHuge, YOUNG).stored(&[changed], None);
        let took = mapping.rule(|rule| rule.invalidates = false).view(changed);
        took.outcome(RoutineResult::Page, changed, true).finds(&[]);
    }
    // An old page of s390x is already invalid: invalidating it changes nothing.
    let old = scene(s390x(), EntryKind::PresentHuge);
    let before = old.before;
    old.stored(&[before], Some(before)).view(before).outcome(RoutineResult::Page, before, true).finds(&[]);
    // The value does not count as the writer's either if the page was used meanwhile and the writer restored
    // it.
    let old = scene(s390x(), EntryKind::PresentHuge);
    let young = Value(built(&s390x(), EntryKind::PresentHuge, YOUNG));
    let used = old.stored(&[before], Some(before)).steps(|steps| steps.found = Some(young));
    used.view(before).outcome(RoutineResult::Page, before, true).finds(&[]);
    // The entry that a split makes of a swap entry is not a mapping.
    let (swap, seen) = arm64_swap_made_present();
    let before = swap.before;
    let took = swap.stored(&[seen], Some(before)).view(seen).outcome(RoutineResult::Leaf, seen, true);
    took.finds(&[SwapBecomesPresent, WalkerPastPresent]);
}

#[test]
fn entry_destroyed() {
    for encoding in [arm64(), x86_64(), riscv64(), s390x(), hash()] {
        let none = encoding.layout().none;
        let all = [
            EntryKind::MigrationRead,
            EntryKind::Swap,
            EntryKind::PresentHuge,
            EntryKind::Protnone,
            EntryKind::Table,
        ];
        for kind in all {
            let entry = || scene(encoding, kind);
            let before = entry().before;
            entry().overwrote(&[before], before, none).finds(&[EntryDestroyed]);
            // Nothing is lost if the store leaves the same entry.
            entry().overwrote(&[before], before, before).finds(&[]);
            entry().overwrote(&[before, none], none, none).finds(&[]);
        }
        // The walker destroys the page table that the writer had installed.
        let migration = || scene(encoding, EntryKind::MigrationRead);
        let before = migration().before;
        let table = table(&encoding);
        migration().overwrote(&[before], table, none).which_was_installed().finds(&[EntryDestroyed]);
        // Overwriting an empty entry loses nothing.
        scene(encoding, EntryKind::None).overwrote(&[none], none, table).finds(&[]);
    }
    // One bit makes this entry present, but it is no mapping and is bad. It is damaged, so emptying it is
    // right.
    let garbage = of_value(x86_64(), 0x1001);
    garbage.overwrote(&[0x1001], 0x1001, 0).finds(&[]);
    // But if a swap entry became such an entry, the swap entry is lost.
    let swap = scene(x86_64(), EntryKind::MigrationRead);
    let seen = swap.before | 1;
    swap.overwrote(&[seen], seen, 0).finds(&[EntryDestroyed]);
    // If a reader sets marks, the mapping stays the same.
    let mapping = scene(x86_64(), EntryKind::PresentHuge);
    let before = mapping.before;
    mapping.overwrote(&[before], before, before | 1 << 5).finds(&[]);
    let other_page = scene(x86_64(), EntryKind::PresentHuge);
    other_page.overwrote(&[before], before, before + (1 << 21)).finds(&[EntryDestroyed]);
}

/// A changed entry is distinguished from an installed one, and one finding has all of its schedules.
#[test]
fn what_was_destroyed_is_named() {
    let (scene, seen) = arm64_swap_made_present();
    let before = scene.before;
    let table = table(&arm64());
    let scene = scene
        .view(seen)
        .overwrote(&[before, seen], seen, 0)
        .overwrote(&[seen, table], table, 0)
        .which_was_installed()
        .overwrote(&[seen, seen], seen, 0);
    let found = scene.found();
    let explanations: Vec<&str> = found
        .iter()
        .filter(|finding| finding.name == EntryDestroyed)
        .map(|finding| finding.explanation.as_str())
        .collect();
    assert_eq!(explanations.len(), 2, "{explanations:#?}");
    assert!(explanations[0].contains(&format!(
        "swap entry {}, which was {} by then,",
        Value(before),
        Value(seen)
    )));
    assert!(explanations[1].contains("which the writer had installed in the place of swap entry"));
    assert!(explanations[1].ends_with(&format!("having read {}", Value(seen))));
}

#[test]
fn present_lost() {
    for encoding in [arm64(), x86_64(), riscv64(), hash()] {
        let mapping = || scene(encoding, EntryKind::PresentHuge);
        let before = mapping().before;
        mapping().view(encoding.layout().none).finds(&[PresentLost]);
        mapping().view((encoding.layout().invalidated)(before)).finds(&[]);
        mapping().view(encoding.layout().none).by_walker().finds(&[]);
        mapping().view(encoding.layout().none).installed().finds(&[]);
        scene(encoding, EntryKind::Table).view(encoding.layout().none).finds(&[]);
        scene(encoding, EntryKind::MigrationRead).view(encoding.layout().none).finds(&[]);
        // The entry is neither present nor empty.
        let swap = built(&encoding, EntryKind::Swap, EntryMarks::default());
        mapping().view(swap).finds(&[PresentLost]);
    }
}

/// What becomes of an entry that two change is not the doing of one of them.
#[test]
fn of_a_walker_that_changes_entries_its_own_stores_do_not_count() {
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).against_a_writer().finds(&[SwapBecomesPresent]);
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).by_walker().against_a_writer().finds(&[]);
    let (scene, seen) = arm64_swap_made_present();
    scene.view(seen).by_walker().finds(&[SwapBecomesPresent]);
    let marks = EntryMarks { young: true, dirty: true, ..EntryMarks::default() };
    let without = built(&arm64(), EntryKind::PresentHuge, EntryMarks::default());
    let replaced =
        || marked_scene(arm64(), EntryKind::PresentHuge, marks).stored(&[], None).replacing(without);
    assert!(!replaced().found().is_empty(), "marks are lost, and the mapping was valid");
    replaced().against_a_writer().finds(&[]);
}

#[test]
fn still_valid() {
    for encoding in [arm64(), x86_64(), riscv64(), s390x(), hash()] {
        let mapping = || marked_scene(encoding, EntryKind::PresentHuge, YOUNG);
        let before = mapping().before;
        let invalid = (encoding.layout().invalidated)(before);
        let table = table(&encoding);
        mapping().stored(&[before], Some(before)).finds(&[StillValid]);
        mapping().stored(&[], Some(before)).finds(&[StillValid]);
        mapping().stored(&[invalid], Some(before)).finds(&[]);
        // The last entry that the writer stored counts.
        mapping().stored(&[invalid, before], Some(before)).finds(&[StillValid]);
        // A split has to invalidate before it installs its page table.
        mapping().stored(&[], Some(before)).replacing(table).finds(&[StillValid]);
        mapping().stored(&[before], Some(before)).replacing(table).finds(&[StillValid]);
        mapping().stored(&[invalid], Some(before)).replacing(table).finds(&[]);
        // A split that found nothing to split did nothing.
        mapping().stored(&[], Some(before)).rule(|rule| rule.installs = true).finds(&[]);
        // A writer that did not run to its end may still invalidate the entry.
        mapping().stored(&[before], None).steps(|steps| steps.ended = false).finds(&[]);
        mapping().stored(&[before], Some(before)).rule(|rule| rule.invalidates = false).finds(&[]);
        // Without a mapping there is nothing to invalidate.
        let swap = scene(encoding, EntryKind::MigrationRead);
        let before = swap.before;
        swap.stored(&[before], Some(before)).finds(&[]);
        scene(encoding, EntryKind::Table).stored(&[], Some(table)).finds(&[]);
    }
    // The mapping was already invalid to the hardware.
    let old = scene(s390x(), EntryKind::PresentHuge);
    let before = old.before;
    old.stored(&[before], Some(before)).finds(&[]);
}

#[test]
fn marks_lost() {
    let marked = |encoding: Encoding| -> Vec<EntryMarks> {
        let soft_dirty = EntryMarks { soft_dirty: true, ..EntryMarks::default() };
        let has_soft_dirty = encoding.arch() != Arch::Arm64;
        [YOUNG, DIRTY].into_iter().chain(has_soft_dirty.then_some(soft_dirty)).collect()
    };
    for encoding in [arm64(), x86_64(), riscv64(), s390x(), hash()] {
        for marks in marked(encoding) {
            let mapping = || marked_scene(encoding, EntryKind::PresentHuge, marks);
            let before = mapping().before;
            let invalidated = encoding.layout().invalidated;
            let (invalid, plain) =
                (invalidated(before), built(&encoding, EntryKind::PresentHuge, EntryMarks::default()));
            mapping().stored(&[invalid], Some(before)).finds(&[]);
            // A mark can be lost in memory, or in the returned entry.
            mapping().stored(&[invalidated(plain)], Some(before)).finds(&[MarksLost]);
            mapping().stored(&[invalid], Some(plain)).finds(&[MarksLost]);
            mapping().stored(&[invalidated(plain)], Some(plain)).finds(&[MarksLost, MarksLost]);
            mapping().stored(&[invalid], None).finds(&[]);
            // The writer did not lose marks that it had not read, or that were gone when it stored.
            let not_read = mapping().stored(&[invalidated(plain)], Some(plain));
            not_read.steps(|steps| steps.read = Value(plain)).finds(&[]);
            let gone = mapping().stored(&[invalidated(plain)], Some(plain));
            gone.steps(|steps| steps.found = Some(Value(plain))).finds(&[]);
            // The installed entry must have the marks too, unless it is a page table, which has no marks.
            mapping().stored(&[invalid], None).replacing(plain).finds(&[MarksLost]);
            mapping().stored(&[invalid], None).replacing(before).finds(&[]);
            mapping().stored(&[invalid], None).replacing(table(&encoding)).finds(&[]);
            let allowed = mapping().stored(&[invalid], None).replacing(plain);
            allowed.rule(|rule| rule.may_drop = marks).finds(&[]);
        }
        let emptied = marked_scene(encoding, EntryKind::PresentHuge, YOUNG);
        let before = emptied.before;
        emptied.stored(&[encoding.layout().none], Some(before)).finds(&[]);
    }
    // Accessed on LoongArch is the valid bit: an invalidated mapping cannot have it, and the returned entry must.
    let loongarch64 = Encoding::at(Arch::LoongArch64, None, "7.2".parse().unwrap()).unwrap();
    let mapping = |marks| marked_scene(loongarch64, EntryKind::PresentHuge, marks);
    let (young, dirty) = (mapping(YOUNG).before, mapping(DIRTY).before);
    let plain = built(&loongarch64, EntryKind::PresentHuge, EntryMarks::default());
    let invalidated = loongarch64.layout().invalidated;
    mapping(YOUNG).stored(&[invalidated(young)], Some(young)).finds(&[]);
    mapping(YOUNG).stored(&[invalidated(young)], Some(plain)).finds(&[MarksLost]);
    mapping(DIRTY).stored(&[invalidated(dirty)], Some(dirty)).finds(&[]);
    mapping(DIRTY).stored(&[invalidated(plain)], Some(dirty)).finds(&[MarksLost]);
    // uffd-wp, where a mapping has it: bit 10 of x86_64, bit 58 of arm64.
    for (encoding, bit) in [(x86_64(), 1 << 10), (arm64(), 1 << 58)] {
        let before = built(&encoding, EntryKind::PresentHuge, EntryMarks::default()) | bit;
        let invalid = (encoding.layout().invalidated)(before);
        of_value(encoding, before).stored(&[invalid], Some(before ^ bit)).finds(&[MarksLost]);
        of_value(encoding, before).stored(&[invalid], Some(before)).finds(&[]);
    }
    // Dirty that moves to SAVED_DIRTY is kept.
    let read_only = marked_scene(x86_64(), EntryKind::PresentHugeRo, DIRTY);
    let before = read_only.before;
    let dirty_bit = before & !(1 << 58) | 1 << 6;
    let invalid = (x86_64().layout().invalidated)(before);
    read_only.stored(&[invalid], None).replacing(dirty_bit).finds(&[]);
    // The mapping that replaces a migration entry must have its marks.
    let migration = || marked_scene(x86_64(), EntryKind::MigrationRead, YOUNG);
    let plain = built(&x86_64(), EntryKind::PresentHugeRo, EntryMarks::default());
    migration().stored(&[], None).replacing(plain).finds(&[MarksLost]);
    let young = built(&x86_64(), EntryKind::PresentHugeRo, YOUNG);
    migration().stored(&[], None).replacing(young).finds(&[]);
}

/// A split fills a page table with the small pages of a mapping, and each of them has its marks.
#[test]
fn marks_lost_in_the_page_table() {
    let arches = [
        // Accessed and dirty in an entry of a page table: AF and DIRTY; ACCESSED and DIRTY; A and D; bits 2 and
        // 3.
        (arm64(), 1 << 10, 1 << 55),
        (x86_64(), 1 << 5, 1 << 6),
        (riscv64(), 1 << 6, 1 << 7),
        (s390x(), 1 << 2, 1 << 3),
    ];
    for (encoding, young, dirty) in arches {
        let both = EntryMarks { young: true, ..DIRTY };
        let split = |filled: &[u64]| {
            let mapping = marked_scene(encoding, EntryKind::PresentHuge, both);
            let invalid = (encoding.layout().invalidated)(mapping.before);
            let mut split = mapping.stored(&[invalid], None).replacing(table(&encoding));
            split.filled = filled.to_vec();
            split
        };
        split(&[young | dirty; 512]).finds(&[]);
        split(&[]).finds(&[]);
        split(&[young; 512]).finds(&[MarksLost]);
        split(&[dirty; 512]).finds(&[MarksLost]);
        let one = split(&[young | dirty, dirty, young | dirty]);
        one.finds(&[MarksLost]);
        let explanation = &one.found()[0].explanation;
        assert!(
            explanation.contains("lost accessed of") && explanation.contains("1 of the 3"),
            "{explanation}"
        );
        split(&[young; 512]).rule(|rule| rule.may_drop = DIRTY).finds(&[]);
        // The writer did not get as far as installing the table.
        split(&[dirty; 512])
            .steps(|steps| steps.installed = None)
            .rule(|rule| rule.installs = false)
            .finds(&[]);
    }
}

/// A split of a migration entry fills a page table with migration entries, and each of them has its marks.
#[test]
fn marks_lost_in_the_migration_entries_of_a_page_table() {
    // Soft-dirty of a swap PTE: bit 1 on x86_64 and s390x. Accessed and dirty are above the page frame number.
    let marks = EntryMarks { soft_dirty: true, ..EntryMarks::default() };
    for (encoding, young, dirty) in [(x86_64(), true, true), (s390x(), false, false)] {
        let marks = EntryMarks { young, dirty, ..marks };
        let split = |filled: &[u64]| {
            let migration = marked_scene(encoding, EntryKind::MigrationWrite, marks);
            let mut split = migration.stored(&[], None).replacing(table(&encoding));
            split.filled = filled.to_vec();
            split
        };
        let pte = built(&encoding, EntryKind::MigrationWrite, marks);
        split(&[pte; 512]).finds(&[]);
        split(&[pte & !2; 512]).finds(&[MarksLost]);
        if young {
            let clean = built(&encoding, EntryKind::MigrationWrite, EntryMarks { young: false, ..marks });
            split(&[clean; 512]).finds(&[MarksLost]);
            split(&[clean; 512]).rule(|rule| rule.may_drop = YOUNG).finds(&[]);
        }
    }
}

#[test]
fn bits_lost() {
    let mapping = || scene(x86_64(), EntryKind::PresentHuge);
    let before = mapping().before;
    let dirty = before | 1 << 6;
    let invalid = (x86_64().layout().invalidated)(before);
    mapping().marked(before, dirty, Some(before), invalid).finds(&[BitsLost]);
    // The mark is in the returned entry, or in the final one.
    mapping().marked(before, dirty, Some(dirty), invalid).finds(&[]);
    mapping().marked(before, dirty, Some(before), invalid | 1 << 6).finds(&[]);
    // Nothing was returned, or nothing was marked.
    mapping().marked(before, dirty, None, invalid).finds(&[]);
    mapping().marked(before, before, Some(invalid), invalid).finds(&[]);
}

#[test]
fn the_worst_is_named_last_and_each_finding_once() {
    let (scene, seen) = arm64_swap_made_present();
    let scene =
        scene.view(seen).view(seen).outcome(RoutineResult::Page, seen, true).overwrote(&[seen], seen, 0);
    scene.finds(&[SwapBecomesPresent, WalkerTookPage, EntryDestroyed]);
}
