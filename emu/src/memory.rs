//! The memory that the vCPUs of one machine share, and its layout.
//!
//! Guest addresses are physical addresses: no guest here turns its MMU on.

use std::ops::Range;

use memmap2::MmapMut;
use pmdscope_engine::EngineError;

use crate::EmuError;

/// The PMD table. s390x requires it to be aligned to its own size, 2048 entries.
pub(crate) const PMD_TABLE: u64 = 0x40_0000;
/// Bytes of the PMD table, which is watched.
pub(crate) const PMD_TABLE_BYTES: u64 = 0x4000;
/// The page table that a split installs: one page of at most 64 KiB.
pub(crate) const PTE_TABLE: u64 = 0x41_0000;
pub(crate) const PTE_TABLE_BYTES: u64 = 0x1_0000;
/// The private memory of each vCPU: environment, outcome, arrays for surveys, stack.
pub(crate) const PRIVATE: u64 = 0x50_0000;
pub(crate) const PRIVATE_BYTES: u64 = 0x20_0000;
pub(crate) const ENV: u64 = PRIVATE;
pub(crate) const OUTCOME: u64 = PRIVATE + 0x1000;
/// Where functions return to. Not page-aligned: the engine mishandles an aligned stop address on s390x.
pub(crate) const RETURN_PAD: u64 = PRIVATE + 0x2010;
/// Where a helper of a probe finds the entry that it is given the address of. A table is aligned to its size on s390x.
pub(crate) const SLOT: u64 = PRIVATE + 0x4000 + 8 * ENTRY_INDEX;
pub(crate) const SURVEY_IN: u64 = PRIVATE + 0x1_0000;
pub(crate) const SURVEY_OUT: u64 = PRIVATE + 0x4_0000;
pub(crate) const STACK_TOP: u64 = PRIVATE + PRIVATE_BYTES - 0x1000;
/// The struct page of PFN 0. It is high enough that no other address is mistaken for a struct page, and within the
/// 52 bits of an address that the engine keeps on x86_64.
pub(crate) const VMEMMAP: u64 = 1 << 50;

/// Index of the entry that routines run on. Any but the first would do: the walked address must not be zero.
pub(crate) const ENTRY_INDEX: u64 = 5;
/// Address of the entry.
pub(crate) const ENTRY: u64 = PMD_TABLE + 8 * ENTRY_INDEX;

/// The largest page size of the engine's CPUs (sparc64): every mapping is a multiple of it.
pub(crate) const ENGINE_PAGE: u64 = 0x2000;

/// A zeroed buffer of host memory that several engines map at once. It takes memory only where it is
/// touched.
///
/// The engines write to it behind Rust's back, so it is reached through a raw pointer only, and
/// never while an engine is inside of one of its own accesses.
pub(crate) struct Shared {
    at: *mut u8,
    /// Owns the memory.
    map: MmapMut,
}

impl Shared {
    pub(crate) fn new(bytes: u64) -> Result<Self, EmuError> {
        let no_memory = || EmuError::engine("allocate memory", EngineError::NoMemory);
        let size = usize::try_from(bytes.next_multiple_of(ENGINE_PAGE)).map_err(|_| no_memory())?;
        let mut map = MmapMut::map_anon(size).map_err(|_| no_memory())?;
        Ok(Shared { at: map.as_mut_ptr(), map })
    }

    pub(crate) fn pointer(&self) -> *mut u8 {
        self.at
    }

    pub(crate) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    pub(crate) fn read(&self, offset: u64) -> [u8; 8] {
        let offset = self.checked(offset, 8);
        // SAFETY: in bounds by the check; engines only access the buffer while they run, on this
        // thread, and not at this moment.
        unsafe { self.at.add(offset).cast::<[u8; 8]>().read_unaligned() }
    }

    pub(crate) fn read_at(&self, offset: u64, bytes: u64) -> Vec<u8> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        let offset = self.checked(offset, bytes);
        let mut content = vec![0; bytes];
        // SAFETY: as for `read`.
        unsafe { self.at.add(offset).copy_to_nonoverlapping(content.as_mut_ptr(), bytes) };
        content
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        let offset = self.checked(offset, bytes.len());
        // SAFETY: as for `read`.
        unsafe { self.at.add(offset).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) }
    }

    /// Writes the same byte everywhere in a range of offsets.
    pub(crate) fn fill(&self, range: Range<u64>, byte: u8) {
        let bytes = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let start = self.checked(range.start, bytes);
        // SAFETY: as for `read`.
        unsafe { self.at.add(start).write_bytes(byte, bytes) }
    }

    pub(crate) fn clear(&self) {
        self.fill(0..self.len(), 0);
    }

    fn checked(&self, offset: u64, length: usize) -> usize {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        assert!(
            offset.checked_add(length).is_some_and(|end| end <= self.map.len()),
            "an access of {length} bytes at {offset:#x} in a buffer of {:#x}",
            self.map.len()
        );
        offset
    }
}
