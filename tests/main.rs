//! The real binary, as its users run it.

mod bad_input;
mod batch;
mod batch_kills;
mod batch_lacks;
mod bisected;
mod common;
mod compared;
mod confined;
mod context;
mod contract;
mod corpora;
mod decode_readings;
mod deterministic;
mod explain;
mod explorer;
mod fetch_kernels;
mod findings;
mod golden;
mod help;
mod judged_two_ways;
mod kernel_findings;
mod kernel_platform;
mod kernels;
mod libraries;
mod manual;
mod objects;
mod own_guest;
mod own_kernels;
mod patched;
mod planted;
mod readme;
mod registries;
mod repro;
mod results;
mod schema;
mod short_memory;
mod strangers;
mod survey;
mod sweep;
mod terminal;
mod words;

/// A file that is not named above would not be compiled, and nobody would miss its tests.
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
