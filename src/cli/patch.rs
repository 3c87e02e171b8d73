//! The command line of `pmdscope patch`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{BoundArgs, CacheArgs, kernel_arg};
use crate::kernel_arg::KernelArg;

#[derive(Debug, Args)]
pub struct PatchArgs {
    /// The kernel before the change, and the one after it: a vmlinux, an Image, a bzImage or a package. For several
    /// architectures a pair for each, one pair after another
    #[arg(value_name = "BEFORE AFTER", value_parser = kernel_arg(), required = true, num_args = 1..)]
    pub kernels: Vec<KernelArg>,
    /// Types of the kernels (see `pmdscope run --help`): once for each, in the order of the kernels; - for a kernel's
    /// own
    #[arg(long, value_name = "FILE")]
    pub types: Vec<PathBuf>,
    /// Only these entries, separated by commas (see `pmdscope list entries`); all that both kernels have if not given
    #[arg(long, value_name = "E", value_delimiter = ',')]
    pub entry: Vec<String>,
    /// Only these writers, separated by commas (see `pmdscope kernel list-functions`)
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub writer: Vec<String>,
    /// Only these walkers, separated by commas (see `pmdscope kernel list-functions`)
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub walker: Vec<String>,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Number of worker processes; one for each processor if not given
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Format of the report
    #[arg(long, value_enum, default_value_t)]
    pub format: PatchFormat,
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Most minutes for everything. What was not run by then is unknown
    #[arg(long, value_name = "M", default_value_t = 20, help_heading = "Bounds")]
    pub max_minutes: u64,
    #[command(flatten)]
    pub bounds: BoundArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum PatchFormat {
    /// Text of at most 75 columns, with a paragraph for a changelog of at most 72
    #[default]
    Text,
    /// One object, by `pmdscope schema patch`
    Json,
}
