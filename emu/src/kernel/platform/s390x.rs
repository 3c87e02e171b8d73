//! s390x: supervisor state, DAT off. Page 0 is each CPU's lowcore.

use pmdscope_arches::Arch;

use super::model::{Empty, Geometry, Level, Platform};
use crate::EmuError;
use crate::environment::Stub;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;
use crate::kernel::space::Region;

pub(super) static PLATFORM: Platform = Platform {
    arch: Arch::S390x,
    objects: 0x70_0000_0000,
    geometries: &[Geometry {
        page_shift: Some(12),
        levels: &[
            Level { shift: 31, bits: 11, empty: Empty::Value(0x24) },
            Level { shift: 20, bits: 11, empty: Empty::Value(0x20) },
        ],
        table_bytes: 0x4000,
        // Below 4 TiB, so that three levels are enough.
        address: 0x155 << 31 | 5 << 20,
    }],
    no_pte: 0x400,
    // A region-third table's entry, with a segment table of full length.
    link: |table| table | 0x07,
    // PAGE_RO of 6.x: present, read, not executable, protected, invalid until it is used.
    protection: 0x0711,
    start_cpu,
    start,
    start_mm,
    finds_memstart: false,
    pgtable_is_table: true,
    has_user_half: false,
    stubs: &[
        Stub {
            symbol: "arch_vcpu_is_preempted",
            returns: Some(0),
            flushes: false,
            why: "it asks the hypervisor whether the CPU that has a lock runs, and it runs",
        },
        Stub {
            symbol: "smp_yield_cpu",
            returns: Some(0),
            flushes: false,
            why: "it asks the hypervisor to let that CPU run",
        },
    ],
    invalidates: &["pmdp_xchg_direct"],
};

/// The limit of addresses with three levels of tables.
const LIMIT: u64 = 1 << 42;

fn start(machine: &mut Machine, _: &Fields) -> Result<(), EmuError> {
    // The kernel sets this pointer when it starts.
    let vmemmap = machine.needed_symbol("vmemmap")?;
    machine.put64(vmemmap, 0x100_0000_0000)?;
    machine.assumptions.push("vmemmap, which is 0 in the image, is 0x10000000000".to_owned());
    // Linux 7.2 masks protections. The masks are 0 before the kernel has queried the machine.
    let masks = ["page_noexec_mask", "segment_noexec_mask", "region_noexec_mask"];
    let masks: Vec<u64> = masks.iter().filter_map(|mask| machine.kernel.symbol(mask)).collect();
    if !masks.is_empty() {
        masks.iter().try_for_each(|mask| machine.put64(*mask, u64::MAX))?;
        machine.assumptions.push("the machine can keep pages from being executed".to_owned());
    }
    Ok(())
}

fn start_cpu(machine: &mut Machine, fields: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    machine.map(Region::new("lowcore", 0, 0x2000, Some(cpu), None)?)?;
    let copy = 0x80_0000_0000 + (u64::from(cpu) << 36);
    let offset = machine.per_cpu_copy(cpu, copy)?;
    let at = |member| fields.offset("lowcore", member);
    machine.write_of(cpu, at("current_task")?, &task.to_be_bytes())?;
    // The bit that asks the task to give way is inverted: if set, it does not ask.
    machine.write_of(cpu, at("preempt_count")?, &0x8000_0000_u32.to_be_bytes())?;
    // The value that a CPU stores in a lock that it takes.
    machine.write_of(cpu, at("spinlock_lockval")?, &(u32::from(cpu) + 1).to_be_bytes())?;
    machine.write_of(cpu, at("cpu_nr")?, &u32::from(cpu).to_be_bytes())?;
    machine.write_of(cpu, at("percpu_offset")?, &offset.to_be_bytes())?;
    if let Some(flags) = fields.find("lowcore", "machine_flags") {
        /// MACHINE_FLAG_IDTE of arch/s390/include/asm/setup.h up to v6.12.
        const IDTE: u64 = 1 << 5;
        machine.write_of(cpu, flags, &IDTE.to_be_bytes())?;
        if cpu == 0 {
            machine
                .assumptions
                .push("the machine has IDTE, neither local TLB clearing nor TLB guests".to_owned());
        }
    }
    machine.per_cpu_base(cpu, offset, offset);
    Ok(())
}

fn start_mm(machine: &mut Machine, fields: &Fields, mm: u64) -> Result<(), EmuError> {
    machine.put64(mm + fields.offset("mm_struct", "context.asce_limit")?, LIMIT)?;
    Ok(())
}
