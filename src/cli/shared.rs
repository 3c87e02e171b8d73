//! Arguments that several commands have.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::{Deserialize, Serialize};

use crate::kernel_arg::KernelArg;

/// Reads a kernel: FILE or LABEL=FILE.
pub fn kernel_arg() -> impl TypedValueParser<Value = KernelArg> {
    OsStringValueParser::new().map(KernelArg::of)
}

/// Where an encoding is chosen. Texts are checked by the plan, so that each mistake gets one line.
#[derive(Debug, Args)]
pub struct Platform {
    /// Architecture: arm64, x86_64, s390x, ppc64, ppc64le, riscv64, sparc64, loongarch64 (or as
    /// `uname -m` says)
    #[arg(long, value_name = "A")]
    pub arch: String,
    /// Kind of MMU where there are several: radix or hash; radix if not given
    #[arg(long, value_name = "M")]
    pub mmu: Option<String>,
    /// Linux version, such as 6.12; the newest known if not given. Versions whose encoding is not certain are
    /// refused: see `pmdscope list encodings`
    #[arg(long, value_name = "V")]
    pub linux: Option<String>,
}

/// Marks of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct Marks {
    /// Mark the page as accessed (migration entries: from Linux 6.1 on)
    #[arg(long)]
    pub young: bool,
    /// Mark the page as dirty (migration entries: from Linux 6.1 on)
    #[arg(long)]
    pub dirty: bool,
    /// Mark the page as soft-dirty, where the encoding has a bit for it
    #[arg(long)]
    pub soft_dirty: bool,
    /// Mark the entry as write-protected for userfaultfd (swap entries)
    #[arg(long)]
    pub uffd_wp: bool,
}

/// What becomes of a report.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = None::<&str>)]
pub struct ReportArgs {
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Run everything twice, on fresh machines, and compare the reports byte by byte
    #[arg(long)]
    pub self_check: bool,
}

/// How far a run may go before what is left counts as unknown.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Bounds")]
pub struct BoundArgs {
    /// Most behaviours of one writer and walker
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_behaviours)]
    pub max_behaviours: u64,
    /// Most page-table accesses of one routine
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_accesses)]
    pub max_accesses: u64,
    /// Most instructions of one routine
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_instructions)]
    pub max_instructions: u64,
    /// Most seconds for one writer and walker
    #[arg(long, value_name = "S", default_value_t = BoundArgs::default().timeout)]
    pub timeout: u64,
}

impl Default for BoundArgs {
    fn default() -> Self {
        BoundArgs { max_behaviours: 10_000, max_accesses: 1_000, max_instructions: 1_000_000, timeout: 60 }
    }
}

impl BoundArgs {
    /// Returns the options, each with its value, that give these bounds. What is as usual needs none.
    pub fn options(&self) -> Vec<(&'static str, u64)> {
        let usual = BoundArgs::default();
        [
            ("--max-behaviours", self.max_behaviours, usual.max_behaviours),
            ("--max-accesses", self.max_accesses, usual.max_accesses),
            ("--max-instructions", self.max_instructions, usual.max_instructions),
            ("--timeout", self.timeout, usual.timeout),
        ]
        .into_iter()
        .filter(|(_, value, usual)| value != usual)
        .map(|(option, value, _)| (option, value))
        .collect()
    }
}

/// Where unpacked kernels are kept.
#[derive(Debug, Clone, Copy, Args)]
pub struct CacheArgs {
    /// Unpack kernels again, and keep nothing in the cache directory
    #[arg(long)]
    pub no_cache: bool,
}
