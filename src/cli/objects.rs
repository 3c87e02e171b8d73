//! The command lines of `pmdscope objects` and `pmdscope bisect`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::shared::BoundArgs;

#[derive(Debug, Args)]
pub struct ObjectsArgs {
    /// Build folder: the one that make was given by O=, or a source tree that is its own. It needs a .config with
    /// TRANSPARENT_HUGEPAGE and DEBUG_INFO
    #[arg(long, value_name = "DIR")]
    pub kbuild: PathBuf,
    /// Architecture, to be sure; the folder is configured for one
    #[arg(long, value_name = "A")]
    pub arch: Option<String>,
    /// What else the kernel is to have: an object or source of the folder (one that begins with / or . is from elsewhere),
    /// or a function or variable, whose file is looked for. The folder remembers it (.pmdscope-objects); may be given
    /// several times
    #[arg(long, value_name = "OBJECT|NAME", conflicts_with = "no_make")]
    pub with: Vec<String>,
    /// Link the objects as they are
    #[arg(long)]
    pub no_make: bool,
    /// The kernel to write; vmlinux-objects in the build folder if not given
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Name the objects, and the functions and variables that are in none of them
    #[arg(short, long)]
    pub verbose: bool,
    /// Arguments for make, in place of those that fit the folder's configuration, such as LLVM=1
    #[arg(last = true, value_name = "MAKE ARGUMENTS", conflicts_with = "no_make")]
    pub make: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct BisectArgs {
    /// Build folder (see `pmdscope objects --help`), whose source is the tree that git bisects
    #[arg(long, value_name = "DIR")]
    pub kbuild: PathBuf,
    /// Entry to begin with (see `pmdscope list entries`)
    #[arg(long, value_name = "E")]
    pub entry: String,
    /// Writer (see `pmdscope kernel list-functions`)
    #[arg(long, value_name = "W", default_value = "split")]
    pub writer: String,
    /// Walker (see `pmdscope kernel list-functions`)
    #[arg(long, value_name = "K", default_value = "gup-fast-read")]
    pub walker: String,
    /// Only this finding counts (see `pmdscope list findings`); any if not given
    #[arg(long, value_name = "NAME")]
    pub finding: Option<String>,
    /// Look for the commit that fixed it: what has the finding is old, as of
    /// `git bisect start --term-old=broken --term-new=fixed`
    #[arg(long)]
    pub fixed: bool,
    #[command(flatten)]
    pub bounds: BoundArgs,
    /// Arguments for make (see `pmdscope objects --help`)
    #[arg(last = true, value_name = "MAKE ARGUMENTS")]
    pub make: Vec<OsString>,
}
