//! The command line as it is written. [`crate::values`] makes sense of its words.

mod batch;
mod contract;
mod examples;
mod format;
mod objects;
mod patch;
mod repro;
mod run;
mod shared;
mod survey;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pmdscope_traces::formats::{self, CompareFormat};

use crate::kernel_arg::KernelArg;
use crate::version::{VERSION, VERSION_AND_SOURCES};

pub use self::batch::{BatchArgs, BatchHowArgs, DiffArgs, DiffFormat, MergeArgs, OnlyArgs, ReportDirArgs};
pub use self::contract::{ContractArgs, ProbeArgs};
use self::examples::{
    BATCH_EXAMPLES, BISECT_EXAMPLES, COMPARE_EXAMPLES, COMPLETIONS_EXAMPLES, CONTRACT_EXAMPLES,
    DECODE_EXAMPLES, DIFF_EXAMPLES, EXPLAIN_EXAMPLES, KERNEL_EXAMPLES, KERNEL_INFO_EXAMPLES, LIST_EXAMPLES,
    LIST_FUNCTIONS_EXAMPLES, MAN_EXAMPLES, MERGE_EXAMPLES, OBJECTS_EXAMPLES, PATCH_EXAMPLES, PROBE_EXAMPLES,
    REPORT_EXAMPLES, REPRO_EXAMPLES, RUN_EXAMPLES, SCHEMA_EXAMPLES, SURVEY_EXAMPLES, SWEEP_EXAMPLES,
    VERSION_EXAMPLES,
};
use self::format::one_of;
pub use self::objects::{BisectArgs, ObjectsArgs};
pub use self::patch::{PatchArgs, PatchFormat};
pub use self::repro::{ReproArgs, ReproReportArgs, ReproRunArgs, ReproWhat, SaveArgs};
pub use self::run::{JobArgs, ReductionArg, RunArgs};
use self::shared::kernel_arg;
pub use self::shared::{BoundArgs, CacheArgs, Marks, Platform, ReportArgs};
pub use self::survey::SurveyArgs;

const EXIT_STATUS: &str = "\
Exit status:
  0  pass: everything was run, nothing was found
  1  findings
  2  bad usage or bad input
  3  unknown: nothing was found, but a bound was hit or a control failed
  4  internal fault
  5  a batch or a merge lacks jobs: continue with --resume
  6  pass-bounded: nothing was found in all orders with few switches between
     CPUs, and there are too many others";

/// Runs the machine code of page-table writers against lockless walkers, on emulated CPUs of eight
/// architectures and at every interleaving, and shows which PMD bits each walker sees.
#[derive(Debug, Parser)]
#[command(version = VERSION.as_str(), long_version = VERSION_AND_SOURCES.as_str(), about, after_help = EXIT_STATUS, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare architectures, versions, kernels, entries, writers and walkers in one table
    #[command(after_help = COMPARE_EXAMPLES)]
    Compare(CompareArgs),
    /// Run a writer against a walker on one entry, and show the race
    #[command(after_help = RUN_EXAMPLES)]
    Run(Box<RunArgs>),
    /// Run a writer on every entry of a set, and show which entries go wrong
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Run a matrix of jobs on all processors, into a directory
    #[command(after_help = BATCH_EXAMPLES)]
    Batch(BatchArgs),
    /// Merge the results of a matrix that was run in parts
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(MergeArgs),
    /// Show the results of a batch
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportDirArgs),
    /// Compare the results of two batches
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Run all functions of a kernel that take a PMD, alone and in pairs
    #[command(after_help = SURVEY_EXAMPLES)]
    Survey(SurveyArgs),
    /// Show what a change does to a kernel, by a build before and one after it
    #[command(after_help = PATCH_EXAMPLES)]
    Patch(PatchArgs),
    /// Link the few objects of a kernel that are run, in seconds
    #[command(after_help = OBJECTS_EXAMPLES)]
    Objects(ObjectsArgs),
    /// Build and judge one commit, for git bisect run
    #[command(after_help = BISECT_EXAMPLES)]
    Bisect(BisectArgs),
    /// Compile a kernel tree's own page-table helpers into guests
    #[command(after_help = PROBE_EXAMPLES)]
    Probe(ProbeArgs),
    /// Check page-table helpers by the kernel's documentation
    #[command(after_help = CONTRACT_EXAMPLES)]
    Contract(ContractArgs),
    /// Save a race as one file, run it again anywhere, write a bug report
    #[command(after_help = REPRO_EXAMPLES)]
    Repro(ReproArgs),
    /// Describe a kernel image and the functions that can be run
    #[command(after_help = KERNEL_EXAMPLES)]
    Kernel(KernelArgs),
    /// Name every bit and predicate of an entry
    #[command(after_help = DECODE_EXAMPLES)]
    Decode(DecodeArgs),
    /// Explain a value from an oops or a log, on every architecture and version that fits
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// List architectures, entries, writers, walkers, findings
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Print the JSON Schema of a report
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArgs),
    /// Print a manual page
    #[command(after_help = MAN_EXAMPLES)]
    Man(ManArgs),
    /// Print the completion script of a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions(CompletionsArgs),
    /// Print the version of pmdscope, of its engine and of its sources
    #[command(after_help = VERSION_EXAMPLES)]
    Version,
}

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Kernels to compare, as --kernel
    #[arg(value_name = "FILE", value_parser = kernel_arg(), conflicts_with = "kernel")]
    pub images: Vec<KernelArg>,
    /// Architectures, separated by commas; all if not given
    #[arg(long, value_name = "A", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// Only platforms with this kind of MMU: radix or hash
    #[arg(long, value_name = "M", value_delimiter = ',')]
    pub mmu: Vec<String>,
    /// Linux versions, separated by commas; 6.1 and 7.2 if not given
    #[arg(long, value_name = "V", value_delimiter = ',')]
    pub linux: Vec<String>,
    /// Entries to begin with, separated by commas (see `pmdscope list entries`); migration-write if not given
    #[arg(long, value_name = "E", value_delimiter = ',')]
    pub entry: Vec<String>,
    #[command(flatten)]
    pub marks: Marks,
    /// Writers, separated by commas (see `pmdscope list writers`), or all; the splits if not given
    #[arg(long, value_name = "W", value_delimiter = ',')]
    pub writer: Vec<String>,
    /// Walkers, separated by commas (see `pmdscope list walkers`), or all; if not given gup-fast-read and
    /// pte-offset-map, and without --kernel also perf-page-size and hmm
    #[arg(long, value_name = "K", value_delimiter = ',')]
    pub walker: Vec<String>,
    /// Compare real kernels (see `pmdscope run --help`) in place of architectures and versions; may be
    /// given several times. LABEL=FILE gives a kernel a name; without labels, those of one release are named by what
    /// differs in their paths
    #[arg(long, value_name = "FILE", value_parser = kernel_arg())]
    pub kernel: Vec<KernelArg>,
    /// Run this guest instead of the bundled ones (see `pmdscope run --help`); may be given several times. The
    /// architecture is that of the ELF; a probe knows its Linux version and MMU
    #[arg(long, value_name = "ELF", conflicts_with_all = ["kernel", "images", "arch"])]
    pub guest: Vec<PathBuf>,
    /// Types of the kernels (see `pmdscope run --help`): once for each, in the order of the kernels; - for a kernel's
    /// own
    #[arg(long, value_name = "FILE")]
    pub types: Vec<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Engine that runs the guests (see `pmdscope run --help`)
    #[arg(long, value_name = "E", conflicts_with_all = ["kernel", "images"])]
    pub engine: Option<String>,
    /// Format of the comparison
    #[arg(long, value_parser = one_of(formats::COMPARE), default_value = formats::COMPARE[0].name)]
    pub format: &'static CompareFormat,
    /// List of expected findings: with --format ktap or junit every other finding fails, and the exit status is 0 if
    /// all is as expected. A line is ARCH[/MMU] LINUX ENTRY WRITER WALKER FINDING, or begins with kernel RELEASE;
    /// `*` matches any letters, `#` begins a comment
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
    /// Describe the image: release, architecture, symbols, types
    #[command(after_help = KERNEL_INFO_EXAMPLES)]
    Info(KernelFileArgs),
    /// List the functions that can be run, with what each is seen to do to an entry
    #[command(after_help = LIST_FUNCTIONS_EXAMPLES)]
    ListFunctions(ListFunctionsArgs),
}

#[derive(Debug, Args)]
pub struct ListFunctionsArgs {
    #[command(flatten)]
    pub kernel: KernelFileArgs,
    /// File that describes functions, where their types do not tell how to call them: they are listed too (see
    /// docs/survey.md)
    #[arg(long, value_name = "FILE")]
    pub routines: Option<PathBuf>,
    /// Format of the list
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
    #[command(flatten)]
    pub report: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ListFormat {
    /// Text
    #[default]
    Text,
    /// One object, by `pmdscope schema functions`
    Json,
}

#[derive(Debug, Args)]
pub struct KernelFileArgs {
    /// Package or boot image
    #[arg(value_name = "FILE", value_parser = kernel_arg())]
    pub file: KernelArg,
    /// Types of the kernel, in place of its own (see `pmdscope run --help`)
    #[arg(long, value_name = "FILE")]
    pub types: Option<PathBuf>,
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
    /// Engine that runs the guest (see `pmdscope run --help`)
    #[arg(long, value_name = "E")]
    pub engine: Option<String>,
    /// Format of the sweep
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
    /// Format of the report
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
    /// List the routines of this guest instead of the bundled ones
    #[arg(long, value_name = "ELF")]
    pub guest: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListWhat {
    /// Architectures, and whether they are executed
    Arches,
    /// Encodings, with the versions they hold for and their sources
    Encodings,
    /// Kinds of entry to begin with
    Entries,
    /// Writers: routines that change an entry
    Writers,
    /// Walkers: routines that read an entry without the lock
    Walkers,
    /// Agents: routines that mark an entry as the MMU does
    Agents,
    /// Findings: the faults that pmdscope looks for
    Findings,
    /// Sets of entries that a sweep runs on
    Sets,
    /// Columns of the results of a batch as an SQLite database
    Columns,
}

#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// run, compare, decode, explain, repro, sweep, matrix, batch, record, diff, patch or functions
    pub name: String,
}

#[derive(Debug, Args)]
pub struct ManArgs {
    /// The command, such as repro save; without one the page of pmdscope
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
