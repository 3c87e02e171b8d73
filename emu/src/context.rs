//! What keeps one CPU waiting for another on a machine, and so excludes schedules.

use std::fmt;
use std::str::FromStr;

use pmdscope_explore::{Sections, Span};

/// A kind of section that other CPUs wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Interrupts are off. Who sends an interrupt to this CPU and waits until it is handled, waits for its end.
    InterruptsOff,
    /// A read-side section of RCU. A grace period ends after it.
    RcuReader,
}

impl Section {
    /// All, in the order of reports.
    pub const ALL: [Section; 2] = [Section::InterruptsOff, Section::RcuReader];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Section::InterruptsOff => "irq",
            Section::RcuReader => "rcu",
        }
    }

    /// What excludes an order, in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Section::InterruptsOff => {
                "a CPU waits for its interrupt to be handled, and the CPU that it was sent to has interrupts off"
            }
            Section::RcuReader => {
                "a CPU waits for a grace period, and another stays in a read-side section of RCU"
            }
        }
    }

    pub(crate) const fn bit(self) -> Sections {
        Sections(1 << self as u8)
    }

    /// Returns those of a set.
    pub fn of(set: Sections) -> impl Iterator<Item = Section> {
        Section::ALL.into_iter().filter(move |section| !section.bit().and(set).is_empty())
    }
}

/// The kinds of section that are waited for. Orders that they exclude are counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MachineContext(pub(crate) Sections);

impl MachineContext {
    /// Nobody waits for anybody.
    pub const NONE: MachineContext = MachineContext(Sections::NONE);
    /// All kinds are waited for.
    pub const ALL: MachineContext = MachineContext(Sections(0b11));
    /// Returns what a CPU did between two accesses, as far as others wait for that, or it for others.
    pub(crate) const fn of(self, span: Span) -> Span {
        Span { inside: span.inside.and(self.0), awaits: span.awaits.and(self.0) }
    }

    /// The names of all, as on the command line.
    pub const NAMES: [&'static str; 4] = ["none", "irq", "rcu", "all"];
}

impl fmt::Display for MachineContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            MachineContext::NONE => "none",
            MachineContext::ALL => "all",
            MachineContext(sections) => Section::of(sections).next().map_or("none", Section::name),
        })
    }
}

impl FromStr for MachineContext {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let section = || Section::ALL.into_iter().find(|section| section.name() == name);
        match name {
            "none" => Ok(MachineContext::NONE),
            "all" => Ok(MachineContext::ALL),
            _ => section().map(|section| MachineContext(section.bit())).ok_or_else(|| {
                format!("'{name}' is no context: there are {}", MachineContext::NAMES.join(", "))
            }),
        }
    }
}

/// A function by which code says that it enters or leaves a section, or that it waits for those of others.
///
/// Guests have them by the names of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SectionCall {
    /// The CPU enters a read-side section of RCU. They nest.
    RcuReadLock,
    /// It leaves one.
    RcuReadUnlock,
    /// It goes on when every other CPU was outside of such sections.
    Waits(Section),
}

impl SectionCall {
    /// All, each with the function that it is the call of.
    pub(crate) const ALL: [(&'static str, SectionCall); 4] = [
        ("rcu_read_lock", SectionCall::RcuReadLock),
        ("rcu_read_unlock", SectionCall::RcuReadUnlock),
        ("synchronize_rcu", SectionCall::Waits(Section::RcuReader)),
        ("tlb_remove_table_sync_one", SectionCall::Waits(Section::InterruptsOff)),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_read_as_they_are_written() {
        for name in MachineContext::NAMES {
            assert_eq!(name.parse::<MachineContext>().unwrap().to_string(), name);
        }
        assert!("locks".parse::<MachineContext>().unwrap_err().contains("none, irq, rcu, all"));
        assert_eq!(Section::of(MachineContext::ALL.0).collect::<Vec<_>>(), Section::ALL);
    }
}
