//! loongarch64: privilege level 0, every address in a direct-mapped window.

use pmdscope_arches::Arch;

use super::model::{CpuModel, ReturnTo};

/// `$ra`, `$sp` and `$a0`.
const RA: i32 = 1;
const SP: i32 = 3;
const A0: i32 = 4;

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::LoongArch64,
    virtual_tlb: false,
    start_registers: &[],
    translation: &[],
    not_in_context: &[],
    clearing: &[],
    arguments: &[A0, A0 + 1, A0 + 2, A0 + 3, A0 + 4, A0 + 5, A0 + 6, A0 + 7],
    returns: A0,
    stack_pointer: SP,
    registers: &[0..=31],
    stack_room: 0,
    stack_arguments: 0,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: RA, less: 0 },
    idle: &[0x00, 0x00, 0x00, 0x50],         // b 0
    no_operation: &[0x00, 0x00, 0x40, 0x03], // andi $zero, $zero, 0
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
