//! Sets up kernels with types from the fuzzing corpus: those that fuzzing began with, and those that it found.

#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::fs;
use std::path::Path;

use pmdscope_arches::Arch;
use pmdscope_needs::Need;

use crate::support::kernels::{file, files};

#[test]
fn kernels_that_describe_themselves_wrongly_are_refused_or_run() {
    let kernels = files().iter().filter(|(_, arch)| matches!(arch, Ok(Arch::Arm64 | Arch::X86_64)));
    let kernels = readers::Kernels::new(kernels.map(|(path, _)| file(path)));
    if kernels.count() == 0 {
        Need::Kernels.skip("kernels that describe themselves wrongly are set up");
        return;
    }
    for number in 0..u8::try_from(kernels.count()).expect("there are few kernels") {
        assert!(readers::kernel_layout(&kernels, &[number]), "kernel {number} as it is");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/kernel_layout");
    for file in fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        println!("{}", file.display());
        readers::kernel_layout(&kernels, &fs::read(file).unwrap());
    }
}
