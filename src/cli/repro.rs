//! The command line of reproducers.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::run::JobArgs;
use super::shared::CacheArgs;

#[derive(Debug, Args)]
pub struct ReproArgs {
    #[command(subcommand)]
    pub what: ReproWhat,
}

#[derive(Debug, Subcommand)]
pub enum ReproWhat {
    /// Run a writer against a walker, and save the shortest schedule of a finding
    Save(Box<SaveArgs>),
    /// Run a reproducer again, and compare every access and value
    Run(ReproRunArgs),
    /// Show the contents of a reproducer without running it
    Show(ReproFileArgs),
    /// Write a bug report, to be edited and sent
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
    /// The kernel to run; if not given, the file of the saved name beside the reproducer or in this directory
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
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
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
