//! `pmdscope objects`.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use pmdscope_arches::Arch;
use pmdscope_guest::objects::{Folder, Linked};
use pmdscope_traces::one_line;

use crate::cli::ObjectsArgs;
use crate::exit::Exit;
use crate::output;

pub fn objects(args: &ObjectsArgs) -> Result<Exit> {
    let arch: Option<Arch> = args.arch.as_deref().map(str::parse).transpose()?;
    let folder = Folder::open(&args.kbuild, arch, &args.make)?;
    let into = args.output.clone().unwrap_or_else(|| args.kbuild.join("vmlinux-objects"));
    ensure!(!into.is_dir(), "{} is a folder: name a file by -o", into.display());
    if let Some(parent) = into.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        ensure!(parent.is_dir(), "{} is no folder, so that nothing can be written there", parent.display());
    }
    let made = if args.no_make { folder.as_it_is() } else { folder.make(&args.with) }?;
    if let Some(first) = made.older.first() {
        output::tell(&format!(
            "{} {} older than the source: leave --no-make out, and make compiles what changed",
            first,
            if made.older.len() == 1 {
                "is".to_owned()
            } else {
                format!("and {} more are", made.older.len() - 1)
            }
        ));
    }
    let linked = folder.link(&made, &into)?;
    output::write(&summary(&into, &linked, args.verbose), None).context("cannot print")?;
    Ok(Exit::Clean)
}

fn summary(path: &Path, Linked { kernel, note }: &Linked, verbose: bool) -> String {
    let release = one_line(&kernel.file().release.text);
    let mut text = format!(
        "{}: {} Linux {release}, {} objects, types from {}\n",
        path.display(),
        kernel.arch(),
        note.objects.len(),
        kernel.types_from()
    );
    text += &format!(
        "  {} functions and {} variables are in none of them{}\n",
        note.functions.len(),
        note.variables.len(),
        if verbose { "" } else { " (-v names them)" }
    );
    if verbose {
        let functions: Vec<_> = note.functions.iter().map(String::as_str).collect();
        let variables: Vec<_> = note.variables.iter().map(String::as_str).collect();
        text += &format!("  objects: {}\n", note.objects.join(" "));
        text += &format!("  functions: {}\n  variables: {}\n", functions.join(" "), variables.join(" "));
    }
    text
}
