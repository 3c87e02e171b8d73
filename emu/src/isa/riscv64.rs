//! riscv64: S-mode, bare translation.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, BuildsCapstoneExtraMode, riscv};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterRISCV as R};

use super::{Addresses, Class, Isa, ReturnTo};

pub(super) static ISA: Isa = Isa {
    arch: Arch::Riscv64,
    engine: (EngineArch::RISCV, Mode::RISCV64),
    virtual_tlb: false,
    start_registers: &[],
    translation: &[(R::SATP as i32, u64::MAX)],
    not_in_context: &[],
    clearing: &[],
    addresses: Addresses::Whole,
    arguments: &[R::A0 as i32, R::A1 as i32, R::A2 as i32, R::A3 as i32, R::A4 as i32, R::A5 as i32],
    returns: R::A0 as i32,
    program_counter: R::PC as i32,
    stack_pointer: R::SP as i32,
    registers: &[R::X0 as i32..=R::X31 as i32],
    stack_room: 0,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::RA as i32, less: 0 },
    idle: &[0x6f, 0x00, 0x00, 0x00],         // j .
    no_operation: &[0x13, 0x00, 0x00, 0x00], // nop
    begins_to_spin: &[],
    entry_register: None,
    capstone: || {
        Capstone::new()
            .riscv()
            .mode(riscv::ArchMode::RiscV64)
            .extra_mode([riscv::ArchExtraMode::RiscVC].into_iter())
            .build()
    },
    classify,
    supplement: |_| None,
    address_of: None,
    skipped: &[],
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
