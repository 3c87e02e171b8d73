//! Subjects, the machine code to run: a guest or a kernel, behind one interface.

mod guest;
mod kernel;

use std::rc::Rc;

use anyhow::{Result, ensure};
use pmdscope_arches::{Encoding, UnknownName};
use pmdscope_emu::{EmuError, Environment, FunctionError, HugePage, KernelEnvironment, kernel_routines};
use pmdscope_guest::routine::writers;
use pmdscope_guest::{Kernel, Role, Routine};
use pmdscope_traces::GuestInfo;

pub use self::guest::GuestSubject;
pub use self::kernel::{KERNEL_SAYS, KernelSubject, open_kernel, refuse_platform, types_of};
use crate::cli::JobArgs;
use crate::values::encoding;

/// The name for every routine of a role.
pub const EVERY_ROUTINE: &str = "all";
/// The name for no walker: a kernel's writer runs alone.
pub const NO_WALKER: &str = "none";

/// Machine code to run, and the encoding to read its entries by.
#[derive(Clone)]
pub enum Subject {
    /// A bundled guest, or one of the user's.
    Guest(GuestSubject),
    /// A real kernel.
    Kernel(KernelSubject),
}

impl Subject {
    /// Opens the subject that a command line names.
    pub fn of_args(args: &JobArgs) -> Result<Self> {
        if let Some(kernel) = args.kernel() {
            refuse_platform(args.arch.is_some(), args.mmu.is_some(), args.linux.is_some())?;
            return KernelSubject::of_arg(kernel, args.types.as_deref(), args.cache).map(Subject::Kernel);
        }
        ensure!(args.types.is_none(), "--types is of a kernel: give --kernel too");
        let arch = args.arch.as_deref().unwrap_or_default();
        let encoding = encoding(arch, args.mmu.as_deref(), args.linux.as_deref())?;
        let guest = match &args.guest {
            Some(path) => GuestSubject::from_file(path, encoding)?,
            None => GuestSubject::bundled_for(encoding)?,
        };
        Ok(Subject::Guest(guest.on_named(args.engine.as_deref())?))
    }

    /// Returns the encoding of its entries. A kernel's may differ in details that only a set up environment knows.
    pub fn encoding(&self) -> &Encoding {
        match self {
            Subject::Guest(guest) => &guest.encoding,
            Subject::Kernel(kernel) => &kernel.encoding,
        }
    }

    /// Returns its identity for reports.
    pub fn info(&self) -> GuestInfo {
        match self {
            Subject::Guest(guest) => guest.info(),
            Subject::Kernel(kernel) => kernel.info(),
        }
    }

    /// Returns the options of a command line that select it.
    pub fn options(&self) -> Vec<(&'static str, String)> {
        match self {
            Subject::Guest(guest) => guest.options(),
            Subject::Kernel(kernel) => kernel.options(),
        }
    }

    /// Whether its machine code is our own, so that it needs no confined process.
    pub fn is_bundled(&self) -> bool {
        matches!(self, Subject::Guest(guest) if guest.is_bundled())
    }

    /// Returns the routines of a role that can be named for it, whether it has them or not.
    pub fn routines(&self, role: Role) -> Vec<&'static Routine> {
        match self {
            Subject::Guest(guest) => guest.guest.routines(role).collect(),
            Subject::Kernel(_) => kernel_routines(role).collect(),
        }
    }

    /// Finds a routine by role and name.
    ///
    /// Any function of a kernel can be named as well, which is then called by its types.
    pub fn routine(&self, role: Role, name: &str) -> Result<&'static Routine, NoRoutine> {
        match self {
            Subject::Guest(guest) => Ok(guest.guest.routine(role, name)?),
            Subject::Kernel(kernel) => kernel.routine(role, name),
        }
    }

    /// Finds a routine by role and name; `all` gives every routine that the subject has.
    pub fn routines_named(&self, role: Role, name: &str) -> Result<Vec<&'static Routine>, NoRoutine> {
        if name == EVERY_ROUTINE {
            return Ok(self
                .routines(role)
                .into_iter()
                .filter(|routine| self.has([*routine]).is_ok())
                .collect());
        }
        Ok(vec![self.routine(role, name)?])
    }

    /// Finds a walker by name. For a kernel, `none` gives `None`: its writer runs alone.
    pub fn walker(&self, name: &str) -> Result<Option<&'static Routine>, NoRoutine> {
        match (self, name) {
            (Subject::Kernel(_), NO_WALKER) => Ok(None),
            _ => self.routine(Role::Walker, name).map(Some),
        }
    }

    /// Finds a routine of any role by name, to run with writer and walker.
    pub fn other(&self, name: &str) -> Result<&'static Routine, UnknownName> {
        match self {
            Subject::Guest(guest) => guest.guest.routine_of_any_role(name),
            Subject::Kernel(_) => {
                let all = || Role::ALL.into_iter().flat_map(kernel_routines);
                let unknown = || UnknownName::new("routine of a kernel", name, all().map(|one| one.name));
                all().find(|routine| routine.name == name).ok_or_else(unknown)
            }
        }
    }

    /// Returns the name of the writer that `run` takes if none is named.
    pub const fn default_writer(&self) -> &'static str {
        match self {
            Subject::Guest(_) => writers::SPLIT_UNGUARDED.name,
            Subject::Kernel(_) => "split",
        }
    }

    /// Returns the names of the routines that `compare` takes if none is named.
    ///
    /// Writers: the split before and after the fix; of a kernel its own split. Walkers: one that checks access, two
    /// that do not, and one that clears a bad entry; of a kernel the first and the last.
    pub const fn compared(&self, role: Role) -> &'static [&'static str] {
        match (self, role) {
            (Subject::Guest(_), Role::Writer) => &["split-unguarded", "split-guarded"],
            (Subject::Guest(_), Role::Walker) => {
                &["gup-fast-read", "perf-page-size", "hmm", "pte-offset-map"]
            }
            (Subject::Kernel(_), Role::Writer) => &["split"],
            (Subject::Kernel(_), Role::Walker) => &["gup-fast-read", "pte-offset-map"],
            (_, Role::Agent) => &[],
        }
    }

    /// Checks that it has these routines.
    ///
    /// # Errors
    /// [`LackingRoutine`] names the first one that it lacks.
    pub fn has(&self, routines: impl IntoIterator<Item = &'static Routine>) -> Result<(), LackingRoutine> {
        routines.into_iter().try_for_each(|routine| {
            let has = match self {
                Subject::Guest(guest) => guest.has(routine),
                Subject::Kernel(kernel) => kernel.has(routine),
            };
            has.map_err(|why| LackingRoutine { name: routine.name, why })
        })
    }

    /// Checks like [`Self::has`], with an error that names the subject.
    pub fn check(&self, routines: impl IntoIterator<Item = &'static Routine>) -> Result<()> {
        routines.into_iter().try_for_each(|routine| match self {
            Subject::Guest(guest) => guest.check(routine),
            Subject::Kernel(kernel) => kernel.check(routine),
        })
    }

    /// Returns the symbol of the function that runs for a routine.
    pub fn function_of(&self, routine: &Routine) -> &'static str {
        match self {
            Subject::Guest(_) => routine.symbol(),
            Subject::Kernel(kernel) => {
                routine.function_in(&kernel.kernel).map_or(routine.symbols[0], |(symbol, _)| symbol)
            }
        }
    }
}

/// Why a name is that of no routine.
#[derive(Debug, thiserror::Error)]
pub enum NoRoutine {
    /// No routine has the name.
    #[error(transparent)]
    Unknown(#[from] UnknownName),
    /// The kernel's function of this name cannot be called.
    #[error(transparent)]
    Function(#[from] FunctionError),
}

/// A routine that a subject does not have.
pub struct LackingRoutine {
    /// Its name.
    pub name: &'static str,
    /// Why the subject lacks it, without the name of the subject.
    pub why: String,
}

/// The environment of the last study. The next study reuses it if possible.
#[derive(Default)]
pub struct LastEnvironment(Option<Last>);

enum Last {
    Guest { identity: String, environment: Box<dyn Environment> },
    Kernel { kernel: Rc<Kernel>, page: HugePage, environment: Box<KernelEnvironment> },
}

impl LastEnvironment {
    /// Returns the environment of a subject, around a huge page.
    ///
    /// It is the last one if that is of the same guest, or of the same kernel and huge page.
    pub fn of(&mut self, subject: &Subject, page: HugePage) -> Result<&mut dyn Environment, EmuError> {
        let environment = match (subject, self.0.take()) {
            (Subject::Guest(guest), Some(Last::Guest { identity, environment }))
                if identity == guest.identity() =>
            {
                Last::Guest { identity, environment }
            }
            (Subject::Guest(guest), _) => {
                Last::Guest { identity: guest.identity(), environment: guest.environment()? }
            }
            (Subject::Kernel(subject), Some(Last::Kernel { kernel, page: of, mut environment }))
                if Rc::ptr_eq(&kernel, &subject.kernel) && of == page =>
            {
                environment.forget_job()?;
                Last::Kernel { kernel, page, environment }
            }
            (Subject::Kernel(KernelSubject { kernel, encoding, .. }), _) => {
                let environment = Box::new(KernelEnvironment::new(Rc::clone(kernel), *encoding, page)?);
                Last::Kernel { kernel: Rc::clone(kernel), page, environment }
            }
        };
        Ok(match self.0.insert(environment) {
            Last::Guest { environment, .. } => environment.as_mut(),
            Last::Kernel { environment, .. } => environment.as_mut(),
        })
    }

    /// Forgets the environment if it is a guest's.
    pub fn forget_guest(&mut self) {
        self.0.take_if(|last| matches!(last, Last::Guest { .. }));
    }

    /// Forgets the environment: after a failure nobody knows what it is like.
    pub fn forget(&mut self) {
        self.0 = None;
    }
}
