//! The purposes of swap types.

use crate::entry::EntryKind;

/// The use of a swap type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SwapUse {
    /// A page in a swap file: the type is the number of the file.
    File,
    /// A page whose memory is broken (`SWP_HWPOISON`).
    Hwpoison,
    /// A page that was not writable, under migration (`SWP_MIGRATION_READ`).
    MigrationRead,
    /// The same for a page that is exclusive to one process (`SWP_MIGRATION_READ_EXCLUSIVE`).
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
    /// A marker in place of a page (`SWP_PTE_MARKER`).
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

    /// The kind of migration entry that has this use; `None` if the use is not migration.
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
