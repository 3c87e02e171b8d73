//! loongarch64.

use pmdscope_arches::Arch;
use pmdscope_engine::{InstructionSet, Interpreter};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::LoongArch64,
    unicorn: None,
    interpreter: Some(InstructionSet::LoongArch64),
    addresses: Addresses::Whole,
    program_counter: Interpreter::LOONGARCH_PC,
    text: TextSource::Interpreter(InstructionSet::LoongArch64),
    classify,
    supplement: |_| None,
    left_out: |_, _| 0,
    #[cfg(test)]
    kernel_addresses: &[0x9000_0000_0020_0000, 0x8000_0000_1000_0000, 0xffff_ffff_c000_0000],
};

fn classify(mnemonic: &str, _operands: &str) -> Class {
    if mnemonic.starts_with("ll.") || mnemonic.starts_with("llacq.") {
        Class::LOAD_RESERVED
    } else if mnemonic.starts_with("sc.") || mnemonic.starts_with("screl.") {
        Class::STORE_CONDITIONAL
    } else if mnemonic.starts_with("am") {
        Class::ATOMIC
    } else if matches!(mnemonic, "invtlb" | "tlbflush" | "tlbclr") {
        Class::FLUSH
    } else if mnemonic == "bl" {
        Class::CALL
    } else {
        Class::PLAIN
    }
}
