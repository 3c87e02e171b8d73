//! ppc64 and ppc64le with the radix MMU: supervisor state, addresses untranslated. An image that has not started has all MMU
//! features switched on, radix and protection keys included.

use pmdscope_arches::Arch;
use pmdscope_engine::unicorn_engine::RegisterPPC as R;

use super::model::{Empty, Geometry, Level, Platform, nothing_of_mm};
use crate::EmuError;
use crate::end::CallExit;
use crate::environment::Stub;
use crate::kernel::fields::Fields;
use crate::kernel::machine::Machine;

pub(super) static PPC64: Platform = Platform { arch: Arch::Ppc64, ..COMMON };
pub(super) static PPC64LE: Platform = COMMON;

const COMMON: Platform = Platform {
    arch: Arch::Ppc64le,
    // In the linear map, above all mapped memory.
    objects: 0xc000_0100_0000_0000,
    geometries: &[Geometry {
        // 4K and 64K.
        page_shift: None,
        levels: &[
            Level { shift: 39, bits: 13, empty: Empty::Value(0) },
            Level { shift: 30, bits: 9, empty: Empty::Value(0) },
            Level { shift: 21, bits: 9, empty: Empty::Value(0) },
        ],
        table_bytes: 0x1_0000,
        address: 0x47 << 39 | 3 << 30 | 5 << 21,
    }],
    no_pte: 0,
    // Valid, and the tables of both levels below have 2^9 entries.
    link: |table| table | 1 << 63 | 9,
    // Present, a page, read, accessed: PAGE_READONLY.
    protection: 0xc000_0000_0000_0104,
    start_cpu,
    start,
    start_mm: nothing_of_mm,
    finds_memstart: false,
    pgtable_is_table: true,
    has_user_half: true,
    stubs: &[Stub {
        symbol: "arch_pte_access_permitted",
        returns: Some(1),
        flushes: false,
        why: "it asks for protection keys, which an image has switched on together with radix, as no machine \
              does; without keys it returns 1",
    }],
    invalidates: &["pmdp_invalidate"],
};

/// Bytes of a paca, a CPU's own record. r13 has its address.
const PACA_BYTES: u64 = 0x4000;
/// The value that `initialise_paca()` stores in place of the offset of a CPU's data.
const NO_DATA: u64 = 0xfeee_eeee_eeee_eeee;

/// Runs the kernel's own start routine up to the point where it begins to query the machine.
///
/// By then, it has found out the sizes of the tables and the place of the struct pages.
fn start(machine: &mut Machine, fields: &Fields) -> Result<(), EmuError> {
    const GEOMETRY: &str = "radix__early_init_mmu";
    describe_cpu(machine, fields)?;
    let function = machine.needed_symbol(GEOMETRY)?;
    let paca = machine.object("first paca", PACA_BYTES, 0x1000)?;
    machine.vcpus[0].set_register(R::R13 as i32, paca)?;
    machine.run_up_to_call(0, function, &["mcount", "_mcount"])?;
    machine
        .assumptions
        .push(format!("the geometry of tables and struct pages is what {GEOMETRY}() stores first"));
    machine.assumptions.push(
        "a thread that has lowered its priority to wait goes on when what it waits for has changed, and does not \
         give up before"
            .to_owned(),
    );
    Ok(())
}

/// Gives the kernel a description of its CPU that has radix. Kernels without jump labels ask for it each time.
fn describe_cpu(machine: &mut Machine, fields: &Fields) -> Result<(), EmuError> {
    /// MMU_FTR_TYPE_RADIX of arch/powerpc/include/asm/mmu.h.
    const RADIX: u64 = 0x40;
    if let Some(current) = machine.kernel.symbol("cur_cpu_spec")
        && let Some(features) = fields.find("cpu_spec", "mmu_features")
    {
        let description = machine.object("cpu_spec", fields.size("cpu_spec")?, 64)?;
        machine.put(description + features, 4, RADIX)?;
        machine.put64(current, description)?;
    }
    Ok(())
}

fn start_cpu(machine: &mut Machine, _: &Fields, cpu: u8, task: u64) -> Result<(), EmuError> {
    const INITIALISE: &str = "initialise_paca";
    let function = machine.needed_symbol(INITIALISE)?;
    let task_at_start = machine.needed_symbol("init_task")?;
    let paca = machine.object("paca", PACA_BYTES, 0x1000)?;
    machine.vcpus[usize::from(cpu)].set_register(R::R13 as i32, paca)?;
    let end = machine.call(cpu, function, &[paca, cpu.into()])?;
    if end != CallExit::Returned {
        return Err(EmuError::Environment(format!("{INITIALISE}() {}", machine.explain(end))));
    }
    let copy = machine.per_cpu_copy(cpu, 0xc000_0200_0000_0000 + (u64::from(cpu) << 36))?;
    let mut found = 0;
    for word in (0..PACA_BYTES).step_by(8).map(|offset| paca + offset) {
        let value = match machine.get64(word)? {
            value if value == task_at_start => task,
            NO_DATA => copy,
            _ => continue,
        };
        machine.put64(word, value)?;
        found += 1;
    }
    if found != 2 {
        return Err(EmuError::Environment(format!(
            "{INITIALISE}() makes a paca that does not have one current task and one offset of per-CPU data"
        )));
    }
    machine.per_cpu_base(cpu, copy, copy);
    Ok(())
}
