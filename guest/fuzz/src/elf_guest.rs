//! ELF files of guests.

use pmdscope_arches::Arch;
use pmdscope_guest::Guest;

use super::assert_one_line;

/// As many functions are looked up by name, which takes longer the more there are.
const LOOKED_UP: usize = 300;

/// Reads bytes as a guest of each architecture.
pub fn elf_guest(bytes: &[u8]) -> bool {
    let guests = Arch::ALL.into_iter().filter_map(|arch| match Guest::parse(bytes, arch) {
        Ok(guest) => Some((arch, guest)),
        Err(error) => {
            assert_one_line(&error);
            None
        }
    });
    let guests: Vec<_> = guests.collect();
    assert!(guests.len() <= 1, "a file is for one architecture");
    guests.iter().for_each(|(arch, guest)| look_at(*arch, guest));
    !guests.is_empty()
}

fn look_at(arch: Arch, guest: &Guest) {
    assert_eq!(guest.arch(), arch);
    assert!(guest.segments().iter().all(|segment| segment.bytes.len() as u64 <= segment.size));
    for pair in guest.segments().windows(2) {
        assert!(pair[0].address + pair[0].size <= pair[1].address, "segments do not overlap");
    }
    assert!(guest.functions().is_sorted_by_key(|function| function.address));
    for function in guest.functions().iter().take(LOOKED_UP) {
        assert!(guest.has(&function.name));
        guest.function(&function.name).expect("it is there");
        // Several may start at one address, and one may take no bytes.
        for pc in [function.address, function.address + function.size, function.address.wrapping_sub(1)] {
            if let Some((_, distance)) = guest.symbol_at(pc) {
                assert!(guest.functions().iter().any(|start| start.address == pc - distance));
            }
        }
    }
    guest.function("pmd_presnet").err().iter().for_each(assert_one_line);
    let _ = (guest.symbol_at(0), guest.symbol_at(u64::MAX));
}
