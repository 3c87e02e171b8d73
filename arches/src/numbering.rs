//! How the generic layer numbers swap types, by version. An architecture lists the eras that fit it, and adds its
//! own where it lacks an option.

use crate::config::ConfigOption;
use crate::swap_types::{Group, SwapTypes, group};
use crate::swap_use::SwapUse;
use crate::version::{Era, Version, v};

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
pub(crate) const GROUPS_6_2: &[Group] = &[HWPOISON, MIGRATION, DEVICE_6_1, group(None, PTE_MARKER)];
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
pub(crate) const NO_DEVICES: &[ConfigOption] = &[ConfigOption::MemoryFailure];

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
pub(crate) const TYPES_6_2: Era<SwapTypes> = Era {
    from: v(6, 2),
    to: v(6, 14),
    source: "include/linux/swap.h of 6.12.107; Linux kernel commits (\"mm: always compile in pte markers\"), (\"mm: use \
             pte markers for swap errors\") (in v6.2, by their date 2022-11-30)",
    value: SwapTypes::new(GROUPS_6_2, DEVICES, true),
};
pub(crate) const TYPES_6_15: Era<SwapTypes> = Era {
    from: v(6, 15),
    to: v(7, 2),
    source: "include/linux/swap.h of 7.2.12; Linux kernel commit (\"mm: use single SWP_DEVICE_EXCLUSIVE entry type\") \
             (in v6.15, by its date 2025-03-16)",
    value: SwapTypes::new(GROUPS_6_15, DEVICES, true),
};

/// The numbering where huge pages cannot be migrated: no types at all.
pub(crate) static NO_MIGRATION: Era<SwapTypes> = Era {
    from: Version::OLDEST,
    to: Version::NEWEST,
    source: "no type: huge pages cannot be migrated",
    value: SwapTypes::new(&[], &[], false),
};

/// The numbering of architectures whose kernels can have every option from 5.10 on.
pub(crate) static WITH_EVERY_OPTION: &[Era<SwapTypes>] = &[TYPES_5_10, TYPES_6_1, TYPES_6_2, TYPES_6_15];

/// The numbering of architectures that have PTE markers from 6.2 on. In 6.1 PTE markers need userfaultfd write
/// protection, so only x86_64 has them there.
pub(crate) static MARKERS_FROM_6_2: &[Era<SwapTypes>] = &[
    TYPES_5_10,
    Era {
        source: "include/linux/swap.h of 6.1.176, without PTE_MARKER (mm/Kconfig)",
        value: SwapTypes::new(GROUPS_6_1, DEVICES, true),
        ..TYPES_6_1
    },
    TYPES_6_2,
    TYPES_6_15,
];

/// The numbering of 6.1 without ZONE_DEVICE, hence without device-private memory and its swap types.
pub(crate) const WITHOUT_DEVICES_6_1: Era<SwapTypes> = Era {
    source: "include/linux/swap.h of 6.1.176, without PTE_MARKER and DEVICE_PRIVATE (mm/Kconfig)",
    value: SwapTypes::new(GROUPS_6_1, NO_DEVICES, true),
    ..TYPES_6_1
};
