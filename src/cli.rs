//! The command line as it is written. [`crate::values`] makes sense of its words.

mod batch;
mod examples;
mod format;
mod repro;
mod run;
mod shared;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pmdscope_traces::formats::{self, CompareFormat};

use crate::version::{VERSION, VERSION_AND_SOURCES};

pub use self::batch::{BatchArgs, DiffArgs, DiffFormat, MergeArgs, OnlyArgs, ReportDirArgs};
use self::examples::{
    BATCH_EXAMPLES, COMPARE_EXAMPLES, COMPLETIONS_EXAMPLES, DECODE_EXAMPLES, DIFF_EXAMPLES, EXPLAIN_EXAMPLES,
    KERNEL_EXAMPLES, LIST_EXAMPLES, MAN_EXAMPLES, MERGE_EXAMPLES, REPORT_EXAMPLES, REPRO_EXAMPLES,
    RUN_EXAMPLES, SCHEMA_EXAMPLES, SWEEP_EXAMPLES,
};
use self::format::one_of;
pub use self::repro::{ReproArgs, ReproReportArgs, ReproRunArgs, ReproWhat, SaveArgs};
pub use self::run::{JobArgs, ReductionArg, RunArgs};
pub use self::shared::{BoundArgs, CacheArgs, Marks, Platform, ReportArgs};

const EXIT_STATUS: &str = "\
Exit status:
  0  everything was run, nothing was found
  1  findings
  2  bad usage or bad input
  3  inconclusive: nothing was found, but a bound was hit, or a control failed
  4  internal fault
  5  a batch or a merge has not all of its jobs: go on with --resume";

/// Runs real machine code of page-table writers and lockless walkers at every interleaving, and
/// shows which bits of a PMD each walker sees.
#[derive(Debug, Parser)]
#[command(version = VERSION.as_str(), long_version = VERSION_AND_SOURCES.as_str(), about, after_help = EXIT_STATUS, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare architectures, versions, entries, writers and walkers, one row for each
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Run one writer against one walker on one entry, and show every access
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Run one writer on every entry of a set, and show which entries it changes alike
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Run a whole matrix of jobs on all processors, into a directory
    #[command(after_help = BATCH_EXAMPLES)]
    Batch(BatchArgs),
    /// Put the results of a matrix's parts together
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Show the results of a batch, in any form
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportDirArgs),
    /// Say what changed from one batch to another
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Save what was found as one file, run it again anywhere, and report it
    #[command(after_help = REPRO_EXAMPLES)]
    Repro(ReproArgs),
    /// Show what a kernel image offers, and which of its functions can be run
    #[command(after_help = KERNEL_EXAMPLES)]
    Kernel(KernelArgs),
    /// Name every bit and predicate of an entry's value
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Say what a value from an oops or a log is, on every architecture and version that fits
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// List what there is to choose from
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Print the JSON Schema of a report
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Print a manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Print what completes command lines in a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Architecture; may be given several times; all if not given
    #[arg(long, value_name = "A")]
    pub arch: Vec<String>,
    /// Only what has this kind of MMU: radix or hash; may be given several times
    #[arg(long, value_name = "M")]
    pub mmu: Vec<String>,
    /// Linux version; may be given several times
    #[arg(long, value_name = "V")]
    pub linux: Vec<String>,
    /// Entry to begin with (see `pmdscope list entries`); may be given several times
    #[arg(long, value_name = "E")]
    pub entry: Vec<String>,
    #[command(flatten)]
    pub marks: Marks,
    /// Writer (see `pmdscope list writers`); may be given several times
    #[arg(long, value_name = "W")]
    pub writer: Vec<String>,
    /// Walker (see `pmdscope list walkers`); may be given several times
    #[arg(long, value_name = "K")]
    pub walker: Vec<String>,
    /// Compare real kernels (see `pmdscope run --help`) in place of architectures and versions; may be
    /// given several times
    #[arg(long, value_name = "FILE")]
    pub kernel: Vec<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// How to print the comparison
    #[arg(long, value_parser = one_of(formats::COMPARE), default_value = formats::COMPARE[0].name)]
    pub format: &'static CompareFormat,
    /// Findings that are known: with --format ktap or junit anything else fails, and the exit status is 0 if all is
    /// as this list says. Each line has the words ARCH[/MMU] LINUX ENTRY WRITER WALKER FINDING, or begins with kernel
    /// RELEASE; `*` stands for any letters, `#` begins a comment
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    #[command(flatten)]
    pub report: ReportArgs,
    #[command(flatten)]
    pub bounds: BoundArgs,
}

#[derive(Debug, Args)]
pub struct KernelArgs {
    #[command(subcommand)]
    pub what: KernelWhat,
}

#[derive(Debug, Subcommand)]
pub enum KernelWhat {
    /// What the image is, and what is known of it
    Info(KernelFileArgs),
    /// The writers and walkers that can be run on it, and the functions that they are
    ListFunctions(KernelFileArgs),
}

#[derive(Debug, Args)]
pub struct KernelFileArgs {
    /// Package or boot image
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub cache: CacheArgs,
}

#[derive(Debug, Args)]
pub struct SweepArgs {
    #[command(flatten)]
    pub platform: Platform,
    /// Entries to run the writer on: swap, migration, present-huge or any
    #[arg(long, value_name = "SET")]
    pub entries: String,
    /// Writer (see `pmdscope list writers`)
    #[arg(long, value_name = "W", default_value = "pmdp_invalidate")]
    pub writer: String,
    /// Run this guest instead of the bundled one: an ELF with the same functions, or with routines of its own (see
    /// `pmdscope list writers --guest ELF`)
    #[arg(long, value_name = "ELF")]
    pub guest: Option<PathBuf>,
    /// How to print the sweep
    #[arg(long, value_enum, default_value_t)]
    pub format: SweepFormat,
    #[command(flatten)]
    pub report: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum SweepFormat {
    /// Text of at most 75 columns, with each class of entries drawn as patterns of bits
    #[default]
    Text,
    /// One object, by `pmdscope schema sweep`
    Json,
}

#[derive(Debug, Args)]
pub struct DecodeArgs {
    #[command(flatten)]
    pub platform: Platform,
    /// Values of entries, hexadecimal, in CPU order, or a line that has them (see pmdscope explain); `-` reads lines
    /// from standard input
    #[arg(value_name = "HEX", required = true)]
    pub values: Vec<String>,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub format: DecodeFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum DecodeFormat {
    /// Text
    #[default]
    Text,
    /// One object, by `pmdscope schema decode`
    Json,
}

#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// Values, or lines that have them: of an oops, a log or a debugger; `-` reads lines from standard input
    #[arg(value_name = "VALUE-OR-LINE", required = true)]
    pub values: Vec<String>,
    /// Only this architecture; all if not given
    #[arg(long, value_name = "A")]
    pub arch: Option<String>,
    /// Only this kind of MMU where there are several: radix or hash
    #[arg(long, value_name = "M")]
    pub mmu: Option<String>,
    /// Only this Linux version, such as 6.12; all that are known if not given
    #[arg(long, value_name = "V")]
    pub linux: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub format: ExplainFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExplainFormat {
    /// Text
    #[default]
    Text,
    /// One object, by `pmdscope schema explain`
    Json,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list
    #[arg(value_enum)]
    pub what: ListWhat,
    /// List the routines of this guest, its own among them, in place of the bundled ones
    #[arg(long, value_name = "ELF")]
    pub guest: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListWhat {
    /// Architectures, and whether they are executed
    Arches,
    /// Encodings, with the versions they hold for and where that is known from
    Encodings,
    /// Kinds of entry to begin with
    Entries,
    /// Routines that change an entry
    Writers,
    /// Routines that read one without its lock
    Walkers,
    /// Routines that do to an entry what the MMU does
    Agents,
    /// Faults that are looked for
    Findings,
    /// Sets of entries that a sweep runs on
    Sets,
    /// Columns of the results of a batch as an SQLite database
    Columns,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// run, compare, decode, explain, repro, sweep, matrix, batch, record or diff
    pub name: String,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command whose page to print, such as repro save; pmdscope's own if none is named
    #[arg(value_name = "COMMAND")]
    pub command: Vec<String>,
    /// Write every page, into a folder
    #[arg(long, conflicts_with = "command", requires = "output")]
    pub all: bool,
    /// The folder for --all
    #[arg(short, long, value_name = "DIR", requires = "all")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}
