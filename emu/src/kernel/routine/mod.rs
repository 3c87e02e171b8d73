//! Recipes: the functions of a kernel that can be run, and how each is called.
//!
//! To add one, add a constant to the file of its role and name it in that file's `ALL`.

use std::rc::Rc;

use pmdscope_arches::UnknownName;
use pmdscope_guest::abi::Outcome;
use pmdscope_guest::{Check, Role, Routine};

use self::by_type::TypedCall;
use self::recipe::{AFTERWARDS, Caller, Conclusion, Recipe};
use crate::EmuError;
use crate::kernel::process::KernelProcess;
use crate::kernel::provide::Provision;
use crate::vcpu::NextCall;

mod agents;
mod by_type;
mod contracts;
mod recipe;
mod walkers;
mod writers;

pub use by_type::{
    FunctionError, check_function_name, declaration, flag_settings, function, functions, functions_above,
    source_name, symbol_of,
};
pub use contracts::{Contract, Passed, contract_of};
pub(crate) use walkers::GUP_FAST_READ;

/// Returns all recipes.
fn recipes() -> impl Iterator<Item = &'static Recipe> + Clone {
    writers::ALL.iter().chain(walkers::ALL).chain(agents::ALL)
}

/// Returns the kernel routines of a role.
pub fn kernel_routines(role: Role) -> impl Iterator<Item = &'static Routine> + Clone {
    recipes().map(|recipe| &recipe.routine).filter(move |routine| routine.role == role)
}

/// Returns the kernel routine with this name, or else the one that has a function of this name.
///
/// # Errors
/// [`UnknownName`] if there is no such routine. It suggests the nearest name.
pub fn kernel_routine(role: Role, name: &str) -> Result<&'static Routine, UnknownName> {
    // An agent is run in the place of a walker.
    let agents = kernel_routines(Role::Agent).filter(move |_| role == Role::Walker);
    let all = kernel_routines(role).chain(agents);
    let what = match role {
        Role::Writer => "writer of a kernel",
        Role::Walker => "walker of a kernel",
        Role::Agent => "agent of a kernel",
    };
    // A name may be that of one routine, and that of a function of another.
    let by_name = all.clone().find(|routine| routine.name == name);
    by_name
        .or_else(|| all.clone().find(|routine| routine.symbols.contains(&name)))
        .ok_or_else(|| UnknownName::new(what, name, all.map(|routine| routine.name)))
}

/// Returns the recipe that calls a function, if one does.
pub fn recipe_calling(role: Role, symbol: &str) -> Option<&'static Routine> {
    kernel_routines(role).find(|routine| routine.symbols.contains(&symbol))
}

/// Returns the recipe of a routine.
///
/// # Errors
/// [`EmuError::Environment`] if it is not a kernel routine.
pub(crate) fn recipe_of(routine: &Routine) -> Result<&'static Recipe, EmuError> {
    let recipe = recipes().find(|recipe| recipe.routine == *routine);
    recipe.ok_or_else(|| EmuError::Environment(format!("kernels cannot be asked for {routine}")))
}

/// A routine and the function that it calls, ready to be run on any CPU.
#[derive(Clone)]
pub(crate) struct PreparedCall {
    how: How,
    symbol: &'static str,
    pub(crate) function: u64,
    /// What is known of the locks of a function that is called by its types.
    locks: Locks,
    /// What it needs beside its arguments.
    provisions: Rc<Vec<Provision>>,
}

/// How a routine is called.
#[derive(Clone)]
enum How {
    Recipe(&'static Recipe),
    ByType(Rc<TypedCall>),
}

/// What a function that is called by its types has to do with the locks of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Locks {
    /// Whether its callers hold the lock of the PMD table: it stores to the entry without taking that.
    pub(crate) by_caller: bool,
    /// Whether it releases the lock that its callers hold.
    pub(crate) released: bool,
    /// Whether it can return with a lock held.
    pub(crate) returned: bool,
}

/// The functions that are called for a routine, one after the other.
pub(crate) struct Calls {
    pub(crate) function: u64,
    pub(crate) arguments: Vec<u64>,
    pub(crate) then: Option<Rc<NextCall>>,
}

impl PreparedCall {
    pub(crate) fn new(
        routine: &Routine,
        process: &KernelProcess,
        locks: Locks,
        provisions: &Rc<Vec<Provision>>,
    ) -> Result<PreparedCall, EmuError> {
        let kernel = &process.machine.kernel;
        let found = match routine.role {
            Role::Agent => process.agent(routine),
            _ => routine.function_in(kernel),
        };
        let Some((symbol, function)) = found else {
            return Err(EmuError::Environment(format!(
                "this kernel has no {}()",
                routine.symbols.join("() or ")
            )));
        };
        let how = match routine.declared {
            true => How::ByType(Rc::new(TypedCall::new(routine, kernel)?)),
            false => How::Recipe(recipe_of(routine)?),
        };
        Ok(PreparedCall { how, symbol, function, locks, provisions: Rc::clone(provisions) })
    }

    /// Returns the same call, given what is known of its locks, and what it needs.
    pub(crate) fn knowing(self, locks: Locks, provisions: &Rc<Vec<Provision>>) -> PreparedCall {
        PreparedCall { locks, provisions: Rc::clone(provisions), ..self }
    }

    /// Returns the symbol of its function.
    pub(crate) fn symbol(&self) -> &'static str {
        self.symbol
    }

    pub(crate) fn locks(&self) -> Locks {
        self.locks
    }

    /// Returns the function that calls it, if it is not called directly.
    pub(crate) fn through(&self) -> Option<&'static str> {
        match &self.how {
            How::Recipe(_) => None,
            How::ByType(typed) => typed.through(),
        }
    }

    fn caller<'a>(&self, process: &'a KernelProcess, cpu: u8) -> Caller<'a> {
        Caller { process, cpu, symbol: self.symbol }
    }

    /// Returns the calls for a CPU, and writes the memory that their arguments point to.
    pub(crate) fn calls(&self, process: &KernelProcess, cpu: u8) -> Result<Calls, EmuError> {
        let (function, arguments) = match &self.how {
            How::Recipe(recipe) => (self.function, (recipe.arguments)(&self.caller(process, cpu))?),
            How::ByType(typed) => typed.call(process, cpu, self.function)?,
        };
        process.provide(cpu, &self.provisions)?;
        Ok(match (self.locked_by_caller(process), process.takes_lock()) {
            (Some(lock), Some(takes)) => {
                let then = NextCall { function, arguments };
                let arguments = takes.arguments(lock);
                Calls { function: takes.function, arguments, then: Some(Rc::new(then)) }
            }
            (Some(_), None) => {
                process.hold_table_lock()?;
                Calls { function, arguments, then: None }
            }
            (None, _) => Calls { function, arguments, then: None },
        })
    }

    /// Returns the lock that the caller holds.
    pub(crate) fn locked_by_caller(&self, process: &KernelProcess) -> Option<u64> {
        let held = match &self.how {
            How::Recipe(recipe) => recipe.under_table_lock,
            How::ByType(_) => self.locks.by_caller,
        };
        held.then_some(process.table_lock)
    }

    /// Returns the function that callers call next, and its arguments, if the routine returned with a lock held;
    /// else `None`.
    ///
    /// Unlocking takes a few instructions for which kernels have no function. So they are run where they always
    /// are: in the step of a walk after the one that found an entry mapped.
    pub(crate) fn afterwards(
        &self,
        process: &KernelProcess,
        cpu: u8,
    ) -> Result<Option<(u64, Vec<u64>)>, EmuError> {
        let caller = self.caller(process, cpu);
        let held = match (self.locked_by_caller(process), &self.how) {
            (Some(_), _) if self.locks.released => None,
            (Some(held), _) => Some(held),
            (None, How::Recipe(recipe)) => (recipe.held_lock)(&caller, process.returned(cpu)?)?,
            (None, How::ByType(typed)) if self.locks.returned => {
                typed.lock_of(process, cpu, process.returned(cpu)?)?
            }
            (None, How::ByType(_)) => None,
        };
        let Some(lock) = held else { return Ok(None) };
        let step = process.machine.needed_symbol(walkers::STEP)?;
        let walk = caller.out() + AFTERWARDS;
        process.mapped_walk_at(walk)?;
        process.machine.put64(walk + process.fields.offset(walkers::STEP, "ptl")?, lock)?;
        Ok(Some((step, vec![walk])))
    }

    /// Returns the outcome of the routine after its return. If it returns no entry, `last_view` is the outcome's
    /// entry.
    pub(crate) fn outcome(
        &self,
        process: &KernelProcess,
        cpu: u8,
        last_view: u64,
    ) -> Result<Outcome, EmuError> {
        let (caller, returned) = (self.caller(process, cpu), process.returned(cpu)?);
        let Conclusion { result, pfn, size, entry } = match &self.how {
            How::Recipe(recipe) => (recipe.conclude)(&caller, returned)?,
            How::ByType(typed) => typed.conclude(&caller, returned)?,
        };
        Ok(Outcome { result, check: Check::NoCheck, pfn, size, entry: entry.unwrap_or(last_view) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_routine_is_found_by_its_name_and_by_its_functions() {
        for routine in Role::ALL.into_iter().flat_map(kernel_routines) {
            let found = kernel_routine(routine.role, routine.name).unwrap();
            assert!(std::ptr::eq(found, routine), "{routine} is found as {found}");
            assert_eq!(recipe_of(routine).unwrap().routine, *routine);
            for symbol in routine.symbols {
                let found = kernel_routine(routine.role, symbol).unwrap();
                assert!(found.name == *symbol || found.symbols.contains(symbol), "{symbol}");
            }
        }
        assert_eq!(kernel_routine(Role::Writer, "__split_huge_pmd").unwrap().name, "split");
        assert!(kernel_routine(Role::Walker, "split").is_err(), "a writer is no walker");
        assert_eq!(
            kernel_routine(Role::Walker, "gup-fast").unwrap_err().to_string(),
            "unknown walker of a kernel 'gup-fast': did you mean 'gup-fast-read'?"
        );
        assert!(recipe_of(&pmdscope_guest::routine::walkers::HMM).is_err(), "kernels are not asked for it");
    }
}
