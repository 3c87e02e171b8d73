//! Why a combination has no run.

use crate::comparison::{CompareReport, Skipped};

/// A place in the matrix: what would be run there.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The platform and version, or a kernel's release, as reasons name it.
    pub encoding: &'a str,
    /// The kind of entry, without marks.
    pub kind: &'a str,
    /// The writer.
    pub writer: &'a str,
    /// The walker.
    pub walker: &'a str,
}

/// The names that rows have, by which it is told what a reason is about.
pub(super) struct Reasons<'a> {
    skipped: &'a [Skipped],
    names: Vec<&'a str>,
}

impl<'a> Reasons<'a> {
    pub(super) fn new(report: &'a CompareReport) -> Self {
        let names = report.rows.iter().flat_map(|row| [&*row.entry, &*row.writer, &*row.walker]).collect();
        Reasons { skipped: &report.skipped, names }
    }

    /// The reason why this place is empty, if one was given: one that names what would be run here, or that
    /// names nothing that is run anywhere and so is about the whole platform.
    pub(super) fn of(&self, place: Place<'_>) -> Option<&'a str> {
        let here = [place.kind, place.writer, place.walker];
        let of_platform = || {
            let skipped = self.skipped.iter().filter(|skipped| skipped.encoding == place.encoding);
            skipped.map(|skipped| skipped.reason.as_str())
        };
        of_platform()
            .find(|reason| here.iter().any(|name| names(reason, name)))
            .or_else(|| of_platform().find(|reason| !self.names.iter().any(|name| names(reason, name))))
    }
}

/// Whether a sentence has this name in it as a word of its own.
fn names(sentence: &str, name: &str) -> bool {
    let ends = |c: char| !(c.is_alphanumeric() || c == '-' || c == '_');
    sentence.split(ends).any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> =
        Place { encoding: "sparc64 7.2", kind: "present-huge", writer: "split", walker: "hmm" };

    fn reason(sentence: &str, known: &[&'static str]) -> Option<String> {
        let skipped = [Skipped { encoding: PLACE.encoding.to_owned(), reason: sentence.to_owned() }];
        Reasons { skipped: &skipped, names: known.to_vec() }.of(PLACE).map(str::to_owned)
    }

    #[test]
    fn a_reason_is_about_what_it_names() {
        assert!(reason("has no hmm: its kernel has no such routine", &["hmm"]).is_some());
        assert!(reason("cannot express present-huge: there are none", &["present-huge"]).is_some());
        assert!(reason("has no gup-fast-read: its kernel has no such routine", &["gup-fast-read"]).is_none());
        assert!(reason("cannot express present-huge-ro: there are none", &["present-huge-ro"]).is_none());
    }

    #[test]
    fn a_reason_that_names_nothing_is_about_the_platform() {
        assert!(reason("no version of sparc64 is known for 7.2", &["hmm"]).is_some());
    }
}
