//! The command line of batches and of their results.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pmdscope_traces::Verdict;
use pmdscope_traces::batch::USUAL_MEMORY;
use pmdscope_traces::formats::{self, ReportFormat};

use super::format::one_of;
use super::shared::CacheArgs;

#[derive(Debug, Args)]
pub struct BatchArgs {
    /// The matrix (see `pmdscope schema matrix`)
    #[arg(value_name = "FILE.toml")]
    pub matrix: PathBuf,
    /// Directory for the results
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// List and count the jobs without running them
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub how: BatchHowArgs,
}

/// How a batch is run.
#[derive(Debug, Args)]
pub struct BatchHowArgs {
    /// Run a part only: slice:2/4 is every fourth job from the second on; hash:2/4 keeps a job in its part when the
    /// matrix grows; slurm is the slice of this task of a Slurm job array
    #[arg(long, value_name = "PART")]
    pub partition: Option<String>,
    /// Continue a batch that was stopped: run the missing jobs
    #[arg(long, conflicts_with = "dry_run")]
    pub resume: bool,
    /// Number of worker processes; one for each processor if not given
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Address space of each worker, in MiB. A job that needs more is not recorded; --resume runs it again
    #[arg(long, value_name = "MIB", default_value_t = USUAL_MEMORY)]
    pub memory: u64,
    #[command(flatten)]
    pub cache: CacheArgs,
}

#[derive(Debug, Args)]
pub struct MergeArgs {
    /// Results directories
    #[arg(value_name = "DIR", required = true)]
    pub directories: Vec<PathBuf>,
    /// Directory for the merged results
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ReportDirArgs {
    /// Results directory
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Format of the report
    #[arg(long, value_parser = one_of(formats::REPORT), default_value = formats::REPORT[0].name)]
    pub format: &'static ReportFormat,
    /// List of expected findings: see `pmdscope compare --help`
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    // Last: its heading is that of all that comes after it.
    #[command(flatten)]
    pub only: OnlyArgs,
}

/// Which records to show: those with one of the given names, separated by commas.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Only some")]
pub struct OnlyArgs {
    /// Architectures
    #[arg(long, value_name = "A", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// Linux versions, or releases of kernels
    #[arg(long, value_name = "V", value_delimiter = ',')]
    pub linux: Vec<String>,
    /// Kinds of entry; `pmd` are entries by value, `sweep` are sweeps
    #[arg(long, value_name = "E", value_delimiter = ',')]
    pub entry: Vec<String>,
    /// Writers
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub writer: Vec<String>,
    /// Walkers
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub walker: Vec<String>,
    /// Findings
    #[arg(long, value_name = "F", value_delimiter = ',')]
    pub finding: Vec<String>,
    /// Verdicts
    #[arg(long, value_enum, value_name = "RESULT", value_delimiter = ',')]
    pub verdict: Vec<VerdictArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerdictArg {
    /// Every schedule was run, nothing was found
    Pass,
    /// Every schedule with few switches was run, nothing was found
    PassBounded,
    /// Something was found
    Findings,
    /// A bound was hit or a control failed
    Unknown,
}

impl From<VerdictArg> for Verdict {
    fn from(arg: VerdictArg) -> Self {
        match arg {
            VerdictArg::Pass => Verdict::Pass,
            VerdictArg::PassBounded => Verdict::PassBounded,
            VerdictArg::Findings => Verdict::Findings,
            VerdictArg::Unknown => Verdict::Unknown,
        }
    }
}

#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Results directory from before
    #[arg(value_name = "OLD")]
    pub old: PathBuf,
    /// Results directory from after
    #[arg(value_name = "NEW")]
    pub new: PathBuf,
    /// Format of the comparison
    #[arg(long, value_enum, default_value_t)]
    pub format: DiffFormat,
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DiffFormat {
    /// Text
    #[default]
    Text,
    /// One object, by `pmdscope schema diff`
    Json,
}
