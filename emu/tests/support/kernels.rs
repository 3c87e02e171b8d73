//! Real kernels, set up to be run: those in `kernels/`, or in the folder that `PMDSCOPE_KERNELS` names.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::OnceLock;

use pmdscope_arches::{Arch, Encoding, Mmu};
use pmdscope_emu::{BaselineRun, CallBounds, Environment, HugePage, KernelEnvironment, Machine};
use pmdscope_guest::kernel::{Cache, KernelFile};
use pmdscope_guest::{Kernel, Routine, bundled};
use pmdscope_needs::Need;

use super::machine;

/// Prints a text that is visible even if the test passes, so that a skipped test does not look like a passed one.
pub fn say(text: &str) {
    // In one write, since other tests print too.
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// Returns the cache, in which kernels are unpacked once, for later runs too.
fn cache() -> Cache {
    Cache::in_folder(Path::new(env!("CARGO_TARGET_TMPDIR")).join("kernels"))
}

/// Returns every file in the folder, with its architecture, or the reason why it is not a kernel.
pub fn files() -> &'static [(PathBuf, Result<Arch, String>)] {
    static FILES: OnceLock<Vec<(PathBuf, Result<Arch, String>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let arch = |path: &Path| match KernelFile::open(path, Some(&cache())) {
            Ok(opened) => Ok(opened.kernel.flat.arch),
            Err(error) => Err(error.to_string()),
        };
        pmdscope_needs::kernel_files().into_iter().map(|path| (path.clone(), arch(&path))).collect()
    })
}

/// Opens one of these files.
pub fn file(path: &Path) -> KernelFile {
    KernelFile::open(path, Some(&cache())).unwrap().kernel
}

/// A kernel that was set up to be run.
pub struct Real {
    pub name: String,
    pub kernel: Rc<Kernel>,
    pub encoding: Encoding,
    /// The encoding of the bundled guest: with the migration types of the kernel, but pages of the usual size.
    pub guest_encoding: Encoding,
    pub machine: KernelEnvironment,
}

impl Real {
    pub fn open(path: &Path) -> Result<Real, String> {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let kernel = Kernel::open(path, Some(&cache())).map_err(|error| format!("{name}: {error}"))?;
        Real::set_up(name, Rc::new(kernel))
    }

    /// Sets up a machine with the kernel, whose controls must pass.
    pub fn set_up(name: String, kernel: Rc<Kernel>) -> Result<Real, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{name}: {error}");
        let mmu = (!kernel.arch().mmus().is_empty()).then_some(Mmu::Radix);
        let usual = Encoding::at(kernel.arch(), mmu, kernel.version()).map_err(|error| wrong(&error))?;
        let machine = KernelEnvironment::new(Rc::clone(&kernel), usual, HugePage::Usual);
        let mut machine = machine.map_err(|error| wrong(&error))?;
        let failed: Vec<_> =
            machine.controls().unwrap().into_iter().filter(|control| !control.passed).collect();
        if !failed.is_empty() {
            return Err(wrong(&format!("controls failed: {failed:?}")));
        }
        // This encoding has the migration types that were found in the kernel.
        let encoding = *machine.encoding();
        let guest_encoding = usual.with_migration_types(encoding.migration_types());
        Ok(Real { name, kernel, encoding, guest_encoding, machine })
    }

    /// Returns a machine with the bundled guest of the same encoding.
    pub fn guest(&self) -> Machine {
        machine(bundled(self.encoding.arch(), self.encoding.mmu(), self.kernel.version()).unwrap())
    }

    /// Runs a routine alone, however it ends.
    pub fn run(&mut self, routine: &Routine, entry: u64) -> BaselineRun {
        self.machine.run_alone(routine, entry, CallBounds::default()).unwrap()
    }
}

/// Runs a test on every kernel of an architecture, and panics with all complaints.
pub fn on_every_kernel(arch: Arch, test: impl Fn(&mut Real) -> Vec<String>) {
    let here = files().iter().filter(|(_, of)| *of == Ok(arch));
    let mut kernels = 0;
    let mut complaints = Vec::new();
    for (path, _) in here {
        kernels += 1;
        match Real::open(path) {
            Ok(mut real) => complaints.extend(test(&mut real)),
            Err(error) => complaints.push(error),
        }
    }
    if kernels == 0 {
        Need::Kernels.skip(&format!("kernels of {arch} are run"));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
