//! ppc64 and ppc64le: supervisor state. The little-endian CPU is the big-endian one with MSR.LE set.

use capstone::arch::{BuildsCapstone, BuildsCapstoneEndian, ppc};
use capstone::{Capstone, Endian};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterPPC as R};

use super::{Addresses, Class, Isa, ReturnTo};

/// 64-bit mode.
const MSR_SF: u64 = 1 << 63;
/// Little-endian mode.
const MSR_LE: u64 = 1;

pub(super) static PPC64: Isa = Isa {
    arch: Arch::Ppc64,
    engine: (EngineArch::PPC, Mode(Mode::PPC64.0 | Mode::BIG_ENDIAN.0)),
    virtual_tlb: true,
    start_registers: &[(R::MSR as i32, MSR_SF)],
    // Addresses are translated by a hook, whatever the CPU is told.
    translation: &[],
    not_in_context: &[],
    clearing: &[],
    addresses: Addresses::Folded,
    arguments: &[R::R3 as i32, R::R4 as i32, R::R5 as i32, R::R6 as i32, R::R7 as i32, R::R8 as i32],
    returns: R::R3 as i32,
    program_counter: R::PC as i32,
    stack_pointer: R::R1 as i32,
    registers: &[R::R0 as i32..=R::R31 as i32, R::LR as i32..=R::CTR as i32, R::CR as i32..=R::CR as i32],
    // Back chain, saved LR and CR, and the parameter save area of ELFv2.
    stack_room: 112,
    stack_bias: 0,
    return_to: ReturnTo::Register { register: R::LR as i32, less: 0 },
    // ELFv2 functions find their TOC from r12.
    idle: &[0x48, 0x00, 0x00, 0x00],           // b .
    no_operation: &[0x60, 0x00, 0x00, 0x00],   // nop
    begins_to_spin: &[0x7c, 0x21, 0x0b, 0x78], // or 1, 1, 1
    entry_register: Some(R::R12 as i32),
    capstone: || Capstone::new().ppc().mode(ppc::ArchMode::Mode64).endian(Endian::Big).build(),
    classify,
    supplement: |code| tlbie(u32::from_be_bytes(*code.first_chunk()?)),
    address_of: None,
    // The engine raises a program interrupt at these, as if the hypervisor owned them.
    skipped: &["tlbie", "tlbsync"],
};

pub(super) static PPC64LE: Isa = Isa {
    arch: Arch::Ppc64le,
    start_registers: &[(R::MSR as i32, MSR_SF | MSR_LE)],
    idle: &[0x00, 0x00, 0x00, 0x48],
    no_operation: &[0x00, 0x00, 0x00, 0x60],
    begins_to_spin: &[0x78, 0x0b, 0x21, 0x7c],
    capstone: || Capstone::new().ppc().mode(ppc::ArchMode::Mode64).endian(Endian::Little).build(),
    supplement: |code| tlbie(u32::from_le_bytes(*code.first_chunk()?)),
    ..PPC64
};

/// The `tlbie` of Power ISA 3.0, with five operands: Capstone knows that of 2.0.
fn tlbie(word: u32) -> Option<(&'static str, String)> {
    let field = |shift: u32, bits: u32| word >> shift & ((1 << bits) - 1);
    let is_tlbie = field(26, 6) == 31 && field(1, 10) == 306;
    is_tlbie.then(|| {
        let (rs, ric, prs, r, rb) = (field(21, 5), field(18, 2), field(17, 1), field(16, 1), field(11, 5));
        ("tlbie", format!("r{rb}, r{rs}, {ric}, {prs}, {r}"))
    })
}

fn classify(mnemonic: &str, _operands: &str) -> Class {
    match mnemonic {
        "lbarx" | "lharx" | "lwarx" | "ldarx" | "lqarx" => Class::LOAD_RESERVED,
        "stbcx." | "sthcx." | "stwcx." | "stdcx." | "stqcx." => Class::STORE_CONDITIONAL,
        "tlbie" | "tlbiel" | "slbie" | "slbia" | "slbieg" => Class::FLUSH,
        _ => Class::PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tlbie_of_power_9_is_known() {
        assert_eq!(tlbie(0x7d03_2264), Some(("tlbie", "r4, r8, 0, 1, 1".to_owned())));
        assert_eq!(tlbie(0x7c00_04ac), None, "ptesync");
    }
}
