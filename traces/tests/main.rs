//! Tests of reports, and of everything that reads and writes them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batch;
mod chrome;
mod common;
mod comparison;
mod contract;
mod corpora;
mod difference;
mod expectations;
mod judge;
mod junit;
mod ktap;
mod kunit;
mod page;
mod repro;
mod serial;
mod sweeps;
mod vcd;

/// Nobody would compile a file that no line above names, and its tests would seem to pass.
#[test]
fn every_file_of_tests_is_in_this_program() {
    let here = include_str!("main.rs");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for file in std::fs::read_dir(folder).expect("the folder of tests").flatten() {
        let path = file.path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            assert!(
                here.contains(&format!("\nmod {name};\n")),
                "{} is not a module of main.rs",
                path.display()
            );
        }
    }
}
