//! An encoding: how one architecture lays out an entry at one Linux version.

use std::fmt;

use crate::arch::{Arch, layouts, other_layouts, swap_types};
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
    /// The empty entry of one particular kernel, which replaces that of `layout`.
    empty: Option<u64>,
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
        Ok(Encoding { arch, mmu, version, layout, types, found: None, empty: None })
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

    /// The empty entry: `pmd_clear()` stores it, and `pmd_none()` is true of it.
    pub fn none(&self) -> u64 {
        self.empty.unwrap_or(self.layout().none)
    }

    /// Returns the same encoding with another empty entry.
    ///
    /// Where the empty entry is the address of a table in the kernel's image, each kernel has its own.
    #[must_use]
    pub fn with_none(self, none: u64) -> Encoding {
        Encoding { empty: Some(none), ..self }
    }

    /// `pmd_none()`.
    pub fn is_none(&self, entry: u64) -> bool {
        (self.layout().predicates.none)(self.with_usual_none(entry))
    }

    /// `pmd_present()`.
    pub fn is_present(&self, entry: u64) -> bool {
        (self.layout().predicates.present)(self.with_usual_none(entry))
    }

    /// Returns the entry of the layout that means the same: its empty entry for that of this kernel. So that no two
    /// entries mean the same, the layout's empty entry becomes that of the kernel.
    ///
    /// For predicates that compare an entry with the empty one. All others look at single bits, which are those of
    /// the entry itself.
    fn with_usual_none(&self, entry: u64) -> u64 {
        let (own, usual) = (self.none(), self.layout().none);
        if entry == own {
            usual
        } else if entry == usual {
            own
        } else {
            entry
        }
    }

    /// Returns the same encoding for kernels built with base pages of another size. Physical addresses keep their
    /// number of bits.
    ///
    /// `None` if no layout with these sizes is known at this version. [`at`](Self::at) gives the usual sizes.
    pub fn with_page_shift(self, page_shift: u8) -> Option<Encoding> {
        self.with_sizes(page_shift, self.layout().physical_bits)
    }

    /// Returns the same encoding for kernels whose physical addresses have another number of bits, such as 52 on
    /// arm64 (`CONFIG_ARM64_PA_BITS_52`). The base pages keep their size.
    ///
    /// `None` if no layout with these sizes is known at this version. [`at`](Self::at) gives the usual sizes.
    pub fn with_physical_bits(self, physical_bits: u8) -> Option<Encoding> {
        self.with_sizes(self.layout().page_shift, physical_bits)
    }

    fn with_sizes(self, page_shift: u8, physical_bits: u8) -> Option<Encoding> {
        let others = other_layouts(self.arch, self.mmu).iter().copied();
        let eras = std::iter::once(layouts(self.arch, self.mmu)).chain(others);
        let mut known = eras.filter_map(|eras| in_force(eras, self.version).ok());
        let layout = known
            .find(|era| era.value.page_shift == page_shift && era.value.physical_bits == physical_bits)?;
        Some(Encoding { layout, ..self })
    }

    /// Whether the base pages have the architecture's usual size.
    pub fn has_usual_pages(&self) -> bool {
        self.usual().page_shift == self.layout().page_shift
    }

    /// Whether physical addresses have the usual number of bits of the architecture at this version.
    pub fn has_usual_physical_bits(&self) -> bool {
        self.usual().physical_bits == self.layout().physical_bits
    }

    /// Returns the layout in kernels with the usual sizes of pages and physical addresses.
    fn usual(&self) -> &'static Layout {
        in_force(layouts(self.arch, self.mmu), self.version).map_or(self.layout(), |era| &era.value)
    }

    /// The swap types in force, and the versions over which they hold.
    pub fn types_era(&self) -> &'static Era<SwapTypes> {
        self.types
    }

    /// `is_swap_pmd()`: the entry is neither empty nor present.
    pub fn is_swap(&self, entry: u64) -> bool {
        !self.is_none(entry) && !self.is_present(entry)
    }

    /// `is_pmd_migration_entry()`: a swap entry whose type means migration. False where the
    /// architecture cannot migrate huge pages.
    pub fn is_migration(&self, entry: u64) -> bool {
        self.is_swap(entry)
            && self.layout().swap.is_some_and(|swap| self.migration_types().contains(swap.kind_of(entry)))
    }

    /// The form of an entry. It follows from the predicates, so it cannot disagree with them.
    pub fn form(&self, entry: u64) -> Form {
        if self.is_none(entry) {
            Form::None
        } else if !self.is_present(entry) {
            Form::Swap
        } else if !(self.layout().predicates.leaf)(entry) {
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
    /// Writes `arm64 6.12`, `ppc64 radix 7.2`. Sizes that are not the usual ones follow:
    /// `ppc64le radix 7.2 with 4K pages`, `arm64 6.12 with 64K pages and 52-bit physical addresses`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.arch)?;
        if let Some(mmu) = self.mmu {
            write!(f, " {mmu}")?;
        }
        write!(f, " {}", self.version)?;
        let Layout { page_shift, physical_bits, .. } = self.layout();
        let mut joint = " with";
        if !self.has_usual_pages() {
            write!(f, "{joint} {}K pages", 1_u64 << page_shift >> 10)?;
            joint = " and";
        }
        if !self.has_usual_physical_bits() {
            write!(f, "{joint} {physical_bits}-bit physical addresses")?;
        }
        Ok(())
    }
}
