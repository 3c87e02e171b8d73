//! The command line of reproducers.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::examples::{REPRO_REPORT_EXAMPLES, REPRO_RUN_EXAMPLES, SAVE_EXAMPLES, SHOW_EXAMPLES};
use super::run::JobArgs;
use super::shared::{CacheArgs, kernel_arg};
use crate::kernel_arg::KernelArg;

#[derive(Debug, Args)]
pub struct ReproArgs {
    #[command(subcommand)]
    pub what: ReproWhat,
}

#[derive(Debug, Subcommand)]
pub enum ReproWhat {
    /// Run a writer against a walker, and save the shortest schedule of a finding
    #[command(after_help = SAVE_EXAMPLES)]
    Save(Box<SaveArgs>),
    /// Run a reproducer again, and compare every access and value
    #[command(after_help = REPRO_RUN_EXAMPLES)]
    Run(ReproRunArgs),
    /// Show the contents of a reproducer without running it
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ReproFileArgs),
    /// Write a bug report, to be edited and sent
    #[command(after_help = REPRO_REPORT_EXAMPLES)]
    Report(ReproReportArgs),
}

#[derive(Debug, Args)]
pub struct SaveArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// The finding to save (see `pmdscope list findings`); the most informative one if not given
    // Not under the heading with which the arguments before it end.
    #[arg(long, value_name = "F", conflicts_with = "schedule", help_heading = None::<&str>)]
    pub finding: Option<String>,
    /// Where to save it; `-` is standard output
    #[arg(short, long, value_name = "FILE", help_heading = None::<&str>)]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ReproFileArgs {
    /// The reproducer; `-` is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

#[derive(Debug, Args)]
pub struct ReproRunArgs {
    #[command(flatten)]
    pub repro: ReproFileArgs,
    /// The kernel to run; if not given, the file of the saved name beside the reproducer or in this directory. Of
    /// another build of the same architecture it says whether the finding happens there too, under any schedule
    #[arg(long, value_name = "FILE", value_parser = kernel_arg())]
    pub kernel: Option<KernelArg>,
    /// The types that the kernel was run with; if not given, the file of the saved name beside the reproducer or in this
    /// directory
    #[arg(long, value_name = "FILE")]
    pub types: Option<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
}

#[derive(Debug, Args)]
pub struct ReproReportArgs {
    #[command(flatten)]
    pub repro: ReproFileArgs,
    /// Write a KUnit test instead, which asserts the finding on a real machine
    #[arg(long)]
    pub kunit: bool,
    /// Address the report to the maintainers of the writer's source, as scripts/get_maintainer.pl of this Linux source
    /// tree names them (the script is run by perl)
    #[arg(long, value_name = "DIR", conflicts_with = "kunit")]
    pub tree: Option<PathBuf>,
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
