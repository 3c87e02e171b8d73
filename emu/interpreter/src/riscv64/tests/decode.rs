//! Encodings and their texts are those of LLVM 19, whose compressed instructions are expanded by hand.

use super::{Instruction, half, word};

/// The address of a kernel, so that a target's high bits are seen.
const PC: u64 = 0xffff_ffff_8000_0000;

fn full_text(instruction: Instruction) -> String {
    let (mnemonic, operands) = instruction.text(PC);
    format!("{mnemonic} {operands}").trim_end().into()
}

#[test]
fn words_have_texts() {
    for (code, text) in [
        (0x1234_5537, "lui a0, 0x12345"),
        (0xffff_ffb7, "lui t6, 0xfffff"),
        (0x8000_0197, "auipc gp, 0x80000"),
        (0x0010_00ef, "jal ra, 0xffffffff80000800"),
        (0x8000_006f, "jal zero, 0xffffffff7ff00000"),
        (0xffc5_00e7, "jalr ra, -4(a0)"),
        (0x7eb5_0fe3, "beq a0, a1, 0xffffffff80000ffe"),
        (0x8005_1063, "bne a0, zero, 0xffffffff7ffff000"),
        (0x0094_4463, "blt s0, s1, 0xffffffff80000008"),
        (0x0139_5863, "bge s2, s3, 0xffffffff80000010"),
        (0x035a_6063, "bltu s4, s5, 0xffffffff80000020"),
        (0x057b_7063, "bgeu s6, s7, 0xffffffff80000040"),
        (0x8005_8503, "lb a0, -2048(a1)"),
        (0x7ff5_9503, "lh a0, 2047(a1)"),
        (0x0045_a503, "lw a0, 4(a1)"),
        (0x0081_3503, "ld a0, 8(sp)"),
        (0x0005_c503, "lbu a0, 0(a1)"),
        (0x0025_d503, "lhu a0, 2(a1)"),
        (0x0045_e503, "lwu a0, 4(a1)"),
        (0xfea5_8fa3, "sb a0, -1(a1)"),
        (0x00a5_9123, "sh a0, 2(a1)"),
        (0x80a5_a023, "sw a0, -2048(a1)"),
        (0x7e11_3fa3, "sd ra, 2047(sp)"),
        (0x8005_8513, "addi a0, a1, -2048"),
        (0xfff5_a513, "slti a0, a1, -1"),
        (0x0015_b513, "sltiu a0, a1, 1"),
        (0xfff5_c513, "xori a0, a1, -1"),
        (0x7ff5_e513, "ori a0, a1, 2047"),
        (0x0ff5_f513, "andi a0, a1, 255"),
        (0x03f5_9513, "slli a0, a1, 63"),
        (0x0205_d513, "srli a0, a1, 32"),
        (0x43f5_d513, "srai a0, a1, 63"),
        (0x0005_851b, "addiw a0, a1, 0"),
        (0x01f5_951b, "slliw a0, a1, 31"),
        (0x0015_d51b, "srliw a0, a1, 1"),
        (0x41f5_d51b, "sraiw a0, a1, 31"),
        (0x00c5_8533, "add a0, a1, a2"),
        (0x40c5_8533, "sub a0, a1, a2"),
        (0x00c5_9533, "sll a0, a1, a2"),
        (0x00c5_a533, "slt a0, a1, a2"),
        (0x00c5_b533, "sltu a0, a1, a2"),
        (0x00c5_c533, "xor a0, a1, a2"),
        (0x00c5_d533, "srl a0, a1, a2"),
        (0x40c5_d533, "sra a0, a1, a2"),
        (0x00c5_e533, "or a0, a1, a2"),
        (0x00c5_f533, "and a0, a1, a2"),
        (0x00c5_853b, "addw a0, a1, a2"),
        (0x40c5_853b, "subw a0, a1, a2"),
        (0x00c5_953b, "sllw a0, a1, a2"),
        (0x00c5_d53b, "srlw a0, a1, a2"),
        (0x40c5_d53b, "sraw a0, a1, a2"),
        (0x0273_02b3, "mul t0, t1, t2"),
        (0x0273_12b3, "mulh t0, t1, t2"),
        (0x0273_22b3, "mulhsu t0, t1, t2"),
        (0x0273_32b3, "mulhu t0, t1, t2"),
        (0x0273_42b3, "div t0, t1, t2"),
        (0x0273_52b3, "divu t0, t1, t2"),
        (0x0273_62b3, "rem t0, t1, t2"),
        (0x0273_72b3, "remu t0, t1, t2"),
        (0x03ee_8e3b, "mulw t3, t4, t5"),
        (0x03ee_ce3b, "divw t3, t4, t5"),
        (0x03ee_de3b, "divuw t3, t4, t5"),
        (0x03ee_ee3b, "remw t3, t4, t5"),
        (0x03ee_fe3b, "remuw t3, t4, t5"),
        (0x1005_a52f, "lr.w a0, (a1)"),
        (0x1405_b52f, "lr.d.aq a0, (a1)"),
        (0x1ac5_a52f, "sc.w.rl a0, a2, (a1)"),
        (0x1ec5_b52f, "sc.d.aqrl a0, a2, (a1)"),
        (0x08c5_a52f, "amoswap.w a0, a2, (a1)"),
        (0x04c5_a52f, "amoadd.w.aq a0, a2, (a1)"),
        (0x22c5_a52f, "amoxor.w.rl a0, a2, (a1)"),
        (0x66c5_a52f, "amoand.w.aqrl a0, a2, (a1)"),
        (0x40c5_a52f, "amoor.w a0, a2, (a1)"),
        (0x80c5_a52f, "amomin.w a0, a2, (a1)"),
        (0xa0c5_a52f, "amomax.w a0, a2, (a1)"),
        (0xc0c5_a52f, "amominu.w a0, a2, (a1)"),
        (0xe0c5_a52f, "amomaxu.w a0, a2, (a1)"),
        (0x0ec5_b52f, "amoswap.d.aqrl a0, a2, (a1)"),
        (0x00c5_b52f, "amoadd.d a0, a2, (a1)"),
        (0x20c5_b52f, "amoxor.d a0, a2, (a1)"),
        (0x60c5_b52f, "amoand.d a0, a2, (a1)"),
        (0x42c5_b52f, "amoor.d.rl a0, a2, (a1)"),
        (0x80c5_b52f, "amomin.d a0, a2, (a1)"),
        (0xa0c5_b52f, "amomax.d a0, a2, (a1)"),
        (0xc0c5_b52f, "amominu.d a0, a2, (a1)"),
        (0xe0c5_b02f, "amomaxu.d zero, a2, (a1)"),
        (0x1402_1273, "csrrw tp, sscratch, tp"),
        (0xc010_2573, "csrrs a0, time, zero"),
        (0x1005_b573, "csrrc a0, sstatus, a1"),
        (0x1800_5073, "csrrwi zero, satp, 0"),
        (0x1001_6073, "csrrsi zero, sstatus, 2"),
        (0x100f_f573, "csrrci a0, sstatus, 31"),
        (0x5c05_a573, "csrrs a0, 0x5c0, a1"),
        (0xc000_1073, "csrrw zero, cycle, zero"),
        (0x0310_000f, "fence rw, w"),
        (0x0ff0_000f, "fence iorw, iorw"),
        (0x0230_000f, "fence r, rw"),
        (0x8330_000f, "fence.tso"),
        (0x0000_100f, "fence.i"),
        (0x0100_000f, "pause"),
        (0x1200_0073, "sfence.vma zero, zero"),
        (0x12b5_0073, "sfence.vma a0, a1"),
        (0x0000_0073, "ecall"),
        (0x0010_0073, "ebreak"),
        (0x1050_0073, "wfi"),
        (0x1020_0073, "sret"),
        (0x3020_0073, "mret"),
        (0x16b5_0073, "sinval.vma a0, a1"),
        (0x1800_0073, "sfence.w.inval"),
        (0x1810_0073, "sfence.inval.ir"),
        (0x62b5_0073, "hfence.gvma a0, a1"),
        (0x2205_0073, "hfence.vvma a0, zero"),
        (0x26b5_0073, "hinval.vvma a0, a1"),
        (0x66b5_0073, "hinval.gvma a0, a1"),
        (0x6005_c573, "hlv.b a0, (a1)"),
        (0x6015_c573, "hlv.bu a0, (a1)"),
        (0x6405_c573, "hlv.h a0, (a1)"),
        (0x6415_c573, "hlv.hu a0, (a1)"),
        (0x6435_c573, "hlvx.hu a0, (a1)"),
        (0x6805_c573, "hlv.w a0, (a1)"),
        (0x6815_c573, "hlv.wu a0, (a1)"),
        (0x6835_c573, "hlvx.wu a0, (a1)"),
        (0x6c05_c573, "hlv.d a0, (a1)"),
        (0x62a5_c073, "hsv.b a0, (a1)"),
        (0x66a5_c073, "hsv.h a0, (a1)"),
        (0x6aa5_c073, "hsv.w a0, (a1)"),
        (0x6ea5_c073, "hsv.d a0, (a1)"),
    ] {
        assert_eq!(full_text(word(code)), text, "{code:#010x}");
        assert_eq!(word(code).length(), 4);
    }
}

#[test]
fn compressed_instructions_have_the_texts_of_their_expansions() {
    for (code, text) in [
        (0x0048, "addi a0, sp, 4"),
        (0x1ffc, "addi a5, sp, 1020"),
        (0x41a8, "lw a0, 64(a1)"),
        (0x41c8, "lw a0, 4(a1)"),
        (0x7fe0, "ld s0, 248(a5)"),
        (0xdde8, "sw a0, 124(a1)"),
        (0xe0a8, "sd a0, 64(s1)"),
        (0x0001, "addi zero, zero, 0"),
        (0x1501, "addi a0, a0, -32"),
        (0x057d, "addi a0, a0, 31"),
        (0x2501, "addiw a0, a0, 0"),
        (0x3dfd, "addiw s11, s11, -1"),
        (0x5501, "addi a0, zero, -32"),
        (0x4ffd, "addi t6, zero, 31"),
        (0x7101, "addi sp, sp, -512"),
        (0x617d, "addi sp, sp, 496"),
        (0x6141, "addi sp, sp, 16"),
        (0x6505, "lui a0, 0x1"),
        (0x7401, "lui s0, 0xfffe0"),
        (0x917d, "srli a0, a0, 63"),
        (0x9481, "srai s1, s1, 32"),
        (0x9bfd, "andi a5, a5, -1"),
        (0x8d0d, "sub a0, a0, a1"),
        (0x8d2d, "xor a0, a0, a1"),
        (0x8d4d, "or a0, a0, a1"),
        (0x8d6d, "and a0, a0, a1"),
        (0x9d0d, "subw a0, a0, a1"),
        (0x9d2d, "addw a0, a0, a1"),
        (0xaffd, "jal zero, 0xffffffff800007fe"),
        (0xb001, "jal zero, 0xffffffff7ffff800"),
        (0xbffd, "jal zero, 0xffffffff7ffffffe"),
        (0xcd7d, "beq a0, zero, 0xffffffff800000fe"),
        (0xd001, "beq s0, zero, 0xffffffff7fffff00"),
        (0xffed, "bne a5, zero, 0xffffffff7ffffffa"),
        (0xe119, "bne a0, zero, 0xffffffff80000006"),
        (0x1106, "slli sp, sp, 33"),
        (0x50fe, "lw ra, 252(sp)"),
        (0x70fe, "ld ra, 504(sp)"),
        (0x6422, "ld s0, 8(sp)"),
        (0x8082, "jalr zero, 0(ra)"),
        (0x854a, "add a0, zero, s2"),
        (0x9002, "ebreak"),
        (0x9782, "jalr ra, 0(a5)"),
        (0x954a, "add a0, a0, s2"),
        (0xdf86, "sw ra, 252(sp)"),
        (0xff86, "sd ra, 504(sp)"),
    ] {
        assert_eq!(full_text(half(code)), text, "{code:#06x}");
        assert_eq!(half(code).length(), 2);
    }
}

#[test]
fn compressed_hints_have_no_effect() {
    for (code, text) in [
        (0x0005, "addi zero, zero, 1"),
        (0x0501, "addi a0, a0, 0"),
        (0x4005, "addi zero, zero, 1"),
        (0x6005, "lui zero, 0x1"),
        (0x802e, "add zero, zero, a1"),
        (0x902e, "add zero, zero, a1"),
        (0x0006, "slli zero, zero, 1"),
        (0x0502, "slli a0, a0, 0"),
        (0x8101, "srli a0, a0, 0"),
        (0x8501, "srai a0, a0, 0"),
    ] {
        assert_eq!(full_text(half(code)), text, "{code:#06x}");
    }
}

#[test]
fn reserved_and_foreign_compressed_instructions_are_not_known() {
    for code in [
        0x0000_u16, // the illegal instruction
        0x0004,     // c.addi4spn with 0
        0x2000,     // c.fld
        0x8000,     // reserved
        0xa000,     // c.fsd
        0x2001,     // c.addiw of zero
        0x6101,     // c.addi16sp with 0
        0x6081,     // c.lui with 0
        0x9c41,     // reserved
        0x9c61,     // reserved
        0x2002,     // c.fldsp
        0x4002,     // c.lwsp to zero
        0x6002,     // c.ldsp to zero
        0x8002,     // c.jr of zero
        0xa002,     // c.fsdsp
    ] {
        assert_eq!(Instruction::decode(&code.to_le_bytes()), None, "{code:#06x}");
    }
    let known = (0..=u16::MAX).filter(|code| Instruction::decode(&code.to_le_bytes()).is_some()).count();
    assert_eq!(known, 38551);
}

#[test]
fn reserved_and_foreign_words_are_not_known() {
    for code in [
        0x0000_0003_u32 | 7 << 12, // a load of no size
        0x0000_4023,               // a store of no size
        0x0000_2063,               // a branch without condition
        0x0000_1067,               // jalr with another funct3
        0x4000_1013,               // slli with the bit of srai
        0x0400_5013 | 1 << 31,     // srli with a high bit
        0x0200_101b,               // slliw by 32
        0x4200_501b,               // sraiw by 32
        0x0000_201b,               // no arithmetic of words
        0x4000_1033,               // sll with the bit of sub
        0x0400_0033,               // no arithmetic
        0x0200_103b,               // there is no mulhw
        0x1010_202f,               // lr with a second register
        0x0000_102f,               // amoadd of a half
        0x2800_202f,               // amocas
        0x0000_2007,               // flw
        0x0000_3027,               // fsd
        0x0000_0053,               // fadd.s
        0x1000_000f,               // fence of a reserved mode
        0x0ff0_008f,               // fence with a register
        0x0010_100f,               // fence.i with an immediate
        0x0000_200f,               // cbo.inval
        0x1200_00f3,               // sfence.vma with a destination
        0x0020_0073,               // uret
        0x0000_4073,               // no hypervisor load
        0x0000_000b,               // custom-0
        0x0000_001f,               // of 48 bits
        0x0000_003f,               // of 64 bits
        0xffff_ffff,
    ] {
        assert_eq!(Instruction::decode(&code.to_le_bytes()), None, "{code:#010x}");
    }
}

#[test]
fn part_of_an_instruction_is_not_known_and_more_than_one_is() {
    let addi = 0x0085_0513_u32.to_le_bytes();
    for length in 0..4 {
        assert_eq!(Instruction::decode(&addi[..length]), None);
    }
    assert_eq!(Instruction::decode(&[0x01]), None);
    assert_eq!(Instruction::decode(&[0x13, 0x05, 0x85, 0x00, 0xff]), Some(word(0x0085_0513)));
    assert_eq!(Instruction::decode(&[0x01, 0x00, 0xff, 0xff]), Some(half(0x0001)));
}

#[test]
fn whatever_can_go_on_elsewhere_ends_a_block() {
    for code in [
        0x0010_00ef, // jal
        0xffc5_00e7, // jalr
        0x7eb5_0fe3, // beq
        0x0000_100f, // fence.i
        0x0000_0073, // ecall
        0x0010_0073, // ebreak
        0x1050_0073, // wfi
        0x1020_0073, // sret
        0xc000_1073, // csrrw zero, cycle, zero
    ] {
        assert!(word(code).ends_block(), "{code:#010x}");
    }
    for code in [0xa001, 0xc119, 0xe119, 0x8082, 0x9782, 0x9002] {
        assert!(half(code).ends_block(), "{code:#06x}");
    }
    for code in [0x0085_0513, 0x1005_a52f, 0x0ff0_000f, 0x0100_000f, 0x1200_0073, 0xc010_2573, 0x1402_1273] {
        assert!(!word(code).ends_block(), "{code:#010x}");
    }
    assert!(!half(0x0001).ends_block());
}
