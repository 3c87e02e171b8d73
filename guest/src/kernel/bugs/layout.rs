//! The layouts of the table's entries (`struct bug_entry`), and how to tell which one a kernel has.

use pmdscope_arches::ByteOrder;

use super::trap::{is_known, is_trap};
use crate::kernel::image::MemoryImage;
use crate::kernel::load::Kernel;

/// The flag of a warning (`BUGFLAG_WARNING`).
pub(super) const WARNING: u16 = 1 << 0;
/// The flag of a warning that is reported only once (`BUGFLAG_ONCE`).
pub(super) const ONCE: u16 = 1 << 1;
/// The flag of a warning whose message has arguments (`BUGFLAG_ARGS`).
pub(super) const ARGUMENTS: u16 = 1 << 4;
/// The bits that no flag has. The upper byte is the number of a taint.
const NO_FLAG: u16 = 0xe0;
/// The largest taint number in a kernel's entry. Linux 7.2 has 20 taints.
const TAINT_LARGEST: u16 = 31;
/// The largest table in bytes. The largest seen has 0.6 MB.
const LARGEST: u64 = 64 << 20;
/// The longest text of an entry in bytes.
const TEXT_LONGEST: usize = 4096;
/// The most entries in a row that need not make sense, in a table that is found by its form.
const ODD: u64 = 2;
/// The share of entries that must make sense, in percent.
///
/// The rest of an entry can be about code that the image does not have, such as that of another processor.
const SENSIBLE: usize = 90;

/// How an entry has addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pointer {
    /// As the distance from the number itself, in 4 bytes (`CONFIG_GENERIC_BUG_RELATIVE_POINTERS`, since v5.19).
    FromItself,
    /// As the distance from the start of the entry, in 4 bytes (the same up to v5.18).
    FromEntry,
    /// As addresses, in 8 bytes (ppc64 up to v5.12).
    Absolute,
}

/// The layout of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntryLayout {
    pointer: Pointer,
    /// Whether it has a format (`HAVE_ARCH_BUG_FORMAT`, since Linux 6.19).
    format: bool,
    /// Whether it has a file and a line (`CONFIG_DEBUG_BUGVERBOSE`).
    location: bool,
}

/// The members of `struct bug_entry`, as the kernel's types have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Described {
    relative: bool,
    format: bool,
    location: bool,
}

/// The table of a kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    start: u64,
    /// The number of entries.
    pub(super) count: usize,
    layout: EntryLayout,
}

/// An entry of the table. Addresses are absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// The address of the entry.
    pub(super) at: u64,
    /// The address that the entry is about.
    pub(super) address: u64,
    /// The address of the format, if there is one.
    pub(super) format: Option<u64>,
    /// The address of the file's name, if there is one.
    pub(super) file: Option<u64>,
    /// The line, if there is one.
    pub(super) line: Option<u16>,
    /// The flags (`BUGFLAG_*`).
    pub(super) flags: u16,
    /// The bytes after the flags that fill the entry up.
    padding: u16,
}

impl EntryLayout {
    /// Returns every layout, those that fit less first.
    ///
    /// An entry that has a location but no format is taken for one of the opposite kind only if its line looks like
    /// flags and its flags are 0, so the kind without location is tried first.
    fn all() -> impl Iterator<Item = EntryLayout> {
        let pointers = [Pointer::FromItself, Pointer::FromEntry, Pointer::Absolute];
        let kinds = [(true, true), (true, false), (false, true), (false, false)];
        pointers.into_iter().flat_map(move |pointer| {
            kinds.into_iter().map(move |(format, location)| EntryLayout { pointer, format, location })
        })
    }

    /// Returns the members of an entry as the kernel's types describe them, if they do.
    pub(super) fn described(kernel: &Kernel) -> Option<Described> {
        let has = |member: &str| kernel.offset("bug_entry", member).is_some();
        let relative = has("bug_addr_disp");
        (relative || has("bug_addr")).then(|| Described {
            relative,
            format: has("format_disp") || has("format"),
            location: has("file_disp") || has("file"),
        })
    }

    fn is(self, described: Described) -> bool {
        (self.pointer != Pointer::Absolute) == described.relative
            && self.format == described.format
            && self.location == described.location
    }

    /// Returns the size of an entry in bytes.
    const fn size(self) -> usize {
        let pointer = self.pointer_size();
        let pointers = 1 + self.format as usize + self.location as usize;
        let numbers = 2 + 2 * self.location as usize;
        (pointers * pointer + numbers).next_multiple_of(pointer)
    }

    const fn pointer_size(self) -> usize {
        match self.pointer {
            Pointer::FromItself | Pointer::FromEntry => 4,
            Pointer::Absolute => 8,
        }
    }

    /// Reads the entry at an address.
    fn read(self, image: &MemoryImage, at: u64) -> Option<Entry> {
        let bytes = image.read(at, self.size())?;
        let order = ByteOrder::of(image.arch);
        let mut offset = 0;
        let number = |offset: usize| {
            let bytes = *bytes.get(offset..)?.first_chunk()?;
            Some(match order {
                ByteOrder::Little => u16::from_le_bytes(bytes),
                ByteOrder::Big => u16::from_be_bytes(bytes),
            })
        };
        // Returns the address that the next pointer leads to, and whether it is null.
        let mut pointer = || {
            let here = at + offset as u64;
            let rest = bytes.get(offset..)?;
            offset += self.pointer_size();
            let from = match self.pointer {
                Pointer::Absolute => {
                    let bytes = *rest.first_chunk()?;
                    let address = match order {
                        ByteOrder::Little => u64::from_le_bytes(bytes),
                        ByteOrder::Big => u64::from_be_bytes(bytes),
                    };
                    return Some((address, address == 0));
                }
                Pointer::FromItself => here,
                Pointer::FromEntry => at,
            };
            let bytes = *rest.first_chunk()?;
            let distance = match order {
                ByteOrder::Little => i32::from_le_bytes(bytes),
                ByteOrder::Big => i32::from_be_bytes(bytes),
            };
            Some((from.wrapping_add_signed(distance.into()), distance == 0))
        };
        let (address, _) = pointer()?;
        // No format is written as 0, or as an empty text.
        let format = if self.format { Some(pointer()?) } else { None };
        let format = format.and_then(|(address, null)| (!null).then_some(address));
        let file = if self.location { Some(pointer()?.0) } else { None };
        let line = if self.location { Some(number(offset)?) } else { None };
        let flags = offset + 2 * usize::from(self.location);
        let padding = if flags + 2 < self.size() { number(flags + 2)? } else { 0 };
        Some(Entry { at, address, format, file, line, flags: number(flags)?, padding })
    }
}

impl Entry {
    /// Whether the entry is one that a kernel can have.
    fn is_sensible(&self, image: &MemoryImage) -> bool {
        let traps = is_trap(image, self.address);
        let calls = self.flags & ARGUMENTS != 0 && image.read(self.address, 1).is_some();
        (traps || calls)
            && self.flags & NO_FLAG == 0
            && self.flags >> 8 <= TAINT_LARGEST
            && (self.flags & ARGUMENTS == 0 || self.flags & WARNING != 0)
            && self.padding == 0
            && self.format.is_none_or(|address| is_text(image, address))
            && self.file.is_none_or(|address| is_name(image, address))
    }
}

impl Table {
    /// Determines the layout of the table between two addresses.
    ///
    /// `None` if the bytes are no table that is known here. The members that the kernel's types describe decide;
    /// what they leave open is decided by which layout makes sense of most entries.
    pub(super) fn read(
        image: &MemoryImage,
        start: u64,
        end: u64,
        described: Option<Described>,
    ) -> Option<Table> {
        let length = end.checked_sub(start).filter(|length| (1..=LARGEST).contains(length))?;
        if !is_known(image.arch) {
            return None;
        }
        let length = usize::try_from(length).ok()?;
        let mut best: Option<((usize, usize), Table)> = None;
        let layouts =
            EntryLayout::all().filter(|layout| described.is_none_or(|described| layout.is(described)));
        for layout in layouts.filter(|layout| length.is_multiple_of(layout.size())) {
            let table = Table { start, count: length / layout.size(), layout };
            let entries = (0..table.count).filter_map(|number| table.entry(image, number));
            let sensible: Vec<_> = entries.filter(|entry| entry.is_sensible(image)).collect();
            let share = sensible.len() * 100 / table.count;
            // Few bytes before or after its start, a name is a name still.
            let starts = |entry: &&Entry| entry.file.is_some_and(|file| starts_at(image, file));
            let merit = (share, sensible.iter().filter(starts).count());
            if share >= SENSIBLE && best.is_none_or(|(most, _)| merit > most) {
                best = Some((merit, table));
            }
        }
        best.map(|(_, table)| table)
    }

    /// Adds the entries before and after the table, as long as they make sense.
    ///
    /// The search finds a table by what traps, and stops at entries that do not.
    pub(super) fn grown(mut self, image: &MemoryImage) -> Table {
        let size = self.layout.size() as u64;
        let layout = self.layout;
        let is_entry = |at: u64| layout.read(image, at).is_some_and(|entry| entry.is_sensible(image));
        // Returns how many entries follow in a direction: up to the last one before `ODD + 1` that make no sense.
        let more = |at: &dyn Fn(u64) -> Option<u64>| {
            let (mut count, mut odd, mut number) = (0, 0, 1);
            while odd <= ODD
                && let Some(at) = at(number)
            {
                if is_entry(at) {
                    (count, odd) = (number, 0);
                } else {
                    odd += 1;
                }
                number += 1;
            }
            count
        };
        let last = self.start + (self.count as u64 - 1) * size;
        let after = more(&|number| last.checked_add(number.checked_mul(size)?));
        let before = more(&|number| self.start.checked_sub(number.checked_mul(size)?));
        self.start -= before * size;
        self.count += (before + after) as usize;
        self
    }

    /// Reads an entry, given its number.
    pub(super) fn entry(&self, image: &MemoryImage, number: usize) -> Option<Entry> {
        let offset = number.checked_mul(self.layout.size())? as u64;
        self.layout.read(image, self.start.checked_add(offset)?)
    }

    /// Returns the number of the entry that starts at an address.
    pub(super) fn number_at(&self, address: u64) -> Option<usize> {
        let offset = usize::try_from(address.checked_sub(self.start)?).ok()?;
        let number = offset / self.layout.size();
        (offset.is_multiple_of(self.layout.size()) && number < self.count).then_some(number)
    }
}

/// Returns the text at an address without the zero byte at its end, if it is not too long.
pub(super) fn string_at(image: &MemoryImage, address: u64) -> Option<&[u8]> {
    let rest = image.read_up_to(address, TEXT_LONGEST)?;
    Some(&rest[..memchr::memchr(0, rest)?])
}

/// Whether there is a text at an address, without control characters but those of a message.
///
/// It can be the end of a longer text, since linkers keep one copy of both.
fn is_text(image: &MemoryImage, address: u64) -> bool {
    let printable = |byte: &u8| !byte.is_ascii_control() || matches!(byte, b'\n' | b'\t' | 0x01);
    string_at(image, address).is_some_and(|text| text.iter().all(printable))
}

/// Whether the name of a file is at an address.
fn is_name(image: &MemoryImage, address: u64) -> bool {
    is_text(image, address) && string_at(image, address).is_some_and(|text| text.contains(&b'.'))
}

/// Whether a text at an address starts there, and is not the end of a longer one.
fn starts_at(image: &MemoryImage, address: u64) -> bool {
    address.checked_sub(1).and_then(|before| image.read(before, 1)).is_none_or(|byte| byte[0] == 0)
}
