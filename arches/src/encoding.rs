//! An encoding: how one architecture lays out an entry at one Linux version.

use std::fmt;

use crate::arch::{Arch, layouts, layouts_of_other_pages, swap_types};
use crate::encoding_error::EncodingError;
use crate::field::{Field, Form};
use crate::layout::Layout;
use crate::mmu::Mmu;
use crate::numbering::NO_MIGRATION;
use crate::swap_types::{MigrationTypes, SwapTypes};
use crate::version::{Era, Gap, Version, in_force};

/// How one architecture lays out an entry at one Linux version: the layout and the swap types
/// in force there.
#[derive(Debug, Clone, Copy)]
pub struct Encoding {
    arch: Arch,
    mmu: Option<Mmu>,
    version: Version,
    layout: &'static Era<Layout>,
    types: &'static Era<SwapTypes>,
    /// Migration types found in one particular kernel, which replace those of `types`.
    found: Option<MigrationTypes>,
}

impl Encoding {
    /// Returns the encoding of `arch` in force in Linux `version`.
    pub fn at(arch: Arch, mmu: Option<Mmu>, version: Version) -> Result<Encoding, EncodingError> {
        match mmu {
            None if !arch.mmus().is_empty() => return Err(EncodingError::MmuNeeded { arch }),
            Some(mmu) if !arch.mmus().contains(&mmu) => {
                return Err(EncodingError::NoSuchMmu { arch, mmu });
            }
            _ => {}
        }
        let unknown = |what| {
            move |gap: Gap| match (arch.absence(version), gap.newer) {
                (Some(why), Some(newer)) => EncodingError::Absent { why, newer },
                _ => EncodingError::Unknown { what, arch, version, gap },
            }
        };
        let layout = in_force(layouts(arch, mmu), version).map_err(unknown("the entry layout"))?;
        // Where huge pages cannot be migrated, no swap type means migration.
        let types = match layout.value.swap {
            Some(_) => {
                in_force(swap_types(arch), version).map_err(unknown("the numbering of migration types"))?
            }
            None => &NO_MIGRATION,
        };
        Ok(Encoding { arch, mmu, version, layout, types, found: None })
    }

    /// The architecture.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// The MMU kind, where the architecture has several.
    pub fn mmu(&self) -> Option<Mmu> {
        self.mmu
    }

    /// The Linux version that the encoding was requested for.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The layout in force.
    pub fn layout(&self) -> &'static Layout {
        &self.layout.value
    }

    /// The layout in force, with the versions over which it is known to hold and the source of that knowledge.
    pub fn layout_era(&self) -> &'static Era<Layout> {
        self.layout
    }

    /// The migration types in force.
    pub fn migration_types(&self) -> MigrationTypes {
        self.found.unwrap_or(self.types.value.migration())
    }

    /// Returns the same encoding with other migration types. Their numbers depend on the kernel's configuration,
    /// so a real kernel may differ from the usual configuration of its version.
    #[must_use]
    pub fn with_migration_types(self, types: MigrationTypes) -> Encoding {
        Encoding { found: Some(types), ..self }
    }

    /// Returns the same encoding for kernels built with base pages of another size; `None` if no layout with that
    /// size is known. [`at`](Self::at) gives the usual size, which the rest of this crate assumes.
    pub fn with_page_shift(self, page_shift: u8) -> Option<Encoding> {
        let eras = [layouts(self.arch, self.mmu), layouts_of_other_pages(self.arch, self.mmu)];
        let layout = eras.into_iter().find_map(|eras| {
            in_force(eras, self.version).ok().filter(|era| era.value.page_shift == page_shift)
        })?;
        Some(Encoding { layout, ..self })
    }

    /// Whether the base pages have the architecture's usual size.
    pub fn has_usual_pages(&self) -> bool {
        layouts(self.arch, self.mmu)
            .first()
            .is_some_and(|era| era.value.page_shift == self.layout().page_shift)
    }

    /// The swap types in force, and the versions over which they hold.
    pub fn types_era(&self) -> &'static Era<SwapTypes> {
        self.types
    }

    /// `is_swap_pmd()`: the entry is neither empty nor present.
    pub fn is_swap(&self, entry: u64) -> bool {
        let predicates = &self.layout().predicates;
        !(predicates.none)(entry) && !(predicates.present)(entry)
    }

    /// `is_pmd_migration_entry()`: a swap entry whose type means migration. False where the
    /// architecture cannot migrate huge pages.
    pub fn is_migration(&self, entry: u64) -> bool {
        self.is_swap(entry)
            && self.layout().swap.is_some_and(|swap| self.migration_types().contains(swap.kind_of(entry)))
    }

    /// The form of an entry. It follows from the predicates, so it cannot disagree with them.
    pub fn form(&self, entry: u64) -> Form {
        let predicates = &self.layout().predicates;
        if (predicates.none)(entry) {
            Form::None
        } else if !(predicates.present)(entry) {
            Form::Swap
        } else if !(predicates.leaf)(entry) {
            Form::Table
        } else if (self.layout().hardware_valid)(entry) {
            Form::Leaf
        } else {
            Form::InvalidLeaf
        }
    }

    /// Returns the named fields that an entry of this value has, from the lowest bit up.
    pub fn fields_of(&self, entry: u64) -> impl Iterator<Item = &'static Field> + use<> {
        self.fields_in(self.form(entry))
    }

    /// Returns the named fields that entries of a form have, from the lowest bit up.
    pub fn fields_in(&self, form: Form) -> impl Iterator<Item = &'static Field> + use<> {
        let groups = self.layout().fields.iter().copied();
        let mut fields: Vec<_> = groups.flatten().filter(|field| field.is_in(form)).collect();
        fields.sort_by_key(|field| field.bits.low);
        fields.into_iter()
    }
}

impl fmt::Display for Encoding {
    /// Writes `arm64 6.12`, `ppc64 radix 7.2`, and if pages do not have the usual size,
    /// `ppc64le radix 7.2 with 4K pages`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arch)?;
        if let Some(mmu) = self.mmu {
            write!(f, " {mmu}")?;
        }
        write!(f, " {}", self.version)?;
        if self.has_usual_pages() {
            return Ok(());
        }
        write!(f, " with {}K pages", 1_u64 << self.layout().page_shift >> 10)
    }
}
