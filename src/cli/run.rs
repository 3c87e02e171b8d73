//! The command line of `pmdscope run`, and what else says which routines to run.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};
use pmdscope_emu::{MachineContext, Reduction};
use pmdscope_traces::formats::{self, RunFormat};

use super::format::one_of;
use super::shared::{BoundArgs, CacheArgs, Marks, ReportArgs, kernel_arg};
use crate::kernel_arg::KernelArg;

/// What is to be run.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Kernel to run, as --kernel
    #[arg(value_name = "FILE", value_parser = kernel_arg(), conflicts_with_all = ["kernel", "guest", "with"])]
    pub image: Option<KernelArg>,
    /// Architecture: arm64, x86_64, s390x, ppc64, ppc64le, riscv64, sparc64, loongarch64 (or as
    /// `uname -m` says)
    #[arg(long, value_name = "A", required_unless_present_any = ["kernel", "image"])]
    pub arch: Option<String>,
    /// Kind of MMU where there are several: radix or hash; radix if not given
    #[arg(long, value_name = "M")]
    pub mmu: Option<String>,
    /// Linux version, such as 6.12; the newest known if not given. Versions whose encoding is not certain are
    /// refused: see `pmdscope list encodings`
    #[arg(long, value_name = "V")]
    pub linux: Option<String>,
    /// Run a kernel's own functions: a .deb, .rpm, vmlinuz, bzImage, Image or vmlinux. Architecture, MMU and version
    /// are read from it. LABEL=FILE gives it a name in the report
    #[arg(long, value_name = "FILE", value_parser = kernel_arg(), conflicts_with_all = ["guest", "with"])]
    pub kernel: Option<KernelArg>,
    /// Types of the kernel, in place of its own: the vmlinux of its build, with BTF or debug information (DWARF), or a
    /// file of BTF
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "with"])]
    pub types: Option<PathBuf>,
    /// File that describes functions of the kernel, where their types do not tell how to call them: --writer and
    /// --walker then take the names in it (see docs/survey.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "with"])]
    pub routines: Option<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Entry to begin with (see `pmdscope list entries`)
    #[arg(long, value_name = "E", required_unless_present = "pmd")]
    pub entry: Option<String>,
    /// Page frame number of the entry, decimal or 0x..., where a huge page can begin; 0x81200 or the next possible
    /// one if not given, 0x800 on loongarch64
    #[arg(long, value_name = "N", conflicts_with = "pmd")]
    pub pfn: Option<String>,
    #[command(flatten)]
    pub marks: Marks,
    /// Entry to begin with by its value, hexadecimal, in CPU order
    #[arg(long, value_name = "HEX", conflicts_with_all = ["entry", "young", "dirty", "soft_dirty", "uffd_wp"])]
    pub pmd: Option<String>,
    /// Writer (see `pmdscope list writers`, for a kernel `pmdscope kernel list-functions`); split-unguarded if not
    /// given, for a kernel split
    #[arg(long, value_name = "W")]
    pub writer: Option<String>,
    /// Walkers, separated by commas, for a run each (see `pmdscope list walkers`, for a kernel `pmdscope kernel
    /// list-functions`); all is every walker, and for a kernel none is the writer alone, and mmu-load or mmu-store the
    /// MMU
    #[arg(long, value_name = "K", default_value = "gup-fast-read", value_delimiter = ',')]
    pub walker: Vec<String>,
    /// Further routines, separated by commas, each on a CPU of its own: writers, walkers, or agents that play the
    /// MMU (see `pmdscope list agents`)
    #[arg(long, value_name = "R", value_delimiter = ',')]
    pub with: Vec<String>,
    /// Run one schedule only, such as W3K2W1: three accesses of the writer, two of the walker, one of the writer;
    /// further routines are A, B, ...
    #[arg(long, value_name = "S")]
    pub schedule: Option<String>,
    /// Whether equivalent schedules are counted and one of each class is run, or each schedule is run
    #[arg(long, value_enum, default_value_t, conflicts_with = "schedule")]
    pub reduction: ReductionArg,
    /// What CPUs wait for, as on a machine: interrupts that others handle (irq), grace periods (rcu), both (all), or
    /// nothing (none). Schedules that this excludes are counted apart
    #[arg(long, value_name = "C", default_value = "all", value_parser = MachineContext::NAMES)]
    pub context: String,
    /// Most schedules to run with --reduction none; 10000 if not given
    #[arg(long, value_name = "N", help_heading = "Bounds")]
    pub max_schedules: Option<u64>,
    /// Run this guest instead of the bundled one: an ELF with the same functions or with routines of its own (see
    /// `pmdscope list writers --guest ELF`)
    #[arg(long, value_name = "ELF")]
    pub guest: Option<PathBuf>,
    /// Engine that runs the guest: unicorn, or interpreter, for loongarch64 and riscv64; unicorn where it has such a CPU
    /// if not given
    #[arg(long, value_name = "E", conflicts_with_all = ["kernel", "image"])]
    pub engine: Option<String>,
    #[command(flatten)]
    pub bounds: BoundArgs,
}

impl JobArgs {
    /// The kernel to run, if it is one.
    pub fn kernel(&self) -> Option<&KernelArg> {
        self.kernel.as_ref().or(self.image.as_ref())
    }
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// Format of the report
    // Not under the heading with which the arguments before it end.
    #[arg(
        long,
        value_parser = one_of(formats::RUN),
        default_value = formats::RUN[0].name,
        help_heading = None::<&str>
    )]
    pub format: &'static RunFormat,
    /// Show more of the run: -v the instructions, entries and outcomes, -vv the machine code and its set-up as well
    #[arg(short, long, action = ArgAction::Count, help_heading = None::<&str>)]
    pub verbose: u8,
    #[command(flatten)]
    pub report: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReductionArg {
    /// Run one schedule of each class
    #[default]
    Joined,
    /// Run each schedule
    None,
}

impl From<ReductionArg> for Reduction {
    fn from(arg: ReductionArg) -> Self {
        match arg {
            ReductionArg::Joined => Reduction::Joined,
            ReductionArg::None => Reduction::None,
        }
    }
}
