//! s390x: supervisor state, 64-bit addressing, DAT off.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterS390X as R;

use super::model::{Combine, CpuModel, Fill, InPlace, Insertion, Move, Place, ReadRegister, ReturnTo};
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
    addresses_of: Some(addresses_of),
    byte_accesses: &[
        "lb", "lgb", "llc", "llgc", "ic", "icy", "cli", "cliy", "tm", "tmy", "mvi", "mviy", "stc", "stcy",
    ],
    in_place,
    condition_code: Some((R::PSWM as i32, 44)),
    interrupts: None,
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

/// Returns what is done in place of the engine.
///
/// It inserts in wrong places (RISBHG, RISBLG), and shows no accesses of instructions that move storage.
fn in_place(mnemonic: &str, operands: &str) -> Option<InPlace> {
    /// The bits of a length of MVCL.
    const SHORT_LENGTH: u64 = 0xff_ffff;
    let operands: Vec<&str> = split(operands).collect();
    match mnemonic {
        "risbhg" => insertion(32, &operands).map(InPlace::Insert),
        "risblg" => insertion(0, &operands).map(InPlace::Insert),
        "mvc" => short(Combine::Copy, &operands),
        "nc" => short(Combine::And, &operands),
        "oc" => short(Combine::Or, &operands),
        "xc" => short(Combine::Xor, &operands),
        "mvcl" => {
            let [to, from] = operands[..] else { return None };
            let (to, from) = (pair(to)?, pair(from)?);
            let fill = Fill::AboveLength(24);
            Some(InPlace::Move(Move::Long { to, from, length: SHORT_LENGTH, fill }))
        }
        "mvcle" => {
            let [to, from, fill] = operands[..] else { return None };
            let (to, from, fill) = (pair(to)?, pair(from)?, Fill::Address(place(fill)?));
            Some(InPlace::Move(Move::Long { to, from, length: u64::MAX, fill }))
        }
        "ex" | "exrl" => {
            let [length, target] = operands[..] else { return None };
            let length = unless_zero(register(length)?);
            // An address with an index is none that this looks at.
            Some(place(target).map_or(InPlace::Nothing, |target| InPlace::Execute { target, length }))
        }
        "mvcin" | "mvn" | "mvz" | "mvo" | "mvst" | "mvpg" | "mvclu" => Some(InPlace::Nothing),
        _ => None,
    }
}

/// Splits operands at the commas that are not in parentheses.
fn split(operands: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let at_comma = move |letter: char| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    };
    operands.split(at_comma).map(str::trim)
}

fn register(name: &str) -> Option<usize> {
    name.strip_prefix("%r")?.parse().ok().filter(|number| *number < GENERAL.len())
}

/// Returns a register; `None` for register 0, which means none in an address or a length.
fn unless_zero(number: usize) -> Option<i32> {
    (number != 0).then(|| GENERAL[number] as i32)
}

/// Returns a register of an even number, and the next.
fn pair(name: &str) -> Option<[i32; 2]> {
    let number = register(name).filter(|number| number % 2 == 0)?;
    Some([GENERAL[number] as i32, GENERAL[number + 1] as i32])
}

fn number(digits: &str) -> Option<u64> {
    match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

/// Parses `displacement(base)`, or a displacement alone.
fn place(operand: &str) -> Option<Place> {
    let Some((displacement, base)) = operand.split_once('(') else {
        return Some(Place { base: None, displacement: number(operand)? });
    };
    let base = unless_zero(register(base.strip_suffix(')')?)?);
    Some(Place { base, displacement: number(displacement)? })
}

/// Parses `displacement(bytes,base), displacement(base)`.
fn short(combine: Combine, operands: &[&str]) -> Option<InPlace> {
    let [to, from] = operands[..] else { return None };
    let (displacement, inside) = to.strip_suffix(')')?.split_once('(')?;
    let (bytes, base) = inside.split_once(',').map_or((inside, None), |(bytes, base)| (bytes, Some(base)));
    let base = base.map_or(Some(0), |base| register(base.trim()))?;
    let to = Place { base: unless_zero(base), displacement: number(displacement)? };
    Some(InPlace::Move(Move::Short { combine, bytes: number(bytes)?, to, from: place(from)? }))
}

/// Returns what RISBHG and RISBLG do to bits from `half` on.
///
/// They rotate their second operand, and insert a range of its upper or lower half into that of the first. The range may
/// wrap around. Bit 0 of the fourth operand clears the rest of that half (z/Architecture Principles of Operation, "Rotate
/// then insert selected bits high" and "... low").
fn insertion(half: u32, operands: &[&str]) -> Option<Insertion> {
    /// Bit 0 of the fourth operand.
    const ZERO_THE_REST: u64 = 0x80;
    let [target, source, first, last, ..] = operands[..] else { return None };
    let (target, source) = (GENERAL[register(target)?] as i32, GENERAL[register(source)?] as i32);
    let (first, last) = (number(first)?, number(last)?);
    // Capstone leaves out a last operand of 0.
    let rotate = operands.get(4).map_or(Some(0), |rotate| number(rotate))?;
    let of_half = |bit: u64| u32::MAX >> (bit & 31);
    // Bits are numbered from the most significant one.
    let (from, after) = (of_half(first), of_half(last) >> 1);
    let range = if first & 31 <= last & 31 { from & !after } else { from | !after };
    let inserted = u64::from(range) << half;
    let kept = if last & ZERO_THE_REST == 0 { !inserted } else { !(u64::from(u32::MAX) << half) };
    Some(Insertion { target, source, rotate: (rotate & 63) as u32, inserted, kept })
}

/// Returns the addresses that memory operands name.
///
/// Such an operand is `displacement(index,base)`, `displacement(bytes,base)`, or `displacement(base)`; register 0 means no
/// register.
fn addresses_of(operands: &str, value_of: ReadRegister<'_>) -> Result<Vec<u64>, EmuError> {
    let mut addresses = Vec::new();
    for operand in split(operands) {
        let Some((displacement, inside)) = operand.split_once('(') else { continue };
        let (negative, digits) = match displacement.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, displacement),
        };
        let Some(displacement) = number(digits) else { continue };
        let mut address = if negative { displacement.wrapping_neg() } else { displacement };
        for name in inside.trim_end_matches(')').split(',') {
            if let Some(general) = register(name.trim()).and_then(unless_zero) {
                address = address.wrapping_add(value_of(general)?);
            }
        }
        addresses.push(address);
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use pmdscope_engine::EngineError;

    use super::*;

    #[test]
    fn an_address_is_the_sum_of_base_index_and_displacement() {
        let registers = |wanted: i32| {
            let number = GENERAL.iter().position(|known| *known as i32 == wanted);
            number
                .map(|number| number as u64 * 0x100)
                .ok_or(EmuError::engine("read a register", EngineError::Argument))
        };
        let addresses = |operands| addresses_of(operands, &registers).unwrap();
        assert_eq!(addresses("%r8, 0(%r9,%r10)"), [0x1300]);
        assert_eq!(addresses("%r0, %r1, 8(%r2)"), [0x208]);
        assert_eq!(addresses("%r8, -0x10(%r1)"), [0xf0]);
        assert_eq!(addresses("%r8, 16(%r0,%r10)"), [0xa10], "register 0 is none");
        assert_eq!(addresses("0x10(8,%r1), 4(%r2)"), [0x110, 0x204], "a length is no register");
        assert!(addresses("%r4, %r10").is_empty());
        let failing = |_| Err(EmuError::engine("read a register", EngineError::Argument));
        assert!(addresses_of("%r8, 0(%r9,%r10)", &failing).is_err(), "not 0");
    }
}
