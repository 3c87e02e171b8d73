//! What only functions that are called by their types need beside the process: what gathers pages to free, counters,
//! queues of those who wait for a page.

use std::rc::Rc;

use crate::EmuError;
use crate::end::CallExit;
use crate::kernel::machine::CPUS;

use super::KernelProcess;

/// The function that begins to gather.
const BEGINS: &str = "tlb_gather_mmu";

impl KernelProcess {
    /// Provides an `mmu_gather` for each CPU, begun by the kernel's own function.
    pub(super) fn set_up_gathers(&mut self) -> Result<(), EmuError> {
        let Ok(bytes) = self.fields.size("mmu_gather") else { return Ok(()) };
        let kernel = Rc::clone(&self.machine.kernel);
        let begins = kernel.symbol(BEGINS);
        let mut ended = None;
        for cpu in 0..CPUS {
            let gather = self.machine.object("mmu_gather", bytes, 64)?;
            self.gathers.push(gather);
            if let Some(begins) = begins {
                // 5.10 is given the range as well.
                let huge = 1 << self.encoding.layout().pmd_shift;
                let arguments = [gather, self.mm, self.address(), self.address() + huge];
                ended = Some(self.machine.call(cpu, begins, &arguments)?);
            }
        }
        match ended {
            None | Some(CallExit::Returned) => Ok(()),
            Some(end) => {
                let why = format!("{BEGINS}() {}", self.machine.explain(end));
                self.machine
                    .assumptions
                    .push(format!("an mmu_gather has what {BEGINS}() set up before it {why}"));
                Ok(())
            }
        }
    }
}

impl KernelProcess {
    /// Provides the counters of the address space, which count for each CPU since v6.2.
    pub(super) fn set_up_counters(&mut self) -> Result<(), EmuError> {
        let (Some(counters), Ok(bytes), Some(member)) = (
            self.fields.find("mm_struct", "rss_stat"),
            self.fields.size("percpu_counter"),
            self.fields.find("percpu_counter", "counters"),
        ) else {
            return Ok(());
        };
        let Some(end) = self.fields.enumerator("NR_MM_COUNTERS") else { return Ok(()) };
        // Before, it was one structure of plain numbers.
        if self.fields.size("mm_rss_stat").is_ok() {
            return Ok(());
        }
        for number in 0..u64::try_from(end).unwrap_or(0) {
            let of_cpus = self.machine.per_cpu_object(8);
            self.machine.put64(self.mm + counters + number * bytes + member, of_cpus)?;
        }
        Ok(())
    }
}

impl KernelProcess {
    /// Initialises the queues of tasks that wait for a page, by the kernel's own function, up to where it does
    /// something else.
    pub(super) fn set_up_wait_queues(&mut self) -> Result<(), EmuError> {
        let Some(function) = self.machine.kernel.symbol("pagecache_init") else { return Ok(()) };
        match self.machine.run_up_to_call(0, function, &["__fentry__", "__init_waitqueue_head"]) {
            // It had nothing else to do, or could not be run: whoever waits for a page shows that.
            Ok(()) | Err(EmuError::Environment(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
