//! The command line as it is written. [`crate::values`] makes sense of its words.

mod batch;
mod format;
mod repro;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pmdscope_emu::Reduction;
use pmdscope_traces::formats::{self, CompareFormat, RunFormat};
use serde::{Deserialize, Serialize};

use crate::version::{VERSION, VERSION_AND_SOURCES};

pub use self::batch::{BatchArgs, DiffArgs, DiffFormat, MergeArgs, OnlyArgs, ReportDirArgs};
use self::format::one_of;
pub use self::repro::{ReproArgs, ReproReportArgs, ReproRunArgs, ReproWhat, SaveArgs};

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

const COMPARE_EXAMPLES: &str = "\
Examples:
  pmdscope compare
      the default set: every architecture at 6.1 and the newest version, with the
      split as it was before the fix and as it is since
  pmdscope compare --arch arm64 --arch ppc64le --linux 6.12 --walker hmm
      two architectures, one version, one walker
  pmdscope compare --linux 7.2 --entry migration-write --soft-dirty
      the same for an entry with a mark
  pmdscope compare --kernel /boot/vmlinuz-5.10.0-30-amd64 \\
                   --kernel /boot/vmlinuz-6.12.107+deb13-amd64
      real kernels side by side: does the split have the fix?
  pmdscope compare --entry migration-read --entry migration-write --format json -o compare.json
      everything about two entries, for a program to read
  pmdscope compare --format html -o compare.html
      one page to look at, to print and to hand on
  pmdscope compare --arch s390x --arch riscv64 --format ktap
      the same as test results; a finding fails, unless --expect lists it

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

const RUN_EXAMPLES: &str = "\
CPU0 runs the writer, CPU1 the walker. A schedule W3 K2 is three accesses
of the writer to the entry, then two of the walker.

Examples:
  pmdscope run --arch arm64 --entry migration-read
      what GUP-fast sees of a migration entry while the newest kernel's split, unguarded, runs
  pmdscope run --arch ppc64le --mmu radix --linux 6.12 --entry migration-write --dirty \\
               --writer pmdp_invalidate --walker hmm
  pmdscope run --arch x86_64 --entry present-huge --writer pmdp_invalidate --with mmu-store
      a third CPU that stores through the entry: are its accessed and dirty bits lost?
  pmdscope run --kernel linux-image-5.10.0-30-arm64_5.10.218-1_arm64.deb --entry migration-read
      what a distribution's own split and GUP-fast do, from the package as it is
  pmdscope run --arch arm64 --entry migration-read --format vcd -o split.vcd
      the bits of the entry and what each CPU does, over time, for a waveform viewer
  pmdscope run --arch arm64 --entry migration-read --schedule W3K1W1
      one schedule, as a finding names it
  pmdscope run --arch x86_64 --pmd 0xcfffffffefdbfe00 --walker fault-read --format jsonl
      an entry given by its value, every event on a line of its own

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

const BATCH_EXAMPLES: &str = "\
Examples:
  pmdscope batch examples/encodings.toml --dry-run
      which jobs the matrix has
  pmdscope batch examples/encodings.toml -o results
      runs them; Ctrl-C stops it
  pmdscope batch examples/encodings.toml -o results --resume
      goes on with what is missing
  pmdscope batch examples/encodings.toml -o part-1 --partition slice:1/2
  pmdscope batch examples/encodings.toml -o part-2 --partition slice:2/2
      half of the jobs on each of two machines

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a control failed,
4 internal fault, 5 stopped before all jobs were recorded.";

const MERGE_EXAMPLES: &str = "\
The parts must be of the same matrix, run by the same version of pmdscope on the same kernels. What
comes of it has the same bytes as if all had been run at once.

Examples:
  pmdscope merge part-1 part-2 -o merged

Exit status: 0 all jobs are there, 2 bad usage or input, 4 internal fault, 5 some are missing.";

const REPORT_EXAMPLES: &str = "\
Examples:
  pmdscope report results
      the summary: what was run, what was found, what is not known
  pmdscope report results --verdict findings --arch arm64 --linux 7.2 --format html -o findings.html
      a page of some of it
  pmdscope report results --arch riscv64 --format ktap
      the same as test results; a finding fails, unless --expect lists it
  pmdscope report results --format sqlite -o results.sqlite
      one row for each job, for sqlite3, DuckDB or pandas

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit, a control failed,
or jobs are missing, 4 internal fault.";

const DIFF_EXAMPLES: &str = "\
Jobs are matched by what they are, not by their numbers; a release of a kernel with the other release
of the same architecture and flavour.

Examples:
  pmdscope diff results merged
  pmdscope diff results merged --format json -o diff.json

Exit status: 0 nothing changed, 1 something did, 2 bad usage or input, 3 jobs are missing, 4 internal
fault.";

const SWEEP_EXAMPLES: &str = "\
Sets of entries:
  swap          every swap type with every offset, soft-dirty and uffd-wp or not
  migration     the same of the swap types that mean migration
  present-huge  the bits of a user's mapping, writable or not, of any page,
                accessed, dirty and soft-dirty or not
  any           every 64-bit value

The writer runs alone, and what it left in the end is compared with what it found. Which bits
matter is measured, and every combination of these is run.

Examples:
  pmdscope sweep --arch arm64 --linux 6.1 --entries swap --writer pmdp_invalidate
      for which of all swap entries does the invalidation make pmd_present() true?
  pmdscope sweep --arch x86_64 --entries migration --writer pmdp_invalidate --format json

Exit status: 0 nothing found, 1 findings, 2 bad usage or input, 3 a bound was hit or a
control failed, 4 internal fault.";

const REPRO_EXAMPLES: &str = "\
A reproducer holds the guest's code, or which kernel it was; the entry, the routines and the
schedule; and every access and value that must come of them.

Examples:
  pmdscope repro save --arch arm64 --linux 6.1 --entry migration-read -o split.repro
  pmdscope repro show split.repro
  pmdscope repro run split.repro
  pmdscope repro report split.repro -o mail.txt
  pmdscope repro report split.repro --kunit -o pmdscope_kunit.c

Exit status of repro run: 0 everything was the same, 1 it was not, 2 bad usage or input,
3 a bound was hit or a control failed, 4 internal fault.";

const KERNEL_EXAMPLES: &str = "\
A kernel is a .deb or .rpm package, or a vmlinuz, bzImage, Image or vmlinux of any
distribution. What was unpacked is kept in the user's cache directory.

Examples:
  pmdscope kernel info linux-image-6.12.107+deb13-arm64_6.12.107-1_arm64.deb
  pmdscope kernel list-functions /boot/vmlinuz-6.12.107+deb13-amd64";

const DECODE_EXAMPLES: &str = "\
Examples:
  pmdscope decode --arch arm64 --linux 6.12 0x0000000081200e00
  pmdscope decode --arch s390x 0x8120006b0 0x8120006b2
  pmdscope decode --arch ppc64le --mmu hash c000000812000185 --format json";

const LIST_EXAMPLES: &str = "\
Examples:
  pmdscope list arches
  pmdscope list walkers";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  pmdscope schema run
  pmdscope schema pmdscope.compare/1";

const MAN_EXAMPLES: &str = "\
Examples:
  pmdscope man
      the page of pmdscope(1): pipe it to man -l -
  pmdscope man repro save
  pmdscope man --all -o man1
      every page, in a folder";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  pmdscope completions bash
      for ~/.local/share/bash-completion/completions/pmdscope
  pmdscope completions zsh";

/// Where an encoding is chosen. Texts are checked by the plan, so that each mistake gets one line.
#[derive(Debug, Args)]
pub struct Platform {
    /// Architecture: arm64, x86_64, s390x, ppc64, ppc64le, riscv64, sparc64 (or as `uname -m` says),
    /// and loongarch64, which can be decoded but not run
    #[arg(long, value_name = "A")]
    pub arch: String,
    /// Kind of MMU where there are several: radix or hash; radix if not given
    #[arg(long, value_name = "M")]
    pub mmu: Option<String>,
    /// Linux version, such as 6.12; the newest known if not given. Some are not known for sure and
    /// are refused: see `pmdscope list encodings`
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
    /// Do everything twice, on fresh machines, and compare what is printed byte by byte
    #[arg(long)]
    pub self_check: bool,
}

/// How far a run may go before what is left counts as unknown.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Bounds")]
pub struct BoundArgs {
    /// Behaviours of one writer and walker
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_behaviours)]
    pub max_behaviours: u64,
    /// Page-table accesses of one routine
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_accesses)]
    pub max_accesses: u64,
    /// Instructions of one routine
    #[arg(long, value_name = "N", default_value_t = BoundArgs::default().max_instructions)]
    pub max_instructions: u64,
    /// Seconds for one writer and walker
    #[arg(long, value_name = "S", default_value_t = BoundArgs::default().timeout)]
    pub timeout: u64,
}

impl Default for BoundArgs {
    fn default() -> Self {
        BoundArgs { max_behaviours: 10_000, max_accesses: 1_000, max_instructions: 1_000_000, timeout: 60 }
    }
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

/// Where unpacked kernels are kept.
#[derive(Debug, Clone, Copy, Args)]
pub struct CacheArgs {
    /// Unpack kernels anew, and keep nothing of them in the cache directory
    #[arg(long)]
    pub no_cache: bool,
}

/// What is to be run.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// Architecture: arm64, x86_64, s390x, ppc64, ppc64le, riscv64, sparc64 (or as `uname -m` says)
    #[arg(long, value_name = "A", required_unless_present = "kernel")]
    pub arch: Option<String>,
    /// Kind of MMU where there are several: radix or hash; radix if not given
    #[arg(long, value_name = "M")]
    pub mmu: Option<String>,
    /// Linux version, such as 6.12; the newest known if not given. Some are not known for sure and are
    /// refused: see `pmdscope list encodings`
    #[arg(long, value_name = "V")]
    pub linux: Option<String>,
    /// Run a real kernel's own functions: a .deb, .rpm, vmlinuz, bzImage, Image or vmlinux. It says itself which
    /// architecture, MMU and version it is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["guest", "with"])]
    pub kernel: Option<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Entry to begin with (see `pmdscope list entries`)
    #[arg(long, value_name = "E", required_unless_present = "pmd")]
    pub entry: Option<String>,
    /// Page frame number of the entry, decimal or 0x..., where a huge page can begin; 0x81200 or the
    /// next such one if not given
    #[arg(long, value_name = "N", conflicts_with = "pmd")]
    pub pfn: Option<String>,
    #[command(flatten)]
    pub marks: Marks,
    /// Entry to begin with by its value, hexadecimal, in CPU order
    #[arg(long, value_name = "HEX", conflicts_with_all = ["entry", "young", "dirty", "soft_dirty", "uffd_wp"])]
    pub pmd: Option<String>,
    /// Writer (see `pmdscope list writers`, of a kernel `pmdscope kernel list-functions`);
    /// split-unguarded if not given, with --kernel split
    #[arg(long, value_name = "W")]
    pub writer: Option<String>,
    /// Walker (see `pmdscope list walkers`, of a kernel `pmdscope kernel list-functions`); run takes
    /// several, for a run each, and with --kernel also none, for the writer alone
    #[arg(long, value_name = "K", default_value = "gup-fast-read")]
    pub walker: Vec<String>,
    /// Another routine to run with them on a CPU of its own: a writer, a walker, or an agent that plays
    /// the MMU (see `pmdscope list agents`); may be given several times
    #[arg(long, value_name = "R")]
    pub with: Vec<String>,
    /// Run one schedule only, such as W3K2W1: three accesses of the writer, two of the walker, one
    /// of the writer; further routines are A, B, ...
    #[arg(long, value_name = "S")]
    pub schedule: Option<String>,
    /// Whether schedules that come to the same are joined and counted, or each is run
    #[arg(long, value_enum, default_value_t, conflicts_with = "schedule")]
    pub reduction: ReductionArg,
    /// With --reduction none, schedules that are run at most; 10000 if not given
    #[arg(long, value_name = "N", help_heading = "Bounds")]
    pub max_schedules: Option<u64>,
    /// Run this guest instead of the bundled one: an ELF with the same functions, or with routines of its own (see
    /// `pmdscope list writers --guest ELF`)
    #[arg(long, value_name = "ELF")]
    pub guest: Option<PathBuf>,
    #[command(flatten)]
    pub bounds: BoundArgs,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub job: JobArgs,
    /// How to print the run
    // Not under the heading with which the arguments before it end.
    #[arg(
        long,
        value_parser = one_of(formats::RUN),
        default_value = formats::RUN[0].name,
        help_heading = None::<&str>
    )]
    pub format: &'static RunFormat,
    #[command(flatten)]
    pub report: ReportArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ReductionArg {
    /// Join them: machine code runs once for each behaviour
    #[default]
    Joined,
    /// Run each
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
    /// Values of entries, hexadecimal, in CPU order
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
    /// run, compare, decode, repro, sweep, matrix, batch, record or diff
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
