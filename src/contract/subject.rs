//! A probe, and its column of the report.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pmdscope_arches::{Arch, Encoding, platform_name};
use pmdscope_emu::{EngineKind, Machine};
use pmdscope_guest::Guest;
use pmdscope_guest::probe::Level;
use pmdscope_traces::contract::{Cell, Column, EntryCount, Observed, Status, judge, rules};
use pmdscope_traces::{GuestInfo, GuestKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bundled;
use super::observe::observe;
use crate::input;
use crate::subject::GuestSubject;
use crate::values::file_name;

/// A page frame number that every architecture's entries can hold, at the start of a huge page of each size.
const PFN: u64 = 1 << 18;

/// The file of a probe.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeFile {
    /// The file's name, without its folders.
    name: String,
    elf: Vec<u8>,
}

impl ProbeFile {
    /// Reads a file of the user's, and checks that it is a probe.
    pub fn read(path: &Path) -> Result<Self> {
        /// Probes have some hundred kilobytes.
        const LARGEST_PROBE_BYTES: u64 = 64 << 20;
        let probe = ProbeFile { name: file_name(path), elf: input::read(path, LARGEST_PROBE_BYTES)? };
        probe.open().with_context(|| path.display().to_string())?;
        Ok(probe)
    }

    fn open(&self) -> Result<Guest> {
        let guest = Guest::parse(&self.elf, Guest::arch_of(&self.elf)?)?;
        guest
            .note()
            .ok_or_else(|| anyhow!("this guest is no probe: pmdscope probe makes one of a kernel tree"))?;
        Ok(guest)
    }
}

/// Returns the column of a probe without cells that are known, and why.
pub fn incomplete_column(probe: &ProbeFile, why: &str) -> Result<Column> {
    Ok(Column { incomplete: Some(why.to_owned()), ..blank(probe, &probe.open()?) })
}

/// Asks a probe's helpers, and judges what they answer.
pub fn column(probe: &ProbeFile) -> Result<Column> {
    let guest = probe.open()?;
    let mut column = blank(probe, &guest);
    let encoding = encoding_of(&guest);
    let mut machine = Machine::new(guest)?;
    let observed = observe(&mut machine, PFN)?;
    let used = encoding.map(|encoding| move |entry: u64| (encoding.layout().hardware_valid)(entry));
    column.cells = rules()
        .iter()
        .map(|rule| {
            // The encodings are those of PMDs. Huge pages have the same bits at both levels.
            let used =
                used.as_ref().filter(|_| rule.level != Level::Pte).map(|used| used as &dyn Fn(u64) -> bool);
            judge(rule, &observed, used)
        })
        .collect();
    column.entries = counts(&observed);
    Ok(column)
}

/// Returns how many entries there are of each level and class.
fn counts(observed: &Observed) -> Vec<EntryCount> {
    let mut counts = BTreeMap::new();
    for entry in &observed.entries {
        *counts.entry((entry.level, entry.class)).or_insert(0) += 1;
    }
    let count = |((level, class), entries): ((Level, _), u64)| EntryCount {
        level: level.name().to_owned(),
        class,
        entries,
    };
    counts.into_iter().map(count).collect()
}

/// Asks a bundled guest, and judges what it answers.
pub fn bundled_column(subject: &GuestSubject) -> Result<Column> {
    let encoding = subject.encoding;
    let mut machine = Machine::on(Some(subject.engine), subject.guest.clone())?;
    let observed = bundled::observe(&mut machine, &encoding)?;
    let used = move |entry: u64| (encoding.layout().hardware_valid)(entry);
    Ok(Column {
        name: format!("{} {}", platform_name(encoding.arch(), encoding.mmu()), encoding.version()),
        arch: encoding.arch().to_string(),
        mmu: encoding.mmu().map(|mmu| mmu.to_string()),
        linux: encoding.version().to_string(),
        guest: subject.info(),
        compiler: None,
        files: Vec::new(),
        assumptions: vec![
            "bundled guests are pmdscope's own C: a probe has the helpers of a kernel tree".to_owned(),
        ],
        entries: counts(&observed),
        cells: rules().iter().map(|rule| judge(rule, &observed, Some(&used))).collect(),
        incomplete: None,
    })
}

/// Returns the encoding of PMDs of the tree, if that version's is known.
fn encoding_of(guest: &Guest) -> Option<Encoding> {
    let note = guest.note()?;
    Encoding::at(guest.arch(), note.mmu, note.version).ok()
}

/// Returns a column of which nothing is known yet.
fn blank(probe: &ProbeFile, guest: &Guest) -> Column {
    let note = guest.note();
    let arch: Arch = guest.arch();
    let mmu = note.and_then(|note| note.mmu);
    let linux = note.map(|note| note.version.to_string()).unwrap_or_default();
    let nothing = Cell { status: Status::Unknown, entries: 0, broken: 0, example: None, why: None };
    Column {
        name: format!("{} {linux}", platform_name(arch, mmu)),
        arch: arch.to_string(),
        mmu: mmu.map(|mmu| mmu.to_string()),
        linux,
        guest: GuestInfo {
            kind: GuestKind::File,
            name: probe.name.clone(),
            sha256: hex::encode(Sha256::digest(&probe.elf)),
            engine: Some(EngineKind::usual(arch).version().to_owned()),
            release: note.map(|note| note.release.clone()),
            package: None,
            build_id: None,
            types: None,
            label: None,
        },
        compiler: note.map(|note| note.compiler.clone()),
        files: note
            .into_iter()
            .flat_map(|note| &note.pieces)
            .filter(|piece| piece.failed.is_none())
            .map(|piece| piece.file.clone())
            .collect(),
        assumptions: note.map(|note| note.assumptions.clone()).unwrap_or_default(),
        entries: Vec::new(),
        cells: vec![nothing; rules().len()],
        incomplete: None,
    }
}
