//! The results of writers, walkers and agents, and the checks that decide them: the lists of `guest/c/outcomes.h`.

use std::fmt;

/// A number from a guest that has no meaning in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a guest gave {number} as its {what}, which has no meaning")]
pub struct UnknownNumber {
    what: &'static str,
    number: u64,
}

impl UnknownNumber {
    pub(crate) const fn new(what: &'static str, number: u64) -> Self {
        UnknownNumber { what, number }
    }
}

macro_rules! numbered {
    (
        $(#[$attribute:meta])* $type:ident, $what:literal,
        $($number:literal $variant:ident $name:literal $meaning:literal)*
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $(#[doc = $meaning] $variant = $number,)*
        }

        impl $type {
            /// Every value, by number.
            pub const ALL: &[$type] = &[$($type::$variant),*];

            /// Returns the value with this number in a guest's memory.
            pub fn from_number(number: u64) -> Result<Self, UnknownNumber> {
                match number {
                    $($number => Ok($type::$variant),)*
                    _ => Err(UnknownNumber { what: $what, number }),
                }
            }

            /// Its number in a guest's memory.
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// The name used in reports.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }

            /// Its meaning, in one line.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $($type::$variant => $meaning,)*
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

numbered! {
    /// The result of a writer, walker or agent.
    WalkResult, "result",
    1 Refused "refused" "leaves the entry alone and gives up, or goes another and slower way"
    2 Page "page" "took a reference on a page"
    3 Leaf "leaf" "took the entry for a mapping of a huge page, without taking a reference"
    4 Table "table" "took the entry for a pointer to a page table and goes on there"
    5 Wait "wait" "saw a migration entry and waits for the migration to end"
    6 Fault "fault" "asks for the page to be faulted in"
    7 Retry "retry" "has the access repeated, or starts over"
    8 Old "old" "writer: returned the old entry and concluded nothing from it"
    9 Mapped "mapped" "writer: took the old entry for a mapping of a page"
    10 Migrating "migrating" "writer: took the old entry for a migration entry"
    11 Unsplit "unsplit" "writer: found nothing to split and left the entry as it was"
    12 Marked "marked" "agent: used the entry, which is now marked for the access"
}

numbered! {
    /// The check that decided the result of a writer, walker or agent.
    Check, "check",
    0 NoCheck "no check" "no check decided it"
    1 None "none" "pmd_none()"
    2 Present "present" "pmd_present()"
    3 Swap "swap" "is_swap_pmd(): neither none nor present"
    4 Migration "migration" "is_pmd_migration_entry()"
    5 DevicePrivate "device-private" "pmd_is_device_private_entry()"
    6 Leaf "leaf" "pmd_leaf()"
    7 TransHuge "trans-huge" "pmd_trans_huge()"
    8 Devmap "devmap" "pmd_devmap()"
    9 Bad "bad" "pmd_bad()"
    10 Protnone "protnone" "pmd_protnone()"
    11 Access "access" "pmd_access_permitted()"
    12 Special "special" "pmd_special()"
    13 Grab "grab" "the reference count of the page was zero"
    14 Reread "reread" "whether the entry is still the same after the page was taken"
    15 Write "write" "a write fault on an entry that is not pmd_write()"
    16 SetAccessed "set-accessed" "a fault on a huge page that only has to be marked accessed"
    17 Valid "valid" "the MMU does not let the access through by the entry"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lists of outcomes.h: macro, number, name, meaning.
    fn lists() -> Vec<(&'static str, u64, &'static str, &'static str)> {
        include_str!("../c/outcomes.h")
            .lines()
            .filter_map(|line| {
                let (list, rest) = line.split_once('(')?;
                if !["RESULT", "CHECK"].contains(&list) {
                    return None;
                }
                let (number, rest) = rest.split_once(", ")?;
                let mut texts = rest.split('"').skip(1).step_by(2);
                Some((list, number.parse().ok()?, texts.next()?, texts.next()?))
            })
            .collect()
    }

    #[test]
    fn the_lists_are_those_of_the_guests() {
        let results = WalkResult::ALL.iter().map(|r| ("RESULT", r.number(), r.name(), r.meaning()));
        let checks = Check::ALL.iter().map(|c| ("CHECK", c.number(), c.name(), c.meaning()));
        assert_eq!(lists(), results.chain(checks).collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_read_back() {
        for result in WalkResult::ALL {
            assert_eq!(WalkResult::from_number(result.number()), Ok(*result));
        }
        for check in Check::ALL {
            assert_eq!(Check::from_number(check.number()), Ok(*check));
        }
        assert!(WalkResult::from_number(0).is_err());
        assert!(Check::from_number(u64::MAX).is_err());
    }
}
