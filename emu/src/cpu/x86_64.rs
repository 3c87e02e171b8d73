//! x86_64: ring 0, flat.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterX86 as R;

use super::model::{CpuModel, Interrupts, ReturnTo};

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::X86_64,
    virtual_tlb: false,
    // Interrupts are on, as where a kernel calls the routines.
    start_registers: &[(R::RFLAGS as i32, 0x202)],
    translation: &[(R::CR0 as i32, u64::MAX), (R::CR3 as i32, u64::MAX), (R::CR4 as i32, u64::MAX)],
    not_in_context: &[],
    clearing: &[],
    arguments: &[R::RDI as i32, R::RSI as i32, R::RDX as i32, R::RCX as i32, R::R8 as i32, R::R9 as i32],
    returns: R::RAX as i32,
    stack_pointer: R::RSP as i32,
    registers: &[
        R::RAX as i32..=R::RDX as i32,
        R::RSI as i32..=R::RSP as i32,
        R::R8 as i32..=R::R15 as i32,
        R::RFLAGS as i32..=R::RFLAGS as i32,
    ],
    stack_room: 0,
    stack_arguments: 8,
    stack_bias: 0,
    return_to: ReturnTo::Stack,
    idle: &[0xeb, 0xfe],   // jmp .
    no_operation: &[0x90], // nop
    begins_to_spin: &[],
    entry_register: None,
    addresses_of: None,
    byte_accesses: &[],
    in_place: |_, _| None,
    condition_code: None,
    interrupts: Some(Interrupts {
        register: R::RFLAGS as i32,
        bit: 9,
        off_if_set: false,
        may_enable: &["sti", "popf", "iret"],
    }),
    past_exception: 0,
    skipped: &["invpcid"],
};
