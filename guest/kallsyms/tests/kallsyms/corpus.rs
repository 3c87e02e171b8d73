//! Runs the fuzz target's files: those that fuzzing began with, and those that it found.

use std::fs;
use std::path::Path;

use crate::exercise::exercise;

#[test]
fn what_is_kept_for_the_fuzz_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/find");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let found = files.filter(|file| {
        println!("{}", file.display());
        exercise(&fs::read(file).unwrap())
    });
    assert!(found.count() >= 17, "most files have a table");
}
