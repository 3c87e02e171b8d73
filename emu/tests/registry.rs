//! Every architecture is registered in every crate.

use pmdscope_arches::{Arch, ByteOrder, platform_name};
use pmdscope_guest::{Bundled, all_bundled};
use pmdscope_watch::Isa;

use crate::support::machine;

#[test]
fn every_architecture_has_an_instruction_set_guests_and_a_machine() {
    for (arch, mmu) in Arch::ALL.into_iter().flat_map(Arch::platforms) {
        let name = platform_name(arch, mmu);
        let isa = Isa::of(arch);
        assert_eq!(isa.arch, arch, "{name}: the instruction set of another");
        let mut guests =
            all_bundled().iter().filter(|guest| (guest.arch, guest.mmu) == (arch, mmu)).peekable();
        assert!(guests.peek().is_some(), "{name}: guest/guests.txt has a guest");
        for guest in guests {
            assert_eq!(machine(guest).guest().arch(), arch, "{}", guest.name);
            assert_eq!(elf_machine(guest), arch.elf_machine(), "{}", guest.name);
        }
    }
}

/// Returns the `e_machine` of a guest's ELF header.
fn elf_machine(guest: &Bundled) -> u16 {
    let bytes = guest.elf[18..].first_chunk().copied().unwrap();
    match ByteOrder::of(guest.arch) {
        ByteOrder::Little => u16::from_le_bytes(bytes),
        ByteOrder::Big => u16::from_be_bytes(bytes),
    }
}
