//! From the command line to what is to be done with a real kernel.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use pmdscope_arches::{Arch, Encoding, EntryKind};
use pmdscope_emu::{Bounds, HugePage, KernelMachine, Recipe, Reduction, Role, Schedule};
use pmdscope_guest::Kernel;
use pmdscope_guest::kernel::Cache;
use pmdscope_traces::GuestInfo;

use crate::cli::{CacheArgs, JobArgs, Marks};
use crate::plan::{Start, hex_value, number, run_bounds};
use crate::{input, output};

/// A kernel to run, and the encoding to read its entries by.
#[derive(Clone)]
pub struct KernelSource {
    pub path: PathBuf,
    pub kernel: Rc<Kernel>,
    pub encoding: Encoding,
    /// Whether what was unpacked of it is not kept.
    pub no_cache: bool,
}

impl KernelSource {
    /// What reports say of it.
    pub fn info(&self) -> GuestInfo {
        let file = self.kernel.file();
        // Not the path: the same kernel gives the same report wherever it lies.
        let name = self.path.file_name().map_or(self.path.as_os_str(), |name| name);
        GuestInfo {
            kind: "kernel".to_owned(),
            name: name.to_string_lossy().into_owned(),
            sha256: file.sha256.clone(),
            release: Some(file.release.text.clone()),
            package: file.package.as_ref().map(|package| format!("{} {}", package.name, package.version)),
            build_id: file.build_id.clone(),
        }
    }
}

/// What entry to begin with: it is built when the kernel's migration types are known.
#[derive(Debug, Clone, Copy)]
pub enum Wanted {
    /// One of a kind.
    Kind { kind: EntryKind, marks: Marks, pfn: Option<u64> },
    /// One by its value.
    Value(u64),
}

impl Wanted {
    /// The page that it is about.
    pub fn page(&self) -> HugePage {
        match self {
            Wanted::Kind { pfn: None, .. } => HugePage::Usual,
            Wanted::Kind { pfn: Some(pfn), .. } => HugePage::At(*pfn),
            Wanted::Value(value) => HugePage::Of(*value),
        }
    }

    /// The entry, in the encoding of the kernel as it was found to be.
    pub fn build(&self, encoding: &Encoding) -> Result<Start> {
        match *self {
            Wanted::Kind { kind, marks, pfn } => Start::of_kind(encoding, kind, marks, pfn),
            Wanted::Value(value) => Ok(Start::of_value(encoding, value)),
        }
    }
}

/// What `run --kernel` is to do.
pub struct KernelPlan {
    pub source: KernelSource,
    pub wanted: Wanted,
    pub writer: &'static Recipe,
    /// `None` where the writer is to be run alone.
    pub walkers: Vec<Option<&'static Recipe>>,
    pub bounds: Bounds,
    pub reduction: Reduction,
    pub schedule: Option<Schedule>,
}

impl KernelPlan {
    pub fn new(args: &JobArgs, path: &Path) -> Result<Self> {
        platform_left_out(args.arch.is_some(), args.mmu.is_some(), args.linux.is_some())?;
        let writer = args.writer.as_deref().unwrap_or("split");
        let writer = Recipe::of(writer, Role::Writer)?;
        let walker = |name: &String| match name.as_str() {
            "none" => Ok(None),
            name => Recipe::of(name, Role::Walker).map(Some),
        };
        let walkers = args.walker.iter().map(walker).collect::<Result<Vec<_>, _>>()?;
        let wanted = match (&args.pmd, &args.entry) {
            (Some(hex), _) => Wanted::Value(hex_value(hex)?),
            (None, Some(kind)) => Wanted::Kind {
                kind: kind.parse()?,
                marks: args.marks,
                pfn: args.pfn.as_deref().map(number).transpose()?,
            },
            (None, None) => bail!("name an entry by --entry or --pmd"),
        };
        let bounds = run_bounds(args)?;
        let schedule = args.schedule.as_deref().map(str::parse).transpose()?;
        ensure!(
            schedule.is_none() || walkers.iter().all(Option::is_some),
            "a schedule is of a writer and a walker: leave --schedule or --walker none out"
        );
        let source = kernel_source(path, args.cache)?;
        for recipe in std::iter::once(writer).chain(walkers.iter().copied().flatten()) {
            offered(&source, recipe).map_err(|reason| anyhow!("{}: {reason}", path.display()))?;
        }
        Ok(KernelPlan { source, wanted, writer, walkers, bounds, reduction: args.reduction.into(), schedule })
    }
}

/// Whether a kernel has a function for a recipe; if not, why, without saying which kernel.
pub fn offered(source: &KernelSource, recipe: &Recipe) -> Result<(), String> {
    if recipe.function(&source.kernel).is_some() {
        return Ok(());
    }
    let functions: Vec<_> = recipe.symbols.iter().map(|symbol| format!("{symbol}()")).collect();
    let near = match nearest(recipe.symbols[0], &source.kernel.functions()) {
        Some(name) => format!(" (the nearest is {name}())"),
        None => String::new(),
    };
    Err(format!("this kernel has no {} for {}{near}", functions.join(" or "), recipe.name))
}

/// The function of a kernel whose name is most like this one, if any is.
fn nearest<'a>(name: &str, functions: &[&'a str]) -> Option<&'a str> {
    // Of some 100,000 names many begin alike.
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

/// Refuses the options that would have a kernel's entries read as those of another platform.
pub fn platform_left_out(arch: bool, mmu: bool, linux: bool) -> Result<()> {
    for (option, named) in [("--arch", arch), ("--mmu", mmu), ("--linux", linux)] {
        ensure!(!named, "{KERNEL_SAYS}: leave {option} out");
    }
    Ok(())
}

/// Opens a kernel, and finds the encoding of its own architecture and version.
pub fn kernel_source(path: &Path, cache: CacheArgs) -> Result<KernelSource> {
    let kernel = open_kernel(path, cache)?;
    let arch = kernel.arch();
    let runs: Vec<_> =
        Arch::ALL.into_iter().filter(|arch| KernelMachine::runs(*arch)).map(Arch::name).collect();
    ensure!(
        KernelMachine::runs(arch),
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
    // An image chooses radix, the first. Only when it starts on a machine without it, it chooses hash.
    let mmu = arch.mmus().first().copied();
    let encoding = Encoding::at(arch, mmu, kernel.version())
        .with_context(|| format!("{}, which is Linux {}", path.display(), kernel.file().release))?;
    Ok(KernelSource { path: path.to_owned(), kernel: Rc::new(kernel), encoding, no_cache: cache.no_cache })
}

/// Opens a kernel. What is wrong with the cache is only told, and only if nothing else is.
pub fn open_kernel(path: &Path, args: CacheArgs) -> Result<Kernel> {
    let (cache, note) = match args.no_cache {
        true => (None, None),
        false => match Cache::of_user() {
            Ok(cache) => (Some(cache), None),
            Err(note) => (None, Some(note.to_string())),
        },
    };
    // What is no file is refused before it is waited for.
    input::open(path)?;
    let kernel = Kernel::open(path, cache.as_ref())?;
    for note in note.iter().chain(kernel.notes()) {
        output::tell(note);
    }
    Ok(kernel)
}
