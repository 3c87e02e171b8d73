//! Callbacks of a walk over page tables: they are called by the walker that calls them in the kernel.

use pmdscope_guest::Kernel;
use pmdscope_guest::kernel::Prototype;

/// The function that walks a mapping and calls callbacks.
pub(super) const WALKER: &str = "walk_page_vma";
/// The member of a walk that its callbacks use as they like.
pub(super) const PRIVATE: &str = "private";
/// The structure of callbacks, and its member for PMDs.
const CALLBACKS: &str = "mm_walk_ops";
const OF_PMD: &str = "pmd_entry";

/// A callback, and how it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk {
    /// Address of the walker.
    pub(super) walker: u64,
    /// Where its callbacks are.
    pub(super) callbacks: Callbacks,
}

/// The structure of callbacks that a walk is given.
#[derive(Debug, Clone, Copy)]
pub(super) enum Callbacks {
    /// It is in the kernel's image, at this address.
    At(u64),
    /// The kernel makes it when it walks, so one is made here: a function at an offset in so many bytes, and nothing
    /// else.
    Made {
        /// Address of the function.
        function: u64,
        /// Offset of its address.
        member: u64,
        /// Bytes of the structure.
        bytes: u64,
    },
}

/// Returns how a function is called if it is a callback for PMDs.
pub(super) fn walk_of(kernel: &Kernel, symbol: &str, prototype: &Prototype) -> Option<Walk> {
    // int (*pmd_entry)(pmd_t *pmd, unsigned long addr, unsigned long next, struct mm_walk *walk)
    let types: Vec<&str> = prototype.parameters.iter().map(|one| one.type_name.as_str()).collect();
    if types.first() != Some(&"pmd_t *") || types.len() != 4 || types.last() != Some(&"struct mm_walk *") {
        return None;
    }
    let walker = kernel.symbol(WALKER)?;
    let function = kernel.symbol(symbol)?;
    let (member, bytes) = (kernel.offset(CALLBACKS, OF_PMD)?, kernel.size(CALLBACKS)?);
    // A structure of callbacks has addresses of functions, none, and a small number for the kind of lock. A list of all
    // functions that can be traced has no zeroes.
    let is_callback = |value: u64| {
        let in_half = value >> 32 == 0 || value & u64::from(u32::MAX) == 0;
        in_half || kernel.symbol_at(value).is_some_and(|(_, distance)| distance == 0)
    };
    let is_structure = |start: &u64| {
        let words: Option<Vec<u64>> = (0..bytes).step_by(8).map(|at| kernel.word_at(start + at)).collect();
        words.is_some_and(|words| {
            let zeroes = words.iter().filter(|word| **word == 0).count();
            3 * zeroes >= words.len() && words.into_iter().all(is_callback)
        })
    };
    let starts = kernel.words_with(function).into_iter().filter_map(|place| place.checked_sub(member));
    let mut structures = starts.filter(is_structure);
    let callbacks = structures.next().map_or(Callbacks::Made { function, member, bytes }, Callbacks::At);
    Some(Walk { walker, callbacks })
}
