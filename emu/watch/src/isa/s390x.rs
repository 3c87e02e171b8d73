//! s390x.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, sysz};
use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterS390X as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::S390x,
    unicorn: Some((EngineArch::S390X, Mode::BIG_ENDIAN)),
    interpreter: None,
    addresses: Addresses::Whole,
    program_counter: R::PC as i32,
    text: TextSource::Capstone(|| Capstone::new().sysz().mode(sysz::ArchMode::Default).build()),
    classify,
    supplement: |_| None,
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0x10_0000, 0x100_0000_0000, 0x70_0000_0000],
};

fn classify(mnemonic: &str, _operands: &str) -> Class {
    match mnemonic {
        "cs" | "csy" | "csg" | "cds" | "cdsy" | "cdsg" => Class::ATOMIC,
        "laa" | "laag" | "laal" | "laalg" | "lan" | "lang" | "lao" | "laog" | "lax" | "laxg" => Class::ATOMIC,
        // These change the entry and purge translations in one atomic step.
        "csp" | "cspg" | "idte" | "ipte" | "crdte" => Class::ATOMIC_FLUSH,
        "ptlb" => Class::FLUSH,
        _ => Class::PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomics_and_flushes_are_told_apart() {
        assert_eq!(classify("csg", "%r0, %r1, 0(%r2)"), Class::ATOMIC);
        assert_eq!(classify("idte", "%r14, %r0, %r3"), Class::ATOMIC_FLUSH);
        assert_eq!(classify("cspg", "%r0, %r2"), Class::ATOMIC_FLUSH);
        assert_eq!(classify("ptlb", ""), Class::FLUSH);
        assert_eq!(classify("lg", "%r1, 0(%r2)"), Class::PLAIN);
        assert_eq!(classify("stg", "%r1, 0(%r2)"), Class::PLAIN);
    }
}
