//! x86_64: ring 0, flat. The engine keeps 52 bits of accessed addresses.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterX86 as R;

use super::model::{FIVE_LEVELS_OF_512, Geometry, Platform, nothing, nothing_of_mm};
use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

pub(super) static PLATFORM: Platform = Platform {
    arch: Arch::X86_64,
    // In the area of vmalloc().
    objects: 0xffff_c900_0000_0000,
    geometries: &[Geometry {
        page_shift: Some(12),
        levels: FIVE_LEVELS_OF_512,
        table_bytes: 0x1000,
        address: 0x7e << 39 | 3 << 30 | 5 << 21,
    }],
    no_pte: 0,
    // Present, writable, user, accessed, dirty.
    link: |table| table | 0x67,
    // Present, user, accessed, not executable: PAGE_READONLY.
    protection: 0x8000_0000_0000_0025,
    start_cpu,
    start: nothing,
    start_mm: nothing_of_mm,
    finds_memstart: false,
    pgtable_is_table: false,
    has_user_half: true,
    stubs: &[],
    invalidates: &["pmdp_invalidate", "pmdp_invalidate_ad"],
};

fn start_cpu(machine: &mut Machine, fields: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    let copy = 0xffff_ca00_0000_0000 + (u64::from(cpu) << 36);
    let offset = machine.per_cpu_copy(cpu, copy)?;
    // Up to 6.12 per-CPU variables have addresses from 0 on, and their initial values lie elsewhere.
    let kernel = machine.kernel.clone();
    let start = machine.needed_symbol("__per_cpu_start")?;
    let template = kernel.symbol("__per_cpu_load").unwrap_or(start);
    let base = template.wrapping_add(offset).wrapping_sub(start);

    let variable = |name: &str| kernel.symbol(name).map(|symbol| base.wrapping_add(symbol));
    let hot = |member: &str| Some(variable("pcpu_hot")? + fields.find("pcpu_hot", member)?);
    if let Some(current) = variable("current_task").or_else(|| hot("current_task")) {
        machine.write_of(cpu, current, &task.to_le_bytes())?;
    }
    // The bit that asks the task to give way is inverted: if set, it does not ask.
    if let Some(count) = variable("__preempt_count").or_else(|| hot("preempt_count")) {
        machine.write_of(cpu, count, &0x8000_0000_u32.to_le_bytes())?;
    }
    if let Some(number) = variable("cpu_number").or_else(|| hot("cpu_number")) {
        machine.write_of(cpu, number, &u32::from(cpu).to_le_bytes())?;
    }
    if let Some(own) = variable("this_cpu_off") {
        machine.write_of(cpu, own, &base.to_le_bytes())?;
    }
    if let Some(offsets) = kernel.symbol("__per_cpu_offset") {
        machine.put64(offsets + 8 * u64::from(cpu), base)?;
    }
    machine.per_cpu_base(cpu, base, offset);
    machine.vcpus[usize::from(cpu)].set_register(R::GS_BASE as i32, base)
}
