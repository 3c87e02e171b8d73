//! Kernels whose description of their types says something else than is.

use std::fmt::Display;
use std::rc::Rc;
use std::time::Duration;

use pmdscope_arches::{Arch, Encoding, Mmu};
use pmdscope_emu::{CallBounds, EmuError, Environment, HugePage, KernelEnvironment, kernel_routine};
use pmdscope_guest::kernel::{BtfPlace, KernelFile};
use pmdscope_guest::{Kernel, Role};

use super::types::Described;

/// Kernels, each with what it says of its types.
pub struct Kernels(Vec<(KernelFile, Described)>);

impl Kernels {
    /// Those whose types can be described anew.
    pub fn new(files: impl IntoIterator<Item = KernelFile>) -> Kernels {
        let files = files.into_iter().filter(|file| file.flat.arch != Arch::S390x && file.btf().is_some());
        let described = |file: KernelFile| {
            let kernel = Kernel::of_file(file.clone()).expect("it has symbols and types");
            (file, Described::of(&kernel))
        };
        Kernels(files.map(described).collect())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Takes bytes for a kernel, by its number, and for what is changed in its types: sets it up, and runs its controls, a
/// writer and a walker. Says whether the controls passed.
pub fn kernel_layout(kernels: &Kernels, bytes: &[u8]) -> bool {
    let Some((number, changes)) = bytes.split_first() else { return false };
    let (file, described) = &kernels.0[usize::from(*number) % kernels.0.len()];
    let kernel = match Kernel::of_file(with_types(file, &described.changed(changes).btf())) {
        Ok(kernel) => Rc::new(kernel),
        Err(error) => {
            assert_one_line(&error);
            return false;
        }
    };
    let mmu = (!kernel.arch().mmus().is_empty()).then_some(Mmu::Radix);
    let encoding = Encoding::at(kernel.arch(), mmu, kernel.version()).expect("it is a version that is known");
    match ran(kernel, encoding) {
        Ok(passed) => passed,
        Err(error) => {
            assert_one_line(&error);
            false
        }
    }
}

fn ran(kernel: Rc<Kernel>, encoding: Encoding) -> Result<bool, EmuError> {
    let mut machine = KernelEnvironment::new(kernel, encoding, HugePage::Usual)?;
    let passed = machine.controls()?.iter().all(|control| control.passed);
    let bounds = CallBounds { accesses: 1 << 10, instructions: 1 << 16, time: Duration::from_secs(5) };
    let entry = machine.encoding().none();
    for (name, role) in [("split", Role::Writer), ("page-vma-mapped-walk", Role::Walker)] {
        let routine = kernel_routine(role, name).expect("kernels are asked for it");
        if let Err(error) = machine.run_alone(routine, entry, bounds) {
            assert_one_line(&error);
        }
    }
    Ok(passed)
}

/// The kernel with other types, which take no more room than its own.
fn with_types(file: &KernelFile, btf: &[u8]) -> KernelFile {
    let mut file = file.clone();
    let place = file.btf.expect("it describes its types");
    let room = &mut file.flat.segments[place.segment].bytes[place.offset..][..place.length];
    room[..btf.len()].copy_from_slice(btf);
    file.btf = Some(BtfPlace { length: btf.len(), ..place });
    file
}

/// An error is one line, whatever the kernel says.
fn assert_one_line(error: &impl Display) {
    let text = error.to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}
