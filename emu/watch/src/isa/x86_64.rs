//! x86_64. The engine masks addresses to 52 bits.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, BuildsCapstoneSyntax, x86};
use pmdscope_arches::Arch;
use unicorn_engine::{Arch as EngineArch, Mode, RegisterX86 as R};

use super::model::{Addresses, Class, Isa};

pub(super) static ISA: Isa = Isa {
    arch: Arch::X86_64,
    engine: (EngineArch::X86, Mode::MODE_64),
    addresses: Addresses::Low52,
    program_counter: R::RIP as i32,
    // AT&T, as kernel oopses and objdump show it.
    capstone: || Capstone::new().x86().mode(x86::ArchMode::Mode64).syntax(x86::ArchSyntax::Att).build(),
    classify,
    supplement: |_| None,
    #[cfg(test)]
    kernel_addresses: &[0xffff_ffff_8100_0000, 0xffff_8880_0000_0000, 0xffff_ea00_0000_0000],
};

fn classify(mnemonic: &str, operands: &str) -> Class {
    // An exchange with memory locks the bus without a prefix.
    let locked = mnemonic.starts_with("lock") || (mnemonic.starts_with("xchg") && !of_registers(operands));
    if locked {
        Class::ATOMIC
    } else if mnemonic.starts_with("invlpg") || mnemonic == "invpcid" || operands.ends_with("%cr3") {
        Class::FLUSH
    } else if mnemonic == "callq" {
        Class::CALL
    } else {
        Class::PLAIN
    }
}

/// Whether all operands are registers. `0x10(%rdi)`, `%gs:0x10` and `0x400028` are memory.
fn of_registers(operands: &str) -> bool {
    operands.split(", ").all(|operand| operand.starts_with('%') && !operand.contains([':', '(']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atomics_and_flushes_are_told_apart() {
        assert_eq!(classify("lock cmpxchgq", "%rcx, (%rdi)"), Class::ATOMIC);
        assert_eq!(classify("xchgq", "%rax, (%rdi)"), Class::ATOMIC);
        assert_eq!(classify("xchgq", "%rax, 0x400028"), Class::ATOMIC);
        assert_eq!(classify("xchgq", "%rax, %gs:0x10"), Class::ATOMIC);
        assert_eq!(classify("xchgq", "%rax, 8(%rdi, %rsi, 8)"), Class::ATOMIC);
        assert_eq!(classify("xchgq", "%rax, %rbx"), Class::PLAIN);
        assert_eq!(classify("cmpxchgq", "%rcx, (%rdi)"), Class::PLAIN);
        assert_eq!(classify("invlpg", "(%rsi)"), Class::FLUSH);
        assert_eq!(classify("movq", "%rax, %cr3"), Class::FLUSH);
        assert_eq!(classify("movq", "%cr3, %rax"), Class::PLAIN);
    }
}
