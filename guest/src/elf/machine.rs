//! The architecture of an ELF file.

use goblin::elf::Elf;
use goblin::elf::header::{self, Header};
use pmdscope_arches::{Arch, ByteOrder};

use super::error::GuestError;
use super::guest::Guest;

impl Guest {
    /// Returns the architecture that an ELF file is for.
    ///
    /// # Errors
    /// If the file is not an ELF file, or is for an unknown architecture.
    pub fn arch_of(bytes: &[u8]) -> Result<Arch, GuestError> {
        if !bytes.starts_with(header::ELFMAG) {
            return Err(GuestError::NotElf);
        }
        let header =
            Elf::parse_header(bytes).map_err(|source| GuestError::Damaged { part: "header", source })?;
        let is = |arch: &Arch| check_machine(&header, *arch).is_ok();
        match Arch::ALL.into_iter().find(is) {
            Some(arch) => Ok(arch),
            None => check_machine(&header, Arch::Arm64).map(|()| Arch::Arm64),
        }
    }
}

/// Checks that an ELF file is for an architecture.
pub(super) fn check_machine(header: &Header, wanted: Arch) -> Result<(), GuestError> {
    let class = header.e_ident[header::EI_CLASS];
    let data = header.e_ident[header::EI_DATA];
    let order = if data == header::ELFDATA2MSB { ByteOrder::Big } else { ByteOrder::Little };
    let is = |arch: Arch| {
        header.e_machine == arch.elf_machine() && order == ByteOrder::of(arch) && class == header::ELFCLASS64
    };
    if is(wanted) {
        return Ok(());
    }
    let found = match Arch::ALL.into_iter().find(|arch| is(*arch)) {
        Some(arch) => arch.name().to_owned(),
        None => {
            let bits = if class == header::ELFCLASS64 { 64 } else { 32 };
            let order = if order == ByteOrder::Big { "big" } else { "little" };
            format!("a {bits}-bit {order}-endian {}", header::machine_to_str(header.e_machine))
        }
    };
    Err(GuestError::WrongMachine { found, wanted })
}
