//! Recipes: the functions of a kernel that can be run, and how each is called.
//!
//! To add one, add a constant to the file of its role and name it in that file's `ALL`.

use pmdscope_arches::UnknownName;
use pmdscope_guest::abi::Outcome;
use pmdscope_guest::{Check, Role, Routine};

use self::recipe::{AFTERWARDS, Caller, Conclusion, Recipe};
use crate::EmuError;
use crate::kernel::process::KernelProcess;

mod recipe;
mod walkers;
mod writers;

pub(crate) use walkers::GUP_FAST_READ;

/// Returns all recipes.
fn recipes() -> impl Iterator<Item = &'static Recipe> + Clone {
    writers::ALL.iter().chain(walkers::ALL)
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
    let all = kernel_routines(role);
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

/// Returns the recipe of a routine.
///
/// # Errors
/// [`EmuError::Environment`] if it is not a kernel routine.
pub(crate) fn recipe_of(routine: &Routine) -> Result<&'static Recipe, EmuError> {
    let recipe = recipes().find(|recipe| recipe.routine == *routine);
    recipe.ok_or_else(|| EmuError::Environment(format!("kernels cannot be asked for {routine}")))
}

/// A recipe and the function that it calls, ready to be run on any CPU.
#[derive(Clone)]
pub(crate) struct PreparedCall {
    recipe: &'static Recipe,
    symbol: &'static str,
    pub(crate) function: u64,
}

impl PreparedCall {
    pub(crate) fn new(routine: &Routine, process: &KernelProcess) -> Result<PreparedCall, EmuError> {
        let Some((symbol, function)) = routine.function_in(&process.machine.kernel) else {
            return Err(EmuError::Environment(format!(
                "this kernel has no {}()",
                routine.symbols.join("() or ")
            )));
        };
        Ok(PreparedCall { recipe: recipe_of(routine)?, symbol, function })
    }

    fn caller<'a>(&self, process: &'a KernelProcess, cpu: u8) -> Caller<'a> {
        Caller { process, cpu, symbol: self.symbol }
    }

    /// Returns the arguments for a CPU, and writes the memory that they point to.
    pub(crate) fn arguments(&self, process: &KernelProcess, cpu: u8) -> Result<Vec<u64>, EmuError> {
        if self.locked_by_caller(process).is_some() {
            process.hold_table_lock()?;
        }
        (self.recipe.arguments)(&self.caller(process, cpu))
    }

    /// Returns the lock that the caller holds, if the kernel checks that it does.
    fn locked_by_caller(&self, process: &KernelProcess) -> Option<u64> {
        process.checked_table_lock().filter(|_| self.recipe.under_table_lock)
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
        let held = match self.locked_by_caller(process) {
            None => (self.recipe.held_lock)(&caller, process.returned(cpu)?)?,
            held => held,
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
        let Conclusion { result, pfn, size, entry } =
            (self.recipe.conclude)(&self.caller(process, cpu), process.returned(cpu)?)?;
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
