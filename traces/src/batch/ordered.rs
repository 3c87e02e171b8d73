//! Pairs of names, in the order of the first job that has each.

use std::collections::BTreeMap;

/// Pairs of names: a platform and a version, or a writer and a walker.
///
/// They are in the order of job numbers, which is that of the matrix, whatever the order in which jobs are
/// added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(BTreeMap<(String, String), u64>);

impl Pairs {
    /// Adds the pair of a job.
    pub(crate) fn add(&mut self, outer: &str, inner: &str, job: u64) {
        let first = self.0.entry((outer.to_owned(), inner.to_owned())).or_insert(job);
        *first = job.min(*first);
    }

    /// Returns each outer name with its inner names.
    pub(crate) fn grouped(&self) -> Vec<(&str, Vec<&str>)> {
        let mut in_order: Vec<_> = self.0.iter().map(|(pair, first)| (*first, pair)).collect();
        in_order.sort();
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for (_, (outer, inner)) in in_order {
            match groups.iter_mut().find(|(known, _)| known == outer) {
                Some((_, known)) => known.push(inner),
                None => groups.push((outer, vec![inner])),
            }
        }
        groups
    }

    /// Formats pairs of platform and version: `arm64 6.1 7.2, ppc64 radix 7.2`.
    pub(crate) fn places(&self) -> String {
        let places = self.grouped();
        let places: Vec<_> =
            places.iter().map(|(platform, versions)| format!("{platform} {}", versions.join(" "))).collect();
        places.join(", ")
    }

    /// Formats pairs of writer and walker: `split against hmm, gup-fast-read; pmdp_invalidate alone`.
    ///
    /// A writer without a walker is paired with an empty name.
    pub(crate) fn routines(&self) -> String {
        let routines = self.grouped();
        let said = |(writer, walkers): &(&str, Vec<&str>)| {
            let named: Vec<&str> = walkers.iter().copied().filter(|walker| !walker.is_empty()).collect();
            let alone = (named.len() < walkers.len()).then_some("alone".to_owned());
            let against = (!named.is_empty()).then(|| format!("against {}", named.join(", ")));
            let how: Vec<String> = alone.into_iter().chain(against).collect();
            format!("{writer} {}", how.join(" and "))
        };
        routines.iter().map(said).collect::<Vec<_>>().join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_stand_in_the_order_of_their_first_jobs_however_they_came() {
        let jobs = [("arm64", "6.12", 1), ("ppc64", "7.2", 2), ("arm64", "6.1", 0), ("arm64", "6.12", 9)];
        let mut forwards = Pairs::default();
        let mut backwards = Pairs::default();
        for (platform, version, job) in jobs {
            forwards.add(platform, version, job);
        }
        for (platform, version, job) in jobs.into_iter().rev() {
            backwards.add(platform, version, job);
        }
        assert_eq!(forwards.places(), "arm64 6.1 6.12, ppc64 7.2");
        assert_eq!(forwards, backwards);
    }

    #[test]
    fn a_writer_without_a_walker_is_said_to_be_alone() {
        let mut routines = Pairs::default();
        for (writer, walker, job) in [("split", "hmm", 0), ("invalidate", "", 1), ("split", "gup", 2)] {
            routines.add(writer, walker, job);
        }
        assert_eq!(routines.routines(), "split against hmm, gup; invalidate alone");
        routines.add("split", "", 3);
        assert_eq!(routines.routines(), "split alone and against hmm, gup; invalidate alone");
    }
}
