//! A machine for a kernel is not built with the encoding of another: the kernel's own functions show that it is wrong.
//! The kernels are those of `tests/kernels.rs`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use pmdscope_arches::{Arch, Encoding, Version};
use pmdscope_emu::{EmuError, HugePage, KernelMachine};
use pmdscope_guest::Kernel;

/// The kernel whose file's name contains a text; if there is none, that is said.
fn kernel(part: &str) -> Option<Kernel> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = std::env::var_os("PMDSCOPE_KERNELS").map_or(root.join("kernels"), |set| root.join(set));
    let files = std::fs::read_dir(&folder).into_iter().flatten().flatten().map(|file| file.path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().contains(part)).collect();
    found.sort();
    match found.first() {
        Some(path) => Some(Kernel::open(path, None).unwrap()),
        None => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: no {part} in {}", folder.display());
            None
        }
    }
}

#[test]
fn an_encoding_that_is_not_the_kernels_is_refused() {
    let Some(kernel) = kernel("5.10.0-30-arm64") else { return };
    let kernel = Rc::new(kernel);
    for (version, fits) in [("5.10", true), ("6.1", false), ("6.12", false), ("7.2", false)] {
        let version: Version = version.parse().unwrap();
        let encoding = Encoding::at(Arch::Arm64, None, version).unwrap();
        match KernelMachine::new(Rc::clone(&kernel), encoding, HugePage::Usual) {
            Ok(machine) => {
                assert!(fits, "{version}");
                assert_eq!(machine.encoding().migration_types().read, 30);
            }
            Err(EmuError::Environment(why)) => {
                assert!(!fits, "{version}: {why}");
                assert!(why.contains("this kernel has another encoding"), "{version}: {why}");
            }
            Err(other) => panic!("{version}: {other}"),
        }
    }
}
