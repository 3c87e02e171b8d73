//! Hashes the sources that the program is built from, so that the results of two builds can be distinguished.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The files and folders of the repository that determine the program's findings. A package of this crate alone
/// lacks those of the other crates; there Cargo.lock names the versions of them that were built.
const SOURCES: [&str; 16] = [
    "Cargo.lock",
    "Cargo.toml",
    "arches/src",
    "emu/engine/src",
    "emu/explore/src",
    "emu/interpreter/src",
    "emu/src",
    "emu/watch/src",
    "guest/c",
    "guest/elf",
    "guest/kallsyms/src",
    "guest/objects",
    "guest/probe",
    "guest/src",
    "src",
    "traces/src",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut sum = Sha256::new();
    for source in SOURCES.map(Path::new).into_iter().filter(|source| source.exists()) {
        println!("cargo::rerun-if-changed={}", source.display());
        add(source, &mut sum);
    }
    let digits: String = hex::encode(&sum.finalize()[..8]);
    println!("cargo::rustc-env=PMDSCOPE_SOURCES={digits}");
}

/// Adds a file to the hash, or all files of a folder in the order of their names. The path and the length of
/// each file precede its bytes.
fn add(path: &Path, sum: &mut Sha256) {
    if path.is_dir() {
        let entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut entries = entries.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        entries.sort_by_key(fs::DirEntry::file_name);
        entries.iter().for_each(|entry| add(&entry.path(), sum));
    } else {
        let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        sum.update(format!("{} {}\n", path.display(), bytes.len()));
        sum.update(bytes);
    }
}
