//! Functions of a kernel that are called by their types: what no recipe knows.

mod argument;
mod name;
mod setting;
mod walk;

use pmdscope_guest::kernel::{Parameter, Prototype};
use pmdscope_guest::{Kernel, Role, Routine, WalkResult};

use self::argument::{Argument, Passed};
use self::name::Parsed;
use self::setting::Returns;
use self::walk::{Callbacks, walk_of};
use crate::EmuError;
use crate::kernel::process::KernelProcess;
use crate::kernel::routine::recipe::{Caller, Conclusion, MAX_POINTER, outcome_of};

pub use self::name::{FunctionError, flag_settings, source_name, symbol_of};

/// The types of which a function that works on entries takes one.
pub(crate) const ENTRY_TYPES: [&str; 1] = ["pmd_t *"];

/// The types from which a function that is given a user address can walk down to an entry.
const TYPES_ABOVE: [&str; 5] =
    ["struct vm_area_struct *", "struct mm_struct *", "pud_t *", "p4d_t *", "pgd_t *"];

/// A function that is called by its types.
#[derive(Debug)]
pub(crate) struct TypedCall {
    prototype: Prototype,
    /// What each parameter gets, in order.
    arguments: Vec<Passed>,
    returns: Returns,
    /// How its walker calls it, if it is a callback of one.
    walk: Option<walk::Walk>,
}

/// Returns the routine that is a function of a kernel, called by its types.
///
/// `name` is the function's, and can say what types do not tell: values for parameters, as in
/// `change_huge_pmd:cp_flags=2`, for what they point to, and how the return value reads.
///
/// # Errors
/// [`FunctionError`] if the kernel has no such function, or nothing is known of its types.
pub fn function(kernel: &Kernel, role: Role, name: &str) -> Result<&'static Routine, FunctionError> {
    let parsed = name::parse(name)?;
    let call = TypedCall::of(&parsed, kernel)?;
    Ok(name::intern(role, name, parsed.symbol, call.returns == Returns::Entry))
}

/// Checks that a name is one that [`function`] understands. Whether a kernel has the function is not known here.
///
/// # Errors
/// [`FunctionError`] says what is wrong.
pub fn check_function_name(name: &str) -> Result<(), FunctionError> {
    name::parse(name).map(drop)
}

/// Returns the functions of a kernel that take the address of an entry, with their prototypes, sorted by name.
///
/// # Errors
/// [`EmuError::Environment`] if the kernel's types are damaged.
pub fn functions(kernel: &Kernel) -> Result<Vec<pmdscope_guest::kernel::TypedFunction>, EmuError> {
    functions_taking(kernel, &ENTRY_TYPES)
}

/// Returns the functions of a kernel that take a user address, and what leads to its entry, but not the entry's own
/// address, with their prototypes, sorted by name. Some of them walk down to the entry.
///
/// # Errors
/// [`EmuError::Environment`] if the kernel's types are damaged.
pub fn functions_above(kernel: &Kernel) -> Result<Vec<pmdscope_guest::kernel::TypedFunction>, EmuError> {
    let mut all = functions_taking(kernel, &TYPES_ABOVE)?;
    all.retain(|function| {
        let parameters = &function.prototype.parameters;
        let takes_entry =
            parameters.iter().any(|parameter| ENTRY_TYPES.contains(&parameter.type_name.as_str()));
        !takes_entry && parameters.iter().any(argument::is_user_address)
    });
    Ok(all)
}

fn functions_taking(
    kernel: &Kernel,
    types: &[&str],
) -> Result<Vec<pmdscope_guest::kernel::TypedFunction>, EmuError> {
    kernel.functions_taking(types).map_err(|error| EmuError::Environment(error.to_string()))
}

impl TypedCall {
    pub(crate) fn new(routine: &Routine, kernel: &Kernel) -> Result<TypedCall, EmuError> {
        let call = || TypedCall::of(&name::parse(routine.name)?, kernel);
        call().map_err(|error| EmuError::Environment(error.to_string()))
    }

    fn of(parsed: &Parsed<'_>, kernel: &Kernel) -> Result<TypedCall, FunctionError> {
        let prototype = name::prototype_of(kernel, parsed)?;
        let member_of = |structure: &str, member: &str| {
            Some((kernel.offset(structure, member)?, kernel.member_size(structure, member)?))
        };
        let arguments = argument::of_parameters(&prototype, parsed, &member_of)?;
        let walk = walk_of(kernel, parsed.symbol, &prototype);
        if walk.is_some() {
            let last = prototype.parameters.len().saturating_sub(1);
            let of_walk =
                |one: &setting::Setting<'_>| name::position(&prototype, one.parameter) == Some(last);
            let is_private = |one: &setting::Setting<'_>| one.members.first() == Some(&walk::PRIVATE);
            let passed = parsed.settings.iter().find(|one| !(of_walk(one) && is_private(one)));
            if let Some(setting) = passed {
                return Err(FunctionError::Callback {
                    function: parsed.symbol.to_owned(),
                    caller: walk::WALKER,
                    path: [&[setting.parameter], &setting.members[..]].concat().join("."),
                    walk: prototype.parameters[last].name.clone().unwrap_or_else(|| (last + 1).to_string()),
                });
            }
        }
        Ok(TypedCall { prototype, arguments, returns: parsed.returns.unwrap_or(Returns::Number), walk })
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
            let mut members = self.arguments.iter().flat_map(|passed| &passed.members);
            let private = match members.find(|member| member.name == walk::PRIVATE) {
                Some(private) => private.passed.value(process, &mut room)?,
                None => room.object(argument::SOME_BYTES)?,
            };
            return Ok((walk.walker, vec![process.vma, callbacks, private]));
        }
        let mut arguments = Vec::new();
        if self.returns_in_memory(process) {
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

    pub(crate) fn conclude(&self, caller: &Caller<'_>, returned: u64) -> Result<Conclusion, EmuError> {
        let process = caller.process;
        Ok(match self.returns {
            Returns::Number => Conclusion { size: self.number(returned), ..outcome_of(WalkResult::Old) },
            Returns::Nothing => outcome_of(WalkResult::Old),
            Returns::Error => {
                let number = returned & u64::from(u32::MAX);
                let refused = number >> 31 != 0;
                let result = if refused { WalkResult::Refused } else { WalkResult::Old };
                Conclusion { size: number, ..outcome_of(result) }
            }
            Returns::Page if returned == 0 || returned >= MAX_POINTER => outcome_of(WalkResult::Refused),
            Returns::Page => {
                let pfn = Some(process.pages.pfn(returned));
                Conclusion { pfn, ..outcome_of(WalkResult::Page) }
            }
            Returns::Entry => {
                let entry = match self.returns_in_memory(process) {
                    false => returned,
                    true => process.machine.get64(argument::Room::again(process, caller.cpu).object(8)?)?,
                };
                Conclusion { entry: Some(entry), ..outcome_of(WalkResult::Old) }
            }
        })
    }

    /// Whether it returns an entry through a pointer that it is given before its own arguments.
    fn returns_in_memory(&self, process: &KernelProcess) -> bool {
        process.entries_return_in_memory && argument::is_value(&self.prototype.returns)
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
        if self.returns_in_memory(process) {
            room.object(8)?;
        }
        for argument in &self.arguments {
            let at = argument.value(process, &mut room)?;
            let place = match argument.argument {
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
