//! The registry of architectures: one file each, and one entry in the list below.

mod arm64;
mod loongarch64;
mod powerpc;
mod riscv64;
mod s390x;
mod sparc64;
mod x86_64;

use std::fmt;
use std::str::FromStr;

use crate::architecture::Architecture;
use crate::byte_order::ByteOrder;
use crate::layout::Layout;
use crate::mmu::Mmu;
use crate::nearest::UnknownName;
use crate::swap_types::SwapTypes;
use crate::version::{Era, Version, in_force};

/// Defines [`Arch`] by a list of names and descriptions.
macro_rules! architectures {
    ($($(#[$doc:meta])* $arch:ident = $description:path,)+) => {
        /// An architecture that has an encoding here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Arch {
            $($(#[$doc])* $arch,)+
        }

        impl Arch {
            /// Every architecture, in the order of reports.
            pub const ALL: [Arch; [$(Arch::$arch),+].len()] = [$(Arch::$arch),+];

            pub(crate) const fn description(self) -> &'static Architecture {
                match self {
                    $(Arch::$arch => &$description,)+
                }
            }
        }
    };
}

// In the order of reports.
architectures! {
    /// AArch64; usually 4K pages and 48-bit addresses.
    Arm64 = arm64::ARM64,
    /// x86-64.
    X86_64 = x86_64::X86_64,
    /// IBM Z, 64-bit.
    S390x = s390x::S390X,
    /// Big-endian POWER (Book3S 64).
    Ppc64 = powerpc::PPC64,
    /// Little-endian POWER (Book3S 64). Its entries are nevertheless big-endian in memory.
    Ppc64le = powerpc::PPC64LE,
    /// RISC-V, 64-bit.
    Riscv64 = riscv64::RISCV64,
    /// SPARC V9, sun4v page-table format.
    Sparc64 = sparc64::SPARC64,
    /// LoongArch, 64-bit.
    LoongArch64 = loongarch64::LOONGARCH64,
}

impl Arch {
    /// The name used in commands, reports and file names.
    pub const fn name(self) -> &'static str {
        self.description().name
    }

    /// Returns the architecture of this name; aliases do not count. It serves tables that are checked at compile
    /// time; [`from_str`](Self::from_str) parses what a user writes.
    pub const fn of_name(name: &str) -> Option<Arch> {
        let mut index = 0;
        while index < Arch::ALL.len() {
            if is_same(Arch::ALL[index].name(), name) {
                return Some(Arch::ALL[index]);
            }
            index += 1;
        }
        None
    }

    /// Further names that are accepted: the architecture's own and those of distributions.
    pub const fn aliases(self) -> &'static [&'static str] {
        self.description().aliases
    }

    /// The machine number in ELF files for it (`e_machine`). Architectures of different byte orders may share one.
    pub const fn elf_machine(self) -> u16 {
        self.description().elf_machine
    }

    /// The kinds of MMU whose encodings differ; empty if there is only one.
    pub const fn mmus(self) -> &'static [Mmu] {
        self.description().layouts.mmus()
    }

    /// Returns each platform that has an encoding of its own: the architecture with each kind of MMU, or without
    /// one.
    pub fn platforms(self) -> impl Iterator<Item = (Arch, Option<Mmu>)> {
        let alone = self.mmus().is_empty().then_some((self, None));
        self.mmus().iter().map(move |mmu| (self, Some(*mmu))).chain(alone)
    }

    /// Returns the reason why kernels of this version have no huge pages, if it is known.
    pub(crate) fn absence(self, version: Version) -> Option<&'static str> {
        in_force(self.description().absences, version).ok().map(|era| era.value)
    }
}

/// Whether two texts are equal, at compile time.
const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
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

impl ByteOrder {
    /// The byte order of an architecture's data.
    pub const fn of(arch: Arch) -> ByteOrder {
        arch.description().byte_order
    }

    /// The byte order of an architecture's page-table entries. On ppc64le they are big-endian, unlike everything
    /// else in memory.
    pub const fn of_entries(arch: Arch) -> ByteOrder {
        arch.description().entry_byte_order
    }
}

/// Returns the layouts of an architecture, oldest first. `mmu` is one of [`Arch::mmus`], or `None` if that is
/// empty.
pub const fn layouts(arch: Arch, mmu: Option<Mmu>) -> &'static [Era<Layout>] {
    arch.description().layouts.of(mmu).usual
}

/// Returns the layouts of kernels built with base pages or physical addresses of another size than the usual one:
/// for each pair of sizes its layouts, oldest first.
pub(crate) const fn other_layouts(arch: Arch, mmu: Option<Mmu>) -> &'static [&'static [Era<Layout>]] {
    arch.description().layouts.of(mmu).others
}

/// Returns every layout with the usual sizes of pages and physical addresses, and the versions over which it holds:
/// architectures in the order of reports, the oldest layout first.
pub fn all_layouts() -> impl Iterator<Item = (Arch, Option<Mmu>, &'static Era<Layout>)> {
    Arch::ALL
        .into_iter()
        .flat_map(Arch::platforms)
        .flat_map(|(arch, mmu)| layouts(arch, mmu).iter().map(move |era| (arch, mmu, era)))
}

/// Returns the swap types of an architecture by version, oldest first.
///
/// Each numbering assumes every option that the architecture can have; [`SwapTypes::readings`] covers the other
/// configurations. MIGRATION is not such an option: TRANSPARENT_HUGEPAGE selects COMPACTION, which selects it
/// (mm/Kconfig).
pub const fn swap_types(arch: Arch) -> &'static [Era<SwapTypes>] {
    arch.description().swap_types
}

/// Returns the name of a platform: the architecture, followed by the kind of MMU if it has several, as in
/// `ppc64 radix`. Either may be a name from a report.
pub fn platform_name(arch: impl fmt::Display, mmu: Option<impl fmt::Display>) -> String {
    match mmu {
        Some(mmu) => format!("{arch} {mmu}"),
        None => arch.to_string(),
    }
}
