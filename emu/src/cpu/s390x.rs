//! s390x: supervisor state, 64-bit addressing, DAT off.

use pmdscope_arches::Arch;
use unicorn_engine::RegisterS390X as R;

use super::model::{Correction, CpuModel, ReadRegister, ReturnTo};
use crate::error::EmuError;

/// The PSW bit that turns on address translation (DAT).
const PSW_DAT: u64 = 1 << 58;

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::S390x,
    virtual_tlb: false,
    // EA and BA select 64-bit addressing: the CPU starts in 24-bit addressing.
    start_registers: &[(R::PSWM as i32, 0x1_8000_0000)],
    translation: &[
        (R::PSWM as i32, PSW_DAT),
        (R::CR1 as i32, u64::MAX),
        (R::CR7 as i32, u64::MAX),
        (R::CR13 as i32, u64::MAX),
    ],
    not_in_context: &[],
    clearing: &[],
    arguments: &[R::R2 as i32, R::R3 as i32, R::R4 as i32, R::R5 as i32, R::R6 as i32],
    returns: R::R2 as i32,
    stack_pointer: R::R15 as i32,
    registers: &[R::R0 as i32..=R::R15 as i32, R::PSWM as i32..=R::PSWM as i32],
    // The caller's register save area.
    stack_room: 160,
    stack_arguments: 160,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::R14 as i32, less: 0 },
    idle: &[0xa7, 0xf4, 0x00, 0x00], // j .
    no_operation: &[0x07, 0x07],     // nopr %r7
    begins_to_spin: &[],
    entry_register: None,
    address_of: Some(address_of),
    byte_accesses: &[
        "lb", "lgb", "llc", "llgc", "ic", "icy", "cli", "cliy", "tm", "tmy", "mvi", "mviy", "stc", "stcy",
    ],
    corrected,
    past_exception: 0,
    // The engine lacks CRDTE as well, but it cannot be skipped: it also changes the entry.
    skipped: &[],
};

const GENERAL: [R; 16] = [
    R::R0,
    R::R1,
    R::R2,
    R::R3,
    R::R4,
    R::R5,
    R::R6,
    R::R7,
    R::R8,
    R::R9,
    R::R10,
    R::R11,
    R::R12,
    R::R13,
    R::R14,
    R::R15,
];

/// Returns what RISBHG and RISBLG do: the engine inserts in wrong places.
///
/// They rotate their second operand, and insert a range of its upper or lower half into that of the first. The range may
/// wrap around. Bit 0 of the fourth operand clears the rest of that half (z/Architecture Principles of Operation, "Rotate
/// then insert selected bits high" and "... low").
fn corrected(mnemonic: &str, operands: &str) -> Option<Correction> {
    /// Bit 0 of the fourth operand.
    const ZERO_THE_REST: u32 = 0x80;
    let half = match mnemonic {
        "risbhg" => 32,
        "risblg" => 0,
        _ => return None,
    };
    let mut operands = operands.split(',').map(str::trim);
    let mut register = || {
        let number: usize = operands.next()?.strip_prefix("%r")?.parse().ok()?;
        Some(*GENERAL.get(number)? as i32)
    };
    let (target, source) = (register()?, register()?);
    let mut number = || -> Option<u32> {
        match operands.next() {
            Some(number) => match number.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => number.parse().ok(),
            },
            // Capstone leaves out a last operand of 0.
            None => Some(0),
        }
    };
    let (first, last, rotate) = (number()?, number()?, number()?);
    let of_half = |bit: u32| u32::MAX >> (bit & 31);
    // Bits are numbered from the most significant one.
    let (from, after) = (of_half(first), of_half(last) >> 1);
    let range = if first & 31 <= last & 31 { from & !after } else { from | !after };
    let inserted = u64::from(range) << half;
    let kept = if last & ZERO_THE_REST == 0 { !inserted } else { !(u64::from(u32::MAX) << half) };
    Some(Correction { target, source, rotate: rotate & 63, inserted, kept })
}

/// Returns the address that a memory operand names; `None` if the operand names no memory.
///
/// The operand is `displacement(index,base)` or `displacement(base)`; register 0 means no register.
fn address_of(operands: &str, register: ReadRegister<'_>) -> Result<Option<u64>, EmuError> {
    let Some((displacement, registers)) = parts(operands) else { return Ok(None) };
    let mut address = displacement;
    for general in registers {
        address = address.wrapping_add(register(general as i32)?);
    }
    Ok(Some(address))
}

/// Parses a memory operand into its displacement and the registers that are added to it.
fn parts(operands: &str) -> Option<(u64, Vec<R>)> {
    let (before, inside) = operands.split_once('(')?;
    let displacement = before.rsplit([',', ' ']).next().filter(|digits| !digits.is_empty())?;
    let (negative, digits) = match displacement.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, displacement),
    };
    let displacement = match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    }
    .ok()?;
    let displacement = if negative { displacement.wrapping_neg() } else { displacement };
    let (registers, _) = inside.split_once(')')?;
    let mut added = Vec::new();
    for name in registers.split(',') {
        let number: usize = name.trim().trim_start_matches("%r").parse().ok()?;
        let general = *GENERAL.get(number)?;
        added.extend((number != 0).then_some(general));
    }
    Some((displacement, added))
}

#[cfg(test)]
mod tests {
    use unicorn_engine::uc_error;

    use super::*;

    #[test]
    fn the_address_is_the_sum_of_base_index_and_displacement() {
        let registers = |wanted: i32| {
            let number = GENERAL.iter().position(|known| *known as i32 == wanted);
            number
                .map(|number| number as u64 * 0x100)
                .ok_or(EmuError::engine("read a register", uc_error::ARG))
        };
        let address = |operands| address_of(operands, &registers).unwrap();
        assert_eq!(address("%r8, 0(%r9,%r10)"), Some(0x1300));
        assert_eq!(address("%r0, %r1, 8(%r2)"), Some(0x208));
        assert_eq!(address("%r8, -0x10(%r1)"), Some(0xf0));
        assert_eq!(address("%r8, 16(%r0,%r10)"), Some(0xa10), "register 0 is none");
        assert_eq!(address("%r4, %r10"), None);
        let failing = |_| Err(EmuError::engine("read a register", uc_error::ARG));
        assert!(address_of("%r8, 0(%r9,%r10)", &failing).is_err(), "not 0");
    }
}
