//! The architectures, the kinds of MMU, and how users name them.

use std::fmt;
use std::str::FromStr;

use crate::nearest::UnknownName;

/// An architecture that has an encoding here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// AArch64, 4K pages, 48-bit addresses.
    Arm64,
    /// x86-64.
    X86_64,
    /// IBM Z, 64-bit.
    S390x,
    /// Big-endian POWER (Book3S 64).
    Ppc64,
    /// Little-endian POWER (Book3S 64). Its entries are big-endian in memory all the same.
    Ppc64le,
    /// RISC-V, 64-bit.
    Riscv64,
    /// SPARC V9, sun4v page-table format.
    Sparc64,
    /// LoongArch, 64-bit.
    LoongArch64,
}

impl Arch {
    /// Every architecture, in the order of reports.
    pub const ALL: [Arch; 8] = [
        Arch::Arm64,
        Arch::X86_64,
        Arch::S390x,
        Arch::Ppc64,
        Arch::Ppc64le,
        Arch::Riscv64,
        Arch::Sparc64,
        Arch::LoongArch64,
    ];

    /// The name used in commands, reports and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::Arm64 => "arm64",
            Arch::X86_64 => "x86_64",
            Arch::S390x => "s390x",
            Arch::Ppc64 => "ppc64",
            Arch::Ppc64le => "ppc64le",
            Arch::Riscv64 => "riscv64",
            Arch::Sparc64 => "sparc64",
            Arch::LoongArch64 => "loongarch64",
        }
    }

    /// Other names that are understood: the architectures' own and the distributions'.
    pub const fn aliases(self) -> &'static [&'static str] {
        match self {
            Arch::Arm64 => &["aarch64"],
            Arch::X86_64 => &["amd64", "x86-64", "x64"],
            Arch::S390x => &["s390"],
            Arch::Ppc64 => &["powerpc64"],
            Arch::Ppc64le => &["powerpc64le", "ppc64el"],
            Arch::Riscv64 => &["riscv"],
            Arch::Sparc64 => &["sparc"],
            Arch::LoongArch64 => &["loongarch", "loong64"],
        }
    }

    /// Whether machine code of this architecture can be run here. The engine has no LoongArch,
    /// so its encoding is a model that nothing was executed against.
    pub const fn executed(self) -> bool {
        !matches!(self, Arch::LoongArch64)
    }

    /// The kinds of MMU whose encodings differ; empty where there is one only.
    pub const fn mmus(self) -> &'static [Mmu] {
        match self {
            Arch::Ppc64 | Arch::Ppc64le => &[Mmu::Radix, Mmu::Hash],
            _ => &[],
        }
    }

    /// What has an encoding of its own: the architecture with each kind of MMU, or alone.
    pub fn platforms(self) -> impl Iterator<Item = (Arch, Option<Mmu>)> {
        let alone = self.mmus().is_empty().then_some((self, None));
        self.mmus().iter().map(move |mmu| (self, Some(*mmu))).chain(alone)
    }

    /// Whether an entry's bytes in memory are most significant first. On ppc64le they are,
    /// though everything else in memory is not.
    pub const fn entry_is_big_endian(self) -> bool {
        matches!(self, Arch::S390x | Arch::Ppc64 | Arch::Ppc64le | Arch::Sparc64)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Arch {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = |arch: &Arch| std::iter::once(arch.name()).chain(arch.aliases().iter().copied());
        Arch::ALL
            .into_iter()
            .find(|arch| names(arch).any(|name| name.eq_ignore_ascii_case(text)))
            .ok_or_else(|| UnknownName::new("architecture", text, Arch::ALL.iter().flat_map(names)))
    }
}

/// A kind of MMU, where one architecture has several encodings at the same version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mmu {
    /// Radix trees, POWER9 and later.
    Radix,
    /// The hashed page table.
    Hash,
}

impl Mmu {
    /// Every kind.
    pub const ALL: [Mmu; 2] = [Mmu::Radix, Mmu::Hash];

    /// The name used in commands and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Mmu::Radix => "radix",
            Mmu::Hash => "hash",
        }
    }
}

impl fmt::Display for Mmu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Mmu {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Mmu::ALL
            .into_iter()
            .find(|mmu| mmu.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownName::new("MMU", text, Mmu::ALL.iter().map(|mmu| mmu.name())))
    }
}

/// The name of a platform: the architecture, and the kind of MMU where there are several, as `ppc64 radix`. Either may
/// be a name that a report has.
pub fn platform_name(arch: impl fmt::Display, mmu: Option<impl fmt::Display>) -> String {
    match mmu {
        Some(mmu) => format!("{arch} {mmu}"),
        None => arch.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_aliases_are_understood() {
        for arch in Arch::ALL {
            assert_eq!(arch.name().parse(), Ok(arch));
            for alias in arch.aliases() {
                assert_eq!(alias.to_uppercase().parse(), Ok(arch), "{alias}");
            }
        }
        assert_eq!(
            "arm46".parse::<Arch>().unwrap_err().to_string(),
            "unknown architecture 'arm46': did you mean 'arm64'?"
        );
    }
}
