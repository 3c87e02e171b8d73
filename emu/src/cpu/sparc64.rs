//! sparc64. The engine never resets this CPU, so register windows would trap: guests are built flat
//! and run unprivileged, in a mode that has no instruction to flush translations.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterSPARC as R;

use super::model::{CpuModel, ReturnTo};

/// Clears `%y`, `%ccr`, `%asi` and `%fprs`: `wr %g0, 0` to each of them; `retl`; `nop`.
const CLEAR: &[u8] = &[
    0x81, 0x80, 0x20, 0x00, 0x85, 0x80, 0x20, 0x00, 0x87, 0x80, 0x20, 0x00, 0x8d, 0x80, 0x20, 0x00, 0x81,
    0xc3, 0xe0, 0x08, 0x01, 0x00, 0x00, 0x00,
];

pub(super) static MODEL: CpuModel = CpuModel {
    arch: Arch::Sparc64,
    virtual_tlb: false,
    start_registers: &[],
    translation: &[],
    not_in_context: &[
        R::G1 as i32..=R::G7 as i32,
        R::O0 as i32..=R::O5 as i32,
        R::L0 as i32..=R::L7 as i32,
        R::I0 as i32..=R::I5 as i32,
    ],
    clearing: CLEAR,
    arguments: &[R::O0 as i32, R::O1 as i32, R::O2 as i32, R::O3 as i32, R::O4 as i32, R::O5 as i32],
    returns: R::O0 as i32,
    stack_pointer: R::SP as i32,
    registers: &[],
    stack_room: 192,
    stack_arguments: 176,
    stack_bias: 2047,
    return_to: ReturnTo::Register { register: R::O7 as i32, less: 8 },
    idle: &[0x10, 0x80, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00], // ba . ; nop
    no_operation: &[0x01, 0x00, 0x00, 0x00],                 // nop
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
