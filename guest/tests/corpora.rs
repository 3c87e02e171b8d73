//! What opens kernels and guests reads the files that fuzzing was begun with, and those that it found.

#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::fs;
use std::path::Path;

/// Hands each file that is kept for a target to it, and counts those that it made something of.
fn replay(target: &str, read: fn(&[u8]) -> bool) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let read = files.filter(|file| {
        println!("{}", file.display());
        read(&fs::read(file).unwrap())
    });
    read.count()
}

#[test]
fn kernels_are_opened() {
    assert!(replay("kernel_file", readers::kernel_file) >= 9, "most files are kernels");
}

#[test]
fn packages_of_rpm_are_opened() {
    assert!(replay("rpm", readers::rpm) >= 2, "some files are kernels");
}

#[test]
fn entries_of_the_cache_are_read() {
    assert!(replay("cache", readers::cache) >= 2, "some files are kernels");
}

#[test]
fn guests_are_read() {
    assert!(replay("elf_guest", readers::elf_guest) >= 3, "some files are guests");
}
