//! The symbols that a kernel exports to modules (`__ksymtab`).
//!
//! A kernel without `CONFIG_KALLSYMS_ALL` has names of functions only, but its modules use variables too. Source: Linux
//! include/linux/export.h, kernel/module/internal.h and include/asm-generic/vmlinux.lds.h, in v6.12 and v7.2.

use pmdscope_arches::ByteOrder;

use super::image::MemoryImage;

/// The size of an entry in bytes: the addresses of the symbol, of its name, and of its namespace.
///
/// Only this form is read. Kernels with `CONFIG_HAVE_ARCH_PREL32_RELOCATIONS` have distances in four bytes instead.
const ENTRY: usize = 24;
/// The largest table in bytes. Debian's 7.2 for loong64 has 0.3 MB.
const LARGEST: usize = 16 << 20;
/// The longest name in bytes, with the zero byte at its end (Linux include/linux/kallsyms.h, KSYM_NAME_LEN, in v7.2).
const NAME_LONGEST: usize = 512;

/// The exported symbols of a kernel: names and addresses, in order of the names.
#[derive(Debug, Default)]
pub(super) struct Exports(Vec<(String, u64)>);

impl Exports {
    /// Reads the table between two addresses.
    ///
    /// A table is taken as a whole or not at all: each entry must lead into the image, and to a name.
    pub(super) fn read(image: &MemoryImage, start: u64, end: u64) -> Option<Exports> {
        let length = usize::try_from(end.checked_sub(start)?).ok()?;
        if length > LARGEST || !length.is_multiple_of(ENTRY) {
            return None;
        }
        let order = ByteOrder::of(image.arch);
        let (words, _) = image.read(start, length)?.as_chunks::<8>();
        let (entries, _) = words.as_chunks::<{ ENTRY / 8 }>();
        let export = |[address, name, _]: &[[u8; 8]; ENTRY / 8]| {
            let address = order.decode(*address);
            let name = name_at(image, order.decode(*name))?;
            is_in_kernel(image, address).then_some((name, address))
        };
        let mut exports: Vec<_> = entries.iter().map(export).collect::<Option<_>>()?;
        exports.sort_unstable();
        Some(Exports(exports))
    }

    /// Returns the address of a symbol.
    pub(super) fn address(&self, name: &str) -> Option<u64> {
        let first = self.0.partition_point(|(other, _)| other.as_str() < name);
        self.0.get(first).filter(|(other, _)| other == name).map(|(_, address)| *address)
    }
}

/// Returns the name at an address, if it is one of a symbol.
fn name_at(image: &MemoryImage, address: u64) -> Option<String> {
    let rest = image.read_up_to(address, NAME_LONGEST)?;
    let name = &rest[..memchr::memchr(0, rest)?];
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

/// Whether an address lies in the kernel's memory, also where the image stores no bytes.
fn is_in_kernel(image: &MemoryImage, address: u64) -> bool {
    let offset = |start: u64| address.checked_sub(start);
    image.kernel().any(|segment| offset(segment.address).is_some_and(|offset| offset < segment.size))
}
