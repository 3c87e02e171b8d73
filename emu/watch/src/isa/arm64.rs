//! arm64.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, arm64};
use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterARM64 as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Arm64,
    unicorn: Some((EngineArch::ARM64, Mode::LITTLE_ENDIAN)),
    interpreter: None,
    addresses: Addresses::Whole,
    program_counter: R::PC as i32,
    text: TextSource::Capstone(|| Capstone::new().arm64().mode(arm64::ArchMode::Arm).build()),
    classify,
    supplement: |_| None,
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0xffff_8000_1000_0000, 0xffff_0000_4000_0000, 0xffff_fdff_ffe0_0000],
};

/// Every LSE atomic begins with one of these; `ld` and `st` alone would take in plain accesses.
/// Names with `st` are the assembler's aliases of the same instructions that discard the old value.
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
    } else if mnemonic == "bl" {
        Class::CALL
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
