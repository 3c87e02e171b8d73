//! The command line of `pmdscope survey`.

use std::path::PathBuf;

use clap::Args;

use super::batch::BatchHowArgs;
use super::shared::{BoundArgs, Marks, kernel_arg};
use crate::kernel_arg::KernelArg;

#[derive(Debug, Args)]
pub struct SurveyArgs {
    /// A kernel before a change, and one after it: says what differs
    #[arg(value_name = "BEFORE AFTER", value_parser = kernel_arg(), num_args = 2, conflicts_with_all = ["kernel", "output", "dry_run", "partition", "resume"])]
    pub change: Vec<KernelArg>,
    /// Kernel to survey: a vmlinux, an Image, a bzImage or a package; may be given several times
    #[arg(long, value_name = "FILE", value_parser = kernel_arg(), required_unless_present = "change")]
    pub kernel: Vec<KernelArg>,
    /// Types of the kernels (see `pmdscope run --help`): once for each, in the order of the kernels; - for a kernel's
    /// own
    #[arg(long, value_name = "FILE")]
    pub types: Vec<PathBuf>,
    /// File that describes functions, where their types do not tell how to call them: they are surveyed too (see
    /// docs/survey.md)
    #[arg(long, value_name = "FILE")]
    pub routines: Option<PathBuf>,
    /// Entries to begin with, separated by commas (see `pmdscope list entries`); if not given migration-write,
    /// present-huge, protnone, none and table
    #[arg(long, value_name = "E", value_delimiter = ',')]
    pub entry: Vec<String>,
    #[command(flatten)]
    pub marks: Marks,
    /// Only these functions as writers, separated by commas (see `pmdscope kernel list-functions`)
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub writer: Vec<String>,
    /// Only these functions as walkers, separated by commas
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub walker: Vec<String>,
    /// Directory for the results, which `pmdscope report`, `merge` and `diff` read; without one they are kept only until
    /// they are printed
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// List and count the pairs without running them
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub how: BatchHowArgs,
    #[command(flatten)]
    pub bounds: BoundArgs,
}
