//! A real kernel.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, ensure};
use pmdscope_arches::{Arch, Encoding};
use pmdscope_emu::{EngineKind, FunctionError, KernelEnvironment, function, kernel_routine};
use pmdscope_guest::kernel::{Cache, TypesFrom};
use pmdscope_guest::{Kernel, Role, Routine, bundled};
use pmdscope_traces::{GuestInfo, GuestKind, TypesInfo};

use crate::cli::CacheArgs;
use crate::kernel_arg::{KernelArg, Traits};
use crate::subject::NoRoutine;
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
    /// The file of its types, if not its own.
    pub types: Option<PathBuf>,
    /// What tells it apart from other kernels of its release, if there are any.
    pub label: Option<String>,
    /// Whether to do without the cache of unpacked kernels.
    pub no_cache: bool,
    called: Rc<Called>,
}

/// The functions that were asked for, by role and name: what is passed to them is searched for in the whole image.
#[derive(Default)]
struct Called(RefCell<HashMap<(Role, String), Function>>);

/// A function that is called by its types, or why it cannot be.
type Function = Result<&'static Routine, FunctionError>;

impl KernelSubject {
    /// Opens a kernel, and finds the encoding of its own architecture and version.
    ///
    /// `types` is a file of types to take in place of the kernel's own.
    pub fn open(path: &Path, types: Option<&Path>, cache: CacheArgs) -> Result<KernelSubject> {
        let kernel = open_kernel(path, types, cache)?;
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
            "{}: this kernel does not describe its types, which say what its functions work on{}: one that was built \
             with CONFIG_DEBUG_INFO_BTF does; or give the vmlinux of its build, with BTF or debug information (DWARF), \
             by --types",
            path.display(),
            match kernel.types_from() {
                TypesFrom::None(Some(reason)) => format!(" ({reason})"),
                _ => String::new(),
            }
        );
        // A ppc64 image uses radix, the first. It changes to hash only if it boots on a machine without radix.
        let mmu = arch.mmus().first().copied();
        let encoding = Encoding::at(arch, mmu, kernel.version())
            .with_context(|| format!("{}, which is Linux {}", path.display(), kernel.file().release))?;
        let no_cache = cache.no_cache;
        let types = types.map(Path::to_owned);
        let kernel = Rc::new(kernel);
        Ok(KernelSubject {
            path: path.to_owned(),
            kernel,
            encoding,
            types,
            label: None,
            no_cache,
            called: Rc::default(),
        })
    }

    /// Opens a kernel that a command line names, with its label and the file of its types.
    pub fn of_arg(arg: &KernelArg, types: Option<&Path>, cache: CacheArgs) -> Result<KernelSubject> {
        Ok(KernelSubject::open(&arg.path, types, cache)?.labelled(arg.label.clone()))
    }

    /// Returns it with another label.
    pub fn labelled(self, label: Option<String>) -> KernelSubject {
        KernelSubject { label, ..self }
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

    /// Returns the options of a command line that select it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        let info = self.info();
        let types = info.types.map(|types| ("--types", types.name));
        [("--kernel", info.name)].into_iter().chain(types).collect()
    }

    /// Returns the file of its types, if not its own, and the file's SHA-256.
    pub fn types_file(&self) -> Option<(PathBuf, String)> {
        match (&self.types, self.kernel.types_from()) {
            (Some(path), TypesFrom::File { sha256, .. }) => Some((path.clone(), sha256.clone())),
            _ => None,
        }
    }

    /// Returns what is assumed of its types: that they are its own, if nothing shows it.
    pub fn assumption(&self) -> Option<String> {
        match self.kernel.types_from() {
            TypesFrom::File { name, same_build: false, .. } => Some(format!(
                "the types of {name} are those of this kernel: one of the two has no build ID, so this was not checked"
            )),
            _ => None,
        }
    }

    /// Returns its identity for reports.
    pub fn info(&self) -> GuestInfo {
        let file = self.kernel.file();
        GuestInfo {
            kind: GuestKind::Kernel,
            // Not the path: the same kernel gives the same report wherever it lies.
            name: file_name(&self.path),
            sha256: file.sha256.clone(),
            engine: Some(EngineKind::usual(self.encoding.arch()).version().to_owned()),
            release: Some(file.release.text.clone()),
            package: file.package.as_ref().map(|package| format!("{} {}", package.name, package.version)),
            build_id: file.build_id.clone(),
            types: match self.kernel.types_from() {
                TypesFrom::File { name, sha256, .. } => {
                    Some(TypesInfo { name: name.clone(), sha256: sha256.clone() })
                }
                _ => None,
            },
            label: self.label.clone(),
        }
    }

    /// Finds a routine by role and name: that of a recipe, or else a function, which is called by its types.
    pub fn routine(&self, role: Role, name: &str) -> Result<&'static Routine, NoRoutine> {
        let unknown = match kernel_routine(role, name) {
            Ok(routine) => return Ok(routine),
            Err(unknown) => unknown,
        };
        match self.function(role, name) {
            Ok(routine) => Ok(routine),
            // The name is likelier a mistake in that of a routine.
            Err(FunctionError::Name(_) | FunctionError::NoFunction(_)) if !name.contains(':') => {
                Err(unknown.into())
            }
            Err(why) => Err(why.into()),
        }
    }

    /// Returns the routine that is a function of this name, called by its types.
    fn function(&self, role: Role, name: &str) -> Function {
        let mut called = self.called.0.borrow_mut();
        called.entry((role, name.to_owned())).or_insert_with(|| function(&self.kernel, role, name)).clone()
    }

    /// Checks that it has a function for a routine.
    ///
    /// # Errors
    /// The reason why it lacks one, without the name of the kernel.
    pub fn has(&self, routine: &Routine) -> Result<(), String> {
        // Another kernel may describe a function that this one has, and does not.
        if routine.declared {
            return self.function(routine.role, routine.name).map(drop).map_err(|why| why.to_string());
        }
        if routine.role == Role::Agent {
            let encoding = &self.encoding;
            let guest = bundled(encoding.arch(), encoding.mmu(), encoding.version());
            let has = guest.is_ok_and(|guest| guest.load().is_ok_and(|guest| guest.has_routine(routine)));
            return match has {
                true => Ok(()),
                false => Err(format!("has no {}: its MMU does not mark entries", routine.name)),
            };
        }
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

/// Returns the file of types of each kernel, `None` for its own.
///
/// `types` has none, or as many as there are kernels, in their order; `-` is for a kernel's own.
pub fn types_of(kernels: usize, types: &[PathBuf]) -> Result<Vec<Option<PathBuf>>> {
    ensure!(
        types.is_empty() || types.len() == kernels,
        "files of types for {} kernels, and there are {kernels}: give one for each, in their order, or - for a \
         kernel's own",
        types.len()
    );
    let own = Path::new("-");
    let mut of_each: Vec<_> =
        types.iter().map(|file| Some(file.clone()).filter(|file| file != own)).collect();
    of_each.resize(kernels, None);
    Ok(of_each)
}

/// Opens a kernel. Problems with the cache are only printed, and only if the kernel opens.
pub fn open_kernel(path: &Path, types: Option<&Path>, args: CacheArgs) -> Result<Kernel> {
    let (cache, note) = match args.no_cache {
        true => (None, None),
        false => match Cache::of_user() {
            Ok(cache) => (Some(cache), None),
            Err(note) => (None, Some(note.to_string())),
        },
    };
    // Refuse anything but a regular file first: reading a pipe could wait for ever.
    input::open(path)?;
    types.map(input::open).transpose()?;
    let kernel = Kernel::open_with_types(path, types, cache.as_ref())?;
    for note in note.iter().chain(kernel.notes()) {
        output::tell(note);
    }
    Ok(kernel)
}
