//! Excludes: the jobs that a matrix leaves out.

use anyhow::Result;
use pmdscope_arches::{Arch, Encoding, EntryKind, Mmu, Version};
use pmdscope_emu::kernel_routines;
use pmdscope_guest::{Role, routine};
use pmdscope_traces::matrix::{Exclude, Matrix, Name};
use wildmatch::WildMatch;

use super::plan::{Block, Platform};
use crate::values::file_name;

/// An exclude, and whether it left anything out.
pub struct Excluded<'a> {
    pub written: &'a Exclude,
    arches: Option<Vec<Arch>>,
    mmus: Option<Vec<Mmu>>,
    versions: Option<Vec<Version>>,
    files: Option<Vec<WildMatch>>,
    entries: Option<Vec<String>>,
    writers: Option<Vec<String>>,
    walkers: Option<Vec<String>>,
    pub took: bool,
}

impl<'a> Excluded<'a> {
    pub fn new(matrix: &Matrix, written: &'a Exclude) -> Result<Self> {
        fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
            matrix: &Matrix,
            names: Option<&[Name]>,
        ) -> Result<Option<Vec<T>>> {
            let Some(names) = names else { return Ok(None) };
            let one =
                |name: &Name| name.text.parse().map_err(|error| matrix.error(&name.place, error).into());
            names.iter().map(one).collect::<Result<_>>().map(Some)
        }
        let known = |names: Option<&[Name]>, known: Vec<&'static str>, what| -> Result<Option<Vec<String>>> {
            let Some(names) = names else { return Ok(None) };
            for name in names {
                // A guest file can have routines of its own, which are known only when it is opened.
                let can_be_declared =
                    what != "kind of entry" && matrix.includes.iter().any(|one| one.guests.is_some());
                if !can_be_declared && !known.contains(&name.text.as_str()) {
                    let fault = pmdscope_arches::UnknownName::new(what, &name.text, known.iter().copied());
                    return Err(matrix.error(&name.place, fault).into());
                }
            }
            Ok(Some(names.iter().map(|name| name.text.clone()).collect()))
        };
        let names = |role| {
            let all = routine::all(role).iter().copied().chain(kernel_routines(role));
            all.map(|routine| routine.name).collect::<Vec<_>>()
        };
        let kinds = EntryKind::ALL.iter().map(|kind| kind.name()).chain(["pmd", "sweep"]).collect();
        Ok(Excluded {
            written,
            arches: parsed(matrix, written.arches.as_deref())?,
            mmus: parsed(matrix, written.mmus.as_deref())?,
            versions: parsed(matrix, written.linux.as_deref())?,
            files: written
                .files
                .as_ref()
                .map(|names| names.iter().map(|name| WildMatch::new(&name.text)).collect()),
            entries: known(written.entries.as_deref(), kinds, "kind of entry")?,
            writers: known(written.writers.as_deref(), names(Role::Writer), "writer")?,
            walkers: known(written.walkers.as_deref(), names(Role::Walker), "walker")?,
            took: false,
        })
    }

    /// Whether it leaves out the jobs of a block.
    pub fn takes(&mut self, platform: &Platform, encoding: &Encoding, block: &Block) -> bool {
        fn has<T: PartialEq>(list: Option<&Vec<T>>, what: Option<&T>) -> bool {
            list.is_none_or(|list| what.is_some_and(|what| list.contains(what)))
        }
        let file = match platform {
            Platform::Guest { file, .. } => file.as_deref(),
            Platform::Kernel { file, .. } => Some(file.as_path()),
        };
        let takes = has(self.arches.as_ref(), Some(&encoding.arch()))
            && has(self.mmus.as_ref(), encoding.mmu().as_ref())
            && has(self.versions.as_ref(), Some(&encoding.version()))
            && self.files.as_ref().is_none_or(|files| {
                file.is_some_and(|file| files.iter().any(|pattern| pattern.matches(&file_name(file))))
            })
            && has(self.entries.as_ref(), Some(&block.entries.kind().to_owned()))
            && has(self.writers.as_ref(), Some(&block.writer))
            && has(self.walkers.as_ref(), block.walker.as_ref());
        self.took |= takes;
        takes
    }
}
