//! A kernel is not set up with the encoding of another kernel: its own functions show that the encoding is wrong.
//! The kernels are those of `tests/kernels.rs`.

use std::rc::Rc;

use pmdscope_arches::{Arch, Encoding, Version};
use pmdscope_emu::{EmuError, Environment, HugePage, KernelEnvironment};
use pmdscope_guest::Kernel;
use pmdscope_needs::kernels;

/// Opens the kernel whose file name contains `part`. If there is none, returns `None`, and the test is reported as
/// skipped.
fn kernel(part: &str) -> Option<Kernel> {
    Some(Kernel::open(kernels(&[part]).first()?, None).unwrap())
}

#[test]
fn an_encoding_that_is_not_the_kernels_is_refused() {
    let Some(kernel) = kernel("5.10.0-30-arm64") else { return };
    let kernel = Rc::new(kernel);
    for (version, fits) in [("5.10", true), ("6.1", false), ("6.12", false), ("7.2", false)] {
        let version: Version = version.parse().unwrap();
        let encoding = Encoding::at(Arch::Arm64, None, version).unwrap();
        match KernelEnvironment::new(Rc::clone(&kernel), encoding, HugePage::Usual) {
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
