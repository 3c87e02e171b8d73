//! A real kernel.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, ensure};
use pmdscope_arches::{Arch, Encoding};
use pmdscope_emu::KernelEnvironment;
use pmdscope_guest::kernel::Cache;
use pmdscope_guest::{Kernel, Routine};
use pmdscope_traces::{GuestInfo, GuestKind};

use crate::cli::CacheArgs;
use crate::kernel_arg::{KernelArg, Traits};
use crate::values::file_name;
use crate::{input, output};

/// A kernel to run, and the encoding to read its entries by.
#[derive(Clone)]
pub struct KernelSubject {
    /// The file: a package, a boot image, or a vmlinux.
    pub path: PathBuf,
    /// The kernel.
    pub kernel: Rc<Kernel>,
    /// The usual encoding of its architecture and version.
    pub encoding: Encoding,
    /// What tells it apart from other kernels of its release, if there are any.
    pub label: Option<String>,
    /// Whether to do without the cache of unpacked kernels.
    pub no_cache: bool,
}

impl KernelSubject {
    /// Opens a kernel, and finds the encoding of its own architecture and version.
    pub fn open(path: &Path, cache: CacheArgs) -> Result<KernelSubject> {
        let kernel = open_kernel(path, cache)?;
        let arch = kernel.arch();
        let runs: Vec<_> =
            Arch::ALL.into_iter().filter(|arch| KernelEnvironment::runs(*arch)).map(Arch::name).collect();
        ensure!(
            KernelEnvironment::runs(arch),
            "{}: kernels of {arch} cannot be run: those of {} can",
            path.display(),
            runs.join(", ")
        );
        ensure!(
            kernel.has_types(),
            "{}: this kernel does not describe its types (BTF), which says what its functions work on: one that was \
             built with CONFIG_DEBUG_INFO_BTF does",
            path.display()
        );
        // A ppc64 image uses radix, the first. It changes to hash only if it boots on a machine without radix.
        let mmu = arch.mmus().first().copied();
        let encoding = Encoding::at(arch, mmu, kernel.version())
            .with_context(|| format!("{}, which is Linux {}", path.display(), kernel.file().release))?;
        let no_cache = cache.no_cache;
        let kernel = Rc::new(kernel);
        Ok(KernelSubject { path: path.to_owned(), kernel, encoding, label: None, no_cache })
    }

    /// Opens a kernel that a command line names, with its label.
    pub fn of_arg(arg: &KernelArg, cache: CacheArgs) -> Result<KernelSubject> {
        Ok(KernelSubject { label: arg.label.clone(), ..KernelSubject::open(&arg.path, cache)? })
    }

    /// Returns what it can be told apart by.
    pub fn traits(&self) -> Traits<'_> {
        let file = self.kernel.file();
        Traits {
            label: self.label.as_deref(),
            release: &file.release.text,
            path: &self.path,
            build_id: file.build_id.as_deref(),
        }
    }

    /// Returns its name in reports: its label, or its release.
    pub fn name(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.kernel.file().release.text)
    }

    /// Returns its identity for reports.
    pub fn info(&self) -> GuestInfo {
        let file = self.kernel.file();
        GuestInfo {
            kind: GuestKind::Kernel,
            // Not the path: the same kernel gives the same report wherever it lies.
            name: file_name(&self.path),
            sha256: file.sha256.clone(),
            release: Some(file.release.text.clone()),
            package: file.package.as_ref().map(|package| format!("{} {}", package.name, package.version)),
            build_id: file.build_id.clone(),
            label: self.label.clone(),
        }
    }

    /// Checks that it has a function for a routine.
    ///
    /// # Errors
    /// The reason why it lacks one, without the name of the kernel.
    pub fn has(&self, routine: &Routine) -> Result<(), String> {
        if routine.function_in(&self.kernel).is_some() {
            return Ok(());
        }
        let functions: Vec<_> = routine.symbols.iter().map(|symbol| format!("{symbol}()")).collect();
        let near = match nearest(routine.symbols[0], &self.kernel.functions()) {
            Some(name) => format!(" (the nearest is {name}())"),
            None => String::new(),
        };
        Err(format!("this kernel has no {} for {}{near}", functions.join(" or "), routine.name))
    }

    /// Checks like [`Self::has`], with an error that names the kernel.
    pub fn check(&self, routine: &Routine) -> Result<()> {
        self.has(routine).map_err(|why| anyhow!("{}: {why}", self.path.display()))
    }
}

/// Returns the function with the most similar name, if one is similar enough.
fn nearest<'a>(name: &str, functions: &[&'a str]) -> Option<&'a str> {
    // A kernel has some 100,000 names, and many begin alike.
    const ALIKE: f64 = 0.9;
    functions
        .iter()
        .map(|function| (strsim::jaro_winkler(name, function), *function))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, function)| function)
}

/// Why neither a command line nor a matrix may name the platform of a kernel.
pub const KERNEL_SAYS: &str = "a kernel says itself which architecture, MMU and version it is";

/// Refuses options that would decode a kernel's entries as those of another platform.
pub fn refuse_platform(arch: bool, mmu: bool, linux: bool) -> Result<()> {
    for (option, named) in [("--arch", arch), ("--mmu", mmu), ("--linux", linux)] {
        ensure!(!named, "{KERNEL_SAYS}: leave {option} out");
    }
    Ok(())
}

/// Opens a kernel. Problems with the cache are only printed, and only if the kernel opens.
pub fn open_kernel(path: &Path, args: CacheArgs) -> Result<Kernel> {
    let (cache, note) = match args.no_cache {
        true => (None, None),
        false => match Cache::of_user() {
            Ok(cache) => (Some(cache), None),
            Err(note) => (None, Some(note.to_string())),
        },
    };
    // Refuse anything but a regular file first: reading a pipe could wait for ever.
    input::open(path)?;
    let kernel = Kernel::open(path, cache.as_ref())?;
    for note in note.iter().chain(kernel.notes()) {
        output::tell(note);
    }
    Ok(kernel)
}
