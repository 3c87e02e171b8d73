//! x86_64. The engine masks addresses to 52 bits.

use capstone::Capstone;
use capstone::arch::{BuildsCapstone, BuildsCapstoneSyntax, x86};
use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::{Arch as EngineArch, Mode, RegisterX86 as R};

use super::model::{Addresses, Class, Isa, TextSource};

pub(super) static ISA: Isa = Isa {
    arch: Arch::X86_64,
    unicorn: Some((EngineArch::X86, Mode::MODE_64)),
    interpreter: None,
    addresses: Addresses::Low52,
    program_counter: R::RIP as i32,
    // AT&T, as kernel oopses and objdump show it.
    text: TextSource::Capstone(|| {
        Capstone::new().x86().mode(x86::ArchMode::Mode64).syntax(x86::ArchSyntax::Att).build()
    }),
    classify,
    supplement: |_| None,
    left_out,
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

/// Returns the bytes of the operands of UD0 and UD1, by which kernels report: Capstone takes them for the next
/// instruction.
///
/// They are a ModRM byte, and the SIB byte and displacement that it asks for (Intel, Software Developer's Manual,
/// volume 2, 2.1.5).
fn left_out(mnemonic: &str, after: &[u8]) -> u64 {
    if !matches!(mnemonic, "ud0" | "ud1") {
        return 0;
    }
    let Some(modrm) = after.first() else { return 0 };
    let (mode, operand) = (modrm >> 6, modrm & 7);
    let has_sib = mode != 3 && operand == 4;
    let base = if has_sib { after.get(1).map_or(0, |sib| sib & 7) } else { operand };
    let displacement = match mode {
        0 if base == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    1 + u64::from(has_sib) + displacement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operands_of_undefined_instructions_are_theirs() {
        // ud1 (%edx), %rdi; ud1 0x10(%eax), %eax; ud1 %eax, %eax; ud1 0(,%rax,1), %eax; ud0 0x100(%rsp), %ecx
        for (mnemonic, after, bytes) in [
            ("ud1", &[0x3a, 0xc3, 0xcc][..], 1),
            ("ud1", &[0x40, 0x10, 0xc3], 2),
            ("ud1", &[0xc0, 0xc3], 1),
            ("ud1", &[0x04, 0x05, 0, 0, 0, 0, 0xc3], 6),
            ("ud0", &[0x8c, 0x24, 0, 1, 0, 0, 0xc3], 6),
            ("ud1", &[0x05, 0, 0, 0, 0, 0xc3], 5),
            ("ud2", &[0x3a], 0),
            ("ud1", &[], 0),
        ] {
            assert_eq!(left_out(mnemonic, after), bytes, "{mnemonic} {after:x?}");
        }
    }

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
