//! arm64: EL1, MMU off, so that kernel addresses are used untranslated.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterARM64 as R;

use super::model::{Empty, FIVE_LEVELS_OF_512, Geometry, Level, Platform, nothing_of_mm};
use crate::EmuError;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

pub(super) static PLATFORM: Platform = Platform {
    arch: Arch::Arm64,
    // Between the linear map and the kernel's image, below vmemmap.
    objects: 0xffff_c000_0000_0000,
    geometries: &[
        Geometry {
            page_shift: Some(12),
            levels: FIVE_LEVELS_OF_512,
            table_bytes: 0x1000,
            address: 0x40 << 39 | 3 << 30 | 5 << 21,
        },
        Geometry {
            page_shift: Some(14),
            levels: &[
                Level { shift: 47, bits: 5, empty: Empty::Value(0) },
                Level { shift: 36, bits: 11, empty: Empty::Value(0) },
                Level { shift: 25, bits: 11, empty: Empty::Value(0) },
            ],
            table_bytes: 0x4000,
            address: 0x201 << 36 | 0x63 << 25,
        },
        Geometry {
            page_shift: Some(16),
            levels: &[
                Level { shift: 42, bits: 10, empty: Empty::Value(0) },
                Level { shift: 29, bits: 13, empty: Empty::Value(0) },
            ],
            table_bytes: 0x1_0000,
            address: 9 << 42 | 7 << 29,
        },
        // User addresses of 39 bits, as on phones.
        Geometry {
            page_shift: Some(12),
            levels: &[
                Level { shift: 30, bits: 9, empty: Empty::Value(0) },
                Level { shift: 21, bits: 9, empty: Empty::Value(0) },
            ],
            table_bytes: 0x1000,
            address: 3 << 30 | 5 << 21,
        },
    ],
    no_pte: 0,
    link: |table| table | 0b11,
    // Valid page, user, read-only, shareable, accessed, not global, not executable: PAGE_READONLY.
    protection: 0x0060_0000_0000_0fc3,
    start_cpu,
    start,
    start_mm: nothing_of_mm,
    finds_memstart: true,
    pgtable_is_table: false,
    has_user_half: true,
    stubs: &[],
    invalidates: &["pmdp_invalidate", "pmdp_invalidate_ad"],
};

/// Bytes of the stack of return addresses of CONFIG_SHADOW_CALL_STACK, to which X18 points (SCS_SIZE of
/// include/linux/scs.h).
const SHADOW_STACK_BYTES: u64 = 0x1000;

/// Sets the variable that has RAM's first address, if it has a symbol.
///
/// The image has -1 there. Kernels with CONFIG_DEBUG_VM check that they do not read it too early, so this is done
/// before anything runs. Without a symbol the variable is looked for: see `finds_memstart`.
fn start(machine: &mut Machine, _: &Fields) -> Result<(), EmuError> {
    if let Some(memstart) = machine.kernel.symbol("memstart_addr") {
        machine.put64(memstart, 0)?;
        machine.assumptions.push("RAM begins at physical address 0: memstart_addr is 0".to_owned());
    }
    Ok(())
}

fn start_cpu(machine: &mut Machine, fields: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    if let Some(limit) = fields.find("task_struct", "thread_info.addr_limit") {
        machine.put64(task + limit, 0x0000_ffff_ffff_ffff)?;
    }
    // The bit is inverted: 0 asks the task to give way to another.
    if let Some(need) = fields.find("task_struct", "thread_info.preempt.need_resched") {
        machine.put(task + need, 4, 1)?;
    }
    let shadow_stack = match fields.find("task_struct", "thread_info.scs_sp") {
        Some(_) => Some(machine.object("shadow call stack", SHADOW_STACK_BYTES, 64)?),
        None => None,
    };
    let copy = 0xffff_d000_0000_0000 + (u64::from(cpu) << 36);
    let offset = machine.per_cpu_copy(cpu, copy)?;
    machine.per_cpu_base(cpu, offset, offset);
    let vcpu = &mut machine.vcpus[usize::from(cpu)];
    if let Some(stack) = shadow_stack {
        vcpu.set_register(R::X18 as i32, stack)?;
    }
    vcpu.set_register(R::SP_EL0 as i32, task)?;
    vcpu.set_register(R::TPIDR_EL1 as i32, offset)
}
