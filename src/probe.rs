//! `pmdscope probe`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use pmdscope_arches::{Arch, Mmu};
use pmdscope_guest::probe::{self, Compilers, Note};
use pmdscope_guest::tree::Tree;
use pmdscope_traces::one_line;

use crate::cli::ProbeArgs;
use crate::exit::Exit;
use crate::output;
use crate::values::chosen;

pub fn probe(args: &ProbeArgs) -> Result<Exit> {
    let arches: Vec<Arch> = chosen(&args.arch, Vec::new())?;
    ensure!(!arches.is_empty(), "name an architecture: --arch arm64");
    let mmus: Vec<Mmu> = chosen(&args.mmu, Vec::new())?;
    let folder = args.output.as_deref().unwrap_or(Path::new("."));
    let mut text = String::new();
    for arch in arches {
        let tree = if args.prepare {
            let build = folder.join(format!("tree-{arch}"));
            probe::prepare(&args.tree, &build, arch)?;
            Tree::open(&build, Some(&args.tree), arch)?
        } else {
            Tree::open(&args.tree, args.source.as_deref(), arch)?
        };
        let compilers = Compilers::find(arch, args.compiler.as_deref())?;
        let is_wanted = |mmu: &Option<Mmu>| mmus.is_empty() || mmu.is_none_or(|mmu| mmus.contains(&mmu));
        let kinds = arch.platforms().map(|(_, mmu)| mmu).filter(is_wanted);
        for mmu in kinds {
            let (elf, note) = probe::build(&tree, mmu, &compilers)?;
            let path = folder.join(name(arch, mmu, &note));
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
            output::write_bytes(&path, &elf)?;
            text += &summary(&path, &note, args.verbose);
        }
    }
    output::write(&text, None)?;
    Ok(Exit::Clean)
}

/// The name of a probe's file: `arm64-7.2.elf`.
fn name(arch: Arch, mmu: Option<Mmu>, note: &Note) -> PathBuf {
    let mmu = mmu.map(|mmu| format!("-{mmu}")).unwrap_or_default();
    PathBuf::from(format!("{arch}{mmu}-{}.elf", note.version))
}

fn summary(path: &Path, note: &Note, verbose: bool) -> String {
    let has = probe::helpers().len() - note.lacks.len();
    let mut text = format!("{}: {has} helpers of {}\n", path.display(), one_line(&note.release));
    for piece in &note.pieces {
        if let Some(why) = &piece.failed {
            text += &format!("  {} does not build alone: {}\n", piece.file, one_line(why));
        }
    }
    let own: Vec<_> = note.lacks.iter().filter(|(_, why)| why != "the tree has none").collect();
    for (name, why) in own {
        text += &format!("  {name}() cannot be built: {}\n", one_line(why));
    }
    if verbose {
        let none: Vec<_> = note
            .lacks
            .iter()
            .filter(|(_, why)| why == "the tree has none")
            .map(|(name, _)| name.as_str())
            .collect();
        text += &format!("  not in the tree: {}\n", none.join(", "));
        for line in &note.assumptions {
            text += &format!("  {line}\n");
        }
    }
    text
}
