use std::cell::{Cell, RefCell};

use super::table::exception;
use super::*;
use crate::cpu::{Cpu, Reservation};
use crate::memory::{Memory, Stop};

const PC: u64 = 0x9000_0000_0020_0000;
/// Where the memory of these tests begins.
const START: u64 = 0x9000_0000_0100_0000;

/// 64 bytes at [`START`], which count accesses.
#[derive(Default)]
struct Bytes {
    bytes: RefCell<Vec<u8>>,
    accesses: Cell<usize>,
}

impl Bytes {
    fn new() -> Self {
        Bytes { bytes: RefCell::new(vec![0; 64]), accesses: Cell::new(0) }
    }

    fn at<T>(&self, address: u64, bytes: u8, access: impl FnOnce(&mut [u8]) -> T) -> Result<T, Stop> {
        let unmapped = Stop::Unmapped { address, bytes };
        let offset = usize::try_from(address.wrapping_sub(START)).map_err(|_| unmapped)?;
        let end = offset.checked_add(bytes.into()).ok_or(unmapped)?;
        self.bytes.borrow_mut().get_mut(offset..end).map(access).ok_or(unmapped)
    }

    fn double(&self, offset: u64) -> u64 {
        self.peek(START + offset, 8).unwrap()
    }
}

impl Memory for Bytes {
    fn load(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.accesses.set(self.accesses.get() + 1);
        self.peek(address, bytes)
    }

    fn store(&self, address: u64, bytes: u8, value: u64) -> Result<(), Stop> {
        self.accesses.set(self.accesses.get() + 1);
        self.at(address, bytes, |found| found.copy_from_slice(&value.to_le_bytes()[..bytes.into()]))
    }

    fn peek(&self, address: u64, bytes: u8) -> Result<u64, Stop> {
        self.at(address, bytes, |found| {
            found.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        })
    }
}

/// Returns the fixed bits of an instruction.
fn bits(mnemonic: &str) -> u32 {
    TABLE.iter().find(|row| row.mnemonic == mnemonic).expect("it is in the table").value
}

/// Returns an instruction with operands d, j and k, or a number from bit 10 for k.
fn word(mnemonic: &str, d: u32, j: u32, k: u32) -> u32 {
    bits(mnemonic) | k << 10 | j << 5 | d
}

fn decode(word: u32) -> Option<Instruction> {
    Instruction::decode(&word.to_le_bytes())
}

fn text(word: u32) -> String {
    let (mnemonic, operands) = decode(word).expect("it is known").text(PC);
    format!("{mnemonic} {operands}").trim_end().to_string()
}

/// Returns a CPU with these registers.
fn cpu(registers: &[(u8, u64)]) -> Cpu {
    let cpu = Cpu::new();
    cpu.set_pc(PC);
    for (register, value) in registers {
        cpu.set_register(*register, *value);
    }
    cpu
}

/// Executes one instruction.
fn execute(word: u32, cpu: &Cpu, memory: &Bytes) -> Result<(), Stop> {
    decode(word).expect("it is known").execute(cpu, memory)
}

/// Returns what register 4 is after an instruction.
fn result(word: u32, registers: &[(u8, u64)]) -> u64 {
    let cpu = cpu(registers);
    execute(word, &cpu, &Bytes::new()).unwrap();
    assert_eq!(cpu.pc(), PC + 4);
    cpu.register(4)
}

/// Asserts that an instruction stops the program so, and changes nothing.
fn assert_stops(word: u32, registers: &[(u8, u64)], stop: Stop) {
    let (cpu, memory) = (cpu(registers), Bytes::new());
    let reservation = Reservation { address: START, value: 0 };
    cpu.reserve(Some(reservation));
    let before = cpu.clone();
    assert_eq!(execute(word, &cpu, &memory), Err(stop), "{}", text(word));
    assert_eq!(cpu.pc(), PC);
    for register in 0..32 {
        assert_eq!(cpu.register(register), before.register(register), "{}: {register}", text(word));
    }
    assert_eq!(cpu.reservation(), Some(reservation));
    assert_eq!(memory.accesses.get(), 0, "{}", text(word));
}

fn raises(number: u8) -> Stop {
    Stop::Exception { number: number.into() }
}

#[test]
fn each_row_decodes_to_itself() {
    for (index, row) in TABLE.iter().enumerate() {
        assert_eq!(row.value & !row.mask, 0, "{}", row.mnemonic);
        // rj is 2 and the field of bits is not empty, in case that matters.
        let fields = match row.operands {
            Operands::RdRjCsr => 2 << 5,
            Operands::BitsW | Operands::BitsD => 31 << 16,
            _ => 0,
        };
        let decoded = decode(row.value | fields).expect(row.mnemonic);
        assert_eq!(usize::from(decoded.row), index, "{}", row.mnemonic);
        assert_eq!(decoded.operation, row.operation);
    }
}

#[test]
fn no_word_is_of_two_rows() {
    for (index, one) in TABLE.iter().enumerate() {
        for other in &TABLE[index + 1..] {
            assert_ne!(one.mnemonic, other.mnemonic);
            let overlap = (one.value ^ other.value) & one.mask & other.mask == 0;
            // csrxchg is what csrrd and csrwr, which come before it, are not.
            let expected = one.operands == Operands::RdCsr && other.operands == Operands::RdRjCsr;
            assert_eq!(overlap, expected, "{} and {}", one.mnemonic, other.mnemonic);
        }
    }
}

#[test]
fn what_is_not_in_the_table_is_not_known() {
    let unknown = [
        0,
        0xffff_ffff,
        0x0101_0000,           // fadd.d
        0x2b80_0000,           // fld.d
        0x0114_c000,           // movgr2fcsr
        0x4800_0000,           // bceqz
        0x700a_0000,           // vadd.b
        0x3857_0000,           // sc.q
        0x0067_0000 | 8 << 10, // bstrins.w, of bits 7 to 8
        0x0649_8007,           // invtlb 7
    ];
    for word in unknown {
        assert_eq!(decode(word), None, "{word:08x}");
    }
    assert_eq!(Instruction::decode(&bits("ertn").to_le_bytes()[..3]), None);
    // csrxchg with a mask in register 0 or 1 is csrrd or csrwr.
    assert_eq!(
        [0x0400_0004, 0x0400_0024, 0x0400_0044].map(text),
        ["csrrd $a0, 0", "csrwr $a0, 0", "csrxchg $a0, $tp, 0"]
    );
}

#[test]
fn instructions_are_small() {
    assert!(size_of::<Instruction>() <= 12, "{}", size_of::<Instruction>());
}

#[test]
fn branches_and_traps_end_a_block() {
    let ending: Vec<_> = TABLE
        .iter()
        .filter(|row| Instruction::from_row(0, row, row.value).ends_block())
        .map(|row| row.mnemonic)
        .collect();
    assert_eq!(
        ending,
        [
            "beqz", "bnez", "jirl", "b", "bl", "beq", "bne", "blt", "bge", "bltu", "bgeu", "break",
            "syscall", "dbcl", "ertn"
        ]
    );
}

#[test]
fn text_is_that_of_llvm() {
    assert_eq!(text(word("add.d", 4, 5, 6)), "add.d $a0, $a1, $a2");
    assert_eq!(text(word("addi.d", 3, 3, 0xff0)), "addi.d $sp, $sp, -16");
    assert_eq!(text(word("andi", 12, 21, 0xfff)), "andi $t0, $r21, 4095");
    assert_eq!(text(word("amadd_db.w", 4, 5, 6)), "amadd_db.w $a0, $a2, $a1");
    assert_eq!(text(word("alsl.d", 4, 5, 6) | 3 << 15), "alsl.d $a0, $a1, $a2, 4");
    assert_eq!(text(word("ldptr.d", 4, 22, 0x3fff)), "ldptr.d $a0, $fp, -4");
    assert_eq!(text(word("lu12i.w", 23, 0, 0) | 0xf_ffff << 5), "lu12i.w $s0, -1");
    assert_eq!(text(word("bstrpick.d", 4, 5, 12) | 47 << 16), "bstrpick.d $a0, $a1, 47, 12");
    assert_eq!(text(word("csrwr", 4, 0, 0x19)), "csrwr $a0, 25");
    assert_eq!(text(word("invtlb", 6, 4, 5)), "invtlb 6, $a0, $a1");
    assert_eq!(text(word("dbar", 20, 0, 0)), "dbar 20");
    assert_eq!(text(bits("ertn")), "ertn");
    assert_eq!(text(word("jirl", 1, 4, 1)), "jirl $ra, $a0, 4");
    assert_eq!(text(word("jirl", 0, 4, 0)), "jr $a0");
    assert_eq!(text(word("jirl", 0, 1, 0)), "ret");
    assert_eq!(text(word("or", 4, 5, 0)), "move $a0, $a1");
    assert_eq!(text(word("andi", 0, 0, 0)), "nop");
}

#[test]
fn targets_of_branches_are_addresses() {
    assert_eq!(text(word("b", 0, 0, 1)), "b 0x9000000000200004");
    assert_eq!(text(word("bl", 0x3ff, 0, 0xffff)), "bl 0x90000000001ffffc");
    assert_eq!(text(word("bl", 0x200, 0, 0)), "bl 0x8ffffffff8200000");
    assert_eq!(text(word("b", 0x1ff, 0, 0xffff)), "b 0x90000000081ffffc");
    assert_eq!(text(word("beqz", 0x10, 4, 0)), "beqz $a0, 0x8fffffffffe00000");
    assert_eq!(text(word("bnez", 0x0f, 4, 0xffff)), "bnez $a0, 0x90000000005ffffc");
    assert_eq!(text(word("blt", 4, 5, 0x8000)), "blt $a1, $a0, 0x90000000001e0000");
    assert_eq!(text(word("bgeu", 4, 5, 0x7fff)), "bgeu $a1, $a0, 0x900000000021fffc");
}

#[test]
fn branches_go_to_their_targets() {
    let taken = |word, registers: &[(u8, u64)]| {
        let cpu = cpu(registers);
        execute(word, &cpu, &Bytes::new()).unwrap();
        (cpu.pc(), cpu.register(1))
    };
    assert_eq!(taken(word("b", 0x200, 0, 0), &[]), (PC - (1 << 27), 0));
    assert_eq!(taken(word("bl", 0x1ff, 0, 0xffff), &[]), (PC + (1 << 27) - 4, PC + 4));
    assert_eq!(taken(word("jirl", 1, 1, 0x8000), &[(1, START)]), (START - (1 << 17), PC + 4));
    assert_eq!(taken(word("beqz", 0x10, 4, 0), &[]), (PC - (1 << 22), 0));
    assert_eq!(taken(word("beqz", 0x10, 4, 0), &[(4, 1 << 32)]), (PC + 4, 0));
    assert_eq!(taken(word("blt", 4, 5, 2), &[(5, u64::MAX)]), (PC + 8, 0));
    assert_eq!(taken(word("bltu", 4, 5, 2), &[(5, u64::MAX)]), (PC + 4, 0));
}

#[test]
fn words_are_sign_extended() {
    assert_eq!(result(word("add.w", 4, 5, 6), &[(5, 0x1_7fff_ffff), (6, 1)]), 0xffff_ffff_8000_0000);
    assert_eq!(result(word("alsl.wu", 4, 5, 6), &[(5, 0x4000_0000)]), 0x8000_0000);
    assert_eq!(result(word("bstrpick.w", 4, 5, 0) | 31 << 16, &[(5, u64::MAX)]), u64::MAX);
    assert_eq!(result(word("lu32i.d", 4, 0, 0) | 0xf_ffff << 5, &[(4, 5)]), 0xffff_ffff_0000_0005);
    assert_eq!(result(word("lu52i.d", 4, 5, 0x900), &[(5, u64::MAX)]), 0x900f_ffff_ffff_ffff);
}

#[test]
fn divisions_without_a_result_give_that_of_qemu() {
    let min = i64::MIN as u64;
    assert_eq!(result(word("div.d", 4, 5, 6), &[(5, 7)]), 7);
    assert_eq!(result(word("mod.d", 4, 5, 6), &[(5, 7)]), 0);
    assert_eq!(result(word("div.d", 4, 5, 6), &[(5, min), (6, u64::MAX)]), min);
    assert_eq!(result(word("mod.d", 4, 5, 6), &[(5, min), (6, u64::MAX)]), 0);
    assert_eq!(result(word("div.wu", 4, 5, 6), &[(5, 0xffff_ffff)]), u64::MAX);
}

#[test]
fn checksums_are_those_of_their_polynomials() {
    // The usual test of a CRC: that of these digits, inverted before and after.
    let of_digits = |mnemonic| {
        let start = u64::from(u32::MAX);
        !b"123456789"
            .iter()
            .fold(start, |sum, byte| result(word(mnemonic, 4, 5, 6), &[(5, u64::from(*byte)), (6, sum)]))
            as u32
    };
    assert_eq!(of_digits("crc.w.b.w"), 0xcbf4_3926);
    assert_eq!(of_digits("crcc.w.b.w"), 0xe306_9283);
}

#[test]
fn exceptions_have_their_numbers_and_change_nothing() {
    assert_stops(word("syscall", 5, 0, 0), &[(4, 1)], raises(0xb));
    assert_stops(word("break", 1, 0, 0), &[(4, 1)], raises(0xc));
    assert_stops(word("asrtle.d", 0, 4, 5), &[(4, 1)], raises(0xa));
    assert_stops(word("asrtgt.d", 0, 4, 5), &[(5, 1)], raises(0xa));
    // They compare signed numbers.
    assert_eq!(result(word("asrtle.d", 0, 4, 5), &[(4, u64::MAX)]), u64::MAX);
}

#[test]
fn accesses_have_bounds() {
    let above = [(4, 9), (5, START), (6, START - 1)];
    let equal = [(4, 9), (5, START), (6, START)];
    for size in ["b", "h", "w", "d"] {
        assert_stops(word(&format!("ldgt.{size}"), 4, 5, 6), &equal, raises(exception::BOUND));
        assert_stops(word(&format!("stgt.{size}"), 4, 5, 6), &equal, raises(exception::BOUND));
        assert_stops(word(&format!("ldle.{size}"), 4, 5, 6), &above, raises(exception::BOUND));
        assert_stops(word(&format!("stle.{size}"), 4, 5, 6), &above, raises(exception::BOUND));
        assert_eq!(result(word(&format!("ldgt.{size}"), 4, 5, 6), &above), 0);
        assert_eq!(result(word(&format!("stle.{size}"), 4, 5, 6), &equal), 9);
        // Signed and unsigned it is not the same.
        assert_stops(word(&format!("ldgt.{size}"), 4, 5, 6), &[(5, START)], Stop::NotDone);
    }
    let odd = [(5, START + 1), (6, START)];
    assert_stops(word("ldgt.h", 4, 5, 6), &odd, raises(exception::NOT_ALIGNED));
    assert_eq!(result(word("ldgt.b", 4, 5, 6), &odd), 0);
}

#[test]
fn only_atomic_accesses_must_be_aligned() {
    for mnemonic in ["ll.d", "sc.d", "amadd.d", "amadd_db.d", "amcas.d", "llacq.d", "screl.d"] {
        assert_stops(word(mnemonic, 4, 5, 0), &[(5, START + 4)], raises(exception::NOT_ALIGNED));
    }
    assert_stops(word("amswap.h", 4, 5, 0), &[(5, START + 1)], raises(exception::NOT_ALIGNED));
    let memory = Bytes::new();
    let cpu = cpu(&[(4, 0x0102_0304_0506_0708), (5, START + 3)]);
    execute(word("st.d", 4, 5, 0), &cpu, &memory).unwrap();
    assert_eq!(memory.double(0), 0x0405_0607_0800_0000);
    execute(word("ld.hu", 4, 5, 1), &cpu, &memory).unwrap();
    assert_eq!(cpu.register(4), 0x0607);
}

#[test]
fn what_is_not_mapped_changes_nothing() {
    for mnemonic in ["ld.w", "st.w", "ldx.w", "stx.w", "amswap.w", "amcas.w", "ll.w", "ldptr.w"] {
        let stop = Stop::Unmapped { address: 0x1000, bytes: 4 };
        let (cpu, memory) = (cpu(&[(4, 7), (5, 0x1000)]), Bytes::new());
        assert_eq!(execute(word(mnemonic, 4, 5, 0), &cpu, &memory), Err(stop), "{mnemonic}");
        assert_eq!((cpu.pc(), cpu.register(4), cpu.reservation()), (PC, 7, None), "{mnemonic}");
    }
    // The comparison finds that nothing is there.
    let (cpu, memory) = (cpu(&[(4, 7), (5, 0x1000)]), Bytes::new());
    let reservation = Some(Reservation { address: 0x1000, value: 0 });
    cpu.reserve(reservation);
    assert!(execute(word("sc.w", 4, 5, 0), &cpu, &memory).is_err());
    assert_eq!((cpu.pc(), cpu.register(4), cpu.reservation()), (PC, 7, reservation));
}

/// Returns what a store-conditional gives after a load-linked, and what memory is then.
fn linked(linked: &str, conditional: &str, between: impl Fn(&Cpu, &Bytes)) -> (u64, u64) {
    let memory = Bytes::new();
    memory.store(START, 8, 0xffff_fff0_ffff_fff1).unwrap();
    let cpu = cpu(&[(5, START), (6, START + 8), (7, 0x77)]);
    execute(word(linked, 4, 5, 0), &cpu, &memory).unwrap();
    between(&cpu, &memory);
    execute(word(conditional, 7, 5, 0), &cpu, &memory).unwrap();
    assert_eq!(cpu.reservation(), None);
    (cpu.register(7), memory.double(0))
}

#[test]
fn a_conditional_store_needs_the_value_that_was_loaded() {
    for (link, conditional, stored) in [
        ("ll.w", "sc.w", 0xffff_fff0_0000_0077),
        ("ll.d", "sc.d", 0x77),
        ("llacq.w", "screl.w", 0xffff_fff0_0000_0077),
        ("llacq.d", "screl.d", 0x77),
    ] {
        assert_eq!(linked(link, conditional, |_, _| ()), (1, stored));
        let changed = |_: &Cpu, memory: &Bytes| memory.store(START, 1, 0).unwrap();
        assert_eq!(linked(link, conditional, changed), (0, 0xffff_fff0_ffff_ff00));
        let beside = |_: &Cpu, memory: &Bytes| memory.store(START + 8, 8, 1).unwrap();
        assert_eq!(linked(link, conditional, beside), (1, stored));
        let dropped = |cpu: &Cpu, _: &Bytes| cpu.reserve(None);
        assert_eq!(linked(link, conditional, dropped), (0, 0xffff_fff0_ffff_fff1));
        // Another load makes another reservation; and a store drops it.
        let again = |cpu: &Cpu, memory: &Bytes| execute(word(link, 4, 6, 0), cpu, memory).unwrap();
        assert_eq!(linked(link, conditional, again), (0, 0xffff_fff0_ffff_fff1));
        let other = |cpu: &Cpu, memory: &Bytes| execute(word(conditional, 0, 6, 0), cpu, memory).unwrap();
        assert_eq!(linked(link, conditional, other), (0, 0xffff_fff0_ffff_fff1));
    }
}

#[test]
fn a_failed_store_makes_no_access() {
    let (cpu, memory) = (cpu(&[(4, 1), (5, START)]), Bytes::new());
    execute(word("sc.w", 4, 5, 0), &cpu, &memory).unwrap();
    assert_eq!((cpu.register(4), memory.accesses.get()), (0, 0));
}

/// Returns register 4 and memory after an atomic access with registers 4 to 6, where `before` was.
fn atomic(mnemonic: &str, before: u64, expected: u64, operand: u64) -> (u64, u64) {
    let memory = Bytes::new();
    memory.store(START, 8, before).unwrap();
    let cpu = cpu(&[(4, expected), (5, START), (6, operand)]);
    execute(word(mnemonic, 4, 5, 6), &cpu, &memory).unwrap();
    (cpu.register(4), memory.double(0))
}

#[test]
fn atomic_accesses_of_bytes_and_halves() {
    for barrier in ["", "_db"] {
        let name = |operation, size| format!("{operation}{barrier}.{size}");
        assert_eq!(atomic(&name("amswap", "b"), 0x1280, 0, 0x34_56), (0u64.wrapping_sub(0x80), 0x1256));
        assert_eq!(atomic(&name("amswap", "h"), 0x12_7f80, 0, 0x345678), (0x7f80, 0x12_5678));
        assert_eq!(atomic(&name("amadd", "b"), 0x12ff, 0, 0x102), (u64::MAX, 0x1201));
        assert_eq!(atomic(&name("amadd", "h"), 0x12_ffff, 0, 2), (u64::MAX, 0x12_0001));
    }
}

#[test]
fn compare_and_swap_stores_if_the_low_bytes_are_equal() {
    const BEFORE: u64 = 0x8182_8384_8586_8788;
    for barrier in ["", "_db"] {
        for (size, bits) in [("b", 8), ("h", 16), ("w", 32), ("d", 64)] {
            let name = format!("amcas{barrier}.{size}");
            let low = u64::MAX >> (64 - bits);
            let loaded = (BEFORE << (64 - bits)) as i64 >> (64 - bits);
            let swapped = BEFORE & !low | 0x11 & low;
            // Bits above those that are compared do not count.
            assert_eq!(atomic(&name, BEFORE, BEFORE & low, 0x11), (loaded as u64, swapped), "{name}");
            assert_eq!(atomic(&name, BEFORE, BEFORE, 0x11), (loaded as u64, swapped), "{name}");
            assert_eq!(atomic(&name, BEFORE, BEFORE ^ 1, 0x11), (loaded as u64, BEFORE), "{name}");
        }
    }
}

#[test]
fn atomic_accesses_need_different_registers() {
    for mnemonic in ["amswap.w", "amadd_db.d", "amcas.w", "ammax.wu", "amswap.b"] {
        let none = raises(exception::NO_INSTRUCTION);
        assert_stops(word(mnemonic, 5, 5, 6), &[(5, START)], none);
        assert_stops(word(mnemonic, 6, 5, 6), &[(5, START)], none);
        // Of a result that nobody wants that is not so.
        assert_eq!(result(word(mnemonic, 0, 5, 0), &[(4, 1), (5, START)]), 1);
        assert_eq!(result(word(mnemonic, 4, 5, 5), &[(4, 1), (5, START)]), 0);
    }
}

#[test]
fn control_and_status_registers_are_data() {
    let (cpu, memory) = (cpu(&[(4, 0xff00), (5, 0x0ff0)]), Bytes::new());
    cpu.set_control(0x19, 0x1234);
    execute(word("csrxchg", 4, 5, 0x19), &cpu, &memory).unwrap();
    assert_eq!((cpu.register(4), cpu.control(0x19)), (0x1234, 0x1f04));
    execute(word("csrwr", 4, 0, 0x3fff), &cpu, &memory).unwrap();
    assert_eq!((cpu.register(4), cpu.control(0x3fff)), (0, 0x1234));
    execute(word("csrrd", 4, 0, 0x19), &cpu, &memory).unwrap();
    assert_eq!((cpu.register(4), cpu.control(0x19)), (0x1f04, 0x1f04));
    assert_eq!((cpu.pc(), memory.accesses.get()), (PC + 12, 0));
}

#[test]
fn the_configuration_is_data_and_time_counts_reads() {
    let (cpu, memory) = (cpu(&[(4, 5), (5, 0x1_0000_0102)]), Bytes::new());
    execute(word("cpucfg", 4, 5, 0), &cpu, &memory).unwrap();
    assert_eq!(cpu.register(4), 0);
    cpu.set_control(0x4002, 0x33);
    execute(word("cpucfg", 4, 5, 0), &cpu, &memory).unwrap();
    assert_eq!(cpu.register(4), 0x33);

    cpu.set_control(0x5000, 0x8000_0001_8000_0000);
    for (mnemonic, expected) in [
        ("rdtime.d", 0x8000_0001_8000_0000),
        ("rdtimel.w", 0xffff_ffff_8000_0001),
        ("rdtimeh.w", 0xffff_ffff_8000_0001),
        ("rdtime.d", 0x8000_0001_8000_0003),
    ] {
        execute(word(mnemonic, 4, 5, 0), &cpu, &memory).unwrap();
        assert_eq!((cpu.register(4), cpu.register(5)), (expected, 0), "{mnemonic}");
    }
}

#[test]
fn barriers_and_caches_are_nothing_here() {
    for (mnemonic, j) in [
        ("dbar", 0),
        ("ibar", 0),
        ("preld", 5),
        ("preldx", 5),
        ("cacop", 5),
        ("invtlb", 5),
        ("tlbclr", 0),
        ("tlbflush", 0),
    ] {
        assert_eq!(result(word(mnemonic, 0, j, 0), &[(4, 3)]), 3, "{mnemonic}");
    }
}

#[test]
fn what_cannot_be_done_stops_the_program() {
    let not_done: Vec<_> = TABLE
        .iter()
        .filter(|row| matches!(row.operation, Operation::NotDone | Operation::Leave))
        .inspect(|row| assert_stops(row.value, &[(4, 1)], Stop::NotDone))
        .map(|row| row.mnemonic)
        .collect();
    assert_eq!(
        not_done,
        [
            "dbcl",
            "tlbsrch",
            "tlbrd",
            "tlbwr",
            "tlbfill",
            "lddir",
            "ldpte",
            "iocsrrd.b",
            "iocsrrd.h",
            "iocsrrd.w",
            "iocsrrd.d",
            "iocsrwr.b",
            "iocsrwr.h",
            "iocsrwr.w",
            "iocsrwr.d",
            "ertn",
            "idle"
        ]
    );
}
