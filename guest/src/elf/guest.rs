//! A guest: its memory, its functions, and the routines it declares.

use pmdscope_arches::{Arch, UnknownName};

use super::error::GuestError;
use crate::abi::{PREDICATES, SURVEY, VALUES, WARNING};
use crate::probe::Note;
use crate::routine::{self, Role, Routine, find};

/// A contiguous part of a guest's memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The address of its first byte.
    pub address: u64,
    /// Its first bytes; the rest is zero.
    pub bytes: Vec<u8>,
    /// Its size in memory in bytes, at least the length of `bytes`.
    pub size: u64,
    /// Whether it may be written to.
    pub writable: bool,
    /// Whether it holds code.
    pub executable: bool,
}

/// A function of a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// The address of its first byte.
    pub address: u64,
    /// The number of bytes it takes.
    pub size: u64,
}

/// A guest that is ready to be put into memory and run.
#[derive(Debug, Clone)]
pub struct Guest {
    pub(super) arch: Arch,
    pub(super) segments: Vec<Segment>,
    pub(super) functions: Vec<Symbol>,
    pub(super) declared: Vec<&'static Routine>,
    pub(super) note: Option<Box<Note>>,
}

impl Guest {
    /// The architecture the guest is for.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The segments to load, in ascending order of addresses. No two overlap.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// What the guest says of itself, if it is a probe.
    pub fn note(&self) -> Option<&Note> {
        self.note.as_deref()
    }

    /// The routines that the guest declares.
    pub fn declared(&self) -> &[&'static Routine] {
        &self.declared
    }

    /// Returns the routines of a role: those that the guest declares, then those of the registry. The guest may
    /// lack those of the registry; see [`has_routine`](Self::has_routine).
    pub fn routines(&self, role: Role) -> impl Iterator<Item = &'static Routine> + Clone + '_ {
        let declared = self.declared.iter().copied().filter(move |one| one.role == role);
        declared.chain(routine::all(role).iter().copied())
    }

    /// Returns the routine of this role and name.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name, if no routine has the name.
    pub fn routine(&self, role: Role, name: &str) -> Result<&'static Routine, UnknownName> {
        find(self.routines(role), role.name(), name)
    }

    /// Returns the routine of this name, whatever its role.
    ///
    /// # Errors
    /// [`UnknownName`] with the nearest name, if no routine has the name.
    pub fn routine_of_any_role(&self, name: &str) -> Result<&'static Routine, UnknownName> {
        find(Role::ALL.into_iter().flat_map(|role| self.routines(role)), "routine", name)
    }

    /// The functions, in ascending order of addresses.
    pub fn functions(&self) -> &[Symbol] {
        &self.functions
    }

    /// Returns the function that holds an address, and the distance from its start in bytes.
    pub fn symbol_at(&self, pc: u64) -> Option<(&str, u64)> {
        let at = self.functions.partition_point(|function| function.address <= pc).checked_sub(1)?;
        let function = &self.functions[at];
        let distance = pc - function.address;
        (distance < function.size).then_some((function.name.as_str(), distance))
    }

    /// Returns the address of a function.
    ///
    /// # Errors
    /// [`GuestError::NoSuchFunction`] if the guest has no function of this name.
    pub fn function(&self, name: &str) -> Result<u64, GuestError> {
        self.find(name).map(|function| function.address).ok_or_else(|| {
            let registered = Role::ALL.into_iter().flat_map(|role| routine::all(role).iter().copied());
            let known = (registered.chain(self.declared.iter().copied()).map(Routine::symbol))
                .chain(PREDICATES)
                .chain(VALUES)
                .chain([SURVEY, WARNING])
                .filter(|known| self.find(known).is_some());
            GuestError::NoSuchFunction(UnknownName::new("function of this guest", name, known))
        })
    }

    /// Returns the bytes of a function, as they are in memory.
    pub fn code(&self, name: &str) -> Option<&[u8]> {
        let function = self.find(name)?;
        let segment = self.segments.iter().find(|segment| {
            function.address.checked_sub(segment.address).is_some_and(|distance| distance < segment.size)
        })?;
        let start = usize::try_from(function.address - segment.address).ok()?;
        segment.bytes.get(start..start.checked_add(usize::try_from(function.size).ok()?)?)
    }

    /// Whether the guest has the function of a routine.
    pub fn has_routine(&self, routine: &Routine) -> bool {
        self.has(routine.symbol())
    }

    /// Whether the guest has a function of this name.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Symbol> {
        self.functions.iter().find(|function| function.name == name)
    }
}
