//! arm64: EL1 by default, MMU off. The engine's default CPU (Cortex-A72) has no LSE atomics.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterARM64 as R;

use super::model::{CpuModel, Interrupts, ReturnTo};

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::Arm64,
    virtual_tlb: false,
    // EL1 with its own stack pointer, and interrupts on, as where a kernel calls the routines.
    start_registers: &[(R::PSTATE as i32, 0x5)],
    translation: &[(R::TTBR0_EL1 as i32, u64::MAX), (R::TTBR1_EL1 as i32, u64::MAX)],
    not_in_context: &[],
    clearing: &[],
    arguments: &[
        R::X0 as i32,
        R::X1 as i32,
        R::X2 as i32,
        R::X3 as i32,
        R::X4 as i32,
        R::X5 as i32,
        R::X6 as i32,
        R::X7 as i32,
    ],
    returns: R::X0 as i32,
    stack_pointer: R::SP as i32,
    registers: &[R::X0 as i32..=R::X28 as i32, R::X29 as i32..=R::SP as i32],
    stack_room: 0,
    stack_arguments: 0,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::X30 as i32, less: 0 },
    idle: &[0x00, 0x00, 0x00, 0x14],         // b .
    no_operation: &[0x1f, 0x20, 0x03, 0xd5], // nop
    begins_to_spin: &[],
    entry_register: None,
    addresses_of: None,
    byte_accesses: &[],
    in_place: |_, _| None,
    condition_code: None,
    interrupts: Some(Interrupts {
        register: R::PSTATE as i32,
        bit: 7,
        off_if_set: true,
        may_enable: &["msr daifclr", "msr daif,", "eret"],
    }),
    past_exception: 0,
    skipped: &[],
};
