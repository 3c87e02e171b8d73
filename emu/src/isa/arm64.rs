//! arm64: EL1 by default, MMU off. The engine's default CPU (Cortex-A72) has no LSE atomics.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, arm64};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterARM64 as R};

use super::{Addresses, Class, Isa, ReturnTo};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Arm64,
    engine: (EngineArch::ARM64, Mode::LITTLE_ENDIAN),
    virtual_tlb: false,
    start_registers: &[],
    translation: &[(R::TTBR0_EL1 as i32, u64::MAX), (R::TTBR1_EL1 as i32, u64::MAX)],
    not_in_context: &[],
    clearing: &[],
    addresses: Addresses::Whole,
    arguments: &[R::X0 as i32, R::X1 as i32, R::X2 as i32, R::X3 as i32, R::X4 as i32, R::X5 as i32],
    returns: R::X0 as i32,
    program_counter: R::PC as i32,
    stack_pointer: R::SP as i32,
    registers: &[R::X0 as i32..=R::X28 as i32, R::X29 as i32..=R::SP as i32],
    stack_room: 0,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::X30 as i32, less: 0 },
    idle: &[0x00, 0x00, 0x00, 0x14],         // b .
    no_operation: &[0x1f, 0x20, 0x03, 0xd5], // nop
    begins_to_spin: &[],
    entry_register: None,
    capstone: || Capstone::new().arm64().mode(arm64::ArchMode::Arm).build(),
    classify,
    supplement: |_| None,
    address_of: None,
    skipped: &[],
};

/// Every LSE atomic begins with one of these; `ld` and `st` alone would take in plain accesses.
/// Those with `st` are assembler's names for the same where the old value is not wanted.
const LSE: [&str; 18] = [
    "swp", "cas", "ldadd", "ldclr", "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax", "ldumin", "stadd",
    "stclr", "steor", "stset", "stsmax", "stsmin", "stumax", "stumin",
];

fn classify(mnemonic: &str, _operands: &str) -> Class {
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| mnemonic.starts_with(prefix));
    if begins(&["ldxr", "ldaxr", "ldxp", "ldaxp"]) {
        Class::LOAD_RESERVED
    } else if begins(&["stxr", "stlxr", "stxp", "stlxp"]) {
        Class::STORE_CONDITIONAL
    } else if begins(&LSE) {
        Class::ATOMIC
    } else if mnemonic == "tlbi" {
        Class::FLUSH
    } else {
        Class::PLAIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomics_and_flushes_are_told_apart() {
        assert_eq!(classify("ldaxr", ""), Class::LOAD_RESERVED);
        assert_eq!(classify("stlxr", ""), Class::STORE_CONDITIONAL);
        assert_eq!(classify("swpal", ""), Class::ATOMIC);
        assert_eq!(classify("casal", ""), Class::ATOMIC);
        assert_eq!(classify("stclr", ""), Class::ATOMIC);
        assert_eq!(classify("ldsetal", ""), Class::ATOMIC);
        assert_eq!(classify("ldar", ""), Class::PLAIN);
        assert_eq!(classify("stur", ""), Class::PLAIN);
        assert_eq!(classify("sturh", ""), Class::PLAIN);
        assert_eq!(classify("ldursw", ""), Class::PLAIN);
        assert_eq!(classify("stp", ""), Class::PLAIN);
        assert_eq!(classify("stlr", ""), Class::PLAIN);
        assert_eq!(classify("ldr", ""), Class::PLAIN);
        assert_eq!(classify("tlbi", "vae1is, x0"), Class::FLUSH);
    }
}
