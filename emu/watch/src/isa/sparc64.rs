//! sparc64.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, sparc};
use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterSPARC as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Sparc64,
    unicorn: Some((EngineArch::SPARC, Mode(Mode::SPARC64.0 | Mode::BIG_ENDIAN.0))),
    interpreter: None,
    addresses: Addresses::Whole,
    program_counter: R::PC as i32,
    text: TextSource::Capstone(|| Capstone::new().sparc().mode(sparc::ArchMode::V9).build()),
    classify,
    supplement: |_| None,
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0x40_0000],
};

fn classify(mnemonic: &str, _operands: &str) -> Class {
    match mnemonic {
        "cas" | "casa" | "casx" | "casxa" | "casl" | "casxl" | "swap" | "swapa" | "ldstub" | "ldstuba" => {
            Class::ATOMIC
        }
        _ => Class::PLAIN,
    }
}
