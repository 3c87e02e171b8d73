use super::{A0, A1, A2, BASE, RA, SP, TestMemory, ZERO, assert_stop, cpu, execute, half, word};
use crate::cpu::Cpu;
use crate::memory::{Memory, Stop};

/// Executes an instruction without accesses on a CPU with `a1` and `a2`, and returns `a0`.
fn result(code: u32, a1: u64, a2: u64) -> u64 {
    let cpu = cpu(&[(A1, a1), (A2, a2)]);
    execute(word(code), &cpu, &TestMemory::default());
    assert_eq!(cpu.pc(), BASE + 4);
    cpu.register(A0)
}

#[test]
fn upper_immediates_are_sign_extended() {
    assert_eq!(result(0x8000_0537, 0, 0), 0xffff_ffff_8000_0000); // lui a0, 0x80000
    assert_eq!(result(0x7fff_f537, 0, 0), 0x7fff_f000); // lui a0, 0x7ffff
    assert_eq!(result(0xffff_f517, 0, 0), BASE - 0x1000); // auipc a0, 0xfffff
    assert_eq!(result(0x8000_0517, 0, 0), 0); // auipc a0, 0x80000
}

#[test]
fn immediates_are_sign_extended() {
    assert_eq!(result(0x8005_8513, 0, 0), 0u64.wrapping_sub(2048)); // addi a0, a1, -2048
    assert_eq!(result(0xfff5_c513, 0xf0, 0), !0xf0); // xori a0, a1, -1
    assert_eq!(result(0xfff5_b513, 5, 0), 1); // sltiu a0, a1, -1: less than all ones
    assert_eq!(result(0xfff5_a513, 5, 0), 0); // slti a0, a1, -1
    assert_eq!(result(0x0005_851b, 0x1_8000_0000, 0), 0xffff_ffff_8000_0000); // addiw a0, a1, 0
}

#[test]
fn shifts_by_immediates_take_six_bits_or_five() {
    assert_eq!(result(0x03f5_9513, 3, 0), 1 << 63); // slli a0, a1, 63
    assert_eq!(result(0x03f5_d513, 1 << 63, 0), 1); // srli a0, a1, 63
    assert_eq!(result(0x43f5_d513, 1 << 63, 0), u64::MAX); // srai a0, a1, 63
    assert_eq!(result(0x01f5_951b, 1, 0), 0xffff_ffff_8000_0000); // slliw a0, a1, 31
    assert_eq!(result(0x0015_d51b, 0xf_8000_0000, 0), 0x4000_0000); // srliw a0, a1, 1
    assert_eq!(result(0x41f5_d51b, 0x8000_0000, 0), u64::MAX); // sraiw a0, a1, 31
}

#[test]
fn the_destination_may_be_an_operand_and_zero_stays_zero() {
    let (cpu, memory) = (cpu(&[(A0, 7), (A1, 5)]), TestMemory::default());
    execute(word(0x02b5_0533), &cpu, &memory); // mul a0, a0, a1
    assert_eq!(cpu.register(A0), 35);
    execute(word(0x00b5_0033), &cpu, &memory); // add zero, a0, a1
    assert_eq!(cpu.register(ZERO), 0);
}

#[test]
fn jumps_link_to_the_instruction_after_them() {
    let memory = TestMemory::default();
    let jump = |cpu: Cpu, instruction: super::Instruction| {
        execute(instruction, &cpu, &memory);
        (cpu.pc(), cpu.register(RA))
    };
    assert_eq!(jump(cpu(&[]), word(0x0010_00ef)), (BASE + 0x800, BASE + 4)); // jal ra, . + 0x800
    assert_eq!(jump(cpu(&[]), word(0x8000_006f)), (BASE - 0x10_0000, 0)); // jal zero, . - 0x100000
    // jalr ra, -4(a0): the lowest bit of the sum is cleared.
    assert_eq!(jump(cpu(&[(A0, 0x1005)]), word(0xffc5_00e7)), (0x1000, BASE + 4));
    // jalr ra, 0(ra): the address is read before the link is written.
    assert_eq!(jump(cpu(&[(RA, 0x2000)]), word(0x0000_80e7)), (0x2000, BASE + 4));
    assert_eq!(jump(cpu(&[(RA, 0x2000)]), half(0x8082)), (0x2000, 0x2000)); // c.jr ra
    assert_eq!(jump(cpu(&[(RA, 0x2000)]), half(0x9082)), (0x2000, BASE + 2)); // c.jalr ra
    assert_eq!(jump(cpu(&[]), half(0xbffd)), (BASE - 2, 0)); // c.j . - 2
}

#[test]
fn branches_compare_with_sign_and_without() {
    let memory = TestMemory::default();
    // beq, bne, blt, bge, bltu, bgeu of a1 and a2, to . + 8
    let branches = [0x00c5_8463, 0x00c5_9463, 0x00c5_c463, 0x00c5_d463, 0x00c5_e463, 0x00c5_f463];
    let minus_one = u64::MAX;
    for (a1, a2, taken) in [
        (1, 1, [true, false, false, true, false, true]),
        (minus_one, 1, [false, true, true, false, false, true]),
        (1, minus_one, [false, true, false, true, true, false]),
        (1, 2, [false, true, true, false, true, false]),
        (1, 1 << 32 | 1, [false, true, true, false, true, false]),
    ] {
        for (code, taken) in branches.into_iter().zip(taken) {
            let cpu = cpu(&[(A1, a1), (A2, a2)]);
            execute(word(code), &cpu, &memory);
            assert_eq!(cpu.pc(), BASE + if taken { 8 } else { 4 }, "{code:#010x} {a1:#x} {a2:#x}");
        }
    }
    let cpu = cpu(&[(A0, 1)]);
    execute(half(0xc119), &cpu, &memory); // c.beqz a0, . + 6
    assert_eq!(cpu.pc(), BASE + 2);
    execute(half(0xe119), &cpu, &memory); // c.bnez a0, . + 6
    assert_eq!(cpu.pc(), BASE + 8);
}

#[test]
fn loads_extend_what_they_read() {
    let memory = TestMemory::default();
    memory.store(BASE, 8, 0xf1e2_d3c4_b5a6_9788).expect("in the memory");
    let load = |code: u32| {
        let cpu = cpu(&[(A1, BASE + 1)]);
        execute(word(code), &cpu, &memory);
        cpu.register(A0)
    };
    assert_eq!(load(0xfff5_8503), 0xffff_ffff_ffff_ff88); // lb a0, -1(a1)
    assert_eq!(load(0xfff5_c503), 0x88); // lbu
    assert_eq!(load(0xfff5_9503), 0xffff_ffff_ffff_9788); // lh
    assert_eq!(load(0xfff5_d503), 0x9788); // lhu
    assert_eq!(load(0xfff5_a503), 0xffff_ffff_b5a6_9788); // lw
    assert_eq!(load(0xfff5_e503), 0xb5a6_9788); // lwu
    assert_eq!(load(0xfff5_b503), 0xf1e2_d3c4_b5a6_9788); // ld
    assert_eq!(load(0x0005_b503), 0x00f1_e2d3_c4b5_a697); // ld a0, 0(a1): misaligned
    let to_zero = cpu(&[(A1, BASE)]);
    let loads = memory.loads.get();
    execute(word(0x0005_b003), &to_zero, &memory); // ld zero, 0(a1): an access all the same
    assert_eq!((to_zero.register(ZERO), memory.loads.get()), (0, loads + 1));
}

#[test]
fn stores_write_the_low_bytes() {
    let memory = TestMemory::default();
    let store = |code: u32| {
        memory.store(BASE, 8, u64::MAX).expect("in the memory");
        execute(word(code), &cpu(&[(A1, BASE + 1), (A0, 0x1122_3344_5566_7788)]), &memory);
        memory.peek(BASE, 8)
    };
    assert_eq!(store(0xfea5_8fa3), Ok(0xffff_ffff_ffff_ff88)); // sb a0, -1(a1)
    assert_eq!(store(0x00a5_9023), Ok(0xffff_ffff_ff77_88ff)); // sh a0, 0(a1): misaligned
    assert_eq!(store(0xfea5_afa3), Ok(0xffff_ffff_5566_7788)); // sw a0, -1(a1)
    assert_eq!(store(0xfea5_bfa3), Ok(0x1122_3344_5566_7788)); // sd a0, -1(a1)
}

#[test]
fn compressed_accesses_by_the_stack_pointer() {
    let (cpu, memory) = (cpu(&[(SP, BASE), (RA, 0x1234_5678_9abc_def0)]), TestMemory::default());
    execute(half(0xe406), &cpu, &memory); // c.sdsp ra, 8(sp)
    execute(half(0x6522), &cpu, &memory); // c.ldsp a0, 8(sp)
    execute(half(0x45a2), &cpu, &memory); // c.lwsp a1, 8(sp)
    assert_eq!(cpu.register(A0), 0x1234_5678_9abc_def0);
    assert_eq!(cpu.register(A1), 0xffff_ffff_9abc_def0);
    assert_eq!(cpu.pc(), BASE + 6);
}

#[test]
fn control_registers_are_data() {
    let (cpu, memory) = (cpu(&[(A1, 0b1100)]), TestMemory::default());
    cpu.set_control(0x100, 0b1010);
    execute(word(0x1005_a573), &cpu, &memory); // csrrs a0, sstatus, a1
    assert_eq!((cpu.register(A0), cpu.control(0x100)), (0b1010, 0b1110));
    execute(word(0x1005_b573), &cpu, &memory); // csrrc a0, sstatus, a1
    assert_eq!((cpu.register(A0), cpu.control(0x100)), (0b1110, 0b0010));
    execute(word(0x1005_9573), &cpu, &memory); // csrrw a0, sstatus, a1
    assert_eq!((cpu.register(A0), cpu.control(0x100)), (0b0010, 0b1100));
    execute(word(0x1001_6573), &cpu, &memory); // csrrsi a0, sstatus, 2
    assert_eq!((cpu.register(A0), cpu.control(0x100)), (0b1100, 0b1110));
    execute(word(0x1004_7573), &cpu, &memory); // csrrci a0, sstatus, 8
    assert_eq!((cpu.register(A0), cpu.control(0x100)), (0b1110, 0b0110));
    execute(word(0x100f_d073), &cpu, &memory); // csrrwi zero, sstatus, 31
    assert_eq!((cpu.register(ZERO), cpu.control(0x100)), (0, 0b1_1111));
    cpu.set_control(0x140, 7);
    execute(word(0x1405_95f3), &cpu, &memory); // csrrw a1, sscratch, a1: an exchange
    assert_eq!((cpu.register(A1), cpu.control(0x140)), (7, 0b1100));
    assert_eq!(cpu.pc(), BASE + 28);
}

#[test]
fn counters_grow_at_each_read() {
    let (cpu, memory) = (cpu(&[]), TestMemory::default());
    for count in 0..3 {
        execute(word(0xc010_2573), &cpu, &memory); // csrrs a0, time, zero
        assert_eq!((cpu.register(A0), cpu.control(0xc01)), (count, count + 1));
    }
    execute(word(0xc000_2573), &cpu, &memory); // csrrs a0, cycle, zero
    assert_eq!(cpu.register(A0), 0);
    execute(word(0xc020_7573), &cpu, &memory); // csrrci a0, instret, 0
    assert_eq!(cpu.control(0xc02), 1);
    execute(word(0xc030_2573), &cpu, &memory); // csrrs a0, hpmcounter3, zero
    assert_eq!(cpu.control(0xc03), 0);
}

#[test]
fn a_write_to_a_read_only_control_register_is_illegal() {
    let (cpu, memory) = (cpu(&[(A0, 1)]), TestMemory::default());
    let illegal = Stop::Exception { number: 2 };
    assert_stop(word(0xc000_1073), &cpu, &memory, illegal); // csrrw zero, cycle, zero
    assert_stop(word(0xc000_5073), &cpu, &memory, illegal); // csrrwi zero, cycle, 0
    assert_stop(word(0xc015_a573), &cpu, &memory, illegal); // csrrs a0, time, a1, which is 0
    assert_stop(word(0xf140_f573), &cpu, &memory, illegal); // csrrci a0, mhartid, 1
}

#[test]
fn fences_have_no_effect() {
    let memory = TestMemory::default();
    // fence rw, w; fence.tso; fence.i; pause; sfence.vma zero, zero; sfence.vma a0, a1
    for code in [0x0310_000f, 0x8330_000f, 0x0000_100f, 0x0100_000f, 0x1200_0073, 0x12b5_0073] {
        let cpu = cpu(&[(A0, 1)]);
        let expected = cpu.clone();
        expected.set_pc(BASE + 4);
        execute(word(code), &cpu, &memory);
        assert_eq!(format!("{cpu:?}"), format!("{expected:?}"));
    }
    assert_eq!((memory.loads.get(), memory.stores.get()), (0, 0));
}

#[test]
fn traps_and_unmapped_accesses_change_nothing() {
    let (cpu, memory) = (cpu(&[(A0, 1), (A1, BASE + 25)]), TestMemory::default());
    assert_stop(word(0x0000_0073), &cpu, &memory, Stop::Exception { number: 9 }); // ecall
    assert_stop(word(0x0010_0073), &cpu, &memory, Stop::Exception { number: 3 }); // ebreak
    assert_stop(half(0x9002), &cpu, &memory, Stop::Exception { number: 3 }); // c.ebreak
    // wfi, sret, mret, sinval.vma a0, a1, hlv.d a0, (a1)
    for code in [0x1050_0073, 0x1020_0073, 0x3020_0073, 0x16b5_0073, 0x6c05_c573] {
        assert_stop(word(code), &cpu, &memory, Stop::NotDone);
    }
    let unmapped = Stop::Unmapped { address: BASE + 25, bytes: 8 };
    assert_stop(word(0x0005_b503), &cpu, &memory, unmapped); // ld a0, 0(a1)
    assert_stop(word(0x00a5_b023), &cpu, &memory, unmapped); // sd a0, 0(a1)
    let unmapped = Stop::Unmapped { address: 4096, bytes: 1 };
    cpu.set_register(A1, 4096);
    assert_stop(word(0x0005_8583), &cpu, &memory, unmapped); // lb a1, 0(a1)
}
