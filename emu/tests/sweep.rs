//! A sweep has the same answer for every entry as running the writer on that entry. What is learned of all entries
//! is what the machine code does to each of them.

use fastrand::Rng;
use pmdscope_arches::{Arch, Encoding, EntrySet, Mmu, Pattern, Version};
use pmdscope_emu::sweep::{Classification, ClassificationError, SweepError, Sweeper, learn};
use pmdscope_emu::{Bounds, CallExit, Machine, Reduction, Run, WRITER, env};
use pmdscope_guest::abi::{Answers, Set, Swept};
use pmdscope_guest::routine::writers;
use pmdscope_guest::{Guest, Installs, Routine, under_test};

use crate::support::{
    SEED, access, accesses, encoding, encodings, job, kinds, machine, newest, on_every_guest, random_entry,
    writers,
};

/// Number of entries that are also run one by one: the answers must be the same.
const ONE_BY_ONE: usize = 40;
/// Number of entries that are also surveyed: the answers must be the same.
const SURVEYED: usize = 20_000;

/// Returns entries of every kind, and random values.
fn entries(encoding: &Encoding, count: usize) -> Vec<u64> {
    let mut rng = Rng::with_seed(SEED);
    let kinds = kinds(encoding);
    let mut entries = vec![encoding.layout().none, u64::MAX];
    while entries.len() < count {
        let kind = kinds[rng.usize(..kinds.len())];
        let built = random_entry(&mut rng, encoding, kind);
        entries.extend([built, built ^ 1 << rng.u32(..64), rng.u64(..), rng.u64(..) & rng.u64(..)]);
    }
    // While a hash fault is being handled on an entry, its writer waits for that to end.
    entries.retain(|entry| encoding.mmu() != Some(Mmu::Hash) || entry & 1 << 6 == 0);
    entries
}

fn sweeper(guest: &Guest, encoding: &Encoding, writer: &'static Routine) -> Sweeper {
    Sweeper::new(guest, encoding, writer).unwrap()
}

fn swept(sweeper: &mut Sweeper, entries: &[u64]) -> Vec<Swept> {
    let sets: Vec<Set> = entries.iter().copied().map(Set::one).collect();
    sweeper.run(&sets).unwrap()
}

/// Runs a writer on an entry, on a machine that watches each access.
///
/// Returns the entry that it leaves, and whether it installed a page table. If it did, the entry is the one that
/// the table replaced.
fn left(machine: &mut Machine, encoding: &Encoding, writer: &'static Routine, entry: u64) -> (u64, bool) {
    let job = job(encoding, entry, writer.symbol(), "pte_offset_map");
    let exploration = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
    // A run in which the walker stores only after the writer, if at all: it may clear an entry that it finds bad.
    let alone = |run: &&Run| {
        let cpus = run.events.iter().filter_map(|event| Some((event.cpu, access(event)?.store_pc.is_some())));
        let by_walker = |(cpu, stores): (u8, bool)| cpu != WRITER && stores;
        cpus.skip_while(|access| !by_walker(*access)).all(|(cpu, _)| cpu != WRITER)
    };
    let run = exploration.runs.iter().find(alone).expect("the walker may come last");
    assert_eq!(run.writer.end, CallExit::Returned);
    let stores: Vec<_> =
        accesses(run, WRITER).into_iter().filter(|access| access.store_pc.is_some()).collect();
    let Some(last) = stores.last() else { return (entry, false) };
    let installed = writer.installs == Installs::Table
        && last.after == pmdscope_emu::installed_table(encoding)
        && last.after != entry;
    (if installed { last.before } else { last.after }, installed)
}

/// Returns the answer that a sweep must give.
fn expected(before: &Answers, after: &Answers, values: (u64, u64), installed: bool) -> Swept {
    const SWAP: u64 = 1 << 6;
    let both_swap = before.predicates & after.predicates & SWAP != 0;
    let flag = |holds: bool, bit: u32| u32::from(holds) << bit;
    let low = |answers: &Answers| u32::try_from(answers.predicates & 0xff).unwrap();
    Swept(
        low(before)
            | low(after) << 8
            | flag(both_swap && before.swp_type != after.swp_type, 16)
            | flag(both_swap && before.swp_offset != after.swp_offset, 17)
            | flag(installed, 18)
            | flag(values.0 != values.1, 19),
    )
}

#[test]
fn a_sweep_says_what_running_the_writer_on_each_entry_says() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let elf = under_test::load(guest);
        let encoding = encoding(guest, guest.to);
        let mut complaints = Vec::new();
        for writer in writers(&machine) {
            let entries = entries(&encoding, ONE_BY_ONE);
            let answers = swept(&mut sweeper(&elf, &encoding, writer), &entries);
            assert_eq!(answers.len(), entries.len());
            for (entry, answer) in entries.iter().zip(answers) {
                let (after, installed) = left(&mut machine, &encoding, writer, *entry);
                let [before_says, after_says] =
                    machine.survey(&[*entry, after], &env(&encoding)).unwrap()[..]
                else {
                    panic!("two answers")
                };
                let wanted = expected(&before_says, &after_says, (*entry, after), installed);
                if answer != wanted {
                    let writer = writer.name;
                    complaints.push(format!(
                        "{encoding} {writer} {entry:#018x} -> {after:#018x}: {answer:x?}, not {wanted:x?}"
                    ));
                }
            }
        }
        complaints
    });
}

#[test]
fn what_a_sweep_says_of_the_entry_before_is_what_a_survey_says() {
    on_every_guest(|guest| {
        let mut machine = machine(guest);
        let elf = under_test::load(guest);
        let mut complaints = Vec::new();
        for encoding in encodings(guest) {
            let entries = entries(&encoding, SURVEYED);
            let answers = swept(&mut sweeper(&elf, &encoding, &writers::INVALIDATE), &entries);
            let surveyed = machine.survey(&entries, &env(&encoding)).unwrap();
            let differs = |(_, (swept, said)): &(&u64, (&Swept, &Answers))| {
                u64::from(swept.before()) != said.predicates & 0xff
            };
            let different = entries.iter().zip(answers.iter().zip(&surveyed)).filter(differs);
            complaints
                .extend(different.take(3).map(|(entry, says)| format!("{encoding} {entry:#x}: {says:x?}")));
        }
        complaints
    });
}

fn learned(
    guest: &Guest,
    encoding: &Encoding,
    set: EntrySet,
    writer: &'static Routine,
) -> (Vec<Pattern>, Classification, Sweeper) {
    let mut sweeper = sweeper(guest, encoding, writer);
    let domain = encoding.patterns(set);
    let learned = learn(&domain, &[], |sets| -> Result<_, SweepError> {
        Ok(sweeper.run(sets)?.into_iter().map(|answer| answer.0).collect())
    });
    (domain, learned.unwrap(), sweeper)
}

/// Returns the one answer whose parts contain an entry; `None` if there is not exactly one.
fn answer_of(learned: &Classification, entry: u64) -> Option<u32> {
    let holding = learned
        .classes
        .iter()
        .flat_map(|(answer, parts)| parts.iter().filter(|part| part.contains(entry)).map(move |_| *answer));
    let answers: Vec<u32> = holding.collect();
    (answers.len() == 1).then(|| answers[0])
}

#[test]
fn the_classes_have_every_entry_once_with_the_answer_that_it_gets() {
    on_every_guest(|guest| {
        let elf = under_test::load(guest);
        let encoding = encoding(guest, guest.to);
        let mut complaints = Vec::new();
        let mut rng = Rng::with_seed(!SEED);
        for set in [EntrySet::Swap, EntrySet::Migration, EntrySet::PresentHuge] {
            if encoding.patterns(set).is_empty() {
                continue;
            }
            let (domain, learned, mut sweeper) = learned(&elf, &encoding, set, &writers::INVALIDATE);
            let all: u128 = learned.classes.values().flatten().map(|part| part.entries()).sum();
            assert_eq!(all, domain.iter().map(|pattern| pattern.entries()).sum(), "{encoding} {set}");
            let random = |cube: &Pattern, rng: &mut Rng| {
                let bits =
                    [rng.u64(..), rng.u64(..) & rng.u64(..), rng.u64(..) | rng.u64(..)][rng.usize(..3)];
                cube.value | bits & cube.free
            };
            // Entries of the domain, and of every part and exception, however few entries they have.
            let parts = learned.classes.values().flatten();
            let cubes: Vec<Pattern> = domain
                .iter()
                .copied()
                .chain(parts.flat_map(|part| part.except.iter().copied().chain([part.pattern])))
                .collect();
            let mut entries: Vec<u64> =
                (0..20_000).map(|n| random(&cubes[n % cubes.len()], &mut rng)).collect();
            entries.extend(learned.classes.values().flatten().filter_map(|part| part.example()));
            for (entry, answer) in entries.iter().zip(swept(&mut sweeper, &entries)) {
                if answer_of(&learned, *entry) != Some(answer.0) {
                    complaints.push(format!("{encoding} {set} {entry:#018x}: {answer:x?}"));
                }
            }
        }
        complaints.truncate(5);
        complaints
    });
}

/// Returns the model's answer for a swept entry. The model is not derived from the guests.
fn modelled(encoding: &Encoding, entry: u64) -> u32 {
    let layout = encoding.layout();
    let after = (layout.invalidated)(entry);
    let says = |entry: u64| {
        let model = &layout.predicates;
        let in_order = [
            (model.none)(entry),
            (model.present)(entry),
            (model.leaf)(entry),
            (model.trans_huge)(entry),
            (model.bad)(entry),
            (model.protnone)(entry),
            encoding.is_swap(entry),
            encoding.is_migration(entry),
        ];
        in_order.iter().rev().fold(0, |bits, holds| bits << 1 | u32::from(*holds))
    };
    let swap = layout.swap.filter(|_| encoding.is_swap(entry) && encoding.is_swap(after));
    let type_changed = swap.is_some_and(|swap| swap.kind_of(entry) != swap.kind_of(after));
    let offset_changed = swap.is_some_and(|swap| swap.offset_of(entry) != swap.offset_of(after));
    says(entry)
        | says(after) << 8
        | u32::from(type_changed) << 16
        | u32::from(offset_changed) << 17
        | u32::from(entry != after) << 19
}

#[test]
fn the_model_has_the_same_classes() {
    on_every_guest(|guest| {
        let elf = under_test::load(guest);
        let encoding = encoding(guest, guest.to);
        let mut complaints = Vec::new();
        for set in [EntrySet::Swap, EntrySet::Migration, EntrySet::PresentHuge] {
            if encoding.patterns(set).is_empty() {
                continue;
            }
            let (domain, of_guest, _) = learned(&elf, &encoding, set, &writers::INVALIDATE);
            let of_model = learn(&domain, &[], |sets| -> Result<_, SweepError> {
                Ok(sets
                    .iter()
                    .flat_map(|set| set.entries())
                    .map(|entry| modelled(&encoding, entry))
                    .collect())
            });
            if of_guest != of_model.unwrap() {
                complaints.push(format!("{encoding} {set}: the classes are not those of the model"));
            }
        }
        complaints
    });
}

#[test]
fn on_arm64_every_swap_entry_becomes_present_and_so_does_the_empty_one() {
    let encoding = Encoding::at(Arch::Arm64, None, Version::new(6, 1)).unwrap();
    let guest = pmdscope_guest::bundled(Arch::Arm64, None, Version::new(6, 1)).unwrap().load().unwrap();
    let (_, learned, _) = learned(&guest, &encoding, EntrySet::Swap, &writers::INVALIDATE);
    let present = |answer: &u32| Swept(*answer).after() >> 1 & 1 == 1;
    assert!(learned.classes.keys().all(present), "{:x?}", learned.classes.keys());
    assert_eq!(learned.matters, 0xf8, "the swap type alone");
    let none: Vec<_> = learned.classes.iter().filter(|(answer, _)| *answer & 1 == 1).collect();
    let [(_, parts)] = none[..] else { panic!("one class of empty entries: {none:x?}") };
    assert_eq!(
        parts.iter().map(|part| (part.pattern, part.entries())).collect::<Vec<_>>(),
        [(Pattern::new(0, 0), 1)]
    );
}

#[test]
fn a_writer_that_does_not_return_is_told_with_its_entry() {
    let guest = pmdscope_guest::bundled(Arch::Ppc64le, Some(Mmu::Hash), Version::NEWEST).unwrap();
    let encoding = encoding(guest, guest.to);
    let mut sweeper = sweeper(&guest.load().unwrap(), &encoding, &writers::INVALIDATE);
    // The writer waits while bit 6 says that a hash fault is being handled.
    let set = Set { fixed: 1 << 62, free: 0x60, first: 0, count: 4 };
    let error = sweeper.run(&[set]).unwrap_err();
    let SweepError::DidNotReturn { entry, end } = error else { panic!("{error}") };
    assert_eq!((entry, end), (1 << 62 | 0x40, CallExit::InstructionBound));
    // The machine still works.
    assert_eq!(sweeper.run(&[Set { count: 2, ..set }]).unwrap().len(), 2);
    let error = learn(&[Pattern::new(1 << 62, 0x3ff)], &[], |sets| {
        Ok::<_, SweepError>(sweeper.run(sets)?.into_iter().map(|answer| answer.0).collect())
    });
    assert!(matches!(error, Err(ClassificationError::NoAnswer(SweepError::DidNotReturn { .. }))));
}

#[test]
fn sets_that_are_longer_than_a_chunk_are_run_whole_and_in_order() {
    let guest = newest(Arch::Arm64);
    let encoding = encoding(guest, guest.to);
    let mut sweeper = sweeper(&guest.load().unwrap(), &encoding, &writers::INVALIDATE);
    let free = 0x3fc0_0000_0fff_ffc0;
    let sets = [
        Set { fixed: 3, free: 0, first: 0, count: 1 },
        Set { fixed: 0, free, first: free & 0xffff_ffff, count: 700_000 },
        Set { fixed: 0, free: 0, first: 0, count: 1 },
    ];
    let together = sweeper.run(&sets).unwrap();
    let one_by_one: Vec<u64> = sets.iter().flat_map(|set| set.entries()).collect();
    assert_eq!(together.len(), one_by_one.len());
    assert!(together == swept(&mut sweeper, &one_by_one));
}

/// Returns a guest with other code at the beginning of a function.
fn planted(bundled: &pmdscope_guest::Bundled, function: &str, code: &[u8]) -> Guest {
    let guest = under_test::load(bundled);
    let at = guest.function(function).unwrap();
    let lies_in =
        |s: &&pmdscope_guest::Segment| s.executable && (s.address..s.address + s.size).contains(&at);
    let segment = guest.segments().iter().find(lies_in).unwrap();
    let mut elf = bundled.elf.to_vec();
    let of_segment = elf.windows(64).position(|window| *window == segment.bytes[..64]).unwrap();
    let offset = of_segment + usize::try_from(at - segment.address).unwrap();
    elf[offset..offset + code.len()].copy_from_slice(code);
    Guest::parse(&elf, bundled.arch).unwrap()
}

#[test]
fn code_that_the_engine_executes_wrongly_is_refused() {
    let bundled = pmdscope_guest::bundled(Arch::S390x, None, Version::new(7, 2)).unwrap();
    // risbhg %r1, %r2, 0, 31, 32; br %r14
    let code = [0xec, 0x12, 0x00, 0x1f, 0x20, 0x5d, 0x07, 0xfe];
    let planted = planted(bundled, writers::INVALIDATE.symbol(), &code);
    let encoding = encoding(bundled, bundled.to);
    assert!(Sweeper::new(&under_test::load(bundled), &encoding, &writers::INVALIDATE).is_ok());
    let refused = Sweeper::new(&planted, &encoding, &writers::INVALIDATE).err().unwrap();
    assert!(refused.to_string().contains("wrongly"), "{refused}");
}

/// The engine does not show what MVC stores.
#[test]
fn an_entry_that_is_stored_by_a_move_in_memory_is_seen() {
    let bundled = pmdscope_guest::bundled(Arch::S390x, None, Version::new(7, 2)).unwrap();
    let encoding = encoding(bundled, bundled.to);
    let by_stg: [u8; 6] = [0xe3, 0x10, 0x20, 0x00, 0x00, 0x24]; // stg %r1, 0(%r2)
    let by_mvc: [u8; 6] = [0xd2, 0x07, 0x20, 0x00, 0xf0, 0x10]; // mvc 0(8, %r2), 16(%r15)
    let to_stack: [u8; 6] = [0xe3, 0x10, 0xf0, 0x10, 0x00, 0x24]; // stg %r1, 16(%r15)
    let answers = |entry: [u8; 6], table: [u8; 6]| {
        let code = [
            &[0xa7, 0x19, 0x00, 0x20][..], // lghi %r1, 0x20: an empty entry
            &to_stack,
            &entry,
            &[0xe3, 0x10, 0x40, 0x08, 0x00, 0x04], // lg %r1, 8(%r4): env->pte_table
            &[0xa5, 0x1b, 0x00, 0x01],             // oill %r1, 1
            &to_stack,
            &table,
            &[0x07, 0xfe], // br %r14
        ]
        .concat();
        let guest = planted(bundled, writers::SPLIT_UNGUARDED.symbol(), &code);
        swept(&mut sweeper(&guest, &encoding, &writers::SPLIT_UNGUARDED), &entries(&encoding, 100))
    };
    let stored = answers(by_stg, by_stg);
    assert_eq!(stored, answers(by_mvc, by_stg));
    assert_eq!(stored, answers(by_stg, by_mvc));
    assert_eq!(stored, answers(by_mvc, by_mvc));
}
