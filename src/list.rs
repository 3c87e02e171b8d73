//! `pmdscope list`.

use anyhow::Result;
use pmdscope_arches::{Arch, EntryKind, all_layouts, migration_types};
use pmdscope_guest::{Walker, Writer, all_bundled};
use pmdscope_traces::FindingName;
use pmdscope_traces::text::{bare_table, trimmed};

use crate::cli::{ListArgs, ListWhat};
use crate::exit::Exit;
use crate::output;

pub fn list(args: &ListArgs) -> Result<Exit> {
    let rows: Vec<Vec<String>> = match args.what {
        ListWhat::Arches => Arch::ALL.into_iter().map(arch).collect(),
        ListWhat::Encodings => encodings(),
        ListWhat::Entries => named(EntryKind::ALL.iter().map(|kind| (kind.name(), kind.meaning()))),
        ListWhat::Writers => named(Writer::ALL.iter().map(|writer| (writer.name(), writer.meaning()))),
        ListWhat::Walkers => named(Walker::ALL.iter().map(|walker| (walker.name(), walker.meaning()))),
        ListWhat::Findings => {
            named(FindingName::ALL.iter().map(|finding| (finding.name(), finding.meaning())))
        }
    };
    let mut table = bare_table();
    table.add_rows(rows);
    output::write(&format!("{}\n", trimmed(&table)), None)?;
    Ok(Exit::Clean)
}

fn named<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Vec<String>> {
    all.map(|(name, meaning)| vec![name.to_owned(), meaning.to_owned()]).collect()
}

fn arch(arch: Arch) -> Vec<String> {
    let mmus: Vec<_> = arch.mmus().iter().map(|mmu| mmu.name()).collect();
    let guests = all_bundled().iter().filter(|guest| guest.arch == arch).count();
    vec![
        arch.name().to_owned(),
        if arch.executed() { format!("{guests} guests") } else { "model, not executed".to_owned() },
        if mmus.is_empty() { String::new() } else { format!("MMU {}", mmus.join(" or ")) },
        format!("also {}", arch.aliases().join(", ")),
    ]
}

fn encodings() -> Vec<Vec<String>> {
    let layouts = all_layouts().map(|(arch, mmu, era)| {
        let platform = mmu.map_or(arch.to_string(), |mmu| format!("{arch} {mmu}"));
        let swap =
            if era.value.swap.is_some() { "migrates huge pages" } else { "does not migrate huge pages" };
        vec![platform, format!("{} to {}", era.from, era.to), swap.to_owned(), era.source.to_owned()]
    });
    let types = Arch::ALL.into_iter().flat_map(|arch| {
        migration_types(arch).iter().map(move |era| {
            let types = era.value;
            let exclusive =
                types.read_exclusive.map_or(String::new(), |kind| format!(", read-exclusive {kind}"));
            vec![
                format!("{arch} migration types"),
                format!("{} to {}", era.from, era.to),
                format!("read {}{exclusive}, write {}", types.read, types.write),
                era.source.to_owned(),
            ]
        })
    });
    layouts.chain(types).collect()
}
