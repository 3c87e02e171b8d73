//! Guests with some of their code replaced.

use std::fs;
use std::path::Path;

use goblin::elf::Elf;

use super::scratch::Scratch;

/// x86_64: a loop that goes on for ever, of eight `cpuid`, which take long.
///
/// It has seconds of processor time before it reaches the most blocks of code that are kept of a call.
pub const SLOW_LOOP: [u8; 18] = [
    0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0x0f, 0xa2, 0xeb,
    0xee,
];

/// Writes `guest.elf`: a bundled guest with other code at the start of a function.
pub fn guest_with(scratch: &Scratch, guest: &str, function: &str, code: &[u8]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest/elf").join(guest);
    let mut bytes = fs::read(file).expect("the bundled guests are there");
    let at = code_of(&bytes, function);
    bytes[at..at + code.len()].copy_from_slice(code);
    fs::write(scratch.path().join("guest.elf"), bytes).expect("written");
}

/// Returns the offset of a function's code in an ELF file.
fn code_of(bytes: &[u8], function: &str) -> usize {
    let elf = Elf::parse(bytes).expect("it is an ELF file");
    let named = |symbol: &goblin::elf::Sym| elf.strtab.get_at(symbol.st_name) == Some(function);
    let symbol = elf.syms.iter().find(named).expect("the function has a symbol");
    let section = &elf.section_headers[symbol.st_shndx];
    usize::try_from(symbol.st_value - section.sh_addr + section.sh_offset).expect("it fits")
}
