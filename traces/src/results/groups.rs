//! The rows of a comparison by platform and version, as machine-readable results list them.

use crate::comparison::Skipped;
use crate::results::judgement::{Judged, RowJudgement};
use crate::results::row_key;

/// The rows and skipped combinations of one platform and version.
pub(crate) struct Group<'a> {
    /// `arm64 6.1`, `ppc64/hash 6.1`, `kernel 6.1.0-50-s390x`.
    pub name: String,
    /// The rows of the group.
    pub rows: Vec<&'a RowJudgement<'a>>,
    /// The combinations without a row.
    pub skipped: Vec<&'a Skipped>,
}

/// Returns the groups, in the order of their first rows. Groups without rows come last.
pub(crate) fn groups<'a>(judged: &'a Judged<'a>) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    for row in &judged.rows {
        named(&mut groups, row.called.group()).rows.push(row);
    }
    for skipped in judged.skipped {
        named(&mut groups, row_key::group_of_skipped(skipped)).skipped.push(skipped);
    }
    groups
}

/// Returns the group of this name, and adds it if it is missing.
fn named<'a, 'b>(groups: &'b mut Vec<Group<'a>>, name: String) -> &'b mut Group<'a> {
    let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
        groups.push(Group { name, rows: Vec::new(), skipped: Vec::new() });
        groups.len() - 1
    });
    &mut groups[at]
}
