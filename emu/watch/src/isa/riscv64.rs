//! riscv64.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode, riscv};
use pmdscope_arches::Arch;
use pmdscope_engine::InstructionSet;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterRISCV as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Riscv64,
    unicorn: Some((EngineArch::RISCV, Mode::RISCV64)),
    interpreter: Some(InstructionSet::Riscv64),
    addresses: Addresses::Whole,
    program_counter: R::PC as i32,
    text: TextSource::Capstone(|| {
        Capstone::new()
            .riscv()
            .mode(riscv::ArchMode::RiscV64)
            .extra_mode([riscv::ArchExtraMode::RiscVC].into_iter())
            .build()
    }),
    classify,
    supplement: |_| None,
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0xffff_ffff_8000_2000, 0xff60_0000_0000_0000, 0xff1c_0000_0000_0000],
};

fn classify(mnemonic: &str, _operands: &str) -> Class {
    if mnemonic.starts_with("lr.") {
        Class::LOAD_RESERVED
    } else if mnemonic.starts_with("sc.") {
        Class::STORE_CONDITIONAL
    } else if mnemonic.starts_with("amo") {
        Class::ATOMIC
    } else if mnemonic == "sfence.vma" {
        Class::FLUSH
    } else {
        Class::PLAIN
    }
}
