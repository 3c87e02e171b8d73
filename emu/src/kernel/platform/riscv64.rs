//! riscv64: S-mode, bare translation, so that kernel addresses are used untranslated. Tables have five levels, as
//! an image assumes before it has queried the machine.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterRISCV as R;

use super::model::{FIVE_LEVELS_OF_512, Geometry, Platform};
use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

/// Address of the linear map with five levels (Linux Documentation/arch/riscv/vm-layout.rst, v6.12).
const LINEAR: u64 = 0xff60_0000_0000_0000;

pub(super) static PLATFORM: Platform = Platform {
    arch: Arch::Riscv64,
    objects: 0xff20_0000_0000_0000,
    geometries: &[Geometry {
        page_shift: Some(12),
        levels: FIVE_LEVELS_OF_512,
        table_bytes: 0x1000,
        address: 3 << 39 | 4 << 30 | 5 << 21,
    }],
    no_pte: 0,
    link: |table| table >> 12 << 10 | 1,
    // Present, read, user, accessed: PAGE_READ.
    protection: 0x53,
    start_cpu,
    start,
    start_mm,
    finds_memstart: false,
    pgtable_is_table: false,
    has_user_half: true,
    stubs: &[],
    invalidates: &["pmdp_invalidate", "pmdp_invalidate_ad"],
};

fn start(machine: &mut Machine, fields: &Fields) -> Result<(), EmuError> {
    let map = machine.needed_symbol("kernel_map")?;
    for member in ["page_offset", "va_pa_offset"] {
        machine.put64(map + fields.offset("kernel_mapping", member)?, LINEAR)?;
    }
    machine.assumptions.push(format!(
        "RAM begins at physical address 0, and is seen from {LINEAR:#x} on: kernel_map, which the kernel fills \
         in when it starts"
    ));
    Ok(())
}

fn start_cpu(machine: &mut Machine, fields: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    let offset = machine.per_cpu_copy(cpu, 0xff30_0000_0000_0000 + (u64::from(cpu) << 36))?;
    let offsets = machine.needed_symbol("__per_cpu_offset")?;
    machine.put64(offsets + 8 * u64::from(cpu), offset)?;
    machine.put(task + fields.offset("task_struct", "thread_info.cpu")?, 4, cpu.into())?;
    machine.per_cpu_base(cpu, offset, offset);
    // A kernel with CONFIG_SHADOW_CALL_STACK has the stack of return addresses there instead.
    let global_pointer = match fields.find("task_struct", "thread_info.scs_sp") {
        Some(_) => Some(machine.object("shadow call stack", 0x1000, 64)?),
        None => machine.kernel.symbol("__global_pointer$"),
    };
    let vcpu = &mut machine.vcpus[usize::from(cpu)];
    if let Some(pointer) = global_pointer {
        vcpu.set_register(R::GP as i32, pointer)?;
    }
    vcpu.set_register(R::TP as i32, task)
}

/// Marks the process as one that has run on the writer's CPU, so that its translations are flushed there.
fn start_mm(machine: &mut Machine, fields: &Fields, mm: u64) -> Result<(), EmuError> {
    let mask = fields.first(&[("mm_struct", "cpu_bitmap"), ("mm_struct", "flexible_array")])?;
    machine.put64(mm + mask, 1)?;
    Ok(())
}
