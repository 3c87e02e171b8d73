//! The reason why a combination has no run.

use crate::comparison::{Lack, Skipped};
use crate::entry_name::EntryName;

/// A place in the matrix: the combination that would be run there.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The platform and version, or a kernel's release, as in [`Skipped::encoding`].
    pub encoding: &'a str,
    /// The kind of entry, without marks.
    pub kind: EntryName,
    /// The writer.
    pub writer: &'a str,
    /// The walker.
    pub walker: &'a str,
}

/// Returns the reason why a place is empty, if the report has one.
///
/// Either the platform lacks the place's entry or one of its routines, or nothing can be run on the platform.
pub(super) fn reason_of<'a>(skipped: &'a [Skipped], place: Place<'_>) -> Option<&'a str> {
    let of_platform = || skipped.iter().filter(|skipped| skipped.encoding == place.encoding);
    let is_here = |skipped: &&Skipped| match &skipped.lacks {
        Some(Lack::Entry(kind)) => *kind == place.kind,
        Some(Lack::Routine(name)) => name == place.writer || name == place.walker,
        None => false,
    };
    let found = of_platform().find(is_here).or_else(|| of_platform().find(|skipped| skipped.lacks.is_none()));
    found.map(|skipped| skipped.reason.as_str())
}

#[cfg(test)]
mod tests {
    use pmdscope_arches::EntryKind;

    use super::*;

    const PLACE: Place<'_> = Place {
        encoding: "sparc64 7.2",
        kind: EntryName::Kind(EntryKind::PresentHuge),
        writer: "split",
        walker: "hmm",
    };

    fn is_reason(lacks: Option<Lack>) -> bool {
        let (encoding, reason) = (PLACE.encoding.to_owned(), "has none".to_owned());
        reason_of(&[Skipped { encoding, lacks, reason }], PLACE).is_some()
    }

    #[test]
    fn a_place_is_empty_for_want_of_what_would_be_run_there() {
        assert!(is_reason(Some(Lack::Routine("hmm".to_owned()))));
        assert!(is_reason(Some(Lack::Routine("split".to_owned()))));
        assert!(is_reason(Some(Lack::Entry(PLACE.kind))));
        assert!(!is_reason(Some(Lack::Routine("gup-fast-read".to_owned()))));
        assert!(!is_reason(Some(Lack::Entry(EntryName::Kind(EntryKind::PresentHugeRo)))));
    }

    #[test]
    fn a_place_is_empty_where_nothing_can_be_run() {
        assert!(is_reason(None));
    }
}
