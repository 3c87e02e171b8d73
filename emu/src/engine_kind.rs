//! The engines that run machine code: their names and versions, and the CPUs that they have.

use std::fmt;
use std::str::FromStr;

use pmdscope_arches::{Arch, UnknownName};
use pmdscope_watch::Isa;

use crate::pinned::{ENGINE, INTERPRETER};

/// An engine that runs machine code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineKind {
    /// Unicorn, which translates code.
    Unicorn,
    /// The interpreter of this workspace: for LoongArch, which Unicorn lacks, and as a second opinion for RISC-V.
    Interpreter,
}

impl EngineKind {
    /// Every engine.
    pub const ALL: [EngineKind; 2] = [EngineKind::Unicorn, EngineKind::Interpreter];

    /// Returns its name, as options have it.
    pub const fn name(self) -> &'static str {
        match self {
            EngineKind::Unicorn => "unicorn",
            EngineKind::Interpreter => "interpreter",
        }
    }

    /// Returns its name and version, as reports have them. Results of different versions are not merged.
    pub const fn version(self) -> &'static str {
        match self {
            EngineKind::Unicorn => ENGINE,
            EngineKind::Interpreter => INTERPRETER,
        }
    }

    /// Returns the engine that a report names, of whatever version.
    pub fn of_version(version: &str) -> Option<EngineKind> {
        let name = |version: &str| version.split(' ').next().map(str::to_owned);
        EngineKind::ALL.into_iter().find(|engine| name(engine.version()) == name(version))
    }

    /// Whether it has a CPU of an architecture.
    pub fn has(self, arch: Arch) -> bool {
        let isa = Isa::of(arch);
        match self {
            EngineKind::Unicorn => isa.unicorn.is_some(),
            EngineKind::Interpreter => isa.interpreter.is_some(),
        }
    }

    /// Returns the engine that runs an architecture if no other is asked for: Unicorn, where it has such a CPU.
    pub fn usual(arch: Arch) -> EngineKind {
        if EngineKind::Unicorn.has(arch) { EngineKind::Unicorn } else { EngineKind::Interpreter }
    }
}

impl FromStr for EngineKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName::new("engine", name, EngineKind::ALL.into_iter().map(EngineKind::name));
        EngineKind::ALL.into_iter().find(|engine| engine.name() == name).ok_or_else(unknown)
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_is_found_by_its_version() {
        for engine in EngineKind::ALL {
            assert_eq!(EngineKind::of_version(engine.version()), Some(engine));
            assert_eq!(engine.name().parse(), Ok(engine));
        }
        assert_eq!(EngineKind::of_version("Unicorn 1.0.0"), Some(EngineKind::Unicorn));
        assert_eq!(EngineKind::of_version("another 2.1.5"), None);
    }
}
