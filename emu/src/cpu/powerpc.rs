//! ppc64 and ppc64le: supervisor state. The little-endian CPU is the big-endian one with MSR.LE set.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterPPC as R;

use super::model::{CpuModel, ReturnTo};

/// 64-bit mode.
const MSR_SF: u64 = 1 << 63;
/// Little-endian mode.
const MSR_LE: u64 = 1;

pub(super) static PPC64: CpuModel = CpuModel {
    arch: Arch::Ppc64,
    virtual_tlb: true,
    start_registers: &[(R::MSR as i32, MSR_SF)],
    // A hook translates addresses, whatever the CPU's registers say.
    translation: &[],
    not_in_context: &[],
    clearing: &[],
    arguments: &[
        R::R3 as i32,
        R::R4 as i32,
        R::R5 as i32,
        R::R6 as i32,
        R::R7 as i32,
        R::R8 as i32,
        R::R9 as i32,
        R::R10 as i32,
    ],
    returns: R::R3 as i32,
    stack_pointer: R::R1 as i32,
    registers: &[R::R0 as i32..=R::R31 as i32, R::LR as i32..=R::CTR as i32, R::CR as i32..=R::CR as i32],
    // Back chain, saved LR and CR, and the parameter save area of ELFv2.
    stack_room: 112,
    stack_arguments: 112,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::LR as i32, less: 0 },
    idle: &[0x48, 0x00, 0x00, 0x00],           // b .
    no_operation: &[0x60, 0x00, 0x00, 0x00],   // nop
    begins_to_spin: &[0x7c, 0x21, 0x0b, 0x78], // or 1, 1, 1
    // ELFv2 functions find their TOC from r12.
    entry_register: Some(R::R12 as i32),
    addresses_of: None,
    // The engine raises a program interrupt at these, as if the hypervisor owned them.
    byte_accesses: &[],
    in_place: |_, _| None,
    condition_code: None,
    interrupts: None,
    past_exception: 4,
    skipped: &["tlbie", "tlbsync"],
};

pub(super) static PPC64LE: CpuModel = CpuModel {
    arch: Arch::Ppc64le,
    start_registers: &[(R::MSR as i32, MSR_SF | MSR_LE)],
    idle: &[0x00, 0x00, 0x00, 0x48],
    no_operation: &[0x00, 0x00, 0x00, 0x60],
    begins_to_spin: &[0x78, 0x0b, 0x21, 0x7c],
    // ELFv2.
    stack_arguments: 96,
    ..PPC64
};
