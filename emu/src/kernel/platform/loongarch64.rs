//! loongarch64: privilege level 0, all addresses as they are.
//!
//! Facts from arch/loongarch/include/asm/{addrspace,cpu-features,pgtable,pgtable-bits}.h and
//! arch/loongarch/{kernel/smp.c,mm/init.c,mm/tlb.c} of Linux 7.2.13.

use pmdscope_arches::Arch;

use super::model::{Empty, Geometry, Level, Platform, nothing_of_mm};
use crate::EmuError;
use crate::environment::Stub;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

/// Registers of the CPU: `$tp` has the task, `$r21` the offset of per-CPU data.
const TP: i32 = 2;
const R21: i32 = 21;

/// The window in which the kernel sees physical memory, cached.
const CACHED_WINDOW: u64 = 0x9000_0000_0000_0000;

/// The tables that empty entries point to.
const INVALID_PMD_TABLE: &str = "invalid_pmd_table";
const INVALID_PTE_TABLE: &str = "invalid_pte_table";
/// Base-2 logarithm of the number of entries in a table of 16 KiB.
const TABLE_BITS: u32 = 11;

/// Bits of a virtual and of a physical address: those of the 3A5000 and 3A6000.
const ADDRESS_BITS: u64 = 48;

pub(super) static PLATFORM: Platform = Platform {
    arch: Arch::LoongArch64,
    // In the window, above all mapped memory.
    objects: CACHED_WINDOW | 0x0100_0000_0000,
    geometries: &[Geometry {
        page_shift: Some(14),
        levels: &[
            Level { shift: 36, bits: TABLE_BITS, empty: Empty::Table(INVALID_PMD_TABLE) },
            Level { shift: 25, bits: TABLE_BITS, empty: Empty::Table(INVALID_PTE_TABLE) },
        ],
        table_bytes: 8 << TABLE_BITS,
        address: 0x201 << 36 | 0x63 << 25,
    }],
    no_pte: 0,
    link: |table| table | CACHED_WINDOW,
    // Present, user, cached: PAGE_READONLY.
    protection: 0x9c,
    start_cpu,
    start,
    start_mm: nothing_of_mm,
    finds_memstart: false,
    pgtable_is_table: false,
    has_user_half: true,
    stubs: &[
        flush("flush_tlb_all"),
        flush("flush_tlb_mm"),
        flush("flush_tlb_range"),
        flush("flush_tlb_page"),
        Stub {
            symbol: "__update_tlb",
            returns: Some(0),
            flushes: false,
            why: "it writes a translation to the CPU's TLB, and nothing here is translated",
        },
    ],
    invalidates: &["pmdp_invalidate", "pmdp_invalidate_ad"],
};

/// A function that has all CPUs of a process drop translations.
const fn flush(symbol: &'static str) -> Stub {
    Stub {
        symbol,
        returns: Some(0),
        flushes: true,
        why: "it asks other CPUs by interrupts to drop translations, and interrupts are not run",
    }
}

/// Sets what the kernel finds out about its CPUs and its memory when it starts.
fn start(machine: &mut Machine, fields: &Fields) -> Result<(), EmuError> {
    let first_cpu = machine.needed_symbol("cpu_data")?;
    for member in ["vabits", "pabits"] {
        machine.put(first_cpu + fields.offset("cpuinfo_loongarch", member)?, 4, ADDRESS_BITS)?;
    }
    // Addresses from there on are translated.
    let map_base = machine.needed_symbol("vm_map_base")?;
    machine.put64(map_base, 0_u64.wrapping_sub(1 << ADDRESS_BITS))?;
    let (pmd_table, pte_table) =
        (machine.needed_symbol(INVALID_PMD_TABLE)?, machine.needed_symbol(INVALID_PTE_TABLE)?);
    for entry in 0..1 << TABLE_BITS {
        machine.put64(pmd_table + 8 * entry, pte_table)?;
    }
    machine.assumptions.push(format!(
        "virtual and physical addresses have {ADDRESS_BITS} bits, as the kernel finds out when it starts; vm_map_base and \
         {INVALID_PMD_TABLE} are what it makes of that and of its tables"
    ));
    Ok(())
}

fn start_cpu(machine: &mut Machine, fields: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    let copy = (CACHED_WINDOW | 0x0200_0000_0000) + (u64::from(cpu) << 36);
    let offset = machine.per_cpu_copy(cpu, copy)?;
    let offsets = machine.needed_symbol("__per_cpu_offset")?;
    machine.put64(offsets + 8 * u64::from(cpu), offset)?;
    machine.put(task + fields.offset("task_struct", "thread_info.cpu")?, 4, cpu.into())?;
    machine.per_cpu_base(cpu, offset, offset);
    let vcpu = &mut machine.vcpus[usize::from(cpu)];
    vcpu.set_register(R21, offset)?;
    vcpu.set_register(TP, task)
}
