//! Another engine, which shares no code with the usual one, does the same on every job that both can run.

use pmdscope_arches::{Arch, Encoding, EntryKind};
use pmdscope_emu::{Bounds, EngineKind, Exploration, Machine, Reduction};
use pmdscope_guest::Bundled;

use crate::support::{encoding, in_use, job, kinds, on_every_guest, walkers, writers};

/// Returns what an engine makes of a job.
///
/// Where a walker leaves its path is left out: it is told by blocks of code, and what a block is each engine decides.
fn explore(machine: &mut Machine, encoding: &Encoding, kind: EntryKind, names: [&str; 2]) -> Exploration {
    let [writer, walker] = names;
    let job = job(encoding, in_use(encoding, kind), writer, walker);
    let mut exploration = machine.explore(&job, &Bounds::default(), Reduction::Joined).unwrap();
    exploration.runs.iter_mut().for_each(|run| run.divergence = None);
    exploration
}

/// Compares two engines on every writer, walker and kind of entry of a guest. Returns the number of jobs, and what
/// differs.
fn compare(guest: &Bundled, engines: [EngineKind; 2]) -> (usize, Vec<String>) {
    let encoding = encoding(guest, guest.to);
    let [mut one, mut other] =
        engines.map(|engine| Machine::on(Some(engine), guest.load().unwrap()).unwrap());
    let (mut jobs, mut differences) = (0, Vec::new());
    for kind in kinds(&encoding) {
        for writer in writers(&one) {
            for walker in walkers(&one) {
                let names = [writer.symbol(), walker.symbol()];
                let found = explore(&mut one, &encoding, kind, names);
                jobs += 1;
                if explore(&mut other, &encoding, kind, names) != found {
                    let engines = engines.map(EngineKind::name).join(" and ");
                    differences.push(format!("{}, {kind}: {writer}, {walker}: {engines} differ", guest.name));
                }
            }
        }
    }
    (jobs, differences)
}

#[test]
fn the_interpreter_does_what_unicorn_does_on_every_job() {
    let engines = [EngineKind::Unicorn, EngineKind::Interpreter];
    assert!(engines.into_iter().all(|engine| engine.has(Arch::Riscv64)));
    on_every_guest(|guest| {
        if !engines.into_iter().all(|engine| engine.has(guest.arch)) {
            return Vec::new();
        }
        let (jobs, differences) = compare(guest, engines);
        assert!(jobs > 100, "{}: {jobs} jobs", guest.name);
        differences
    });
}
