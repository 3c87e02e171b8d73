//! The two calling conventions of 64-bit POWER.
//!
//! In ELFv1, which big-endian kernels use unless they are built with `CONFIG_PPC64_BIG_ENDIAN_ELF_ABI_V2`, the symbol
//! of a function is that of its descriptor in `.opd`: the address of its code, the value of r2, and an unused word. The
//! code has a symbol with a dot before the name, if the compiler was called as the kernel's build does. Source: 64-bit
//! PowerPC ELF ABI Supplement 1.9, 3.2.5; Linux arch/powerpc/Makefile.

use std::ops::Range;

use pmdscope_arches::Arch;

use super::image::{MemoryImage, SymbolKind};

/// The calling convention of a kernel for 64-bit POWER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PowerAbi {
    /// A pointer to a function is that of a descriptor, which has the value of r2 (the TOC).
    V1,
    /// A pointer to a function is that of its code, which sets r2 from r12.
    V2,
}

/// The descriptors of a kernel's functions.
#[derive(Debug)]
pub(super) struct Descriptors {
    /// The addresses of the descriptors.
    places: Range<u64>,
    /// For each function that a descriptor names, the address of its code, and the number of its symbol. In this order.
    code: Vec<(u64, usize)>,
}

/// A function's descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptor {
    /// The address of the code.
    pub(super) code: u64,
    /// The value that the code expects in r2.
    pub(super) toc: u64,
}

impl Descriptors {
    /// Returns the descriptors of a kernel that has them.
    pub(super) fn of(image: &MemoryImage) -> Option<Descriptors> {
        let section = || image.sections.iter().find(|section| section.name == ".opd" && section.size > 0);
        let section = (image.arch == Arch::Ppc64).then(section)??;
        let places = section.address..section.address.checked_add(section.size)?;
        let mut descriptors = Descriptors { places, code: Vec::new() };
        let functions =
            image.symbols.iter().enumerate().filter(|(_, symbol)| symbol.kind == SymbolKind::Function);
        let code = functions.filter_map(|(number, symbol)| {
            let code = match descriptors.read(image, symbol.address) {
                Some(descriptor) => descriptor.code,
                None => symbol.address,
            };
            Some((code, number)).filter(|_| !descriptors.places.contains(&code))
        });
        descriptors.code = code.collect();
        descriptors.code.sort_unstable();
        Some(descriptors)
    }

    /// Reads the descriptor at an address. `None` if there is none.
    pub(super) fn read(&self, image: &MemoryImage, address: u64) -> Option<Descriptor> {
        let bytes = self.places.contains(&address).then(|| image.read(address, 16))??;
        let (words, _) = bytes.as_chunks();
        let [code, toc]: [[u8; 8]; 2] = words.try_into().ok()?;
        Some(Descriptor { code: u64::from_be_bytes(code), toc: u64::from_be_bytes(toc) })
    }

    /// Returns the number of the symbol of the function whose code holds an address, and the distance from its start.
    pub(super) fn function_at(&self, address: u64) -> Option<(usize, u64)> {
        let end = self.code.partition_point(|(code, _)| *code <= address);
        let (code, number) = self.code.get(end.checked_sub(1)?)?;
        Some((*number, address - code))
    }
}

/// Returns the name of a function without the dot that marks its code.
pub(super) fn without_dot(name: &str) -> &str {
    name.strip_prefix('.').unwrap_or(name)
}
