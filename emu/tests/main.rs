//! Tests of the explorer, of machines and of kernels, with real machine code.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agreement;
mod bounds;
mod corpora;
mod independence;
mod interleavings;
mod kernel_encoding;
mod kernel_functions;
mod kernel_walkers;
mod kernels;
mod probes;
mod recorded;
mod registry;
mod second_opinion;
mod support;
mod sweep;

/// Checks that the lines above name every file: one that they do not name is not compiled, and its tests do not
/// run.
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
