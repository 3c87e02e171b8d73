//! The functions with which a kernel prints. They change nothing that routines work on, so they return at once.

use crate::environment::Stub;

/// Names of all versions: `printk()` is `_printk()` since v5.15.
const NAMES: [&str; 12] = [
    "_printk",
    "_printk_deferred",
    "__warn_printk",
    "dump_mm",
    "dump_page",
    "dump_stack",
    "dump_stack_lvl",
    "dump_vma",
    "printk",
    "printk_deferred",
    "vprintk",
    "vprintk_emit",
];

/// Returns the stubs of these functions.
pub(crate) fn stubs() -> impl Iterator<Item = Stub> {
    let why = "it prints, and changes nothing else";
    NAMES.into_iter().map(move |symbol| Stub { symbol, returns: Some(0), flushes: false, why })
}
