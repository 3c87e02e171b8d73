//! Offsets and sizes in a kernel's structures, from its own type information.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use pmdscope_guest::Kernel;

use crate::EmuError;

/// The structures of one kernel.
#[derive(Clone)]
pub(crate) struct Fields {
    kernel: Rc<Kernel>,
    /// Cached answers: it takes the kernel some time to find a name.
    offsets: Known<(String, String), u64>,
    enumerators: Known<String, i64>,
}

/// Cached answers, by name; `None` if the kernel has no such name.
type Known<K, V> = Rc<RefCell<HashMap<K, Option<V>>>>;

impl Fields {
    pub(crate) fn new(kernel: Rc<Kernel>) -> Self {
        Fields { kernel, offsets: Rc::default(), enumerators: Rc::default() }
    }

    /// Returns the offset of a member, in bytes.
    pub(crate) fn offset(&self, structure: &str, member: &str) -> Result<u64, EmuError> {
        self.find(structure, member).ok_or_else(|| {
            EmuError::Environment(format!("this kernel does not say where {structure}.{member} is"))
        })
    }

    /// Returns the offset of a member, in bytes; `None` if the kernel has no such member.
    pub(crate) fn find(&self, structure: &str, member: &str) -> Option<u64> {
        let key = (structure.to_owned(), member.to_owned());
        let found = || self.kernel.offset(structure, member);
        *self.offsets.borrow_mut().entry(key).or_insert_with(found)
    }

    /// Returns the offset of the first of these members that exists, in bytes.
    ///
    /// Members were renamed and moved between versions.
    pub(crate) fn first(&self, members: &[(&str, &str)]) -> Result<u64, EmuError> {
        members.iter().find_map(|(structure, member)| self.find(structure, member)).ok_or_else(|| {
            let names: Vec<_> = members.iter().map(|(s, m)| format!("{s}.{m}")).collect();
            EmuError::Environment(format!("this kernel does not say where {} is", names.join(" or ")))
        })
    }

    /// Returns the size of a structure, in bytes.
    pub(crate) fn size(&self, structure: &str) -> Result<u64, EmuError> {
        self.kernel.size(structure).ok_or_else(|| {
            EmuError::Environment(format!("this kernel does not say how large {structure} is"))
        })
    }

    /// Returns the mask of a page flag, such as `PG_head`.
    pub(crate) fn flag(&self, name: &str) -> Result<u64, EmuError> {
        self.find_flag(name).ok_or_else(|| {
            EmuError::Environment(format!("this kernel does not say which bit of a page's flags {name} is"))
        })
    }

    /// Returns the mask of a page flag; `None` if this kernel has no such flag.
    pub(crate) fn find_flag(&self, name: &str) -> Option<u64> {
        self.enumerator(name).and_then(|number| 1_u64.checked_shl(u32::try_from(number).ok()?))
    }

    /// Returns the value of an enumerator; `None` if this kernel has no such enumerator.
    pub(crate) fn enumerator(&self, name: &str) -> Option<i64> {
        let found = || self.kernel.enumerator(name);
        *self.enumerators.borrow_mut().entry(name.to_owned()).or_insert_with(found)
    }
}
