//! Blocks of decoded instructions.

use std::rc::Rc;

use pmdscope_interpreter::{Instruction, InstructionSet};

use super::hooks::{CodeHook, Hooks};
use super::memory::Pages;
use crate::error::{EngineError, UnknownInstruction};

/// Most instructions of a block.
const LONGEST: usize = 256;

/// Instructions that follow each other, up to the next branch.
pub(super) struct Block {
    pub(super) steps: Vec<Step>,
    /// Their length together.
    pub(super) bytes: u32,
}

/// An instruction of a block.
pub(super) struct Step {
    pub(super) pc: u64,
    pub(super) instruction: Instruction,
    /// The hooks to be called before it.
    pub(super) hooks: Vec<Rc<CodeHook>>,
}

impl Block {
    /// Decodes the block at `pc`. It ends before an instruction that is not known, or not in memory.
    ///
    /// # Errors
    /// [`EngineError::Unmapped`] if no memory is at `pc`, [`EngineError::NotKnown`] if the first instruction is not
    /// known.
    pub(super) fn decode(
        set: InstructionSet,
        start: u64,
        pages: &Pages,
        hooks: &Hooks,
    ) -> Result<Self, EngineError> {
        let (mut steps, mut pc) = (Vec::new(), start);
        while steps.len() < LONGEST {
            let (bytes, length) = fetch(pages, pc);
            let Some(instruction) = Instruction::decode(set, &bytes[..length]) else { break };
            steps.push(Step { pc, instruction, hooks: hooks.code_at(pc) });
            pc = pc.wrapping_add(instruction.length());
            if instruction.ends_block() {
                break;
            }
        }
        if steps.is_empty() {
            return Err(match fetch(pages, start).1 {
                0 => EngineError::Unmapped,
                _ => {
                    EngineError::NotKnown(UnknownInstruction { pc: start, code: code_at(pages, start), set })
                }
            });
        }
        Ok(Block { steps, bytes: pc.wrapping_sub(start) as u32 })
    }
}

/// Returns the bytes at `pc`, and how many of them are in memory: 4, 2 or none.
fn fetch(pages: &Pages, pc: u64) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    for length in [4, 2] {
        if pages.read(pc, &mut bytes[..length]).is_ok() {
            return (bytes, length);
        }
    }
    ([0; 4], 0)
}

/// Returns the first four bytes of an instruction, as a number in CPU order.
pub(super) fn code_at(pages: &Pages, pc: u64) -> u32 {
    u32::from_le_bytes(fetch(pages, pc).0)
}
