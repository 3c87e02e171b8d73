//! The rows of a comparison by platform and version, as results for machines list them.

use crate::comparison::Skipped;
use crate::results::judgement::{Judged, RowJudgement};
use crate::results::row_key;

/// What was run and skipped of one platform and version.
pub(crate) struct Group<'a> {
    /// `arm64 6.1`, `ppc64/hash 6.1`, `kernel 6.1.0-50-s390x`.
    pub name: String,
    /// Its rows.
    pub rows: Vec<&'a RowJudgement<'a>>,
    /// What has no row.
    pub skipped: Vec<&'a Skipped>,
}

/// The groups, in order of their first row; those of which all is skipped come last.
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

/// The group of this name, made if there is none.
fn named<'a, 'b>(groups: &'b mut Vec<Group<'a>>, name: String) -> &'b mut Group<'a> {
    let at = groups.iter().position(|group| group.name == name).unwrap_or_else(|| {
        groups.push(Group { name, rows: Vec::new(), skipped: Vec::new() });
        groups.len() - 1
    });
    &mut groups[at]
}
