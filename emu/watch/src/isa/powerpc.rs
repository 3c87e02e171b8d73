//! ppc64 and ppc64le.

use capstone::arch::{BuildsCapstone, BuildsCapstoneEndian, ppc};
use capstone::{Capstone, Endian};
use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterPPC as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static PPC64: Isa = Isa {
    arch: Arch::Ppc64,
    // The CPU of ppc64le is the same, switched to little-endian when it starts.
    unicorn: Some((EngineArch::PPC, Mode(Mode::PPC64.0 | Mode::BIG_ENDIAN.0))),
    interpreter: None,
    addresses: Addresses::Folded,
    program_counter: R::PC as i32,
    text: TextSource::Capstone(|| {
        Capstone::new().ppc().mode(ppc::ArchMode::Mode64).endian(Endian::Big).build()
    }),
    classify,
    supplement: |code| tlbie(u32::from_be_bytes(*code.first_chunk()?)),
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0xc000_0000_0000_0000, 0xc00c_0000_0000_0000, 0xc000_0200_1000_0000],
};

pub(super) static PPC64LE: Isa = Isa {
    arch: Arch::Ppc64le,
    text: TextSource::Capstone(|| {
        Capstone::new().ppc().mode(ppc::ArchMode::Mode64).endian(Endian::Little).build()
    }),
    supplement: |code| tlbie(u32::from_le_bytes(*code.first_chunk()?)),
    ..PPC64
};

/// Decodes the `tlbie` of Power ISA 3.0, which has five operands: Capstone knows only that of 2.0.
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
        "bl" => Class::CALL,
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
