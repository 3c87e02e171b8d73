//! The registry of routines, with everything known about each in one place.
//!
//! To add one, add a static to the file of its role and name it in that file's `ALL`.

pub mod agents;
mod description;
pub mod walkers;
pub mod writers;

use pmdscope_arches::UnknownName;

pub use description::{AGENT, Installs, PastPresent, Precondition, Role, Routine, WALKER, WRITER};

/// Returns the routines of a role that the registry has for bundled guests.
pub const fn all(role: Role) -> &'static [&'static Routine] {
    match role {
        Role::Writer => writers::ALL,
        Role::Walker => walkers::ALL,
        Role::Agent => agents::ALL,
    }
}

/// Returns the routine of this role and name in the registry of bundled guests.
///
/// # Errors
/// [`UnknownName`] with the nearest name, if no routine has the name.
pub fn named(role: Role, name: &str) -> Result<&'static Routine, UnknownName> {
    find(all(role).iter().copied(), role.name(), name)
}

/// Finds the routine of this name among `routines`. `what` says in the error what the name is for.
pub(crate) fn find(
    routines: impl Iterator<Item = &'static Routine> + Clone,
    what: &'static str,
    name: &str,
) -> Result<&'static Routine, UnknownName> {
    let known = || UnknownName::new(what, name, routines.clone().map(|routine| routine.name));
    routines.clone().find(|routine| routine.name == name).ok_or_else(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_the_nearest_is_proposed() {
        for role in Role::ALL {
            for routine in all(role) {
                assert_eq!(routine.role, role, "{routine}");
                assert_eq!(named(role, routine.name), Ok(*routine));
                assert!(!routine.meaning.is_empty() && routine.symbols.len() == 1, "{routine}");
            }
        }
        for (role, name, says) in [
            (Role::Writer, "split-guraded", "unknown writer 'split-guraded': did you mean 'split-guarded'?"),
            (Role::Walker, "gup-fast", "unknown walker 'gup-fast': did you mean 'gup-fast-read'?"),
            (Role::Agent, "mmu-sotre", "unknown agent 'mmu-sotre': did you mean 'mmu-store'?"),
        ] {
            assert_eq!(named(role, name).unwrap_err().to_string(), says);
        }
    }
}
