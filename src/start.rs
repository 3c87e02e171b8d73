//! The initial entry of a run.

use anyhow::{Result, bail, ensure};
use pmdscope_arches::{Encoding, EntryKind, EntrySpec, UnknownName};
use pmdscope_emu::HugePage;

use crate::cli::{JobArgs, Marks};
use crate::values::{hex_value, number};

/// A request for an initial entry. Its value depends on the encoding.
#[derive(Debug, Clone, Copy)]
pub enum EntryRequest {
    /// An entry of a kind.
    Kind {
        /// The kind.
        kind: EntryKind,
        /// Its marks.
        marks: Marks,
        /// The page frame number; `None` for the usual one.
        pfn: Option<u64>,
    },
    /// An entry given by its value, in CPU order.
    Value(u64),
}

impl EntryRequest {
    /// Reads the request of a command line.
    pub fn of_args(args: &JobArgs) -> Result<Self> {
        Ok(match (&args.pmd, &args.entry) {
            (Some(hex), _) => EntryRequest::Value(hex_value(hex)?),
            (None, Some(kind)) => EntryRequest::Kind {
                kind: kind.parse()?,
                marks: args.marks,
                pfn: args.pfn.as_deref().map(number).transpose()?,
            },
            (None, None) => bail!("name an entry by --entry or --pmd"),
        })
    }

    /// Returns the huge page that the entry is about.
    pub fn page(&self) -> HugePage {
        match self {
            EntryRequest::Kind { pfn: None, .. } => HugePage::Usual,
            EntryRequest::Kind { pfn: Some(pfn), .. } => HugePage::At(*pfn),
            EntryRequest::Value(value) => HugePage::Of(*value),
        }
    }

    /// Builds the entry in an encoding.
    pub fn build(&self, encoding: &Encoding) -> Result<Start> {
        match *self {
            EntryRequest::Kind { kind, marks, pfn } => Start::of_kind(encoding, kind, marks, pfn),
            EntryRequest::Value(value) => Ok(Start::of_value(encoding, value)),
        }
    }
}

/// The initial entry of a run.
#[derive(Debug, Clone, Copy)]
pub struct Start {
    /// Its value in CPU order.
    pub value: u64,
    /// Its kind; `None` if it was given by value.
    pub kind: Option<EntryKind>,
    /// Its marks.
    pub marks: Marks,
    /// The frame number of the page that it is about, whose struct pages must exist; 0 if it has no page.
    pub pfn: u64,
    /// Whether the user named that page by its number.
    pub asked: bool,
}

impl Marks {
    /// Returns the names of the marks that are set.
    pub fn names(mut self) -> Vec<String> {
        self.named().into_iter().filter(|(_, set)| **set).map(|(name, _)| name.to_owned()).collect()
    }

    /// Returns the marks with these names.
    pub fn of_names(names: &[String]) -> Result<Marks, UnknownName> {
        let mut marks = Marks::default();
        for name in names {
            let mut all = marks.named();
            match all.iter_mut().find(|(known, _)| known == name) {
                Some((_, set)) => **set = true,
                None => return Err(UnknownName::new("mark", name, all.iter().map(|(known, _)| *known))),
            }
        }
        Ok(marks)
    }

    fn named(&mut self) -> [(&'static str, &mut bool); 4] {
        [
            ("young", &mut self.young),
            ("dirty", &mut self.dirty),
            ("soft-dirty", &mut self.soft_dirty),
            ("uffd-wp", &mut self.uffd_wp),
        ]
    }
}

impl Start {
    /// Builds an entry of a kind.
    pub fn of_kind(encoding: &Encoding, kind: EntryKind, marks: Marks, pfn: Option<u64>) -> Result<Self> {
        let asked = pfn.is_some();
        let pfn = match kind {
            EntryKind::None => {
                ensure!(pfn.is_none(), "an entry of kind none has no page: leave --pfn out");
                0
            }
            _ => pfn.unwrap_or_else(|| encoding.default_pfn()),
        };
        let Marks { young, dirty, soft_dirty, uffd_wp } = marks;
        let value = encoding.build(&EntrySpec { kind, pfn, young, dirty, soft_dirty, uffd_wp })?;
        Ok(Start { value, kind: Some(kind), marks, pfn, asked })
    }

    /// Returns the entry with this value.
    pub fn of_value(encoding: &Encoding, value: u64) -> Self {
        let pfn = encoding.pfn_of(value).unwrap_or(0);
        Start { value, kind: None, marks: Marks::default(), pfn, asked: false }
    }
}
