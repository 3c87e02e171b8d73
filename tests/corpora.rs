//! Reads the kept files of the fuzz target as messages of workers.

#[path = "fuzz/src/readers.rs"]
mod readers;

use std::fs;
use std::path::Path;

#[test]
fn what_workers_say_is_heard() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/worker");
    let files = fs::read_dir(folder).expect("the corpus").flatten().map(|file| file.path());
    let believed = files.filter(|file| {
        println!("{}", file.display());
        readers::worker(&fs::read(file).expect("a file"))
    });
    assert!(believed.count() >= 3, "some files are what a worker says");
}
