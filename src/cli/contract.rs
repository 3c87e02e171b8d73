//! The command lines of `pmdscope probe` and `pmdscope contract`.

use std::path::PathBuf;

use clap::Args;
use pmdscope_traces::formats::{self, ContractFormat};

use super::format::one_of;
use super::shared::ReportArgs;

#[derive(Debug, Args)]
pub struct ProbeArgs {
    /// Kernel tree: a source tree or a build folder that `make ARCH=A prepare` has seen, or the headers of a
    /// distribution
    #[arg(long, value_name = "DIR")]
    pub tree: PathBuf,
    /// Source tree that the other was made from, where it does not say so itself
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
    /// Configure the source tree for each architecture, and have make generate what its headers need: once, in a folder
    /// beside the probes. The tree itself stays as it is
    #[arg(long, conflicts_with = "source")]
    pub prepare: bool,
    /// Architectures, separated by commas. Without --prepare the tree is configured for one
    #[arg(long, value_name = "A", value_delimiter = ',', required = true)]
    pub arch: Vec<String>,
    /// Only this kind of MMU: radix or hash; a probe for each if not given
    #[arg(long, value_name = "M", value_delimiter = ',')]
    pub mmu: Vec<String>,
    /// Compiler; clang-19 or clang if not given, or Debian's cross gcc for the architecture
    #[arg(long, value_name = "PROGRAM")]
    pub compiler: Option<PathBuf>,
    /// Folder for the probes; the current one if not given
    #[arg(short, long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Name the helpers that the tree does not have, and what was assumed
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Debug, Args)]
pub struct ContractArgs {
    /// Probes that `pmdscope probe` made. Without any, bundled guests are asked, which have predicates and
    /// pmdp_invalidate()
    #[arg(long, value_name = "ELF", num_args = 1.., conflicts_with_all = ["arch", "linux"])]
    pub probe: Vec<PathBuf>,
    /// Architectures of bundled guests, separated by commas; all if not given
    #[arg(long, value_name = "A", value_delimiter = ',')]
    pub arch: Vec<String>,
    /// Linux versions of bundled guests, separated by commas; the newest if not given
    #[arg(long, value_name = "V", value_delimiter = ',')]
    pub linux: Vec<String>,
    /// Format of the report
    #[arg(long, value_parser = one_of(formats::CONTRACT), default_value = formats::CONTRACT[0].name)]
    pub format: &'static ContractFormat,
    /// List of helpers that are expected to break a rule: with --format ktap or junit every other broken rule fails,
    /// and the exit status is 0 if all is as expected. A line is ARCH[/MMU] LINUX HELPER; `*` matches any letters, `#`
    /// begins a comment
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    #[command(flatten)]
    pub report: ReportArgs,
}
