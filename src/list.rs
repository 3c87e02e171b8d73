//! `pmdscope list`.

use anyhow::{Result, ensure};
use pmdscope_arches::{Arch, EntryKind, EntrySet, Era, Version, layouts, platform_name, swap_types};
use pmdscope_guest::{Guest, PastPresent, Role, Routine, all_bundled, routine};
use pmdscope_traces::text::table;
use pmdscope_traces::{FindingName, batch, text};

use crate::cli::{ListArgs, ListWhat};
use crate::exit::Exit;
use crate::output;
use crate::subject::GuestSubject;

pub fn list(args: &ListArgs) -> Result<Exit> {
    let has_routines = matches!(args.what, ListWhat::Writers | ListWhat::Walkers | ListWhat::Agents);
    ensure!(
        args.guest.is_none() || has_routines,
        "a guest has writers, walkers and agents: leave --guest out"
    );
    let guest = args.guest.as_deref().map(GuestSubject::guest_in).transpose()?;
    let listed = match args.what {
        ListWhat::Arches => columns(Arch::ALL.into_iter().map(arch)),
        ListWhat::Encodings => text::fit(&encodings(), output::terminal(None)),
        ListWhat::Entries => named(EntryKind::ALL.iter().map(|kind| (kind.name(), kind.meaning()))),
        ListWhat::Writers => routines(guest.as_ref(), Role::Writer),
        ListWhat::Walkers => routines(guest.as_ref(), Role::Walker),
        ListWhat::Agents => routines(guest.as_ref(), Role::Agent),
        ListWhat::Sets => named(EntrySet::ALL.iter().map(|set| (set.name(), set.meaning()))),
        ListWhat::Columns => columns(batch::columns().iter().map(|column| {
            vec![column.name.to_owned(), column.kind().to_owned(), column.about.replace('`', "")]
        })),
        ListWhat::Findings => {
            named(FindingName::ALL.iter().map(|finding| (finding.name(), finding.meaning())))
        }
    };
    output::write(&listed, None)?;
    Ok(Exit::Clean)
}

/// Lists the routines of a role; with a guest, those that it has, including the ones that it declares.
fn routines(guest: Option<&Guest>, role: Role) -> String {
    let Some(guest) = guest else {
        return named(routine::all(role).iter().map(|routine| (routine.name, routine.meaning)));
    };
    columns(guest.routines(role).filter(|routine| guest.has_routine(routine)).map(|routine| {
        let details = if routine.declared { details(routine) } else { "bundled".to_owned() };
        vec![routine.name.to_owned(), details, routine.meaning.to_owned()]
    }))
}

/// Describes how a routine that a guest declares is judged, and which entries it is called with.
fn details(declared: &Routine) -> String {
    let of_role = match (declared.role, declared.past_present) {
        (Role::Writer, _) => format!("installs {}", declared.installs.name()),
        (Role::Walker, PastPresent::Checks(checks)) if !checks.is_empty() => {
            let checks: Vec<_> = checks.iter().map(|check| check.name()).collect();
            format!("past present: {}", checks.join(" "))
        }
        (Role::Walker, _) => "past present: none".to_owned(),
        (Role::Agent, _) => "agent".to_owned(),
    };
    format!("{of_role}, called with {}", declared.precondition.entries())
}

fn columns(rows: impl Iterator<Item = Vec<String>>) -> String {
    table::columns(rows, output::terminal(None))
}

fn named<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    columns(all.map(|(name, meaning)| vec![name.to_owned(), meaning.to_owned()]))
}

fn arch(arch: Arch) -> Vec<String> {
    let mmus: Vec<_> = arch.mmus().iter().map(|mmu| mmu.name()).collect();
    let guests = all_bundled().iter().filter(|guest| guest.arch == arch).count();
    vec![
        arch.name().to_owned(),
        format!("{guests} guests"),
        if mmus.is_empty() { String::new() } else { format!("MMU {}", mmus.join(" or ")) },
        format!("also {}", arch.aliases().join(", ")),
    ]
}

/// Lists layouts and migration types with the versions they are known for, and the versions of bundled guests.
///
/// Rows that several platforms share are listed once.
fn encodings() -> String {
    let layouts = shared(Arch::ALL.into_iter().flat_map(Arch::platforms).map(|(arch, mmu)| {
        let platform = platform_name(arch, mmu);
        let rows = eras(layouts(arch, mmu), |layout| {
            if layout.swap.is_some() { "migrates huge pages" } else { "does not migrate huge pages" }
                .to_owned()
        });
        (platform, rows)
    }));
    let types = shared(Arch::ALL.into_iter().map(|arch| {
        let rows = eras(swap_types(arch), |types| {
            let types = types.migration();
            let exclusive =
                types.read_exclusive.map_or(String::new(), |kind| format!(", read-exclusive {kind}"));
            format!("read {}{exclusive}, write {}", types.read, types.write)
        });
        (arch.to_string(), rows)
    }));
    let guests = shared(Arch::ALL.into_iter().flat_map(Arch::platforms).map(|(arch, mmu)| {
        let platform = platform_name(arch, mmu);
        let here = all_bundled().iter().filter(|guest| (guest.arch, guest.mmu) == (arch, mmu));
        let ranges: Vec<_> = here.map(|guest| range(guest.from, guest.to)).collect();
        (platform, if ranges.is_empty() { String::new() } else { format!("  {}\n", ranges.join(", ")) })
    }));
    format!(
        "Layouts of an entry\n{layouts}\nSwap types of migration entries\n{types}\n\
         Bundled guests: versions whose writers and walkers can be run\n{guests}"
    )
}

/// Formats the rows of each name, once for all names that have the same rows.
fn shared(all: impl Iterator<Item = (String, String)>) -> String {
    let mut groups: Vec<(Vec<String>, String)> = Vec::new();
    for (name, rows) in all.filter(|(_, rows)| !rows.is_empty()) {
        match groups.iter_mut().find(|(_, known)| *known == rows) {
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], rows)),
        }
    }
    groups.into_iter().map(|(names, rows)| format!("\n{}\n{rows}", names.join(", "))).collect()
}

/// Formats two lines for each era, its value and its source, and one line for each gap between two eras.
fn eras<T>(eras: &'static [Era<T>], what: impl Fn(&T) -> String) -> String {
    let mut text = String::new();
    let mut previous: Option<&Era<T>> = None;
    for era in eras {
        if let Some(before) = previous.filter(|before| before.to.successor() != era.from) {
            text += &format!(
                "  between {} and {}: refused, it changed in a version that is not known for sure\n",
                before.to, era.from
            );
        }
        text += &format!("  {:<13} {}\n", range(era.from, era.to), what(&era.value));
        text += &format!("                {}\n", era.source);
        previous = Some(era);
    }
    text
}

fn range(from: Version, to: Version) -> String {
    if from == to { from.to_string() } else { format!("{from} to {to}") }
}
