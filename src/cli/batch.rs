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
    /// Run only a part: slice:2/4, every fourth job from the second on; hash:2/4, a part that jobs stay in when the
    /// matrix grows; slurm, the slice of this task of a Slurm job array
    #[arg(long, value_name = "PART")]
    pub partition: Option<String>,
    /// Go on with a batch that was stopped: run what is missing
    #[arg(long, conflicts_with = "dry_run")]
    pub resume: bool,
    /// Count and list the jobs, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Processes that run jobs; as many as the machine has processors if not given
    #[arg(long, value_name = "N")]
    pub workers: Option<usize>,
    /// Address space that each of them may have, in MiB. A job that needs more is not recorded, and is run again by
    /// --resume
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
    /// Directory for all of them
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
}

#[derive(Debug, Args)]
pub struct ReportDirArgs {
    /// Results directory
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// How to show them
    #[arg(long, value_parser = one_of(formats::REPORT), default_value = formats::REPORT[0].name)]
    pub format: &'static ReportFormat,
    /// Findings that are known: see `pmdscope compare --help`
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// Write to a file instead of standard output; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    // Last: its heading is that of all that comes after it.
    #[command(flatten)]
    pub only: OnlyArgs,
}

/// Which records to show, by the names that are in them. Each may be given several times.
#[derive(Debug, Args)]
#[command(next_help_heading = "Only some")]
pub struct OnlyArgs {
    /// Of this architecture
    #[arg(long, value_name = "A", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// Of this version of Linux, of a kernel of this release
    #[arg(long, value_name = "V", value_delimiter = ',')]
    pub linux: Vec<String>,
    /// That began with this kind of entry; `pmd` are those by value, `sweep` are sweeps
    #[arg(long, value_name = "E", value_delimiter = ',')]
    pub entry: Vec<String>,
    /// Of this writer
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub writer: Vec<String>,
    /// Of this walker
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub walker: Vec<String>,
    /// With this finding
    #[arg(long, value_name = "F", value_delimiter = ',')]
    pub finding: Vec<String>,
    /// That came to this
    #[arg(long, value_enum, value_name = "RESULT")]
    pub verdict: Vec<VerdictArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerdictArg {
    /// Every schedule was run, and nothing was found
    Pass,
    /// Something was found
    Findings,
    /// Not everything was run, or a control failed
    Unknown,
}

impl From<VerdictArg> for Verdict {
    fn from(arg: VerdictArg) -> Self {
        match arg {
            VerdictArg::Pass => Verdict::Pass,
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
    /// How to show what changed
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
