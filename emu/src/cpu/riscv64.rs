//! riscv64: S-mode, bare translation.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterRISCV as R;

use super::model::{CpuModel, ReturnTo};

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::Riscv64,
    virtual_tlb: false,
    start_registers: &[],
    translation: &[(R::SATP as i32, u64::MAX)],
    not_in_context: &[],
    clearing: &[],
    arguments: &[
        R::A0 as i32,
        R::A1 as i32,
        R::A2 as i32,
        R::A3 as i32,
        R::A4 as i32,
        R::A5 as i32,
        R::A6 as i32,
        R::A7 as i32,
    ],
    returns: R::A0 as i32,
    stack_pointer: R::SP as i32,
    registers: &[R::X0 as i32..=R::X31 as i32],
    stack_room: 0,
    stack_arguments: 0,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::RA as i32, less: 0 },
    idle: &[0x6f, 0x00, 0x00, 0x00],         // j .
    no_operation: &[0x13, 0x00, 0x00, 0x00], // nop
    begins_to_spin: &[],
    entry_register: None,
    addresses_of: None,
    byte_accesses: &[],
    in_place: |_, _| None,
    condition_code: None,
    interrupts: None,
    past_exception: 0,
    skipped: &[],
};
