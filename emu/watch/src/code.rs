//! Reads instructions out of an engine's memory.

use pmdscope_engine::{Engine, EngineError};

use crate::disassembler::{Disassembler, Instruction, LONGEST_INSTRUCTION_BYTES};
use crate::error::WatchError;

/// Returns the instruction at `pc`.
///
/// # Errors
/// [`WatchError::Engine`] if no memory is mapped at `pc`.
pub fn instruction_at(
    engine: &dyn Engine,
    decoder: &Disassembler,
    pc: u64,
) -> Result<Instruction, WatchError> {
    if let Some(known) = decoder.known(pc) {
        return Ok(known);
    }
    let mut code = [0; LONGEST_INSTRUCTION_BYTES];
    let length = read_up_to(engine, decoder.isa().physical(pc), &mut code)
        .map_err(|error| WatchError::engine("read an instruction", error))?;
    Ok(decoder.at(pc, &code[..length]))
}

/// Reads as many bytes as are mapped, and returns their number: the last instruction of a mapping may be followed
/// by unmapped memory.
fn read_up_to(engine: &dyn Engine, address: u64, bytes: &mut [u8]) -> Result<usize, EngineError> {
    let mut refused = EngineError::Unmapped;
    for length in (1..=bytes.len()).rev() {
        match engine.read(address, &mut bytes[..length]) {
            Ok(()) => return Ok(length),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::Arch;
    use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, Prot, Unicorn};

    use super::*;
    use crate::isa::Isa;

    #[test]
    fn the_last_instruction_of_a_mapping_is_read_and_what_follows_it_is_an_error() {
        let mut engine = Unicorn::new(EngineArch::X86, Mode::MODE_64).unwrap();
        engine.mem_map(0x1000, 0x1000, Prot::ALL).unwrap();
        engine.mem_write(0x1ffd, &[0x48, 0x87, 0x37]).unwrap();
        let decoder = Disassembler::new(Isa::of(Arch::X86_64)).unwrap();
        assert_eq!(&*instruction_at(&engine, &decoder, 0x1ffd).unwrap().text, "xchgq %rsi, (%rdi)");
        let nothing = instruction_at(&engine, &decoder, 0x2000).unwrap_err();
        assert!(matches!(nothing, WatchError::Engine { doing: "read an instruction", .. }), "{nothing}");
        assert!(decoder.known(0x2000).is_none(), "no instruction is made up of zeroes");
    }
}
