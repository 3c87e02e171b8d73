//! sparc64.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, sparc};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterSPARC as R};

use super::model::{Addresses, Class, Isa};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Sparc64,
    engine: (EngineArch::SPARC, Mode(Mode::SPARC64.0 | Mode::BIG_ENDIAN.0)),
    addresses: Addresses::Whole,
    program_counter: R::PC as i32,
    capstone: || Capstone::new().sparc().mode(sparc::ArchMode::V9).build(),
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
