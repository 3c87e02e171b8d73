use super::{A0, A1, A2, BASE, TestMemory, assert_stop, cpu, execute, word};
use crate::cpu::{Cpu, Reservation};
use crate::memory::{Memory, Stop};

const LR_W: u32 = 0x1005_a52f; // lr.w a0, (a1)
const LR_D: u32 = 0x1005_b52f; // lr.d a0, (a1)
const SC_W: u32 = 0x18c5_a52f; // sc.w a0, a2, (a1)
const SC_D: u32 = 0x18c5_b52f; // sc.d a0, a2, (a1)

const OLD: u64 = 0xffff_fffe_8000_0001;
const NEW: u64 = 0x1122_3344_5566_7788;

/// Returns a CPU that has executed the load-reserved `code` at [`BASE`], and memory with `OLD` there.
fn with_reservation(code: u32) -> (Cpu, TestMemory) {
    let (cpu, memory) = (cpu(&[(A1, BASE), (A2, NEW)]), TestMemory::default());
    memory.store(BASE, 8, OLD).expect("in the memory");
    execute(word(code), &cpu, &memory);
    (cpu, memory)
}

#[test]
fn a_load_reserved_reserves_what_it_reads() {
    let (cpu, _) = with_reservation(LR_D);
    assert_eq!(cpu.register(A0), OLD);
    assert_eq!(cpu.reservation(), Some(Reservation { address: BASE, value: OLD }));
    let (cpu, _) = with_reservation(LR_W);
    let value = 0xffff_ffff_8000_0001;
    assert_eq!(cpu.register(A0), value);
    assert_eq!(cpu.reservation(), Some(Reservation { address: BASE, value }));
}

#[test]
fn a_store_conditional_succeeds_once() {
    for (load, store, expected) in [(LR_D, SC_D, NEW), (LR_W, SC_W, OLD >> 32 << 32 | NEW & 0xffff_ffff)] {
        let (cpu, memory) = with_reservation(load);
        let loads = memory.loads.get();
        execute(word(store), &cpu, &memory);
        assert_eq!((cpu.register(A0), memory.peek(BASE, 8)), (0, Ok(expected)));
        assert_eq!(cpu.reservation(), None);
        execute(word(store), &cpu, &memory);
        assert_eq!((cpu.register(A0), memory.peek(BASE, 8)), (1, Ok(expected)));
        assert_eq!(memory.loads.get(), loads, "it peeks");
    }
}

#[test]
fn a_store_conditional_fails_after_a_store_in_between() {
    let (cpu, memory) = with_reservation(LR_D);
    memory.store(BASE + 7, 1, 0).expect("in the memory");
    let stores = memory.stores.get();
    execute(word(SC_D), &cpu, &memory);
    assert_eq!((cpu.register(A0), cpu.reservation()), (1, None));
    assert_eq!(memory.stores.get(), stores);
}

#[test]
fn a_store_conditional_succeeds_after_a_store_of_the_same_value() {
    let (cpu, memory) = with_reservation(LR_D);
    memory.store(BASE, 8, 0).expect("in the memory");
    memory.store(BASE, 8, OLD).expect("in the memory");
    execute(word(SC_D), &cpu, &memory);
    assert_eq!((cpu.register(A0), memory.peek(BASE, 8)), (0, Ok(NEW)));
}

#[test]
fn a_store_conditional_of_a_word_does_not_look_at_the_next_one() {
    let (cpu, memory) = with_reservation(LR_W);
    memory.store(BASE + 4, 4, 0).expect("in the memory");
    execute(word(SC_W), &cpu, &memory);
    assert_eq!((cpu.register(A0), memory.peek(BASE, 8)), (0, Ok(0x5566_7788)));
}

#[test]
fn a_store_conditional_to_another_address_fails() {
    let (cpu, memory) = with_reservation(LR_D);
    memory.store(BASE + 8, 8, OLD).expect("in the memory");
    cpu.set_register(A1, BASE + 8);
    execute(word(SC_D), &cpu, &memory);
    assert_eq!((cpu.register(A0), cpu.reservation()), (1, None));
    // So does one to an address without memory, which it does not access.
    cpu.set_register(A1, 0);
    execute(word(SC_D), &cpu, &memory);
    assert_eq!(cpu.register(A0), 1);
}

#[test]
fn misaligned_atomic_accesses_are_exceptions() {
    let memory = TestMemory::default();
    for (offset, codes) in [(4, [LR_D, SC_D, 0x00c5_b52f]), (2, [LR_W, SC_W, 0x00c5_a52f])] {
        let cpu = cpu(&[(A0, 5), (A1, BASE + offset)]);
        cpu.reserve(Some(Reservation { address: BASE, value: 0 }));
        for (code, number) in codes.into_iter().zip([4, 6, 6]) {
            assert_stop(word(code), &cpu, &memory, Stop::Exception { number });
        }
    }
    assert_eq!((memory.loads.get(), memory.stores.get()), (0, 0));
}

#[test]
fn unmapped_atomic_accesses_change_nothing() {
    let memory = TestMemory::default();
    let cpu = cpu(&[(A0, 5), (A1, BASE + 32)]);
    cpu.reserve(Some(Reservation { address: BASE + 32, value: 0 }));
    for code in [LR_D, SC_D, 0x00c5_b52f] {
        assert_stop(word(code), &cpu, &memory, Stop::Unmapped { address: BASE + 32, bytes: 8 });
    }
}

/// Executes an atomic operation on `old` in memory with `operand`, and returns `a0` and what is in memory.
fn operate(code: u32, old: u64, operand: u64) -> (u64, u64) {
    let (cpu, memory) = (cpu(&[(A1, BASE), (A2, operand)]), TestMemory::default());
    memory.store(BASE, 8, old).expect("in the memory");
    execute(word(code), &cpu, &memory);
    assert_eq!((memory.loads.get(), memory.stores.get()), (1, 2));
    (cpu.register(A0), memory.peek(BASE, 8).expect("in the memory"))
}

#[test]
fn atomic_operations_on_doublewords() {
    let minus_one = u64::MAX;
    for (code, old, operand, new) in [
        (0x08c5_b52f, 1, 2, 2),                           // amoswap.d a0, a2, (a1)
        (0x00c5_b52f, minus_one, 2, 1),                   // amoadd.d
        (0x20c5_b52f, 0b1100, 0b1010, 0b0110),            // amoxor.d
        (0x60c5_b52f, 0b1100, 0b1010, 0b1000),            // amoand.d
        (0x40c5_b52f, 0b1100, 0b1010, 0b1110),            // amoor.d
        (0x80c5_b52f, minus_one, 1, minus_one),           // amomin.d
        (0xa0c5_b52f, minus_one, 1, 1),                   // amomax.d
        (0xc0c5_b52f, minus_one, 1, 1),                   // amominu.d
        (0xe0c5_b52f, minus_one, 1, minus_one),           // amomaxu.d
        (0x86c5_b52f, 1 << 32, 0xffff_ffff, 0xffff_ffff), // amomin.d.aqrl
    ] {
        assert_eq!(operate(code, old, operand), (old, new), "{code:#010x}");
    }
}

#[test]
fn atomic_operations_on_words_sign_extend_and_leave_the_next_word() {
    const NEXT: u64 = 0x7777_7777_0000_0000;
    const MINUS_ONE: u64 = 0xffff_ffff;
    // The high half of the operand is ignored.
    const HIGH: u64 = 0x1234_5678_0000_0000;
    for (code, old, operand, new) in [
        (0x08c5_a52f, 1, MINUS_ONE, MINUS_ONE),   // amoswap.w a0, a2, (a1)
        (0x00c5_a52f, MINUS_ONE, 2, 1),           // amoadd.w
        (0x20c5_a52f, MINUS_ONE, 1, 0xffff_fffe), // amoxor.w
        (0x60c5_a52f, MINUS_ONE, 0x8000_0000, 0x8000_0000), // amoand.w
        (0x40c5_a52f, 1, 0x8000_0000, 0x8000_0001), // amoor.w
        (0x80c5_a52f, MINUS_ONE, 1, MINUS_ONE),   // amomin.w
        (0x80c5_a52f, 0x7fff_ffff, 0x8000_0000, 0x8000_0000),
        (0xa0c5_a52f, MINUS_ONE, 1, 1), // amomax.w
        (0xa0c5_a52f, 0x7fff_ffff, 0x8000_0000, 0x7fff_ffff),
        (0xc0c5_a52f, MINUS_ONE, 1, 1), // amominu.w
        (0xc0c5_a52f, 0x7fff_ffff, 0x8000_0000, 0x7fff_ffff),
        (0xe0c5_a52f, MINUS_ONE, 1, MINUS_ONE), // amomaxu.w
        (0xe0c5_a52f, 0x7fff_ffff, 0x8000_0000, 0x8000_0000),
    ] {
        let extended = i64::from(old as u32 as i32) as u64;
        assert_eq!(
            operate(code, NEXT | old, HIGH | operand),
            (extended, NEXT | new),
            "{code:#010x} {old:#x}"
        );
    }
}

#[test]
fn the_destination_of_an_atomic_operation_may_be_its_operand() {
    let (cpu, memory) = (cpu(&[(A1, BASE), (A0, 5)]), TestMemory::default());
    memory.store(BASE, 8, 3).expect("in the memory");
    execute(word(0x00a5_b52f), &cpu, &memory); // amoadd.d a0, a0, (a1)
    assert_eq!((cpu.register(A0), memory.peek(BASE, 8)), (3, Ok(8)));
    execute(word(0x08b5_b5af), &cpu, &memory); // amoswap.d a1, a1, (a1)
    assert_eq!((cpu.register(A1), memory.peek(BASE, 8)), (8, Ok(BASE)));
}
