//! s390x: supervisor state, 64-bit addressing, DAT off.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, sysz};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterS390X as R};

use super::{Class, Isa, ReturnTo};

pub(super) static ISA: Isa = Isa {
    arch: Arch::S390x,
    engine: (EngineArch::S390X, Mode::BIG_ENDIAN),
    virtual_tlb: false,
    // EA and BA: the CPU starts in 24-bit addressing.
    start_registers: &[(R::PSWM as i32, 0x1_8000_0000)],
    arguments: [R::R2 as i32, R::R3 as i32, R::R4 as i32, R::R5 as i32],
    program_counter: R::PC as i32,
    stack_pointer: R::R15 as i32,
    // The caller's register save area.
    stack_room: 160,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::R14 as i32, less: 0 },
    idle: &[0xa7, 0xf4, 0x00, 0x00], // j .
    entry_register: None,
    capstone: || Capstone::new().sysz().mode(sysz::ArchMode::Default).build(),
    classify,
    supplement: |_| None,
    skipped: &["crdte"],
};

fn classify(mnemonic: &str, _operands: &str) -> Class {
    match mnemonic {
        "cs" | "csy" | "csg" | "cds" | "cdsy" | "cdsg" => Class::ATOMIC,
        "laa" | "laag" | "laal" | "laalg" | "lan" | "lang" | "lao" | "laog" | "lax" | "laxg" => Class::ATOMIC,
        // These change the entry and purge translations as one.
        "csp" | "cspg" | "idte" | "ipte" | "crdte" => Class::ATOMIC_FLUSH,
        "ptlb" => Class::FLUSH,
        _ => Class::PLAIN,
    }
}
