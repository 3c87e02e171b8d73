//! What the generic layer uses each swap type for. It follows from the version and from the configuration.
//!
//! `include/linux/swap.h` takes types for its own ends from the highest down, a group of them for each end. A group whose
//! option is off takes none, so every type below it moves up.

use crate::arch::Arch;
use crate::entry::EntryKind;
use crate::version::{Era, Version, v};

/// A page table has room for the types below this one (`1 << MAX_SWAPFILES_SHIFT`).
const TYPES: u64 = 32;

/// What a swap type is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwapUse {
    /// A page in a swap file: the type is the number of the file.
    File,
    /// A page whose memory is broken (`SWP_HWPOISON`).
    Hwpoison,
    /// A page that was not writable, under migration (`SWP_MIGRATION_READ`).
    MigrationRead,
    /// The same of a page that belongs to one process alone (`SWP_MIGRATION_READ_EXCLUSIVE`).
    MigrationReadExclusive,
    /// A page that was writable, under migration (`SWP_MIGRATION_WRITE`).
    MigrationWrite,
    /// A page in a device's own memory, writable (`SWP_DEVICE_WRITE`).
    DevicePrivateWrite,
    /// The same, not writable (`SWP_DEVICE_READ`).
    DevicePrivateRead,
    /// A page that only a device may access, writable (`SWP_DEVICE_EXCLUSIVE_WRITE`).
    DeviceExclusiveWrite,
    /// The same, not writable (`SWP_DEVICE_EXCLUSIVE_READ`).
    DeviceExclusiveRead,
    /// A page that only a device may access (`SWP_DEVICE_EXCLUSIVE`).
    DeviceExclusive,
    /// A mark where no page is (`SWP_PTE_MARKER`).
    PteMarker,
    /// A page that could not be read back from its swap file (`SWP_SWAPIN_ERROR`).
    SwapinError,
}

impl SwapUse {
    /// The name used in reports.
    pub const fn name(self) -> &'static str {
        match self {
            SwapUse::File => "swap-file",
            SwapUse::Hwpoison => "hwpoison",
            SwapUse::MigrationRead => EntryKind::MigrationRead.name(),
            SwapUse::MigrationReadExclusive => EntryKind::MigrationReadExclusive.name(),
            SwapUse::MigrationWrite => EntryKind::MigrationWrite.name(),
            SwapUse::DevicePrivateWrite => "device-private-write",
            SwapUse::DevicePrivateRead => "device-private-read",
            SwapUse::DeviceExclusiveWrite => "device-exclusive-write",
            SwapUse::DeviceExclusiveRead => "device-exclusive-read",
            SwapUse::DeviceExclusive => "device-exclusive",
            SwapUse::PteMarker => "pte-marker",
            SwapUse::SwapinError => "swapin-error",
        }
    }

    /// The kind of migration entry that it makes; `None` if it makes none.
    pub const fn migration(self) -> Option<EntryKind> {
        match self {
            SwapUse::MigrationRead => Some(EntryKind::MigrationRead),
            SwapUse::MigrationReadExclusive => Some(EntryKind::MigrationReadExclusive),
            SwapUse::MigrationWrite => Some(EntryKind::MigrationWrite),
            _ => None,
        }
    }

    /// Whether the offset is a page frame number (`is_pfn_swap_entry()`).
    pub const fn holds_page(self) -> bool {
        !matches!(self, SwapUse::File | SwapUse::PteMarker | SwapUse::SwapinError)
    }
}

/// An option of a kernel's configuration that decides how swap types are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigOption {
    /// `CONFIG_DEVICE_PRIVATE`.
    DevicePrivate,
    /// `CONFIG_PTE_MARKER`, which is always on from 6.2 on.
    PteMarker,
    /// `CONFIG_MEMORY_FAILURE`.
    MemoryFailure,
}

impl ConfigOption {
    /// Its name, without `CONFIG_`.
    pub const fn name(self) -> &'static str {
        match self {
            ConfigOption::DevicePrivate => "DEVICE_PRIVATE",
            ConfigOption::PteMarker => "PTE_MARKER",
            ConfigOption::MemoryFailure => "MEMORY_FAILURE",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Options that are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Config(u8);

impl Config {
    const fn of(options: &[ConfigOption]) -> Config {
        let (mut bits, mut at) = (0, 0);
        while at < options.len() {
            bits |= options[at].bit();
            at += 1;
        }
        Config(bits)
    }

    const fn has(self, option: ConfigOption) -> bool {
        self.0 & option.bit() != 0
    }

    fn with(self, option: ConfigOption, on: bool) -> Config {
        if on { Config(self.0 | option.bit()) } else { Config(self.0 & !option.bit()) }
    }
}

/// Types that are taken for one end, in ascending order, and the option that they need.
#[derive(Debug, Clone, Copy)]
struct Group {
    needs: Option<ConfigOption>,
    uses: &'static [SwapUse],
}

const fn group(needs: Option<ConfigOption>, uses: &'static [SwapUse]) -> Group {
    Group { needs, uses }
}

/// The numbers of the migration types, and whether the offset also holds young and dirty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationTypes {
    /// `SWP_MIGRATION_READ`.
    pub read: u64,
    /// `SWP_MIGRATION_READ_EXCLUSIVE`.
    pub read_exclusive: Option<u64>,
    /// `SWP_MIGRATION_WRITE`.
    pub write: u64,
    /// Whether young and dirty are kept in the offset above the page frame number.
    pub young_dirty: bool,
}

impl MigrationTypes {
    /// Whether a swap type means migration.
    pub fn contains(&self, kind: u64) -> bool {
        kind == self.read || kind == self.write || self.read_exclusive == Some(kind)
    }
}

/// What swap types are used for over a range of versions.
#[derive(Debug, Clone, Copy)]
pub struct SwapTypes {
    /// The groups, in ascending order. The last one ends with the highest type.
    groups: &'static [Group],
    /// The options that the architecture can have, of those that decide. A kernel can lack any of them, the last most
    /// often.
    options: &'static [ConfigOption],
    /// The migration types of a kernel with every option.
    usual: MigrationTypes,
}

/// What a swap type is used for, and in which kernels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What it is used for.
    pub purpose: SwapUse,
    /// The options that decide it, and whether each must be on. None: it is so in every kernel.
    pub needs: Vec<(ConfigOption, bool)>,
}

impl SwapTypes {
    const fn new(groups: &'static [Group], options: &'static [ConfigOption], young_dirty: bool) -> SwapTypes {
        let none = MigrationTypes { read: u64::MAX, read_exclusive: None, write: u64::MAX, young_dirty };
        let of_groups = SwapTypes { groups, options, usual: none };
        SwapTypes { usual: of_groups.migration_with(Config::of(options)), ..of_groups }
    }

    /// The migration types of a kernel that has every option that the architecture can have.
    pub const fn migration(&self) -> MigrationTypes {
        self.usual
    }

    const fn migration_with(&self, config: Config) -> MigrationTypes {
        let mut types = self.usual;
        let mut kind = 0;
        while kind < TYPES {
            match self.use_with(kind, config) {
                SwapUse::MigrationRead => types.read = kind,
                SwapUse::MigrationReadExclusive => types.read_exclusive = Some(kind),
                SwapUse::MigrationWrite => types.write = kind,
                _ => {}
            }
            kind += 1;
        }
        types
    }

    /// What a type is used for in a kernel with these options.
    const fn use_with(&self, kind: u64, config: Config) -> SwapUse {
        let (mut end, mut at) = (TYPES, self.groups.len());
        while at > 0 {
            at -= 1;
            let Group { needs, uses } = self.groups[at];
            let on = match needs {
                None => true,
                Some(option) => config.has(option),
            };
            if on {
                let first = end - uses.len() as u64;
                if kind >= first && kind < end {
                    return uses[(kind - first) as usize];
                }
                end = first;
            }
        }
        SwapUse::File
    }

    /// Every use that a type can have: first that in a kernel with all options, and last that in a kernel with none.
    pub fn readings(&self, kind: u64) -> Vec<Reading> {
        let mut readings: Vec<(Reading, Vec<Config>)> = Vec::new();
        for config in self.configs() {
            let purpose = self.use_with(kind, config);
            if readings.iter().any(|(reading, of)| reading.purpose == purpose && of.contains(&config)) {
                continue;
            }
            // Options that make no difference here are left out, one after the other.
            let (mut needs, mut of) = (Vec::new(), vec![config]);
            for option in self.options {
                let other = |config: &Config| config.with(*option, !config.has(*option));
                let flipped: Vec<Config> = of.iter().map(other).collect();
                if flipped.iter().all(|config| self.use_with(kind, *config) == purpose) {
                    of.extend(flipped);
                } else {
                    needs.push((*option, config.has(*option)));
                }
            }
            readings.push((Reading { purpose, needs }, of));
        }
        readings.into_iter().map(|(reading, _)| reading).collect()
    }

    /// Every configuration, those with more options first. What is off most often is off first.
    fn configs(&self) -> Vec<Config> {
        let mut configs = vec![Config::of(self.options)];
        for option in self.options.iter().rev() {
            let without: Vec<Config> = configs.iter().map(|config| config.with(*option, false)).collect();
            configs.extend(without);
        }
        configs.sort_by_key(|config| std::cmp::Reverse(config.0.count_ones()));
        configs
    }
}

const HWPOISON: Group = group(Some(ConfigOption::MemoryFailure), &[SwapUse::Hwpoison]);
const MIGRATION: Group =
    group(None, &[SwapUse::MigrationRead, SwapUse::MigrationReadExclusive, SwapUse::MigrationWrite]);
const PTE_MARKER: &[SwapUse] = &[SwapUse::PteMarker];

const GROUPS_5_10: &[Group] = &[
    HWPOISON,
    group(None, &[SwapUse::MigrationRead, SwapUse::MigrationWrite]),
    group(Some(ConfigOption::DevicePrivate), &[SwapUse::DevicePrivateWrite, SwapUse::DevicePrivateRead]),
];
const DEVICE_6_1: Group = group(
    Some(ConfigOption::DevicePrivate),
    &[
        SwapUse::DevicePrivateWrite,
        SwapUse::DevicePrivateRead,
        SwapUse::DeviceExclusiveWrite,
        SwapUse::DeviceExclusiveRead,
    ],
);
const GROUPS_6_1: &[Group] = &[
    HWPOISON,
    MIGRATION,
    DEVICE_6_1,
    group(Some(ConfigOption::PteMarker), PTE_MARKER),
    group(None, &[SwapUse::SwapinError]),
];
const GROUPS_6_2: &[Group] = &[HWPOISON, MIGRATION, DEVICE_6_1, group(None, PTE_MARKER)];
const GROUPS_6_15: &[Group] = &[
    HWPOISON,
    MIGRATION,
    group(
        Some(ConfigOption::DevicePrivate),
        &[SwapUse::DevicePrivateWrite, SwapUse::DevicePrivateRead, SwapUse::DeviceExclusive],
    ),
    group(None, PTE_MARKER),
];

const MARKERS_TOO: &[ConfigOption] =
    &[ConfigOption::MemoryFailure, ConfigOption::PteMarker, ConfigOption::DevicePrivate];
const DEVICES: &[ConfigOption] = &[ConfigOption::MemoryFailure, ConfigOption::DevicePrivate];
const NO_DEVICES: &[ConfigOption] = &[ConfigOption::MemoryFailure];

const TYPES_5_10: Era<SwapTypes> = Era {
    from: v(5, 10),
    to: v(5, 10),
    source: "include/linux/swap.h of 5.10.262",
    value: SwapTypes::new(GROUPS_5_10, DEVICES, false),
};
const TYPES_6_1: Era<SwapTypes> = Era {
    from: v(6, 1),
    to: v(6, 1),
    source: "include/linux/swap.h and swapops.h of 6.1.176",
    value: SwapTypes::new(GROUPS_6_1, MARKERS_TOO, true),
};
const TYPES_6_2: Era<SwapTypes> = Era {
    from: v(6, 2),
    to: v(6, 14),
    source: "include/linux/swap.h of 6.12.107; Linux kernel commits (\"mm: always compile in pte markers\"), (\"mm: use \
             pte markers for swap errors\") (in v6.2, by their date 2022-11-30)",
    value: SwapTypes::new(GROUPS_6_2, DEVICES, true),
};
const TYPES_6_15: Era<SwapTypes> = Era {
    from: v(6, 15),
    to: v(7, 2),
    source: "include/linux/swap.h of 7.2.12; Linux kernel commit (\"mm: use single SWP_DEVICE_EXCLUSIVE entry type\") \
             (in v6.15, by its date 2025-03-16)",
    value: SwapTypes::new(GROUPS_6_15, DEVICES, true),
};

/// What an encoding has whose huge pages cannot be migrated: no types at all.
pub(crate) static NO_MIGRATION: Era<SwapTypes> = Era {
    from: Version::OLDEST,
    to: Version::NEWEST,
    source: "no type: huge pages cannot be migrated",
    value: SwapTypes::new(&[], &[], false),
};

static WITH_ALL: &[Era<SwapTypes>] = &[TYPES_5_10, TYPES_6_1, TYPES_6_2, TYPES_6_15];

/// 6.1 has PTE markers only with userfaultfd write protection, so on x86_64 only.
static MARKERS_FROM_6_2: &[Era<SwapTypes>] = &[
    TYPES_5_10,
    Era {
        source: "include/linux/swap.h of 6.1.176, without PTE_MARKER (mm/Kconfig)",
        value: SwapTypes::new(GROUPS_6_1, DEVICES, true),
        ..TYPES_6_1
    },
    TYPES_6_2,
    TYPES_6_15,
];

/// Without ZONE_DEVICE there is no device-private memory either, and no swap type for it.
const WITHOUT_DEVICES_6_1: Era<SwapTypes> = Era {
    source: "include/linux/swap.h of 6.1.176, without PTE_MARKER and DEVICE_PRIVATE (mm/Kconfig)",
    value: SwapTypes::new(GROUPS_6_1, NO_DEVICES, true),
    ..TYPES_6_1
};

static LOONGARCH: &[Era<SwapTypes>] = &[
    WITHOUT_DEVICES_6_1,
    Era {
        to: v(6, 2),
        source: "as 6.1, but with the one type for markers in place of that for swap errors",
        value: SwapTypes::new(GROUPS_6_2, NO_DEVICES, true),
        ..TYPES_6_2
    },
    Era { from: v(6, 12), ..TYPES_6_2 },
    TYPES_6_15,
];

static RISCV: &[Era<SwapTypes>] = &[
    WITHOUT_DEVICES_6_1,
    Era {
        to: v(6, 6),
        source: "include/linux/swap.h and mm/Kconfig of a tree of 6.6.36, without DEVICE_PRIVATE",
        value: SwapTypes::new(GROUPS_6_2, NO_DEVICES, true),
        ..TYPES_6_2
    },
    Era { from: v(6, 12), ..TYPES_6_2 },
    TYPES_6_15,
];

/// What swap types an architecture has by version.
///
/// Each of these is with every option that the architecture can have, unless its readings are asked for. MIGRATION is no
/// such option: TRANSPARENT_HUGEPAGE selects COMPACTION, which selects it (mm/Kconfig).
pub fn swap_types(arch: Arch) -> &'static [Era<SwapTypes>] {
    match arch {
        Arch::X86_64 => WITH_ALL,
        // Migration of huge pages came in 6.17.
        Arch::S390x => &[TYPES_6_15],
        Arch::Sparc64 => &[],
        Arch::Arm64 | Arch::Ppc64 | Arch::Ppc64le => MARKERS_FROM_6_2,
        Arch::Riscv64 => RISCV,
        Arch::LoongArch64 => LOONGARCH,
    }
}
