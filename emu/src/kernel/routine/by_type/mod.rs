//! Functions of a kernel that are called by their types: what no recipe knows.

mod argument;
mod name;
mod walk;

use pmdscope_guest::kernel::{Parameter, Prototype};
use pmdscope_guest::{Kernel, Role, Routine, WalkResult};

use self::argument::Argument;
use self::walk::{Callbacks, walk_of};
use crate::EmuError;
use crate::kernel::process::KernelProcess;
use crate::kernel::routine::recipe::{Conclusion, outcome_of};

pub use self::name::FunctionError;

/// The types of which a function that works on entries takes one.
pub(crate) const ENTRY_TYPES: [&str; 1] = ["pmd_t *"];

/// A function that is called by its types.
#[derive(Debug)]
pub(crate) struct TypedCall {
    prototype: Prototype,
    /// What each parameter gets, in order.
    arguments: Vec<Argument>,
    /// How its walker calls it, if it is a callback of one.
    walk: Option<walk::Walk>,
}

/// Returns the routine that is a function of a kernel, called by its types.
///
/// `name` is the function's, and can have values for parameters: `change_huge_pmd:cp_flags=2`.
///
/// # Errors
/// [`FunctionError`] if the kernel has no such function, or nothing is known of its types.
pub fn function(kernel: &Kernel, role: Role, name: &str) -> Result<&'static Routine, FunctionError> {
    let parsed = name::parse(name)?;
    let prototype = name::prototype_of(kernel, &parsed)?;
    argument::of_parameters(&prototype, &parsed)?;
    Ok(name::intern(role, name, parsed.symbol))
}

/// Returns the functions of a kernel that take the address of an entry, with their prototypes, sorted by name.
///
/// # Errors
/// [`EmuError::Environment`] if the kernel's types are damaged.
pub fn functions(kernel: &Kernel) -> Result<Vec<pmdscope_guest::kernel::TypedFunction>, EmuError> {
    kernel.functions_taking(&ENTRY_TYPES).map_err(|error| EmuError::Environment(error.to_string()))
}

impl TypedCall {
    pub(crate) fn new(routine: &Routine, kernel: &Kernel) -> Result<TypedCall, EmuError> {
        let refused = |error: FunctionError| EmuError::Environment(error.to_string());
        let parsed = name::parse(routine.name).map_err(refused)?;
        let prototype = name::prototype_of(kernel, &parsed).map_err(refused)?;
        let arguments = argument::of_parameters(&prototype, &parsed).map_err(refused)?;
        let walk = walk_of(kernel, parsed.symbol, &prototype);
        Ok(TypedCall { prototype, arguments, walk })
    }

    /// Returns the function to call, and its arguments, and writes the memory that they point to.
    pub(crate) fn call(
        &self,
        process: &KernelProcess,
        cpu: u8,
        function: u64,
    ) -> Result<(u64, Vec<u64>), EmuError> {
        let mut room = argument::Room::of(process, cpu)?;
        // Functions that work on a mapping's entries are called with the lock of mappings held.
        process.hold_mmap_lock()?;
        if let Some(walk) = &self.walk {
            let callbacks = match walk.callbacks {
                Callbacks::At(address) => address,
                Callbacks::Made { function, member, bytes } => {
                    let made = room.object(bytes)?;
                    process.machine.put64(made + member, function)?;
                    made
                }
            };
            return Ok((walk.walker, vec![process.vma, callbacks, room.object(argument::SOME_BYTES)?]));
        }
        let mut arguments = Vec::new();
        if process.entries_return_in_memory && argument::is_value(&self.prototype.returns) {
            arguments.push(room.object(8)?);
        }
        for argument in &self.arguments {
            arguments.push(argument.value(process, &mut room)?);
        }
        Ok((function, arguments))
    }

    /// Returns how its walker calls it, in words, if it is a callback of one.
    pub(crate) fn through(&self) -> Option<&'static str> {
        self.walk.as_ref().map(|_| walk::WALKER)
    }

    pub(crate) fn conclude(&self, returned: u64) -> Conclusion {
        Conclusion { size: self.number(returned), ..outcome_of(WalkResult::Old) }
    }

    /// Returns what a returned register means, by the type of the return value; 0 for a function without one.
    fn number(&self, returned: u64) -> u64 {
        if self.walk.is_some() {
            return returned & u64::from(u32::MAX);
        }
        match self.prototype.returns.as_str() {
            "void" => 0,
            "bool" | "_Bool" | "char" | "unsigned char" => returned & 0xff,
            "int" | "unsigned int" | "vm_fault_t" => returned & u64::from(u32::MAX),
            of_enum if of_enum.starts_with("enum ") => returned & u64::from(u32::MAX),
            _ => returned,
        }
    }

    /// Returns the address of the lock with which it returned this value, if it can return with one held.
    pub(crate) fn lock_of(
        &self,
        process: &KernelProcess,
        cpu: u8,
        returned: u64,
    ) -> Result<Option<u64>, EmuError> {
        if self.walk.is_some() || self.number(returned) == 0 {
            return Ok(None);
        }
        if self.prototype.returns == "spinlock_t *" {
            return Ok(Some(returned));
        }
        // Arguments are laid out anew, at the same places as before the call.
        let mut room = argument::Room::again(process, cpu);
        if process.entries_return_in_memory && argument::is_value(&self.prototype.returns) {
            room.object(8)?;
        }
        for argument in &self.arguments {
            let at = argument.value(process, &mut room)?;
            let place = match argument {
                Argument::LockPointer => Some(at),
                Argument::MappedWalk => Some(at + process.fields.offset("page_vma_mapped_walk", "ptl")?),
                _ => None,
            };
            if let Some(place) = place {
                return Ok(Some(process.machine.get64(place)?).filter(|lock| *lock != 0));
            }
        }
        Ok(None)
    }
}

/// Formats a prototype in C syntax.
pub fn declaration(name: &str, prototype: &Prototype) -> String {
    let of_parameter = |Parameter { name, type_name }: &Parameter| match name {
        Some(name) if type_name.ends_with('*') => format!("{type_name}{name}"),
        Some(name) => format!("{type_name} {name}"),
        None => type_name.clone(),
    };
    let parameters: Vec<String> = prototype.parameters.iter().map(of_parameter).collect();
    let space = if prototype.returns.ends_with('*') { "" } else { " " };
    format!("{}{space}{name}({})", prototype.returns, parameters.join(", "))
}
