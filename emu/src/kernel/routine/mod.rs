//! Which functions of a kernel can be run, and how each is called: the recipes.

use pmdscope_arches::{EntryMarks, UnknownName};
use pmdscope_guest::abi::Outcome;
use pmdscope_guest::{Check, Kernel, WalkResult};

use crate::EmuError;
use crate::kernel::KernelMachine;
use crate::kernel::world::World;

mod walkers;
mod writers;

/// What a routine is run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It changes the entry.
    Writer,
    /// It reads the entry without its lock.
    Walker,
}

/// What entries a function's callers give it. It is run with any, and then says nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Any: it looks itself.
    Any,
    /// Mappings: `page_vma_mapped_walk()` without `PVMW_MIGRATION` has found them (Linux mm/rmap.c).
    Mapping,
    /// Migration entries: `page_vma_mapped_walk()` with `PVMW_MIGRATION` has found them (Linux mm/migrate.c).
    Migration,
}

/// A call of a function of the kernel's: what it is given, and how what it returns is understood.
pub struct Recipe {
    /// Its name in commands and reports.
    pub name: &'static str,
    /// The functions that it stands for; the first that a kernel has is run.
    pub symbols: &'static [&'static str],
    /// What it is run as.
    pub role: Role,
    /// What it is, in one line.
    pub meaning: &'static str,
    /// Whether what it stores last takes the place of the entry that was there: a page table, a mapping, a
    /// migration entry. What it stores before that is still to be the old entry.
    pub installs: bool,
    /// Whether it makes a mapping invalid to the hardware before it replaces it or returns.
    pub invalidates: bool,
    /// The marks of the entry before that what it installs need not have, with the reason beside it.
    pub may_drop: fn(&KernelMachine) -> EntryMarks,
    /// Whether it returns the entry that it replaced.
    pub returns_entry: bool,
    /// What entries the kernel calls it with.
    pub given: Given,
    /// Its arguments. What they point to is written before each call.
    arguments: fn(&Caller<'_>) -> Result<Vec<u64>, EmuError>,
    /// What it came to, given what it returned.
    conclude: fn(&Caller<'_>, u64) -> Result<Conclusion, EmuError>,
    /// The lock that it holds when it has returned this, which its callers let go of.
    holds: fn(&Caller<'_>, u64) -> Result<Option<u64>, EmuError>,
}

/// Who calls a routine.
struct Caller<'a> {
    world: &'a World,
    cpu: u8,
    /// The function that is called.
    symbol: &'static str,
}

impl Caller<'_> {
    /// Memory of this CPU's for what a function is given, or gives back.
    fn out(&self) -> u64 {
        self.world.outs[usize::from(self.cpu)]
    }

    /// A number that the function left in a structure of the caller's.
    fn left(&self, structure: &str, member: &str, bytes: u64) -> Result<u64, EmuError> {
        self.world.machine.get(self.out() + self.world.fields.offset(structure, member)?, bytes)
    }

    /// What an entry maps if it maps a huge page, in bytes.
    fn huge_bytes(&self) -> u64 {
        1 << self.world.encoding.layout().pmd_shift
    }
}

/// Where in a CPU's memory for results that is which callers need afterwards.
const AFTERWARDS: u64 = 0x200;

/// What a routine came to, as far as what it returned tells.
struct Conclusion {
    result: WalkResult,
    pfn: Option<u64>,
    size: u64,
    /// The entry that it returned, in CPU order, if it returns one.
    entry: Option<u64>,
}

const fn came_to(result: WalkResult) -> Conclusion {
    Conclusion { result, pfn: None, size: 0, entry: None }
}

fn drops_nothing(_: &KernelMachine) -> EntryMarks {
    EntryMarks::default()
}

const fn holds_nothing(_: &Caller<'_>, _: u64) -> Result<Option<u64>, EmuError> {
    Ok(None)
}

/// All recipes.
pub static RECIPES: &[Recipe] = &[
    writers::SPLIT,
    writers::INVALIDATE,
    writers::INVALIDATE_AD,
    writers::SET_MIGRATION,
    writers::REMOVE_MIGRATION,
    writers::CHANGE,
    walkers::GUP_FAST_READ,
    walkers::GUP_FAST_WRITE,
    walkers::PERF_PAGE_SIZE,
    walkers::PTE_OFFSET_MAP,
    walkers::MAPPED_WALK,
    walkers::MAPPED_WALK_MIGRATION,
    walkers::FOLLOW_PAGE,
];

impl Recipe {
    /// The recipe of a name, or else of a function.
    pub fn named(name: &str, role: Role) -> Option<&'static Recipe> {
        let of_role = || RECIPES.iter().filter(|recipe| recipe.role == role);
        // A function's name may be that of one recipe and stand in for the function of another.
        of_role()
            .find(|recipe| recipe.name == name)
            .or_else(|| of_role().find(|recipe| recipe.symbols.contains(&name)))
    }

    /// The same, as users name it.
    ///
    /// # Errors
    /// If there is none, with the nearest name.
    pub fn of(name: &str, role: Role) -> Result<&'static Recipe, UnknownName> {
        let what = match role {
            Role::Writer => "writer of a kernel",
            Role::Walker => "walker of a kernel",
        };
        let names = RECIPES.iter().filter(|recipe| recipe.role == role).map(|recipe| recipe.name);
        Recipe::named(name, role).ok_or_else(|| UnknownName::new(what, name, names))
    }

    /// The function that a kernel has of it, and its address.
    pub fn function(&self, kernel: &Kernel) -> Option<(&'static str, u64)> {
        self.symbols.iter().find_map(|symbol| Some((*symbol, kernel.symbol(symbol)?)))
    }
}

/// A recipe, ready to be followed on one CPU.
#[derive(Clone)]
pub(crate) struct Routine {
    recipe: &'static Recipe,
    symbol: &'static str,
    pub(crate) function: u64,
}

impl Routine {
    pub(crate) fn new(recipe: &'static Recipe, world: &World) -> Result<Routine, EmuError> {
        let Some((symbol, function)) = recipe.function(&world.machine.kernel) else {
            return Err(EmuError::Environment(format!(
                "this kernel has no {}()",
                recipe.symbols.join("() or ")
            )));
        };
        Ok(Routine { recipe, symbol, function })
    }

    fn caller<'a>(&self, world: &'a World, cpu: u8) -> Caller<'a> {
        Caller { world, cpu, symbol: self.symbol }
    }

    /// Its arguments for a CPU, with what they point to in memory.
    pub(crate) fn arguments(&self, world: &World, cpu: u8) -> Result<Vec<u64>, EmuError> {
        (self.recipe.arguments)(&self.caller(world, cpu))
    }

    /// What its callers call next if it returned with a lock that it holds: function and arguments.
    ///
    /// To unlock is a few instructions that kernels have no function for, so they are run where they always are:
    /// in the step of a walk after the one that found an entry mapped.
    pub(crate) fn afterwards(&self, world: &World, cpu: u8) -> Result<Option<(u64, Vec<u64>)>, EmuError> {
        let caller = self.caller(world, cpu);
        let Some(lock) = (self.recipe.holds)(&caller, world.returned(cpu)?)? else { return Ok(None) };
        let step = world.machine.needed_symbol(walkers::STEP)?;
        let walk = caller.out() + AFTERWARDS;
        world.mapped_walk_at(walk)?;
        world.machine.put64(walk + world.fields.offset(walkers::STEP, "ptl")?, lock)?;
        Ok(Some((step, vec![walk])))
    }

    /// What it came to when it has returned.
    pub(crate) fn outcome(&self, world: &World, cpu: u8, last_view: u64) -> Result<Outcome, EmuError> {
        let Conclusion { result, pfn, size, entry } =
            (self.recipe.conclude)(&self.caller(world, cpu), world.returned(cpu)?)?;
        Ok(Outcome { result, check: Check::NoCheck, pfn, size, entry: entry.unwrap_or(last_view) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_found_by_its_name_and_by_its_functions() {
        for recipe in RECIPES {
            let found = Recipe::named(recipe.name, recipe.role).unwrap();
            assert!(std::ptr::eq(found, recipe), "{} is found as {}", recipe.name, found.name);
            for symbol in recipe.symbols {
                let found = Recipe::named(symbol, recipe.role).unwrap();
                assert!(found.name == *symbol || found.symbols.contains(symbol), "{symbol}");
            }
        }
        assert_eq!(Recipe::named("__split_huge_pmd", Role::Writer).unwrap().name, "split");
        assert!(Recipe::named("split", Role::Walker).is_none(), "a writer is no walker");
        assert_eq!(
            Recipe::of("gup-fast", Role::Walker).err().unwrap().to_string(),
            "unknown walker of a kernel 'gup-fast': did you mean 'gup-fast-read'?"
        );
    }
}
